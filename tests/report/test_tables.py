"""The tables say what the records hold, and CSV says all of it for programs."""

import csv
import io
from dataclasses import replace
from pathlib import Path

import pytest

from saccade.records.writer import append_note
from saccade.report.chain import Report, read_report
from saccade.report.languages import LANGUAGES
from saccade.report.page import Bullets, Cell, Paragraph, Spark, Table
from saccade.report.tables import find_settings, make_runs, make_settings, make_table, render_csv
from tests.report.draw_runs import Drawn, draw_run, draw_runs, make_plates

WORDS = LANGUAGES["en"]
BASE = Drawn("baseline", 0.6, num_validations=12)
CHILD = replace(
    BASE, name="exp1", share=0.9, parents=("baseline",), settings={"train.batch_size": 64}, hypothesis="Smaller, noisier.",
    reported={"metrics": {"exact_match": 0.84, "ned": 0.9}, "seconds": 3660.0, "reading": "Healthy.", "next": "More."},
)  # fmt: skip


@pytest.fixture
def report(tmp_path: Path) -> Report:
    folders = draw_runs(tmp_path, [replace(BASE, seeds=(0, 1)), CHILD])
    append_note(folders[-1], "Flat after epoch 8.\nLook at the rate.")
    return read_report(tmp_path)


def text(cell: Cell) -> str:
    assert not isinstance(cell, Spark)
    return "\n".join("".join(part if isinstance(part, str) else part.text for part in line) for line in cell)


def find_row(table: Table, name: str) -> dict[str, Cell]:
    row = next(row for row in table.rows if text(row[0]).startswith(name))
    return dict(zip(table.columns, row, strict=True))


def test_a_row_holds_what_people_write_into_such_tables(report: Report) -> None:
    table = make_table(report.chains[0], WORDS)
    row = find_row(table, "exp1")
    outcome = report.chains[0].experiments[1].outcome("exact_match")
    assert text(row["experiment"]) == "exp1\n1 run"
    assert text(row["settings changed"]) == "train.batch_size 128 → 64"
    assert text(row["reported"]) == "0.840\nned 0.900"
    assert text(row["best"]) == f"{outcome.best.value:.3f}\n[{outcome.best.low:.3f}, {outcome.best.high:.3f}]"
    assert text(row["last"]) == f"{outcome.last:.3f}"
    assert text(row["median of last 10"]) == f"{outcome.median_last_ten:.3f}"
    assert text(row["time"]) == "1 min 12 s\nReported: 1 h 1 min"
    assert isinstance(row["curve"], Spark) and row["curve"].label.endswith("in 12 validations")
    assert text(row["reading"]) == "Reported: Healthy.\nFlat after epoch 8."
    assert text(row["next"]) == "More."


def test_the_first_row_has_main_settings_and_leads_on(report: Report) -> None:
    row = find_row(make_table(report.chains[0], WORDS), "baseline")
    assert text(row["experiment"]) == "baseline\nmean of 2 seeds"
    assert 'optimizer.name "adam"' in text(row["settings changed"])
    assert text(row["reported"]) == "–"
    assert text(row["next"]) == "→ exp1"


def test_columns_that_would_say_nothing_are_left_out(tmp_path: Path) -> None:
    draw_run(tmp_path, BASE)
    table = make_table(read_report(tmp_path).chains[0], WORDS)
    assert table.columns == ["experiment", "settings changed", "best", "last", "median of last 10", "time", "curve"]
    assert table.numbers == {2, 3, 4, 5}


def test_what_did_not_end_is_marked(tmp_path: Path) -> None:
    draw_runs(tmp_path, [replace(BASE, odd="no_validation"), replace(CHILD, odd="nan")])
    table = make_table(read_report(tmp_path).chains[0], WORDS)
    first, second = find_row(table, "baseline"), find_row(table, "exp1")
    assert text(first["experiment"]).endswith("running") and text(second["experiment"]).endswith("failed")
    assert (text(first["best"]), text(first["last"]), text(first["curve"])) == ("–", "–", "no curve")


def test_settings_that_differ_stand_side_by_side(report: Report) -> None:
    [table] = make_settings(report.chains[0], WORDS)
    assert isinstance(table, Table)
    assert table.columns == ("setting", "baseline", "exp1")
    assert [[text(cell) for cell in row] for row in table.rows] == [["train.batch_size", "128", "64"]]


def test_the_median_says_of_how_many_validations_it_is_where_they_are_fewer_than_ten(tmp_path: Path) -> None:
    draw_runs(tmp_path, [replace(BASE, num_validations=7), replace(CHILD, num_validations=12)])
    table = make_table(read_report(tmp_path).chains[0], WORDS)
    shown = [text(find_row(table, name)["median of last 7–10"]) for name in ("baseline", "exp1")]
    assert shown[0].endswith("of 7") and "of" not in shown[1]


def test_a_median_of_equally_few_validations_says_so_once(tmp_path: Path) -> None:
    draw_runs(tmp_path, [replace(BASE, num_validations=4), replace(CHILD, num_validations=4)])
    table = make_table(read_report(tmp_path).chains[0], WORDS)
    assert "of" not in text(find_row(table, "exp1")["median of last 4"])


