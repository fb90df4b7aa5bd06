"""The only code that writes a run folder: locked, each file either whole or absent, the history a line at a time.

`docs/record.md` describes the folder. Not here: what the files say (the engine decides), the weights in `checkpoints/`.
"""

import errno
import fcntl
import gzip
import itertools
import os
import shutil
import weakref
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import partial
from io import BufferedWriter, FileIO
from pathlib import Path
from types import TracebackType

from saccade.errors import InputError
from saccade.records.encoding import encode
from saccade.records.notes import format_note
from saccade.records.reader import SCHEMA_VERSION, State, check_whole, is_experiment, read_status

__all__ = ["RunWriter", "State", "append_note"]

_CURES = {
    errno.ENOSPC: "free space there, or put the runs on another disk with --runs",
    errno.EDQUOT: "free space within the quota, or put the runs on another disk with --runs",
    errno.EROFS: "put the runs on a disk that can be written with --runs",
    errno.EACCES: "allow writing there, or choose another folder with --runs",
    errno.EPERM: "allow writing there, or choose another folder with --runs",
    errno.ENOTDIR: "a part of this path is a file; choose another folder with --runs",
}


class RunWriter:
    """Write one run folder, from `create` or `resume` to `close`; a context manager.

    Holds a kernel lock on `.lock`, which ends with the process however the process ends. A failed write raises
    `InputError` and leaves the file as it was.

    Attributes:
        folder: The run folder.
        checkpoints: The folder inside it in which the engine keeps `best/` and `last/`.
    """

    def __init__(self, folder: Path, lock: FileIO) -> None:
        """Write a folder whose lock is held; callers use `create` or `resume`."""
        self.folder = folder
        self.checkpoints = folder / "checkpoints"
        self._lock = lock
        with _reported(folder / "history.jsonl") as path:
            self._history = FileIO(path, "a")
        # A forked worker that outlives a killed trainer would keep the lock: it closes its copy and ours stays locked.
        os.register_at_fork(after_in_child=partial(_close_in_child, weakref.ref(self)))

    @classmethod
    def create(cls, runs: Path, *, series: str, experiment: str, seed: int, recipe_hash: str) -> "RunWriter":
        """Make and lock a new run folder, `runs/<series>/<experiment>/<UTC>-s<seed>-<recipe8>/`, never one that exists.

        Raises:
            InputError: The folder cannot be written, or a name cannot name a folder.
        """
        for name in (series, experiment):
            if not _is_file_name(name):
                raise InputError(f"{name!r} cannot name a folder of runs: leave out '/' and a dot in front")
        stem = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-s{seed}-{recipe_hash[:8]}"
        folder = _make_new_folder(runs / series / experiment, stem)
        try:
            with _reported(folder / "checkpoints") as path:
                path.mkdir()
            with ExitStack() as on_error:
                lock = on_error.enter_context(_take_lock(folder))
                writer = on_error.enter_context(cls(folder, lock))
                writer.write_status("running")
                on_error.pop_all()
        except InputError:
            shutil.rmtree(folder, ignore_errors=True)  # best effort: the error that is raised names the folder
            raise
        return writer

    @classmethod
    def resume(cls, folder: Path) -> "RunWriter":
        """Lock a run folder that exists and cut off a torn last line of its history; nothing else changes.

        Raises:
            InputError: The folder is no run, is half written, comes from a newer saccade, or another process writes it.
        """
        status = read_status(folder)
        with ExitStack() as on_error:
            lock = on_error.enter_context(_take_lock(folder))
            check_whole(folder, status["state"])
            writer = on_error.enter_context(cls(folder, lock))
            writer._drop_torn_line()
            on_error.pop_all()
        return writer

    def write_once(self, name: str, text: str) -> None:
        """Write a file that never changes; `name` may hold folders. Writing the same content again does nothing.

        Raises:
            InputError: The file cannot be written.
            ValueError: The file exists with other content.
        """
        self._write_once(name, text.encode("utf-8"))

    def write_json_once(self, name: str, value: Mapping[str, object]) -> None:
        """Write an object as indented JSON, as `write_once` does."""
        self._write_once(name, encode(value, indent=2) + b"\n")

    def append(self, row: Mapping[str, object]) -> None:
        """Append a row to the history; on return the kernel has it: it outlives a kill, though not a loss of power."""
        line = memoryview(encode(row) + b"\n")
        with _reported(self.folder / "history.jsonl"):
            end = self._history.seek(0, os.SEEK_END)
            try:
                while line:
                    line = line[self._history.write(line) :]
            except OSError:
                self._history.truncate(end)
                raise

    def write_predictions(self, split: str, rows: Iterable[Mapping[str, object]]) -> Path:
        """Replace `predictions/<split>.jsonl.gz`; the same rows make the same bytes. Returns the file's path."""
        if not _is_file_name(split):
            raise ValueError(f"{split!r} cannot name a split")
        name = f"predictions/{split}.jsonl.gz"
        with self._replacing(name) as raw, gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as file:
            for row in rows:
                file.write(encode(row) + b"\n")
        return self.folder / name

    def write_figure(self, name: str, picture: bytes) -> Path:
        """Replace `figures/<name>`, a picture that can be drawn again. Returns the file's path."""
        if not _is_file_name(name):
            raise ValueError(f"{name!r} cannot name a figure")
        self._replace(f"figures/{name}", picture)
        return self.folder / "figures" / name

    def drop_predictions(self) -> None:
        """Remove the predictions of every split: they were made with weights that are no longer the best."""
        with _reported(self.folder / "predictions") as folder:
            for path in folder.glob("*.jsonl.gz"):
                path.unlink()

    def write_metrics(self, metrics: Mapping[str, object]) -> None:
        """Replace `metrics.json`."""
        self._replace("metrics.json", encode(metrics, indent=2) + b"\n")

    def write_status(self, state: State, cause: str = "", **more: object) -> None:
        """Replace `status.json`: state, cause (one line, empty while all is well), time, and whatever else is known."""
        updated = datetime.now(UTC).isoformat(timespec="seconds")
        status = {"schema_version": SCHEMA_VERSION, "state": state, "cause": cause, "updated": updated, **more}
        self._replace("status.json", encode(status, indent=2) + b"\n")

    def close(self) -> None:
        """Give the lock back; the status stays as it was last written."""
        self._history.close()
        self._lock.close()

    def __enter__(self) -> "RunWriter":
        """Return the writer itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the writer."""
        self.close()

    def _write_once(self, name: str, content: bytes) -> None:
        path = self.folder / name
        if not path.exists():
            self._replace(name, content)
        elif path.read_bytes() != content:
            raise ValueError(f"{path} is written once and holds something else")

    def _replace(self, name: str, content: bytes) -> None:
        with self._replacing(name) as file:
            file.write(content)

    @contextmanager
    def _replacing(self, name: str) -> Iterator[BufferedWriter]:
        """Open a file that takes the place of `name` once it is whole and on the disk, or not at all."""
        if self._lock.closed:
            raise ValueError(f"the writer of {self.folder} is closed")
        with _reported(self.folder / name) as path:
            path.parent.mkdir(parents=True, exist_ok=True)
            # There is one writer, so one name will do: what a kill leaves behind is overwritten the next time.
            draft = path.with_name(f".{path.name}.draft")
            try:
                with draft.open("wb") as file:
                    yield file
                    file.flush()
                    os.fsync(file.fileno())
                draft.replace(path)
            except BaseException:
                draft.unlink(missing_ok=True)
                raise

    def _drop_torn_line(self) -> None:
        with _reported(self.folder / "history.jsonl") as path:
            whole = path.read_bytes().rfind(b"\n") + 1
            if whole < path.stat().st_size:
                self._history.truncate(whole)


