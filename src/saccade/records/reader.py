"""Read a run folder, whoever wrote it and however its writer ended.

Needs neither torch nor a lock: a run that is being written can be read. Not here: weights, and what the numbers mean.
"""

import gzip
import math
import os
import tomllib
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from saccade.errors import InputError
from saccade.records.encoding import decode, decode_rows
from saccade.records.notes import Note, parse_notes

SCHEMA_VERSION = 1

State = Literal["running", "finished", "failed", "stopped"]

_WRITTEN_ONCE = ("recipe.toml", "recipe.diff.json", "environment.json", "data.json", "preprocessing.json")
_OF_EVERY_RUN = (*_WRITTEN_ONCE, "history.jsonl")
_STATUS = "status.json"
_RESTORE = "restore it from a copy of the run"
_PREDICTIONS = "predictions"
_PREDICTIONS_SUFFIX = ".jsonl.gz"


class DamagedPredictionsError(InputError):
    """Stored predictions that cannot be read; `saccade evaluate` makes them again where it can."""

    def __init__(self, path: Path, why: str, line: int | None = None) -> None:
        """Name the file, the line where there is one, and what is wrong."""
        place = f"{path}, line {line}," if line else str(path)
        super().__init__(f"{place} is damaged ({why}): evaluate the split again to replace it")


# What a row of stored predictions holds, whatever the task, and where the answer is a text or the name of a class.
_ROW: dict[str, tuple[type, ...]] = {"id": (str,)}
_WORDS: dict[str, tuple[type, ...]] = {"target": (str,), "prediction": (str,), "confidence": (int, float)}
_ANSWERS_IN_WORDS = ("read", "classify")


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

    def history(self, *, events_only: bool = False) -> list[dict[str, Any]]:
        """Return the rows of the history that count, in order.

        At `{"event": "resume", "step": n}` the rows before it with a later step are dropped: those steps were taken
        again. A torn last line, which a kill leaves behind, is ignored.

        Args:
            events_only: Pass over the log rows unread; they are most of a history and of the time that it takes.

        Raises:
            InputError: A line that is read is no JSON object, or its step or epoch no number.
        """
        path = self.folder / "history.jsonl"
        lines = _read_bytes(path).split(b"\n")[:-1]  # what follows the last line end is torn, or nothing
        wanted = [(number, line) for number, line in enumerate(lines, 1) if not events_only or b'"event"' in line]
        rows: list[dict[str, Any]] = []
        for number, row in _decode_lines(path, wanted):
            fault = _find_fault(row)
            if fault:
                raise InputError(f"{path}, line {number}, is damaged ({fault}): {_RESTORE}")
            if row.get("event") == "resume":
                rows = [earlier for earlier in rows if earlier.get("step", 0) <= row["step"]]
            rows.append(row)
        return rows

    def predictions(self, split: str) -> list[dict[str, Any]]:
        """Return the stored prediction rows of a split.

        Raises:
            InputError: There are none of this split, or the file is damaged (`DamagedPredictionsError`).
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
            raise DamagedPredictionsError(path, str(error)) from error
        lines = content.split(b"\n")[:-1]
        together = decode_rows(lines)
        rows = []
        for number, line in enumerate(lines, start=1):
            try:
                row = decode(line) if together is None else together[number - 1]
                rows.append(_check_prediction(row, self.recipe["task"]))
            except ValueError as error:
                raise DamagedPredictionsError(path, str(error), number) from error
        return rows

    def notes(self) -> list[Note]:
        """Return what people wrote about the run, in the order in which they did; none where there is no `notes.md`.

        Raises:
            InputError: The file cannot be read, or is not UTF-8.
        """
        return read_notes(self.folder)

    def splits(self) -> list[str]:
        """Return the names of the splits whose predictions are stored, sorted."""
        files = (self.folder / _PREDICTIONS).glob(f"[!.]*{_PREDICTIONS_SUFFIX}")
        return sorted(file.name.removesuffix(_PREDICTIONS_SUFFIX) for file in files)


def read_run(folder: str | Path) -> Run:
    """Read a run folder.

    Raises:
        InputError: The folder is no run, lacks a file, holds a damaged one, or comes from a newer saccade.
    """
    folder = Path(folder)
    status = read_status(folder)
    check_whole(folder, status["state"])
    return Run(
        folder=folder,
        recipe=_read_recipe(folder / "recipe.toml"),
        recipe_diff=_read_json(folder / "recipe.diff.json"),
        environment=_read_json(folder / "environment.json"),
        data=_read_data(folder / "data.json"),
        preprocessing=_read_json(folder / "preprocessing.json"),
        status=status,
        metrics=_read_metrics(folder / "metrics.json") if (folder / "metrics.json").exists() else None,
    )


def find_runs(folder: Path) -> list[Path]:
    """Return the run folders at or below a folder, sorted by path: the runs of an experiment in order of time.

    One that has lost the status by which a run is known is among them: reading it says so.

    Raises:
        InputError: The folder does not exist.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder: name a run, or a folder that holds runs")
    found: list[Path] = []
    for parent, folders, files in os.walk(folder):
        path = Path(parent)
        if (
            _STATUS in files
            or _STATUS in folders
            or (_looks_like_run(files) and not any(above in found for above in path.parents))
        ):
            found.append(path)
    return sorted(found)