def test_notes_of_an_experiment_stand_in_one_row_only(tmp_path: Path) -> None:
    folders = draw_runs(tmp_path, [replace(BASE, seeds=(0, 1)), replace(BASE, settings={"train.batch_size": 64})])
    append_note(folders[0].parent, "All of them are flat.")
    append_note(folders[1], "Seed 1 too.")
    rows = list(csv.DictReader(io.StringIO(render_csv(read_report(tmp_path)))))
    assert [row["notes"] for row in rows] == ["All of them are flat.\n\nSeed 1 too.", ""]


def test_a_setting_that_one_recipe_lacks_differs(tmp_path: Path) -> None:
    draw_runs(tmp_path, [BASE, replace(CHILD, settings={"augment.mix.name": "cutmix"})])
    chain = read_report(tmp_path).chains[0]
    assert find_settings(chain.experiments) == {"augment.mix.name": {1: "cutmix"}}
    [table] = make_settings(chain, WORDS)
    assert isinstance(table, Table)
    assert [text(cell) for cell in table.rows[0]] == ["augment.mix.name", "–", '"cutmix"']


def test_settings_that_one_of_several_has_alone_stand_below_the_table(tmp_path: Path) -> None:
    drawn = {"augment.mix.name": "cutmix", "augment.mix.alpha": 0.5}
    draw_runs(tmp_path, [BASE, CHILD, replace(CHILD, name="exp2", settings=drawn)])
    chain = read_report(tmp_path).chains[0]
    table, alone = make_settings(chain, WORDS)
    assert isinstance(table, Table) and isinstance(alone, Bullets)
    assert [text(row[0]) for row in table.rows] == ["train.batch_size"]
    assert [text([line]) for line in alone.lines] == ['exp2 alone has augment.mix.name "cutmix", augment.mix.alpha 0.5']
    assert table.name == "settings"


def test_too_many_experiments_for_a_page_are_left_to_csv(tmp_path: Path) -> None:
    draw_runs(
        tmp_path,
        [replace(BASE, name=f"exp{number}", settings={"train.batch_size": number + 1}) for number in range(13)],
    )
    report = read_report(tmp_path)
    [block] = make_settings(report.chains[0], WORDS)
    assert isinstance(block, Paragraph) and "--format csv" in str(block.line)
    assert {row["train.batch_size"] for row in csv.DictReader(io.StringIO(render_csv(report)))} == {
        str(n) for n in range(1, 14)
    }


def test_the_runs_say_where_they_are_and_what_they_ran_on(report: Report) -> None:
    table = make_runs(report.chains[0], report.folder, WORDS)
    assert len(table.rows) == 3
    row = find_row(table, "exp1")
    course = report.chains[0].experiments[1].courses[0]
    assert text(row["run"]) == f"plates/exp1/{course.run.folder.name}"
    assert (text(row["device"]), text(row["code"]), text(row["state"])) == ("Chip of two cores", "01234567", "finished")
    best = next(one for one in reversed(course.validations) if one.is_best)
    views = [best.read(view, "exact_match") for view in ("train_clean", "train_augmented")]
    assert text(row["train clean / augmented"]) == f"{views[0]:.3f} / {views[1]:.3f}"


def test_csv_has_a_row_an_experiment_in_full(report: Report) -> None:
    rows = {row["experiment"]: row for row in csv.DictReader(io.StringIO(render_csv(report)))}
    chain = report.chains[0]
    first, child = rows["baseline"], rows["exp1"]
    assert (first["seeds"], first["interval_over"], first["parent"], first["verdict"]) == ("0, 1", "seeds", "", "")
    assert float(child["best"]) == chain.experiments[1].outcome("exact_match").best.value
    comparison = chain.links[1].comparison
    assert comparison is not None and comparison.difference is not None
    assert (child["verdict"], child["basis"]) == (comparison.verdict, comparison.basis)
    assert float(child["difference"]) == comparison.difference.value
    assert (child["attributable"], child["changed"], child["train.batch_size"]) == ("true", "train.batch_size", "64")
    assert (child["reported"], child["reported_seconds"], child["hypothesis"]) == (
        "0.84",
        "3660.0",
        "Smaller, noisier.",
    )
    assert child["notes"] == "Flat after epoch 8.\nLook at the rate."
    assert child["runs"] == str(chain.experiments[1].courses[0].run.folder)


def test_csv_of_whatever_is_odd_is_still_a_table(tmp_path: Path) -> None:
    draw_runs(tmp_path, [*make_plates(), Drawn("exp03", 0.5, task="classify", series="cifar", num_validations=12)])
    draw_run(tmp_path, replace(BASE, odd="no_validation", name="exp99"))
    rows = list(csv.reader(io.StringIO(render_csv(read_report(tmp_path)))))
    assert len(rows) == 11
    assert {len(row) for row in rows} == {len(rows[0])}
    assert not any("nan" in cell.lower().split() for row in rows for cell in row)
