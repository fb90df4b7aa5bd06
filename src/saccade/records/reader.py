"""Read a run folder, whoever wrote it and however its writer ended.

Needs neither torch nor a lock: a run that is being written can be read. Not here: weights, and what the numbers mean.
"""

import gzip
import tomllib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from saccade.errors import InputError
from saccade.records.encoding import decode

SCHEMA_VERSION = 1

_WRITTEN_ONCE = ("recipe.toml", "recipe.diff.json", "environment.json", "data.json", "preprocessing.json")
_PREDICTIONS = "predictions"
_PREDICTIONS_SUFFIX = ".jsonl.gz"


@dataclass(frozen=True)
class Run:
    """What a run folder says; the large files are read when they are asked for.

    Attributes:
        folder: The run folder.
        recipe: The resolved recipe as plain tables.
        metrics: The content of `metrics.json`; None before the first evaluation.
        status: The content of `status.json`. A run that was killed still says "running".
    """

    folder: Path
    recipe: dict[str, Any]
    recipe_diff: dict[str, Any]
    environment: dict[str, Any]
    data: dict[str, Any]
    preprocessing: dict[str, Any]
    status: dict[str, Any]
    metrics: dict[str, Any] | None

    def history(self) -> list[dict[str, Any]]:
        """Return the rows of the history that count, in order.

        At `{"event": "resume", "step": n}` the rows before it with a later step are dropped: those steps were taken
        again. A torn last line, which a kill leaves behind, is ignored.

        Raises:
            InputError: A whole line is no JSON object.
        """
        path = self.folder / "history.jsonl"
        lines = _read_bytes(path).split(b"\n")[:-1]  # what follows the last line end is torn, or nothing
        rows: list[dict[str, Any]] = []
        for row in _decode_lines(path, lines):
            if row.get("event") == "resume":
                rows = [earlier for earlier in rows if earlier.get("step", 0) <= row["step"]]
            rows.append(row)
        return rows

    def predictions(self, split: str) -> list[dict[str, Any]]:
        """Return the stored prediction rows of a split.

        Raises:
            InputError: There are none of this split, or the file is damaged.
        """
        if split not in self.splits():
            stored = ", ".join(self.splits()) or "none"
            raise InputError(
                f"{self.folder} holds no predictions of split {split!r} (it has: {stored}): evaluate it first"
            )
        path = self.folder / _PREDICTIONS / (split + _PREDICTIONS_SUFFIX)
        try:
            packed = _read_bytes(path)
            if not packed:  # gzip takes this for an archive of nothing, which even no rows are not
                raise EOFError("empty file")
            content = gzip.decompress(packed)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise InputError(f"{path} is damaged ({error}): evaluate the split again to replace it") from error
        return list(_decode_lines(path, content.split(b"\n")[:-1]))

    def splits(self) -> list[str]:
        """Return the names of the splits whose predictions are stored, sorted."""
        files = (self.folder / _PREDICTIONS).glob(f"[!.]*{_PREDICTIONS_SUFFIX}")
        return sorted(file.name.removesuffix(_PREDICTIONS_SUFFIX) for file in files)


def read_run(folder: Path) -> Run:
    """Read a run folder.

    Raises:
        InputError: The folder is no run, lacks a file, holds a damaged one, or comes from a newer saccade.
    """
    status = read_status(folder)
    check_whole(folder)
    recipe = folder / "recipe.toml"
    try:
        tables = tomllib.loads(_read_bytes(recipe).decode("utf-8"))
    except ValueError as error:
        raise InputError(f"{recipe} is damaged ({error}): restore it from a copy of the run") from error
    return Run(
        folder=folder,
        recipe=tables,
        recipe_diff=_read_json(folder / "recipe.diff.json"),
        environment=_read_json(folder / "environment.json"),
        data=_read_json(folder / "data.json"),
        preprocessing=_read_json(folder / "preprocessing.json"),
        status=status,
        metrics=_read_json(folder / "metrics.json") if (folder / "metrics.json").exists() else None,
    )


def find_runs(folder: Path) -> list[Path]:
    """Return the run folders at or below a folder, sorted by path: the runs of an experiment in order of time.

    Raises:
        InputError: The folder does not exist.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder: name a run, or a folder that holds runs")
    return sorted(status.parent for status in folder.rglob("status.json"))


def read_status(folder: Path) -> dict[str, Any]:
    """Return the content of `status.json`, by which a run folder is known.

    Raises:
        InputError: The folder is no run, or comes from a newer saccade.
    """
    if not (folder / "status.json").is_file():
        raise InputError(f"{folder} is not a run folder (no status.json): name the folder that `saccade train` printed")
    status = _read_json(folder / "status.json")
    version = status.get("schema_version")
    if not isinstance(version, int):
        raise InputError(f"{folder / 'status.json'} has no schema_version: it is not the status of a run")
    if version > SCHEMA_VERSION:
        raise InputError(f"{folder} has record schema {version}, newer than {SCHEMA_VERSION}: install a newer saccade")
    return status


def check_whole(folder: Path) -> None:
    """Check that a run folder holds every file that a run writes when it starts.

    Raises:
        InputError: A file is missing: the run is just starting, or was killed while it did.
    """
    missing = [name for name in (*_WRITTEN_ONCE, "history.jsonl") if not (folder / name).is_file()]
    if missing:
        files = ", ".join(missing)
        raise InputError(
            f"{folder} is half written, it lacks {files}: unless it is just starting, remove it, train again"
        )


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): restore it from a copy of the run") from error


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return decode(_read_bytes(path))
    except InputError:
        raise
    except ValueError as error:
        raise InputError(f"{path} is damaged ({error}): restore it from a copy of the run") from error


def _decode_lines(path: Path, lines: list[bytes]) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(lines, start=1):
        try:
            yield decode(line)
        except ValueError as error:
            raise InputError(f"{path}, line {number}, is damaged ({error}): restore it from a copy") from error
