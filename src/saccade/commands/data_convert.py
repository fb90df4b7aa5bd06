"""What `saccade data convert` does: labelled images of any format, written in another."""

import os
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from saccade.commands.data_of_task import read_recipe_data
from saccade.commands.data_sources import FORMATS, make_sources, split_name
from saccade.errors import InputError

if TYPE_CHECKING:
    from saccade.data.formats.targets import Target, Written
    from saccade.data.splits import Split

_ALL = "all"
"""The one split of data that name none."""
_NUM_NAMED = 5
_REASONS = {
    "unreadable": "the image cannot be read",
    "unlabelled": "no text",
    "repeated_name": "the name was there before",
    "other_hash": "outside keep.hash_from and keep.hash_below",
}


def convert_data(sources: list[str], target: "Target", out: Path, data_root: Path | None) -> dict[str, Any]:
    """Write what sources hold into a new folder, and return what was read, written, dropped and why.

    Raises:
        InputError: The folder is there, a source is not as it should be, or the format cannot hold a text.
    """
    if out.exists() or out.is_symlink():
        raise InputError(f"--out {out}: is there already and stays as it is; choose another folder, or remove it")
    splits = _read_splits(sources, data_root)
    if not any(split.entries for split in splits):
        raise InputError(f"{sources[0]}: no image is left to write; see: saccade data stats")
    written = _write(splits, target, out)
    return {
        "out": str(out),
        "format": target,
        "splits": {split.name: _describe(split, target, written[split.name]) for split in splits},
    }


def _read_splits(sources: list[str], data_root: Path | None) -> list["Split"]:
    """Read what is to be written: a recipe as strictly as training does, anything else leniently."""
    from saccade.data.splits import load_split

    named = [split_name(source) for source in sources]
    root = data_root or Path(".")
    if all(name is not None for name, _ in named):
        made = tuple(source for name, path in named for source in make_sources(str(name), path, root))
        return [load_split(_ALL, made, root)]
    if len(sources) > 1:
        plain = next(path for name, path in named if name is None)
        raise InputError(
            f"{plain}: several sources are joined only where each says its format; write FORMAT:PATH, FORMAT being one "
            f"of {', '.join(FORMATS)}"
        )
    path = Path(sources[0])
    if path.suffix.lower() == ".toml":
        return list(read_recipe_data(path, data_root).splits.all())
    return _read_found(path)


def _read_found(path: Path) -> list["Split"]:
    """Read what `saccade new` would find, without dividing it."""
    from saccade.commands.recipe_draft import make_lenient
    from saccade.data.formats.discover import discover
    from saccade.data.splits import load_split

    found = discover(path)
    data = make_lenient(found)
    print(f"found {found.form}", file=sys.stderr)
    given = {name: getattr(data, name) for name in ("train", "val", "test") if getattr(data, name)}
    if len(given) == 1:
        return [load_split(_ALL, data.train, Path("/"))]
    return [load_split(name, tables, Path("/")) for name, tables in given.items()]


def _write(splits: list["Split"], target: "Target", out: Path) -> dict[str, "Written"]:
    """Write splits into a draft beside `out` that gets its name when it is whole."""
    from saccade.data.formats.targets import write_target

    draft = out.with_name(f".{out.name}.{os.getpid()}.part")
    with _removing(draft):
        try:
            draft.mkdir()
            written = {}
            for split in splits:
                folder = draft if len(splits) == 1 else draft / split.name
                folder.mkdir(exist_ok=True)
                written[split.name] = write_target(target, folder, split.entries)
            if out.exists():  # a moment later than the first time: a rename would replace an empty folder
                raise FileExistsError(17, "it has appeared meanwhile")
            draft.rename(out)
        except OSError as error:
            raise InputError(f"--out {out}: cannot be written ({error.strerror}); choose another place") from None
    return written


@contextmanager
def _removing(draft: Path) -> Iterator[None]:
    """Remove a folder in the end if it is still there, also when the process is told to end."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        yield
    finally:
        shutil.rmtree(draft, ignore_errors=True)
        signal.signal(signal.SIGTERM, before)


def _describe(split: "Split", target: "Target", written: "Written") -> dict[str, Any]:
    """Return what became of a split, as plain data."""
    num_dropped = sum(map(len, split.dropped.values()))
    return {
        "read": len(split.entries) + num_dropped,
        "written": written.num_images,
        "encoded": written.num_encoded,
        "renamed": written.num_renamed,
        "dropped": split.dropped,
        "notes": split.notes,
        "unequal_weights": len({entry.weight for entry in split.entries}) > 1,
        "lost": _list_lost(split, target),
    }


def _list_lost(split: "Split", target: "Target") -> list[str]:
    """Name what is known of the images and this format cannot hold."""
    lost = []
    for what, held in (("source", {"printed", "handwritten"}), ("level", set("12345"))):
        known = {value for entry in split.entries if (value := getattr(entry, what)) is not None}
        if known - (held if target == "formula_list" else set()):
            lost.append(what)
    return lost


def render_conversion(report: dict[str, Any]) -> str:
    """Return the report as lines for people."""
    lines = []
    for name, split in report["splits"].items():
        place = report["out"] if len(report["splits"]) == 1 else f"{report['out']}/{name}"
        lines.append(f"{place}: {split['written']:,} of {split['read']:,} images written as {report['format']}")
        copied = split["written"] - split["encoded"]
        lines.append(f"  images: {copied:,} copied as they are, {split['encoded']:,} encoded as PNG")
        if split["renamed"]:
            lines.append(f"  names: {split['renamed']:,} changed, so that all lie in the folder and say their kind")
        for reason, ids in split["dropped"].items():
            named = ", ".join(ids[:_NUM_NAMED]) + (", ..." if len(ids) > _NUM_NAMED else "")
            lines.append(f"  dropped: {len(ids):,}, {_REASONS.get(reason, reason.replace('_', ' '))}: {named}")
        lines += [f"  noticed: {count:,} {note.replace('_', ' ')}" for note, count in split["notes"].items()]
        if split["unequal_weights"]:
            lines.append("  lost: weights; no format but a recipe holds them, so every image counts once")
        if split["lost"]:
            lines.append(f"  lost: {' and '.join(split['lost'])} of images, which {report['format']} does not hold")
    return "\n".join(lines)
