"""A Hugging Face data set on disk (`save_to_disk`); its images are decoded as all others are, from their stored bytes."""

from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any

from saccade.data.formats.entry import Entry, SourceListing, make_listing, normalise, require_folder
from saccade.errors import InputError
from saccade.recipes.tables.data import HfDiskSource

_IMAGE_COLUMNS = ("image", "img")


def read(source: HfDiskSource, root: Path) -> SourceListing:
    """Read labels and places of images; ids are `train/00042`, or `00042` where the data set has no splits.

    Raises:
        InputError: `datasets` is not installed, or the folder, a split, a column or its kind is not as it should be.
    """
    folder = root / source.path
    require_folder(folder, "path")
    datasets = _import_datasets(folder)
    dataset = _open(source, folder, datasets)
    column = _choose_image_column(source, dataset, folder, datasets)
    raw_labels = _read_labels(source, dataset, folder, datasets)
    stored = dataset.select_columns([column]).cast_column(column, datasets.Image(decode=False))
    prefix = f"{source.split}/" if source.split else ""
    entries = []
    for index, label in enumerate(raw_labels):
        identity = f"{prefix}{index:05d}"
        location = f"{folder}:{identity}"
        read_bytes = partial(_read_image_bytes, stored, column, index, location)
        entries.append(Entry(identity, normalise(label), location, None, weight=source.weight, read=read_bytes))
    return make_listing(entries, raw_labels, {})


def _import_datasets(folder: Path) -> Any:
    """Import an extra that few need."""
    try:
        import datasets  # type: ignore[import-untyped]  # noqa: PLC0415  it ships no annotations
    except ModuleNotFoundError as error:
        raise InputError(
            f'{folder}: format "hf_disk" needs the package {error.name}; install it with: pip install "saccade[hub]"'
        ) from None
    return datasets


def _open(source: HfDiskSource, folder: Path, datasets: Any) -> Any:
    """Return the one data set that the source means."""
    try:
        opened = datasets.load_from_disk(str(folder))
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:  # whatever its files lead it to
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(
            f"{folder}: cannot be opened as a data set ({reason}); it must be a folder that save_to_disk wrote"
        ) from None
    if isinstance(opened, datasets.DatasetDict):
        if source.split not in opened:
            said = "says no split" if source.split is None else f"has no split {source.split!r}"
            raise InputError(f"{folder}: {said}; set `split` of the source to one of {', '.join(map(repr, opened))}")
        return opened[source.split]
    if source.split is not None:
        raise InputError(f"{folder}: is one data set without splits; remove `split` from the source")
    return opened


def _choose_image_column(source: HfDiskSource, dataset: Any, folder: Path, datasets: Any) -> str:
    wanted = (source.image_column,) if source.image_column else _IMAGE_COLUMNS
    name = next((name for name in wanted if name in dataset.features), None)
    if name is None:
        raise InputError(_describe_missing("image_column", wanted[0], dataset, folder))
    if not isinstance(dataset.features[name], datasets.Image):
        kind = type(dataset.features[name]).__name__
        raise InputError(f"{folder}: column {name!r} holds {kind}, not Image; correct `image_column` of the source")
    return str(name)


def _read_labels(source: HfDiskSource, dataset: Any, folder: Path, datasets: Any) -> list[str]:
    """Return the labels as they were written; nothing and -1 (of a class) mean none."""
    name = source.label_column
    if name not in dataset.features:
        raise InputError(_describe_missing("label_column", name, dataset, folder))
    feature, values = dataset.features[name], list(dataset[name])
    if isinstance(feature, datasets.ClassLabel):
        names = feature.names
        beyond = next((index for index, value in enumerate(values) if value is not None and value >= len(names)), None)
        if beyond is not None:
            raise InputError(
                f"{folder}: row {beyond} of column {name!r} is class {values[beyond]} of {len(names)}; save the data set again"
            )
        return ["" if value is None or value < 0 else names[value] for value in values]
    if isinstance(feature, datasets.Value) and feature.dtype.lstrip("u").startswith(("string", "large_string", "int")):
        return ["" if value is None else str(value) for value in values]
    kind = getattr(feature, "dtype", type(feature).__name__)
    raise InputError(f"{folder}: column {name!r} holds {kind}, not labels; correct `label_column` of the source")


def _describe_missing(key: str, name: str, dataset: Any, folder: Path) -> str:
    nearest = get_close_matches(name, dataset.features, n=1)
    hint = f"did you mean {nearest[0]!r}" if nearest else f"there are {', '.join(map(repr, dataset.features))}"
    return f"{folder}: no column {name!r} ({hint}); correct `{key}` of the source"


def _read_image_bytes(stored: Any, column: str, index: int, location: str) -> bytes:
    """Read one image, from the data set or from the file that it names."""
    image = stored[index][column] or {}
    if image.get("bytes") is not None:
        return bytes(image["bytes"])
    if image.get("path") is None:
        raise InputError(f"{location}: has no image; take the row out of the data set")
    try:
        return Path(image["path"]).read_bytes()
    except OSError as error:
        raise InputError(
            f"{location}: {image['path']} cannot be read ({error.strerror}); put the file back, or save the data set"
            " with its images"
        ) from None
