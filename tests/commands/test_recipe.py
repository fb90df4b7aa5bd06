"""The three verbs on real files: what reaches the screen, and what another program reads."""

import json

import pytest
from typer.testing import CliRunner

from saccade.cli import run as run_command
from saccade.commands.recipe import app
from saccade.errors import InputError
from saccade.recipes.loader import load

BASE = 'task = "read"\n[train]\nepochs = 30\n[[data.train]]\nformat = "synthetic_plates"\n'
CHILD = """\
extends = "base.toml"
hypothesis = "h"
[optimizer]
name = "sgd"
momentum = 0.9
[model.neck]
hidden_size = 9
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SACCADE_DATA", raising=False)
    (tmp_path / "base.toml").write_text(BASE)
    (tmp_path / "child.toml").write_text(CHILD)

    def invoke(*arguments):
        result = CliRunner().invoke(app, arguments, catch_exceptions=False)
        assert result.exit_code == 0
        return result.stdout

    return invoke


def test_show_prints_values_with_the_file_that_set_them(run):
    lines = run("show", "child.toml", "--set", "train.batch_size=8").splitlines()
    assert lines[0] == "# child.toml extends base.toml"
    assert "[optimizer]" in lines
    rows = [" ".join(line.split()) for line in lines]
    for row in (
        "epochs = 30 # base.toml",
        "hidden_size = 9 # child.toml",
        "batch_size = 8 # --set",
        "seed = 0 # default",
    ):
        assert row in rows
    assert "\x1b" not in "".join(lines)


def test_show_json_is_the_resolved_recipe(run, tmp_path):
    document = json.loads(run("show", "child.toml", "--json", "--data", "tsv:x.tsv", "--data-root", "root"))
    assert document["data"]["root"] == str(tmp_path / "root")
    assert document["data"]["train"][0]["path"] == str(tmp_path / "x.tsv")
    assert document["optimizer"]["momentum"] == 0.9
    assert document["text"]["charset"] is None


def test_show_prints_a_recipe_that_loads(run, tmp_path):
    (tmp_path / "again.toml").write_text(run("show", "child.toml"))
    assert load("again.toml").recipe == load("child.toml").recipe


def test_diff(run):
    assert run("diff", "base.toml", "child.toml").splitlines() == [
        "optimizer",
        '  - { name = "adamw", beta1 = 0.9, beta2 = 0.999 }',
        '  + { name = "sgd", momentum = 0.9, nesterov = false }',
        "model.neck.hidden_size",
        "  - 128",
        "  + 9",
    ]
    changes = json.loads(run("diff", "base.toml", "child.toml", "--json"))
    assert changes[1] == {"key": "model.neck.hidden_size", "parent_value": 128, "value": 9}
    assert run("diff", "base.toml", "base.toml") == "The two recipes train the same.\n"


def test_schema(run):
    assert json.loads(run("schema"))["title"] == "ReadRecipe"
    with pytest.raises(InputError, match='unknown task "raed"; nearest: "read"'):
        run("schema", "--task", "raed")


def test_errors_reach_the_caller(run):
    with pytest.raises(InputError, match=r"^none\.toml: no such recipe file$"):
        run("show", "none.toml")


def test_diff_shows_lists_of_tables_whose_keys_are_not_set(tmp_path, capsys):
    for name, sources in (("one", ["x"]), ("two", ["x", "y"])):
        tables = ", ".join(f'{{ format = "tsv", path = "{source}" }}' for source in sources)
        (tmp_path / f"{name}.toml").write_text(f'task = "read"\ndata.train = [{tables}]\n')
    assert run_command(["recipe", "diff", str(tmp_path / "one.toml"), str(tmp_path / "two.toml")]) == 0
    assert 'path = "y"' in capsys.readouterr().out
