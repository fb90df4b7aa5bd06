"""What is read of a YAML file, with its lines, and one line for every file that is no configuration."""

import sys
from pathlib import Path

import pytest

from saccade.errors import InputError
from saccade.recipes.importers.document import read_yaml

BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{after}: &{after} [{', '.join([f'*{before}'] * 10)}]\n" for before, after in zip("abcdef", "bcdefg", strict=True)
)


def write(folder: Path, content: str | bytes) -> Path:
    path = folder / "x.yml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_values_and_lines(tmp_path: Path) -> None:
    text = "\ufeffGlobal:\n  n: &n 25\n  rate: 5e-4\n  other: 5.0e-4\n  really: yes\nTrain:\n- A: {m: *n}\n- B:\nx: .inf\nd: 2022-01-31\n"
    document = read_yaml(write(tmp_path, text))
    assert document.values == {
        "Global": {"n": 25, "rate": "5e-4", "other": 0.0005, "really": True},
        "Train": [{"A": {"m": 25}}, {"B": None}],
        "x": "inf",
        "d": "2022-01-31",
    }
    assert document.lines["Global", "rate"] == 3
    assert document.lines["Train", 1, "B"] == 8
    assert document.where(("Train", 0, "A", "m")) == f"{tmp_path}/x.yml:7: Train.A.m"
    assert document.where(("Global", "gone")) == f"{tmp_path}/x.yml:1: Global.gone"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("Global:\n\tepoch_num: 3\n", "x.yml:2: a tab stands where YAML wants spaces; replace it"),
        (
            "Global: !!python/object/apply:os.system ['touch gone']\n",
            "x.yml:1: the tag '!!python/object/apply:os.system' asks",
        ),
        ("a:\n  b: !Backbone {c: 1}\n", "x.yml:2: the tag '!Backbone' asks for a class"),
        ("a: *b\n", "x.yml:1: not YAML (found undefined alias 'b'); name an anchor"),
        ("a: &a\n  b: *a\n", "nested more than 20 deep, or holds itself"),
        (BOMB, "its aliases (*...) make more than 20,000 values"),
        ("a: " + "[" * 100_000, "nested too deeply"),
        ("a: " + "[" * 30 + "]" * 30, "nested more than 20 deep"),
        ("x: " + "y" * 300_000, "300,003 bytes are too many for a configuration"),
        ("a: {b: 1\n", "x.yml:2: not YAML"),
        ("a: 1\na: 2\n", "x.yml:2: a is there twice, and PaddleOCR takes the last; remove one"),
        ("a: &a {b: 1}\nc:\n  <<: *a\n", "x.yml:3: merging (<<) is not followed; write the keys out"),
        ("3: a\n", "x.yml:1: a key is a name; put '3' in quotes"),
        ("? [a]\n: b\n", "x.yml:1: a key is a name"),
        ("- a\n- b\n", "holds a list, where a configuration has sections"),
        ("a\n", "holds a single value"),
        ("", "holds nothing"),
        ("# nothing\n", "holds nothing"),
        ("a: 1\n---\nb: 2\n", "x.yml:2: not YAML"),
        ("a: 2022-13-45\n", "a value cannot be read"),
        (f"a: {'9' * 5000}\n", "a value cannot be read"),
        ("a: Ä\n".encode("latin-1"), "x.yml:1: not UTF-8"),
        ("a: \x00\n", "not YAML"),
    ],
)
def test_a_file_that_is_no_configuration(tmp_path: Path, content: str | bytes, says: str) -> None:
    with pytest.raises(InputError) as error:
        read_yaml(write(tmp_path, content))
    assert says in str(error.value)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 300 + len(str(tmp_path))
    assert not (tmp_path / "gone").exists()


def test_what_cannot_be_read(tmp_path: Path) -> None:
    for path, says in ((tmp_path / "gone.yml", "no such file"), (tmp_path, "cannot be read")):
        with pytest.raises(InputError, match=says):
            read_yaml(path)


def test_without_the_extra_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, "a: 1\n")
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(InputError, match=r'needs the package pyyaml; install it with: pip install "saccade\[yaml\]"'):
        read_yaml(path)
