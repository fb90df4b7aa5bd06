"""What `saccade data convert` does: labelled images of any format, written in another."""

import os
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from saccade.commands.data_of_task import read_recipe_data
from saccade.commands.data_sources import FORMATS, make_sources, split_name
from saccade.errors import InputError

if TYPE_CHECKING:
    from saccade.data.formats.targets import Target, Written
    from saccade.data.splits import Split
    from saccade.recipes.tables.data import Source

_ALL = "all"
"""The one split of data that name none."""
_NUM_NAMED = 5
_REASONS = {
    "missing": "no such image",
    "unreadable": "the image cannot be read",
    "unlabelled": "no text",
    "repeated_name": "the name was there before",
    "other_hash": "outside keep.hash_from and keep.hash_below",
}


class _Part(NamedTuple):
    """A split that is to be written, and where it was read."""

    split: "Split"
    sources: tuple["Source", ...]
    root: Path

    @property
    def names(self) -> list[str]:
        """Names of the images as their sources have them."""
        names = [entry.id for entry in self.split.entries]
        return [name.partition("/")[2] for name in names] if len(self.sources) > 1 else names


def convert_data(sources: list[str], target: "Target", out: Path, data_root: Path | None) -> dict[str, Any]:
    """Write what sources hold into a new folder, and return what was read, written, dropped and why.

    Raises:
        InputError: The folder is there, a source is not as it should be, or the format cannot hold a text.
    """
    if out.exists() or out.is_symlink():
        raise InputError(f"--out {out}: is there already and stays as it is; choose another folder, or remove it")
    parts = _read_parts(sources, data_root)
    if not any(part.split.entries for part in parts):
        raise InputError(f"{sources[0]}: no image is left to write; see: saccade data stats")
    written = _write([part.split for part in parts], target, out)
    return {
        "out": str(out),
        "format": target,
        "splits": {part.split.name: _describe(part, target, written[part.split.name]) for part in parts},
    }


def _read_parts(sources: list[str], data_root: Path | None) -> list[_Part]:
    """Read what is to be written: a recipe as strictly as training does, anything else leniently."""
    from saccade.data.splits import load_split

    named = [split_name(source) for source in sources]
    root = data_root or Path(".")
    if all(name is not None for name, _ in named):
        made = tuple(source for name, path in named for source in make_sources(str(name), path, root))
        return [_Part(load_split(_ALL, made, root), made, root)]
    if len(sources) > 1:
        plain = next(path for name, path in named if name is None)
        raise InputError(
            f"{plain}: several sources are joined only where each says its format; write FORMAT:PATH, FORMAT being one "
            f"of {', '.join(FORMATS)}"
        )
    path = Path(sources[0])
    if path.suffix.lower() == ".toml":
        read = read_recipe_data(path, data_root)
        tables = read.recipe.data
        return [
            _Part(split, getattr(tables, split.name) or tables.train, Path(tables.root or "."))
            for split in read.splits.all()
        ]
    return _read_found(path)


def _read_found(path: Path) -> list[_Part]:
    """Read what `saccade new` would find, without dividing it."""
    from saccade.commands.recipe_draft import make_lenient
    from saccade.data.formats.discover import discover
    from saccade.data.splits import load_split

    found = discover(path)
    data = make_lenient(found)
    print(f"found {found.form}", file=sys.stderr)
    given = {name: getattr(data, name) for name in ("train", "val", "test") if getattr(data, name)}
    given = {_ALL: data.train} if len(given) == 1 else given
    return [_Part(load_split(name, tables, Path("/")), tables, Path("/")) for name, tables in given.items()]


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
            gap = "" if out.parent.is_dir() else f"make the folder {_find_gap(out.parent)}, or "
            raise InputError(f"--out {out}: cannot be written ({error.strerror}); {gap}choose another place") from None
        except InputError as error:  # it may name a file of the draft, which is gone in a moment
            raise InputError(str(error).replace(str(draft), str(out))) from None
    return written


def _find_gap(folder: Path) -> Path:
    """Return the first of a folder and those above it that is not there."""
    return next(path for path in (*reversed(folder.parents), folder) if not path.is_dir())


@contextmanager
def _removing(draft: Path) -> Iterator[None]:
    """Remove a folder in the end if it is still there, also when the process is told to end."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        yield
    finally:
        shutil.rmtree(draft, ignore_errors=True)
        signal.signal(signal.SIGTERM, before)


def _describe(part: _Part, target: "Target", written: "Written") -> dict[str, Any]:
    """Return what became of a split, as plain data."""
    split = part.split
    num_dropped = sum(map(len, split.dropped.values()))
    renamed = [pair for pair in zip(part.names, written.names, strict=True) if pair[0] != pair[1]]
    return {
        "read": len(split.entries) + num_dropped,
        "written": len(written.names),
        "encoded": written.num_encoded,
        "renamed": len(renamed),
        "first_renamed": list(renamed[0]) if renamed else None,
        "dropped": _tell_missing(part),
        "notes": split.notes,
        "unequal_weights": len({entry.weight for entry in split.entries}) > 1,
        "lost": [*(["names"] if renamed and target == "lmdb" else []), *_list_lost(split, target)],
    }


def _tell_missing(part: _Part) -> dict[str, list[str]]:
    """Return what was dropped, images that are not there apart from those that cannot be read."""
    from saccade.data.pool import list_named

    if "unreadable" not in part.split.dropped:
        return part.split.dropped
    dropped: dict[str, list[str]] = {}
    paths = {entry.id: entry.path for entry in list_named(part.sources, part.root)}
    for reason, names in part.split.dropped.items():
        for name in names:
            path = paths.get(name)
            is_missing = reason == "unreadable" and path is not None and not os.path.exists(path)
            dropped.setdefault("missing" if is_missing else reason, []).append(name)
    return dropped


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
    from saccade.data.statistics import write_note

    lines = []
    for name, split in report["splits"].items():
        place = report["out"] if len(report["splits"]) == 1 else f"{report['out']}/{name}"
        lines.append(f"{place}: {split['written']:,} of {split['read']:,} images written as {report['format']}")
        copied = split["written"] - split["encoded"]
        lines.append(f"  images: {copied:,} copied as they are, {split['encoded']:,} encoded as PNG")
        if split["renamed"]:
            before, after = split["first_renamed"]
            lines.append(f"  names: {split['renamed']:,} changed, such as {before} to {after}")
        for reason, ids in split["dropped"].items():
            named = ", ".join(ids[:_NUM_NAMED]) + (", ..." if len(ids) > _NUM_NAMED else "")
            lines.append(f"  dropped: {len(ids):,}, {_REASONS.get(reason, reason.replace('_', ' '))}: {named}")
        lines += [f"  noticed: {write_note(note, count)}" for note, count in split["notes"].items()]
        if split["unequal_weights"]:
            lines.append("  lost: weights; no format but a recipe holds them, so every image counts once")
        if split["lost"]:
            lines.append(f"  lost: {' and '.join(split['lost'])} of images, which {report['format']} does not hold")
    return "\n".join(lines)
