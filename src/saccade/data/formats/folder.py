"""Image folders: the name of the folder that holds an image is its label."""

import os
from pathlib import Path

from saccade.data.formats.entry import (
    Entry,
    SourceListing,
    find_images,
    holds_runs,
    is_hidden,
    make_listing,
    normalise,
    raise_all,
)
from saccade.recipes.tables.data import FolderSource


def read(source: FolderSource, root: Path) -> SourceListing:
    """Read label folders, at any depth.

    Raises:
        InputError: The folder is missing or empty, an image lies beside the label folders instead of in one, or one of
            these holds no image, or folders of images besides.
    """
    folder = root / source.path
    images, notes = find_images(folder)
    labels = [os.path.dirname(path) for path in images]
    top = os.path.dirname(folder / "x")
    astray = [path for path, label in zip(images, labels, strict=True) if label == top]
    raise_all([f"{path}: lies in no label folder" for path in astray], "move it into one")
    raise_all([f"{path}: holds no image" for path in _find_empty(set(labels))], "put images into it, or remove it")
    raise_all(_find_nested(set(labels)), "a folder of images is one label: move them up into it, or out of it")
    names = [os.path.basename(label) for label in labels]
    start = len(str(folder / "x")) - 1  # `relative_to` takes ten times as long
    entries = [
        Entry(str(path)[start:].replace(os.sep, "/"), normalise(name), str(path), path, weight=source.weight)
        for path, name in zip(images, names, strict=True)
    ]
    return make_listing(entries, names, notes)


def _find_empty(labels: set[str]) -> list[str]:
    """List the folders beside label folders below which there is no image; hidden ones and those of runs do not count."""
    holding = {str(parent) for label in labels for parent in (Path(label), *Path(label).parents)}
    beside = [
        os.path.join(parent, entry.name)
        for parent in {os.path.dirname(label) for label in labels}
        for entry in os.scandir(parent or ".")
        if entry.is_dir() and not is_hidden(entry.name)
    ]
    return sorted(folder for folder in beside if folder not in holding and not holds_runs(Path(folder)))


def _find_nested(labels: set[str]) -> list[str]:
    """Say which label folders hold label folders, of which nobody can tell whether they are labels of their own."""
    nested: dict[str, str] = {}
    for label in sorted(labels):
        for parent in map(str, Path(label).parents):
            if parent in labels:
                nested.setdefault(parent, os.path.relpath(label, parent))
    return [f"{parent}: holds images, and folders of images such as {inner}" for parent, inner in nested.items()]
