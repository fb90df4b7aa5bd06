"""`notes.md`: what people wrote about a run, each note under the UTC time at which it was written.

The file is Markdown and may be edited by hand: text above the first heading is a note without a time. Not here: files.
"""

import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime

from saccade.errors import InputError

_TIME = "%Y-%m-%d %H:%M:%S UTC"
_HEADING = re.compile(r"(\\*)## (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC)")


@dataclass(frozen=True)
class Note:
    """A note: its text, of one line or several, and when it was written, `2026-03-14 09:15:00 UTC`; empty where unknown."""

    written: str
    text: str


def format_note(text: str, written: datetime) -> str:
    """Return a note as the file holds it.

    A line of the text that looks like the heading of a note gets a backslash in front, as Markdown escapes it.

    Raises:
        InputError: The text is empty, or holds a character that no page can show.
    """
    lines = [line.rstrip() for line in text.replace("\r\n", "\n").strip().split("\n")]
    if not any(lines):
        raise InputError("the note is empty: write what is to be kept after the run, in quotes")
    unseen = next((c for line in lines for c in line if c != "\t" and unicodedata.category(c) in ("Cc", "Cs")), None)
    if unseen is not None:
        raise InputError(f"the note holds U+{ord(unseen):04X}, which no page can show: leave it out")
    escaped = [f"\\{line}" if _HEADING.fullmatch(line) else line for line in lines]
    return f"## {written.astimezone(UTC).strftime(_TIME)}\n\n" + "\n".join(escaped) + "\n\n"


def parse_notes(content: str) -> list[Note]:
    """Return the notes of a file in their order; headings without text below them are none."""
    found: list[tuple[str, list[str]]] = [("", [])]
    for line in content.replace("\r\n", "\n").split("\n"):
        heading = _HEADING.fullmatch(line.rstrip())
        if heading is None:
            found[-1][1].append(line)
        elif heading[1]:
            found[-1][1].append(line[1:])
        else:
            found.append((heading[2], []))
    notes = (Note(written, "\n".join(lines).strip("\n").rstrip()) for written, lines in found)
    return [note for note in notes if note.text.strip()]
