"""What is shown of a run: plain lines where there is no terminal, and a wish to stop on a signal."""

import io
import json
import os
import signal

import pytest

from saccade.commands import progress
from saccade.commands.progress import Display
from tests.report.draw_runs import Drawn, draw_run

START = {
    "event": "start",
    "step": 0,
    "num_train": 1870,
    "num_val": 100,
    "num_steps": 60,
    "steps_per_epoch": 30,
    "num_parameters": 980_000,
    "train_residency": "memory (12 MiB decoded)",
}


def step(number):
    return {"event": "step", "step": number, "epoch": (number - 1) // 30, "images": 64, "waited": 0.0}


def validation(epoch, value, **more):
    views = {view: {"top1_accuracy": value, "nll": 9.0} for view in ("val", "train_clean", "train_augmented")}
    return {"event": "validation", "step": 30 * epoch, "epoch": epoch, "seconds": 61.0, "is_best": True, **views} | more


def test_one_line_a_validation(capsys, tmp_path):
    with Display() as display:
        display.began(tmp_path)
        display.watch(START)
        display.watch(step(1))
        display.watch({"step": 1, "loss": 1.5})
        display.watch(validation(1, 0.5))
        display.watch({"event": "checkpoint", "step": 30})
        display.watch(validation(2, 0.25, is_best=False))
        display.watch({"event": "early_stop", "step": 60, "best_step": 30})
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        f"run      {tmp_path}",
        "images   1,870 train, 100 validation",
        "held in  memory (12 MiB decoded)",
        "model    980,000 parameters; 2 epochs of 30 steps",
        "",
        "                  top1_accuracy",
        "    time   epoch  validation       train   augmented        loss",
        "    1:01       1      0.5000      0.5000      0.5000      1.5000  best",
        "    1:01       2      0.2500      0.2500      0.2500           -",
        "stopped early: nothing better since step 30",
    ]


@pytest.mark.parametrize(
    ("residency", "device", "said"),
    [
        ("device (12 MiB decoded, of one size)", "cpu", "memory (12 MiB decoded, of one size)"),
        ("device (12 MiB decoded, of one size)", "cuda", "the device's memory (12 MiB decoded, of one size)"),
        ("lazy (9 GiB: images are read at each use)", "cpu", "files (9 GiB: images are read at each use)"),
    ],
)
def test_the_place_of_the_images_is_said_as_a_person_would(residency, device, said, capsys):
    with Display() as display:
        display.watch(START | {"train_residency": residency, "device": device})
    assert f"held in  {said}" in capsys.readouterr().err.splitlines()


@pytest.mark.parametrize(("metric", "shown"), [("nll", "9.0000"), ("absent", "0.5000"), (None, "0.5000")])
def test_the_selected_metric_is_shown(metric, shown, capsys):
    with Display(metric) as display:
        display.watch(START)
        display.watch(validation(1, 0.5))
    assert shown in capsys.readouterr().err.splitlines()[-1]


def test_a_long_epoch_gives_a_sign_of_life(capsys, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progress.time, "perf_counter", lambda: now[0])
    with Display() as display:
        display.watch(START)
        capsys.readouterr()
        for number in range(1, 9):
            now[0] += 10.0
            display.watch(step(number))
    [line] = capsys.readouterr().err.splitlines()
    assert line == "epoch 1/2  step 7  6 images/s  waiting 0%  8:50 left"


def test_signals_ask_once_and_end_at_the_second(capsys):
    before = signal.getsignal(signal.SIGTERM)
    with Display() as display:
        assert not display.stop()
        os.kill(os.getpid(), signal.SIGTERM)
        assert display.stop()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGTERM) is before
    assert "saving, then stopping" in capsys.readouterr().err


def test_a_terminal_sees_a_bar(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    with Display() as display:
        display.watch(START)
        display.watch(step(15))
        display._bar.refresh()
    shown = capsys.readouterr().err
    assert "epoch 1/2" in shown
    assert "waiting 0%" in shown
    assert "\x1b[?25h" in shown


def test_a_closed_stderr_does_not_end_the_training(monkeypatch, tmp_path):
    class Closed(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

    monkeypatch.setattr("sys.stderr", Closed())
    with Display() as display:
        display.began(tmp_path)
        display.watch(START)
        display.watch(validation(1, 0.5))


def test_sinks_are_fed_and_what_comes_of_them_is_said(capsys, tmp_path):
    """TensorBoard finds no run in the folder; the other rows are shown as if nothing were."""
    with Display(sinks=["tensorboard"]) as display:
        display.began(tmp_path)
        [note] = display.notes()
        display.watch(START)
        display.watch({"step": 0, **note})
        display.watch({"event": "sink", "step": 0, "sink": "wandb", "id": "abc", "url": "https://tracker.example/abc"})
        display.ended("stopped")
        assert display.notes() == []
    lines = capsys.readouterr().err.splitlines()
    assert note["event"] == "sink_failed" and note["cause"].startswith("InputError: ")
    assert lines[-2] == f"sink     tensorboard is switched off, training goes on: {note['cause']}"
    assert lines[-1] == "sink     wandb: https://tracker.example/abc"


def test_a_finished_run_ends_with_its_best_and_what_comes_next(capsys, tmp_path):
    """The best was before the resume: the rows that are shown do not have it."""
    folder = draw_run(tmp_path / "my runs", Drawn("a", 0.5), 0)
    metrics = json.loads((folder / "metrics.json").read_text())
    metrics["selection"] |= {"metric": "top1_accuracy", "best": 0.29166, "best_step": 30}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    with Display("top1_accuracy") as display:
        display.began(folder)
        display.watch(START | {"event": "resume", "step": 30})
        display.watch(validation(2, 0.25, is_best=False))
        display.ended("finished")
    *_, last = capsys.readouterr().err.splitlines()
    assert last == f"best     top1_accuracy 0.2917 at epoch 1; next: saccade evaluate '{folder}'"
    with Display() as display:
        display.began(folder)
        display.watch(START)
        display.ended("stopped")
    assert "next:" not in capsys.readouterr().err


def test_what_says_little_and_what_is_left_out_is_said(capsys):
    row = {
        "event": "start",
        "step": 0,
        "num_steps": 4,
        "steps_per_epoch": 2,
        "num_train": 9,
        "num_val": 5,
        "num_parameters": 1,
    }
    with Display() as display:
        display.watch(
            {**row, "train_residency": "x", "num_left_out": 1, "overlap": {"val_in_train": 3, "test_in_val": 0}}
        )
    shown = capsys.readouterr().err
    assert "3 validation images are also training images: results on them say little" in shown
    assert "9 train, 5 validation; a last batch of 1 is left out of each epoch" in shown and "test" not in shown


def test_compilation_is_said_and_so_is_its_failure(capsys):
    with Display() as display:
        display.watch({"event": "compiling"})
        display.watch(START | {"compile_failed": "no compiler"})
    first, *_, last = capsys.readouterr().err.splitlines()
    assert first == "compiling the model; the clock starts afterwards"
    assert last == "compile  failed, so the model is trained uncompiled: no compiler"


def test_ranks_beside_the_first_say_nothing_and_listen_to_signals(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("FORCE_COLOR", "1")
    with Display(quiet=True) as display:
        display.began(tmp_path)
        display.watch(START)
        display.watch(step(1))
        display.watch(validation(1, 0.5))
        os.kill(os.getpid(), signal.SIGTERM)
        assert display.stop()
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""