def _looks_like_run(names: Iterable[str]) -> bool:
    """Tell the files of a run, whatever it has lost: two of those that each has, of which one alone may be anybody's."""
    return len({*names} & {*_OF_EVERY_RUN}) > 1


def is_experiment(folder: Path) -> bool:
    """Return whether a folder is that of an experiment: no run, and runs lie directly in it."""
    return not (folder / "status.json").is_file() and any(folder.glob("*/status.json"))


def read_notes(folder: Path) -> list[Note]:
    """Return what people wrote into the `notes.md` of a run or an experiment; none where there is no such file.

    Raises:
        InputError: The file cannot be read, or is not UTF-8.
    """
    path = folder / "notes.md"
    if not path.exists():
        return []
    try:
        return parse_notes(_read_bytes(path).decode("utf-8"))
    except UnicodeDecodeError:
        raise InputError(f"{path} is not UTF-8: save it as UTF-8") from None


def read_status(folder: Path) -> dict[str, Any]:
    """Return the content of `status.json`, by which a run folder is known.

    Raises:
        InputError: The folder is no run, or comes from a newer saccade.
    """
    if not (folder / _STATUS).is_file():
        if folder.is_dir() and _looks_like_run(path.name for path in folder.iterdir()):
            raise InputError(
                f"{folder} lacks {_STATUS}, by which a run is known: {_RESTORE}, or move the folder elsewhere"
            )
        raise InputError(f"{folder} is not a run folder (no {_STATUS}): name the folder that `saccade train` printed")
    status = _read_json(folder / _STATUS)
    version = status.get("schema_version")
    if not isinstance(version, int):
        raise InputError(f"{folder / 'status.json'} has no schema_version: it is not the status of a run")
    if version > SCHEMA_VERSION:
        raise InputError(f"{folder} has record schema {version}, newer than {SCHEMA_VERSION}: install a newer saccade")
    if status.get("state") not in get_args(State):
        raise _damaged(folder / "status.json", f'"state" is none of {", ".join(get_args(State))}')
    return status


def check_whole(folder: Path, state: State) -> None:
    """Check that a run folder holds every file that a run writes when it starts.

    Raises:
        InputError: A file is missing: the run is just starting, was killed while it did, or has lost the file since.
    """
    missing = [name for name in _OF_EVERY_RUN if not (folder / name).is_file()]
    if not missing:
        return
    files = ", ".join(missing)
    if state in ("finished", "stopped"):
        raise InputError(f"{folder} is {state} but lacks {files}: {_RESTORE}")
    if any((folder / "checkpoints").glob("*/*")):
        raise InputError(f"{folder} has trained weights but lacks {files}: {_RESTORE}")
    raise InputError(f"{folder} is half written, it lacks {files}: unless it is just starting, remove it, train again")


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): {_RESTORE}") from error


