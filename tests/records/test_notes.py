"""Notes are Markdown that people may edit, and come back as they were written."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saccade.errors import InputError
from saccade.records.notes import Note, format_note, parse_notes

WHEN = datetime(2026, 3, 14, 9, 15, tzinfo=UTC)


def test_a_note_stands_below_its_time_and_keeps_its_lines() -> None:
    written = format_note("The loss is flat.\n\n- try 3e-3\r\n  다음은 증강\n", WHEN)
    assert written == "## 2026-03-14 09:15:00 UTC\n\nThe loss is flat.\n\n- try 3e-3\n  다음은 증강\n\n"
    assert parse_notes(written) == [Note("2026-03-14 09:15:00 UTC", "The loss is flat.\n\n- try 3e-3\n  다음은 증강")]


def test_the_time_is_utc_whatever_the_clock() -> None:
    seoul = timezone(timedelta(hours=9))
    assert format_note("x", datetime(2026, 3, 14, 18, 15, tzinfo=seoul)) == format_note("x", WHEN)


@pytest.mark.parametrize("text", ["", "  \n\t ", "\n"])
def test_an_empty_note_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="the note is empty"):
        format_note(text, WHEN)


@pytest.mark.parametrize(("text", "named"), [("a\x1b[31m", "U+001B"), ("a\udcff", "U+DCFF"), ("a\rb", "U+000D")])
def test_what_no_page_can_show_is_refused_by_name(text: str, named: str) -> None:
    with pytest.raises(InputError) as error:
        format_note(text, WHEN)
    assert named in str(error.value)


def test_a_file_that_was_edited_by_hand_is_read() -> None:
    content = (
        "First thoughts.\r\n\r\n## 2026-03-14 09:15:00 UTC\r\n\r\nSecond.\r\n## Not a time\r\nstill the second\r\n"
    )
    assert parse_notes(content) == [
        Note("", "First thoughts."),
        Note("2026-03-14 09:15:00 UTC", "Second.\n## Not a time\nstill the second"),
    ]


def test_a_heading_without_text_is_no_note() -> None:
    assert parse_notes("## 2026-03-14 09:15:00 UTC\n\n## 2026-03-14 09:16:00 UTC\n\nx\n") == [
        Note("2026-03-14 09:16:00 UTC", "x")
    ]
    assert parse_notes("") == []


@given(
    st.lists(
        st.one_of(
            st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1).filter(str.strip),
            st.sampled_from(["## 2026-03-14 09:15:00 UTC", "\\## 2026-03-14 09:15:00 UTC", "# x", "---"]),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_whatever_is_written_is_read_again(lines: list[str]) -> None:
    text = "\n".join(line.strip() for line in lines)
    assert [note.text for note in parse_notes(format_note(text, WHEN) + format_note("the next", WHEN))] == [
        text,
        "the next",
    ]
