"""A sink in a thread of its own: whatever it does or does not do, training goes on."""

import queue
import threading
from collections.abc import Callable
from pathlib import Path

from saccade.records.reader import read_run
from saccade.records.sinks.base import Row, Sink

_OPEN_SECONDS = 60.0
_CLOSE_SECONDS = {"finished": 600.0, "stopped": 10.0, "failed": 10.0}
_MOST_CAUSE_CHARACTERS = 300


class Guard:
    """Passes rows to a sink and waits for it at the beginning and the end alone, never longer than it is given.

    What comes of it stands in `notes`: `{"event": "sink", "sink": name, ...}` where it shows the run, and
    `{"event": "sink_failed", "sink": name, "cause": ...}` once it is switched off.
    """

    def __init__(
        self,
        name: str,
        make: Callable[[], Sink],
        *,
        open_seconds: float = _OPEN_SECONDS,
        close_seconds: float | None = None,
    ) -> None:
        """Keep what makes the sink, which may take its time too; `close_seconds` replaces the longest wait for its end."""
        self._name, self._make = name, make
        self._sink: Sink | None = None
        self._open_seconds, self._close_seconds = open_seconds, close_seconds
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._notes: queue.SimpleQueue[Row] = queue.SimpleQueue()
        self._is_open, self._is_off = threading.Event(), threading.Event()
        self._lock, self._hangs = threading.Lock(), False
        self._thread = threading.Thread(target=self._serve, name=f"saccade-sink-{name}", daemon=True)

    def began(self, folder: Path) -> None:
        """Open the sink on a run's folder."""
        self._calls.put(lambda: self._open(folder))
        self._thread.start()
        if not self._is_open.wait(self._open_seconds):
            self._hangs = True
            self._fail(f"did not begin within {self._open_seconds:g} seconds")

    def watch(self, row: Row) -> None:
        """Hand on a row, without waiting."""
        if row.get("event") != "step":
            self._calls.put(lambda: self._opened().watch(row))

    def ended(self, state: str) -> None:
        """Close the sink, where it was begun."""
        if self._thread.ident is None:  # a second signal came first
            return
        self._calls.put(lambda: self._opened().close(state))
        self._calls.put(None)
        seconds = self._close_seconds or _CLOSE_SECONDS[state]
        self._thread.join(0 if self._hangs else seconds)
        if self._thread.is_alive():
            self._fail(f"did not end within {seconds:g} seconds; what it has not sent yet may be lost")

    def notes(self) -> list[Row]:
        """Return what came of the sink since this was last asked."""
        found = []
        while not self._notes.empty():  # nobody else takes from it
            found.append(self._notes.get())
        return found

    def _open(self, folder: Path) -> None:
        told = [row for row in read_run(folder).history() if row.get("event") == "sink"]
        earlier = next((row for row in reversed(told) if row["sink"] == self._name), None)
        self._sink = self._make()
        where = self._sink.open(folder, earlier)
        with self._lock:
            if not self._is_off.is_set():
                self._notes.put({"event": "sink", "sink": self._name, **where})
        self._is_open.set()

    def _opened(self) -> Sink:
        assert self._sink is not None  # the first call makes it, or switches this off
        return self._sink

    def _serve(self) -> None:
        try:
            while (call := self._calls.get()) is not None and not self._is_off.is_set():
                call()
        except (Exception, SystemExit) as error:  # somebody else's code: it may raise whatever it likes
            self._fail(f"{type(error).__name__}: {error}")
        if self._is_off.is_set() and self._sink is not None:  # it failed, or opened too late
            self._sink.drop()
        self._is_open.set()

    def _fail(self, cause: str) -> None:
        """Switch the sink off and say why, once."""
        with self._lock:
            if self._is_off.is_set():
                return
            line = " ".join(cause.split())[:_MOST_CAUSE_CHARACTERS]
            self._notes.put({"event": "sink_failed", "sink": self._name, "cause": line})
            self._is_off.set()
