"""SHA-256 fingerprints of images, files and whole data sets: two records with the same digest saw the same data."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from saccade.errors import InputError


def content_hash(content: bytes) -> str:
    """Return the SHA-256 of some bytes, 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file's content, 64 hexadecimal digits.

    Raises:
        InputError: The file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): check path and permissions") from error


def manifest_digest(rows: Iterable[tuple[str, str, str]]) -> str:
    """Return the SHA-256 of a data set's manifest: rows of (id, content hash, label), in any order.

    Each row is one line, an ASCII JSON list, so that no label can pass for two columns or rows; the lines are sorted.
    """
    lines = sorted(json.dumps(row, separators=(",", ":")) + "\n" for row in rows)
    return content_hash("".join(lines).encode("ascii"))