def append_note(folder: Path, text: str) -> Path:
    """Append what somebody says of a run, or of an experiment, to the folder's `notes.md`, and return the file's path.

    It takes no lock: a run that is still being written can be noted too, and nothing else writes this file.

    Raises:
        InputError: The folder is no run and holds none, the text cannot be a note, or the file cannot be written.
    """
    if not is_experiment(folder):
        if not (folder / "status.json").is_file():
            raise InputError(
                f"{folder} is not a run folder and no run lies in it: name the folder that `saccade train` printed, or the "
                "one above it for a note on all runs of the experiment"
            )
        read_status(folder)
    note = format_note(text, datetime.now(UTC)).encode("utf-8")
    with _reported(folder / "notes.md", "allow writing there") as path, path.open("ab+") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - 2, 0))
        end = file.read(2)
        # Whoever edited the file by hand may have left its last line open.
        gap = b"" if size == 0 or end == b"\n\n" else b"\n" if end[-1:] == b"\n" else b"\n\n"
        file.write(gap + note)  # in one piece, at the end: two notes at once are two notes
    return path


def _is_file_name(name: str) -> bool:
    return name == Path(name).name and name != "" and not name.startswith(".")


def _make_new_folder(parent: Path, stem: str) -> Path:
    with _reported(parent):
        parent.mkdir(parents=True, exist_ok=True)
        for number in itertools.count(1):
            folder = parent / (stem if number == 1 else f"{stem}-{number}")
            try:
                folder.mkdir()
            except FileExistsError:
                continue
            return folder
    raise AssertionError("unreachable: the count does not end")


def _take_lock(folder: Path) -> FileIO:
    with _reported(folder / ".lock") as path:
        lock = FileIO(path, "a+")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            pid = lock.readall().decode().strip()
            lock.close()
            raise InputError(f"{folder} is being written by process {pid}: wait for it, or stop it") from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n".encode())
        return lock


def _close_in_child(reference: weakref.ref[RunWriter]) -> None:
    writer = reference()
    if writer is not None:
        writer.close()


@contextmanager
def _reported(path: Path, cure: str = "") -> Iterator[Path]:
    """Turn an operating system's error into one line that names the file and the cure, by default another place for the runs."""
    try:
        yield path
    except OSError as error:
        known = cure or _CURES.get(error.errno or 0, "put the runs elsewhere with --runs")
        raise InputError(f"{path} cannot be written ({error.strerror or error}): {known}") from error
