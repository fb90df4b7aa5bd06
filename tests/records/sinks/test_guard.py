"""A sink that fails or hangs is switched off and said; whoever feeds it never notices."""

import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from saccade.records.sinks.base import Row, Sink
from saccade.records.sinks.guard import Guard
from saccade.records.writer import RunWriter


class Listener(Sink):
    """Keeps what it is told, and does at one call what it is made for."""

    name = "listener"

    def __init__(self, act_at: str = "", act: Any = None) -> None:
        self.heard: list[Any] = []
        self.dropped = threading.Event()
        self._act_at, self._act = act_at, act

    def open(self, folder: Path, earlier: Row | None) -> dict[str, object]:
        self._hear("open", earlier)
        return {"id": "abc"}

    def watch(self, row: Row) -> None:
        self._hear("watch", row)

    def close(self, state: str) -> None:
        self._hear("close", state)

    def drop(self) -> None:
        self.heard.append(("drop", None))
        self.dropped.set()

    def _hear(self, call: str, value: Any) -> None:
        self.heard.append((call, value))
        if call == self._act_at:
            self._act()


def fail() -> None:
    raise ConnectionError("the tracker\nis away")


def follow(sink: Listener, folder: Path, **limits: float) -> list[Row]:
    """Show a run of two rows and return the notes."""
    guard = Guard("listener", lambda: sink, **limits)
    guard.began(folder)
    guard.watch({"step": 1, "loss": 2.0})
    guard.watch({"event": "step", "step": 1})
    guard.watch({"step": 2, "loss": 1.0})
    guard.ended("finished")
    return guard.notes()


def test_a_sink_sees_the_rows_in_order_but_not_each_step(writer: RunWriter) -> None:
    sink = Listener()
    assert follow(sink, writer.folder) == [{"event": "sink", "sink": "listener", "id": "abc"}]
    rows = [("watch", {"step": 1, "loss": 2.0}), ("watch", {"step": 2, "loss": 1.0})]
    assert sink.heard == [("open", None), *rows, ("close", "finished")]


def test_a_later_segment_is_told_where_the_last_one_was_shown(writer: RunWriter) -> None:
    for identity in ("old", "new"):
        writer.append({"event": "sink", "step": 0, "sink": "listener", "id": identity})
    writer.append({"event": "sink", "step": 0, "sink": "another", "id": "no"})
    sink = Listener()
    follow(sink, writer.folder)
    assert sink.heard[0][1]["id"] == "new"


@pytest.mark.parametrize(
    ("call", "calls"),
    [
        ("open", ["open", "drop"]),
        ("watch", ["open", "watch", "drop"]),
        ("close", ["open", "watch", "watch", "close", "drop"]),
    ],
)
def test_a_sink_that_raises_is_switched_off_and_said_once(call: str, calls: list[str], writer: RunWriter) -> None:
    sink = Listener(call, fail)
    *others, last = follow(sink, writer.folder)
    assert last == {"event": "sink_failed", "sink": "listener", "cause": "ConnectionError: the tracker is away"}
    assert len(others) == (call != "open")
    assert [name for name, _ in sink.heard] == calls


def test_a_sink_that_cannot_be_made_is_said_too(writer: RunWriter) -> None:
    guard = Guard("listener", make_broken)
    guard.began(writer.folder)
    guard.ended("failed")
    assert [note["cause"] for note in guard.notes()] == ["ImportError: broken"]


def make_broken() -> Sink:
    raise ImportError("broken")


def test_leaving_the_process_is_no_way_out(writer: RunWriter) -> None:
    assert follow(Listener("watch", lambda: sys.exit(1)), writer.folder)[-1]["cause"] == "SystemExit: 1"


@pytest.mark.parametrize("call", ["open", "watch", "close"])
def test_a_sink_that_hangs_is_waited_for_no_longer_than_it_is_given(call: str, writer: RunWriter) -> None:
    forever = threading.Event()
    try:
        limits = {"open_seconds": 0.01 if call == "open" else 60.0, "close_seconds": 0.01}
        notes = follow(Listener(call, forever.wait), writer.folder, **limits)
    finally:
        forever.set()
    said = "did not begin within" if call == "open" else "did not end within"
    assert notes[-1]["event"] == "sink_failed" and said in notes[-1]["cause"]
    assert len(notes) == (1 if call == "open" else 2)


def test_a_sink_that_opens_too_late_is_let_go_again(writer: RunWriter) -> None:
    opened = threading.Event()
    sink = Listener("open", opened.wait)
    (note,) = follow(sink, writer.folder, open_seconds=0.01)
    opened.set()
    assert note["event"] == "sink_failed"
    assert sink.dropped.wait(60)
    assert [name for name, _ in sink.heard] == ["open", "drop"]


def test_a_sink_that_was_never_begun_is_not_closed() -> None:
    guard = Guard("listener", Listener)
    guard.ended("failed")
    assert guard.notes() == []
