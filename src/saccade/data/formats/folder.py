"""Image folders: the name of the folder that holds an image is its label."""

from pathlib import Path

from saccade.data.formats.entry import Entry, SourceListing, find_images, make_listing, normalise, raise_all
from saccade.recipes.tables.data import FolderSource


def read(source: FolderSource, root: Path) -> SourceListing:
    """Read label folders, at any depth.

    Raises:
        InputError: The folder is missing or empty, or an image lies beside the label folders instead of in one.
    """
    folder = root / source.path
    images, notes = find_images(folder)
    raise_all([f"{path}: lies in no label folder" for path in images if path.parent == folder], "move it into one")
    entries = [
        Entry(path.relative_to(folder).as_posix(), normalise(path.parent.name), str(path), path, weight=source.weight)
        for path in images
    ]
    return make_listing(entries, [path.parent.name for path in images], notes)