def _read_recipe(path: Path) -> dict[str, Any]:
    try:
        tables = tomllib.loads(_read_bytes(path).decode("utf-8"))
    except RecursionError:
        raise _damaged(path, "it is nested too deeply") from None
    except InputError:
        raise
    except ValueError as error:
        raise _damaged(path, str(error)) from error
    if not isinstance(tables.get("task"), str):
        raise _damaged(path, "it names no task")
    return tables


def _read_data(path: Path) -> dict[str, Any]:
    """Read what a task said of its data; a task of one's own may say nothing, or something else."""
    data = _read_json(path)
    for split, described in _require_objects(path, data, "splits").items() if "splits" in data else ():
        _require_text(path, described, "digest", f"splits.{split}")
    return data


def _read_metrics(path: Path) -> dict[str, Any]:
    try:
        metrics = _read_json(path)
        _require_objects(path, metrics, "splits")
        if "selection" in metrics:
            if not isinstance(metrics["selection"], dict):
                raise _damaged(path, '"selection" is no object')
            _require_text(path, metrics["selection"], "metric", "selection")
    except InputError as error:
        raise InputError(
            f"{error}, or remove it: `saccade evaluate` computes all but how the best was chosen"
        ) from None
    return metrics


def _require_objects(path: Path, value: Mapping[str, Any], key: str) -> dict[str, dict[str, Any]]:
    """Return the object of objects below a key."""
    found = value.get(key)
    if not isinstance(found, dict):
        raise _damaged(path, f'"{key}" is no object')
    for name, item in found.items():
        if not isinstance(item, dict):
            raise _damaged(path, f'"{key}.{name}" is no object')
    return found


def _require_text(path: Path, value: Mapping[str, Any], key: str, prefix: str) -> None:
    if not isinstance(value.get(key), str):
        raise _damaged(path, f'"{prefix}.{key}" is no text')


def _find_fault(row: Mapping[str, Any]) -> str:
    """Return what of a row of the history is not as its readers take for granted; empty where nothing is."""
    if not isinstance(row.get("step", None if row.get("event") == "resume" else 0), int):
        return '"step" is no whole number'
    epoch = row.get("epoch", 0)
    return "" if isinstance(epoch, int | float) and math.isfinite(epoch) else '"epoch" is no number'


def _check_prediction(row: dict[str, Any], task: str) -> dict[str, Any]:
    """Return a row that has what its readers take for granted.

    Raises:
        ValueError: It has not.
    """
    form = _ROW if task not in _ANSWERS_IN_WORDS else _ROW | _WORDS
    missing = [key for key in form if key not in row]
    if missing:
        raise ValueError(f"the row lacks {', '.join(missing)}")
    odd = [key for key, kinds in form.items() if not isinstance(row[key], kinds) or isinstance(row[key], bool)]
    if odd:
        raise ValueError(f"{', '.join(odd)} of the row is of another kind")
    return row


def _damaged(path: Path, why: str) -> InputError:
    return InputError(f"{path} is damaged ({why}): {_RESTORE}")


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return decode(_read_bytes(path))
    except InputError:
        raise
    except ValueError as error:
        raise _damaged(path, str(error)) from error


def _decode_lines(path: Path, lines: list[tuple[int, bytes]]) -> Iterator[tuple[int, dict[str, Any]]]:
    together = decode_rows([line for _, line in lines])
    if together is not None:
        yield from zip((number for number, _ in lines), together, strict=True)
        return
    for number, line in lines:  # one of them is damaged: this finds which
        try:
            yield number, decode(line)
        except ValueError as error:
            raise InputError(f"{path}, line {number}, is damaged ({error}): {_RESTORE}") from error
