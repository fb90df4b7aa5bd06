"""Fingerprints: known digests, any order, and no two data sets alike."""

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saccade.errors import InputError
from saccade.records.fingerprint import content_hash, file_hash, manifest_digest

ROWS = st.lists(
    st.tuples(st.text(max_size=3), st.text(max_size=3), st.text(alphabet='\t\n", a가', max_size=4)), max_size=4
)


def test_content_is_hashed_with_sha256(tmp_path: Path) -> None:
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert content_hash(b"abc") == known
    (tmp_path / "abc").write_bytes(b"abc")
    assert file_hash(tmp_path / "abc") == known


def test_a_file_that_cannot_be_read_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="missing cannot be read"):
        file_hash(tmp_path / "missing")


def test_the_manifest_is_lines_of_ascii_json_sorted() -> None:
    lines = b'["a.png","00","A"]\n["b.png","11","\\uac00"]\n'
    assert manifest_digest([("b.png", "11", "가"), ("a.png", "00", "A")]) == hashlib.sha256(lines).hexdigest()


@given(ROWS, ROWS)
def test_manifests_are_equal_if_and_only_if_their_rows_are(
    rows: list[tuple[str, str, str]], others: list[tuple[str, str, str]]
) -> None:
    assert manifest_digest(reversed(rows)) == manifest_digest(rows)
    assert (manifest_digest(rows) == manifest_digest(others)) == (sorted(rows) == sorted(others))
