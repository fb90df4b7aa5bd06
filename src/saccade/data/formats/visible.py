"""What a person sees below a folder: no hidden files and folders, and no pictures that training runs left there."""

import os
from collections.abc import Iterator
from pathlib import Path

from saccade.data.formats.entry import IMAGE_SUFFIXES, holds_runs, is_hidden, is_run


def list_folders(folder: Path) -> Iterator[Path]:
    """Yield a folder and those below it, sorted at each level."""
    return (path for path, _ in _walk(folder))


def list_images(folder: Path) -> list[Path]:
    """List the images below a folder that can be decoded, by their suffixes."""
    return [path / name for path, names in _walk(folder) for name in sorted(names) if _is_image(path / name)]


def list_siblings(folder: Path) -> list[Path]:
    """Return a folder and those beside it where each holds images itself, as those of classes do; else nothing.

    Folders of training runs do not count.
    """
    try:
        folders = [other for other in sorted(folder.parent.iterdir()) if is_visible_folder(other)]
        bare = [other for other in folders if not any(map(_is_image, other.iterdir()))]
    except OSError:  # what lies beside is no business of ours
        return []
    if folder in bare or not all(map(holds_runs, bare)):
        return []
    return [other for other in folders if other not in bare]


def is_visible_folder(path: Path) -> bool:
    """Tell a folder in which somebody's images are looked for."""
    return path.is_dir() and not is_hidden(path.name)


def _walk(folder: Path) -> Iterator[tuple[Path, list[str]]]:
    """Yield each folder with the names of its files; one that vanishes meanwhile, as those of a running training do, is passed over."""
    for path, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not is_hidden(name))
        if path != str(folder) and is_run(names):
            folders.clear()
        else:
            yield Path(path), names


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")
