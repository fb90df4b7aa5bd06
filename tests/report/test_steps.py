"""The steps of a chain tell what was asked, what changed, and how sure the result is, in either language."""

from dataclasses import replace
from pathlib import Path

import pytest

from saccade.metrics.paired import Difference
from saccade.report.chain import Link, read_report
from saccade.report.comparison import Comparison
from saccade.report.languages import LANGUAGES
from saccade.report.page import Block, Bullets, Code, English, Group, Heading, Paragraph, Small, Strong
from saccade.report.steps import count_verdicts, describe_difference, make_steps, name_verdict
from tests.report.draw_runs import Drawn, draw_runs

EN, KO = LANGUAGES["en"], LANGUAGES["ko"]
BASE = Drawn("baseline", 0.3, num_validations=12)
CHILD = replace(
    BASE, name="exp1", share=0.9, parents=("baseline",), settings={"train.batch_size": 64}, hypothesis="Smaller?"
)


def read_links(tmp_path: Path, *experiments: Drawn) -> tuple[Link, ...]:
    draw_runs(tmp_path, experiments)
    return read_report(tmp_path).chains[0].links


def tell(block: Block | Group) -> str:
    """Return what a step says, a line a block or bullet."""
    match block:
        case Group():
            return "\n".join(tell(one) for one in block.blocks)
        case Heading():
            return f"# {block.text}"
        case Paragraph():
            return "".join(_plain(part) for part in block.line)
        case Bullets():
            return "\n".join("- " + "".join(_plain(part) for part in line) for line in block.lines)
    raise AssertionError(block)


def _plain(part: str | Code | Strong | Small | English) -> str:
    return part if isinstance(part, str) else part.text


def tell_step(tmp_path: Path, *experiments: Drawn, place: int = 1) -> str:
    draw_runs(tmp_path, experiments)
    return tell(make_steps(read_report(tmp_path).chains[0], EN, 3)[place])


def test_a_step_that_changed_one_thing(tmp_path: Path) -> None:
    said = tell_step(tmp_path, BASE, CHILD)
    lines = said.splitlines()
    assert lines[0] == "# baseline → exp1"
    assert lines[1].startswith("better +") and "points (95 % interval +" in lines[1]
    assert "Asked Smaller?" in lines
    assert lines[lines.index("Changed") + 1] == "- train.batch_size 128 → 64"
    assert "One change, so a difference belongs to it." in lines
    assert "recipe:" not in said  # files that are gone are named once for the chain


def test_a_step_that_changed_several_things_belongs_to_none(tmp_path: Path) -> None:
    settings = {"train.batch_size": 64, "optimizer.learning_rate": 0.01}
    said = tell_step(tmp_path, BASE, replace(CHILD, settings=settings))
    assert "2 settings changed at once: a difference cannot be attributed to any one of them." in said
    assert "What would separate them" in said


def test_a_step_to_other_images_says_why_it_is_refused(tmp_path: Path) -> None:
    said = tell_step(tmp_path, BASE, replace(CHILD, num_images=50))
    assert said.splitlines()[1].startswith("not comparable ")
    assert "data: baseline trained on 100 images, exp1 on 50" in said


def test_the_first_of_a_chain_has_its_main_settings(tmp_path: Path) -> None:
    said = tell_step(tmp_path, BASE, CHILD, place=0)
    assert said.splitlines()[:2] == ["# baseline (start of the chain)", "Main settings"]
    assert "- train.epochs 12" in said


def test_an_orphan_says_what_it_changed_from_the_parent_that_is_missing(tmp_path: Path) -> None:
    orphan = replace(CHILD, changes=(("train.batch_size", 128, 64),))
    said = tell_step(tmp_path, orphan, place=0)
    assert "Changed from baseline, not compared here\n- train.batch_size 128 → 64" in said


def test_an_orphan_whose_run_recorded_no_change_has_its_main_settings(tmp_path: Path) -> None:
    said = tell_step(tmp_path, replace(CHILD, changes=()), place=0)
    assert "Main settings" in said.splitlines()
    assert "Changed from" not in said


def test_what_a_framework_ignored_and_the_command_line_said_is_told(tmp_path: Path) -> None:
    reported = {"metrics": {"exact_match": 0.5}, "ignored": {"warmup_steps": "OneCycle wants epochs"}}
    said = tell_step(
        tmp_path, replace(BASE, reported=reported, overrides=("--set train.epochs=12", "--data tsv:x")), place=0
    )
    assert "Their framework ignored\n- warmup_steps: OneCycle wants epochs" in said
    assert "On the command line --set train.epochs=12  --data tsv:x" in said
    assert 'Changed from baseline, not compared here\n- train.epochs = 12\n- data = "tsv:x"' in said


def test_many_changes_are_counted_after_the_twelfth(tmp_path: Path) -> None:
    changes = tuple((f"a.key{number}", 0, 1) for number in range(15))
    said = tell_step(tmp_path, replace(CHILD, changes=changes), place=0)
    assert "- a.key11 0 → 1\n- and 3 more" in said


def test_what_could_not_be_read_is_said_in_the_step(tmp_path: Path) -> None:
    folders = draw_runs(tmp_path, [BASE, CHILD])
    (folders[1] / "predictions" / "val.jsonl.gz").write_bytes(b"")
    said = tell(make_steps(read_report(tmp_path).chains[0], EN, 3)[1])
    assert "Could not be compared: " in said and "val.jsonl.gz is damaged" in said


def test_verdicts_are_counted(tmp_path: Path) -> None:
    links = read_links(tmp_path, BASE, CHILD, replace(CHILD, name="exp2", num_images=50))
    assert count_verdicts(links) == {"better": 1, "worse": 0, "not_shown": 0, "refused": 1}


@pytest.fixture
def comparison(tmp_path: Path) -> Comparison:
    found = read_links(tmp_path, BASE, CHILD)[1].comparison
    assert found is not None
    return found


def test_a_difference_is_told_with_its_interval_and_what_it_covers(comparison: Comparison) -> None:
    one = replace(comparison, difference=Difference(0.0532, -0.012, 0.11, 1234), basis="paired_images")
    assert describe_difference(one, EN) == "+5.3 points (95 % interval −1.2 to +11.0; over the same 1,234 images)"
    assert describe_difference(one, KO) == "+5.3%p (95 % 구간 −1.2 ~ +11.0; 같은 이미지 1,234장에 대한 구간)"
    alone = replace(comparison, difference=Difference(-1.0, None, None, 1), basis=None)
    assert describe_difference(alone, EN) == "−100.0 points (no interval)"
    assert describe_difference(replace(comparison, difference=None), EN) == ""


def test_every_verdict_has_a_word() -> None:
    assert [name_verdict(verdict, EN) for verdict in ("better", "worse", "not_shown", "refused")] == [
        "better", "worse", "not shown", "not comparable"]  # fmt: skip


def test_what_right_means_of_repeats_is_said(tmp_path: Path) -> None:
    said = tell_step(tmp_path, replace(BASE, seeds=(0, 1)), CHILD)
    line = next(line for line in said.splitlines() if line.startswith("Images that changed sides"))
    assert line.endswith("only the parent. baseline has an image right where at least 2 of its 2 runs have.")
