"""Pickles of plain values are read as Python reads them; all others end the reading, and nothing in them runs."""

import os
import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from saccade.data.formats.plain_pickle import parse_pickle
from saccade.errors import InputError
from tests.data.formats.python2_pickle import dump

PROTOCOL_0 = (
    b"(dp1\nS'num_cases'\np2\nI10000\nsS'label_names'\np3\n(lp4\nS'cat'\np5\naS'dog'\np6\nag5\nasS'half'\nF0.5\ns."
)


@pytest.mark.parametrize(
    "content",
    [
        dump({b"a": [1, 300, -1, 2**20], b"long": b"x" * 300, b"names": [b"cat", b"\xe9"]}),
        dump({b"data": np.arange(24, dtype=np.uint8).reshape(2, 12), b"after": 1}),
        dump({b"data": np.asfortranarray(np.arange(24, dtype=np.uint8).reshape(4, 6))}),
        dump([np.arange(3, dtype=np.uint8)]),
        PROTOCOL_0,
        b"(I1\nI01\nNtq\x00.",
        pickle.dumps([1.5, None, True, 2**80, ("a", "b"), (1,), {}, ()], protocol=2),
    ],
)
def test_it_gives_what_python_gives(content: bytes) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy renamed the module that such files name
        expected = pickle.loads(content, encoding="bytes")  # noqa: S301  written above
    np.testing.assert_equal(parse_pickle(content, "f"), expected)


def test_a_value_that_comes_twice_is_one() -> None:
    content = b"\x80\x02(cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87Rq\x09"
    state = dump(np.arange(3, dtype=np.uint8))[2:-1].partition(b"q\x09")[2]
    first, second = parse_pickle(content + state + b"h\x09t.", "f")
    assert first.tolist() == second.tolist() == [0, 1, 2]


class Attack:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("protocol", range(6))
def test_nothing_in_a_file_runs(tmp_path: Path, protocol: int) -> None:
    content = pickle.dumps({"data": Attack(tmp_path / "run")}, protocol)
    with pytest.raises(InputError, match=r"^f: not a pickle of plain values and arrays \(it ") as caught:
        parse_pickle(content, "f")
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []
    pickle.loads(content)  # noqa: S301  it does run where it is let
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", ""),
        (b"\x80\x02}q", ""),
        (dump({b"data": np.zeros(3, np.uint8)})[:-20], ""),
        (b"no pickle", ""),
        (b"\x80\x02e.", ""),
        (b"\x80\x02h\x01.", ""),
        (b"\x80\x02(]]e.", ""),  # a list as a key would do no harm; a mark without items is no list
        (b"cposix\nsystem\n.", "names posix.system"),
        (b"cnumpy\nndarray\n(K\x03t\x81.", "asks for NEWOBJ"),
        (b"cnumpy\nndarray\nK\x03\x85R.", "other than a uint8 array"),
        (dump(np.zeros(3, np.uint8)).replace(b"u1", b"O8"), "other than a uint8 array"),
        (dump(np.zeros(3, np.uint8)).replace(b"(K\x03t", b"(K\x04t"), "cannot reshape"),
        (b"\x80\x02]]b.", "sets the state"),
        (b"\x80\x02}(]K\x01u.", "unhashable"),
        (b"\x80\x02}(K\x01u.", "zip"),
    ],
)
def test_a_damaged_or_other_pickle_is_one_line(content: bytes, says: str) -> None:
    with pytest.raises(InputError, match=rf"^f: not a pickle .*{says}.*; fetch the file again") as caught:
        parse_pickle(content, "f")
    assert "\n" not in str(caught.value)
