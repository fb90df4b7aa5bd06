"""Reads a label file as text, with every fault of encoding named; says nothing about what its lines mean."""

from pathlib import Path

from saccade.errors import InputError


def read_text(path: Path) -> tuple[str, dict[str, int]]:
    r"""Read a UTF-8 file; its lines end in `\n` afterwards, whatever they ended in before.

    Returns:
        The text, and counts of `windows_line_ends` and `byte_order_mark`.

    Raises:
        InputError: The file is missing, cannot be read, is empty or is not UTF-8.
    """
    text, notes = _decode(path)
    return text.replace("\r\n", "\n").replace("\r", "\n"), notes


def read_lines(path: Path) -> tuple[list[str], dict[str, int]]:
    r"""Read the lines of a UTF-8 file where others count them: only `\n` ends a line, `\r` alone is white space in it.

    Returns:
        The lines without their ends, blank ones too, and counts as of `read_text`.

    Raises:
        InputError: As `read_text`.
    """
    text, notes = _decode(path)
    return text.replace("\r\n", "\n").removesuffix("\n").split("\n"), notes


def _decode(path: Path) -> tuple[str, dict[str, int]]:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: no such label file; correct `path` of the source, or the data root") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); `path` must be a label file") from None
    if content.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in content:
        raise InputError(f"{path}: not UTF-8 but probably UTF-16 (byte {max(content.find(0), 0)}); save it as UTF-8")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InputError(f"{path}:{line}: not UTF-8 (byte {error.start} of the file); save it as UTF-8") from None
    if not text.strip():
        raise InputError(f"{path}: the label file is empty; write one line an image")
    notes = {"windows_line_ends": content.count(b"\r\n"), "byte_order_mark": int(content.startswith(b"\xef\xbb\xbf"))}
    return text, notes
