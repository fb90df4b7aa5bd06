"""The hardest images are those that the best experiment has most wrong."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from saccade.records.writer import RunWriter
from saccade.report.chain import read_report
from saccade.report.hardest import find_hardest
from tests.report.draw_runs import Drawn, draw_run, draw_runs

ONE = Drawn("exp1", 0.8, num_validations=12)


def store(folder: Path, rows: list[dict[str, Any]]) -> None:
    with RunWriter.resume(folder) as writer:
        writer.write_predictions("val", rows)


def row(name: str, target: str, prediction: str, confidence: float, **more: Any) -> dict[str, Any]:
    return {"id": name, "target": target, "prediction": prediction, "confidence": confidence, **more}


def test_texts_are_hard_by_how_little_is_right_then_by_how_sure_the_answer_was(tmp_path: Path) -> None:
    store(
        draw_run(tmp_path, ONE),
        [
            row("right", "ABCD", "ABCD", 0.3),
            row("near", "ABCD", "ABCX", 0.4),
            row("sure", "ABCD", "ABXD", 0.9),
            row("far", "ABCD", "", 0.1),
        ],
    )
    hardest = find_hardest(read_report(tmp_path).chains[0])
    assert hardest is not None
    assert [answer.id for answer in hardest.answers] == ["far", "sure", "near"]
    assert (hardest.num_wrong, hardest.num_images) == (3, 4)


def test_texts_that_are_the_same_letters_are_right(tmp_path: Path) -> None:
    store(draw_run(tmp_path, ONE), [row("composed", "가", "\u1100\u1161", 0.5)])
    hardest = find_hardest(read_report(tmp_path).chains[0])
    assert hardest is not None and hardest.num_wrong == 0


def test_classes_are_hard_by_how_improbable_the_truth_was(tmp_path: Path) -> None:
    folder = draw_run(tmp_path, replace(ONE, task="classify"))
    store(folder, [row(name, "seal", "ray", 0.5, top_k=[["ray", 0.5]], target_log_probability=value)
                   for name, value in (("a", -1.0), ("b", -9.0), ("c", -3.0))])  # fmt: skip
    hardest = find_hardest(read_report(tmp_path).chains[0])
    assert hardest is not None
    assert [answer.id for answer in hardest.answers] == ["b", "c", "a"]


def test_the_best_experiment_is_shown_at_most_twelve_and_what_its_parent_had_right(tmp_path: Path) -> None:
    worse = replace(ONE, name="exp0", share=0.3)
    folders = draw_runs(tmp_path, [worse, replace(ONE, parents=("exp0",), settings={"train.batch_size": 64})])
    rows = [row(f"{number:02}", "A", "B" if number < 20 else "A", 0.5) for number in range(100)]
    store(folders[0], [one | {"prediction": "B" if one["id"] not in ("03", "99") else "A"} for one in rows])
    store(folders[1], rows)
    hardest = find_hardest(read_report(tmp_path).chains[0])
    assert hardest is not None
    assert (hardest.experiment.name, hardest.num_wrong, len(hardest.answers)) == ("exp1", 20, 12)
    assert [answer.id for answer in hardest.answers if answer.parent_is_right] == ["03"]


def test_a_seed_without_predictions_makes_room_for_the_next(tmp_path: Path) -> None:
    folders = draw_runs(tmp_path, [replace(ONE, seeds=(0, 1))])
    (folders[0] / "predictions" / "val.jsonl.gz").write_bytes(b"broken")
    hardest = find_hardest(read_report(tmp_path).chains[0])
    assert hardest is not None and hardest.run.folder == folders[1]
    (folders[1] / "predictions" / "val.jsonl.gz").unlink()
    assert find_hardest(read_report(tmp_path).chains[0]) is None


def test_without_any_number_nothing_is_hardest(tmp_path: Path) -> None:
    draw_run(tmp_path, replace(ONE, odd="no_validation"))
    assert find_hardest(read_report(tmp_path).chains[0]) is None


def test_answers_of_a_task_of_ones_own_are_not_judged(tmp_path: Path) -> None:
    folder = draw_run(tmp_path, replace(ONE, settings={"task": "mine"}))
    store(folder, [row("a", 3, 4, 0.5), row("b", 3, 3, 0.5)])  # type: ignore[arg-type]  # as such a task stores them
    assert find_hardest(read_report(tmp_path).chains[0]) is None
