"""How each way of ending reaches the shell: one line, an exit status, and nothing heavy loaded for help."""

import subprocess
import sys

import pytest

from saccade import cli
from saccade.errors import InputError, RunFailedError, StoppedError, quote


def _end(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **options: object) -> None:
        raise error

    monkeypatch.setattr(cli, "build_app", lambda: fail)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InputError("a.tsv:3: no tab;\n  correct the line"), 2),
        (RunFailedError("the loss is not finite"), 3),
        (StoppedError("stopped at step 5"), 75),
        (ModuleNotFoundError("No module named 'torch'", name="torch"), 2),
        (ModuleNotFoundError("No module named 'cv2'", name="cv2"), 2),
    ],
)
def test_an_end_is_one_line_and_a_status(error, status, monkeypatch, capsys):
    _end(error, monkeypatch)
    assert cli.run(["train", "x.toml"]) == status
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("saccade: ")
    assert captured.err.count("\n") == 1


def test_the_middle_of_an_endless_message_is_cut_out(monkeypatch, capsys):
    _end(InputError(f"a.csv:3: {'x' * 10**6}: too many cells; correct the row"), monkeypatch)
    assert cli.run(["train", "x.toml"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("saccade: a.csv:3: xxx")
    assert err.endswith("xxx: too many cells; correct the row\n")
    assert " [...] " in err
    assert len(err) < 1300


def test_a_message_quotes_60_characters():
    assert quote("a\n" + "b" * 58) == repr("a\n" + "b" * 58)
    assert quote("b" * 61) == f"'{'b' * 60}'... (61 characters)"


def test_a_missing_extra_says_what_to_install(monkeypatch, capsys):
    _end(ModuleNotFoundError("No module named 'torch._C'", name="torch._C"), monkeypatch)
    cli.run(["train", "x.toml"])
    assert (
        capsys.readouterr().err == "saccade: torch._C is not installed; install it with: pip install 'saccade[train]'\n"
    )


def test_a_broken_package_is_a_fault_of_ours(monkeypatch):
    _end(ModuleNotFoundError("No module named 'saccade.gone'", name="saccade.gone"), monkeypatch)
    with pytest.raises(ModuleNotFoundError):
        cli.run(["train", "x.toml"])


def test_an_interrupt_says_nothing(monkeypatch, capsys):
    _end(KeyboardInterrupt(), monkeypatch)
    assert cli.run(["train", "x.toml"]) == 130
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("arguments", [["--debug", "train", "none.toml"], ["train", "none.toml", "--debug"]])
def test_debug_shows_the_traceback(arguments):
    with pytest.raises(InputError, match="no such recipe file"):
        cli.run(arguments)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["trian"], "'train'"),
        (["train", "--seed", "3"], "--seeds"),
        (["data"], "saccade data --help"),
        (["data", "stat"], "'stats'"),
        (["predict"], "MODEL"),
        (["evaluate", "x", "--split", "dev"], "'val'"),
        (["train"], "give either a recipe or --resume RUN"),
        (["train", "x.toml", "--resume", "y"], "give either a recipe or --resume RUN"),
        (["train", "--resume", "y", "--seeds", "1"], "leave the other options out"),
    ],
)
def test_wrong_usage_names_the_right_one(arguments, says, capsys):
    assert cli.run(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert says in captured.err
    assert captured.err.startswith("saccade: ")
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_help_lists_the_verbs(arguments, capsys):
    assert cli.run(arguments) == 0
    shown = capsys.readouterr().out
    for verb in ("new", "demo", "train", "evaluate", "predict", "compare", "report", "note", "data", "recipe"):
        assert f"\n  {verb} " in shown
    assert "..." not in shown.partition("Commands:")[2]


def test_the_module_is_the_command():
    ended = subprocess.run([sys.executable, "-m", "saccade", "trian"], capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert ended.stderr.startswith("saccade: No such command 'trian'")
