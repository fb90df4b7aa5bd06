import json
import time
from pathlib import Path

import pytest


def test_ratio_is_the_median_of_the_pairs_not_the_ratio_of_the_medians() -> None:
    from _result import Row

    row = Row("steps", "s", [(1.0, 2.0), (2.0, 2.0), (9.0, 3.0)], higher_is_better=False).to_json()
    assert (row["ours"], row["peer"], row["ratio"], row["holds"]) == (2.0, 2.0, 1.0, None)


def test_a_peer_of_nothing_gives_no_ratio() -> None:
    from _result import Row

    assert Row("accuracy", "", [(0.5, 0.0)], higher_is_better=True).to_json()["ratio"] is None
    assert Row("accuracy", "", [(0.5, 0.0), (0.5, 0.25)], higher_is_better=True).to_json()["ratio"] == 2.0


@pytest.mark.parametrize(
    ("of", "bound", "higher_is_better", "holds"),
    [
        ("ratio", 0.97, True, True),
        ("ratio", 1.01, True, False),
        ("ratio", 1.01, False, True),
        ("ratio", 0.5, False, False),
        ("ours", 4.0, False, True),
        ("ours", 3.9, False, False),
    ],
)
def test_goal_bounds_ours_or_the_ratio_in_the_direction_that_is_better(
    of: str, bound: float, higher_is_better: bool, holds: bool
) -> None:
    from _result import Goal, Row

    row = Row("speed", "steps/s", [(4.0, 4.0)], higher_is_better=higher_is_better, goal=Goal(of, bound)).to_json()
    assert row["holds"] is holds
    assert row["goal"] == f"{of} {'>=' if higher_is_better else '<='} {bound:g}"


def test_an_unmet_condition_overrules_the_figures() -> None:
    from _result import Goal, Row

    row = Row(
        "time", "s", [(1.0, 9.0)], higher_is_better=False, goal=Goal("ratio", 0.25), unmet="not reached"
    ).to_json()
    assert row["ratio"] < 0.25
    assert row["holds"] is False
    assert row["unmet"] == "not reached"


def test_a_figure_without_a_peer_has_no_ratio() -> None:
    from _result import Goal, Row

    row = Row("waiting", "", [(0.05, None), (0.2, None), (0.06, None)], higher_is_better=False, goal=Goal("ours", 0.1))
    described = row.to_json()
    assert (described["ours"], described["peer"], described["ratio"]) == (0.06, None, None)
    assert described["holds"] is True


def test_sides_run_in_turn() -> None:
    from _result import measure_in_turn

    calls: list[str] = []
    sides = {name: lambda name=name: calls.append(name) or len(calls) for name in "AB"}
    assert measure_in_turn(sides, 2) == {"A": [1, 3], "B": [2, 4]}
    assert calls == ["A", "B", "A", "B"]


def test_result_is_complete_and_names_no_host_and_no_path(tmp_path: Path) -> None:
    from _result import Goal, Row, make_parser, write_result

    arguments = make_parser("what it claims").parse_args(["--quick", "--out", str(tmp_path)])
    rows = [
        Row("first", "s", [(1.0, 2.0)], higher_is_better=False, goal=Goal("ratio", 0.6)),
        Row("second", "s", [(3.0, 2.0)], higher_is_better=False, goal=Goal("ratio", 1.0)),
    ]
    path = write_result("some_claim", rows, {"images": "none"}, arguments, begun=time.perf_counter())
    text = path.read_text(encoding="utf-8")
    result = json.loads(text)
    assert path == tmp_path / "some_claim.json"
    assert set(result) == {
        *("claim", "goal", "ours", "peer", "ratio", "higher_is_better", "holds", "repeats", "settings", "commit"),
        *("machine", "versions", "seconds", "rows"),
    }
    assert (result["claim"], result["goal"], result["ratio"]) == ("some_claim", "ratio <= 0.6", 0.5)
    assert result["holds"] is False  # the second row does not
    assert [row["holds"] for row in result["rows"]] == [True, False]
    assert result["settings"] == {"quick": True, "threads": None, "images": "none"}
    assert {"python", "saccade", "torch"} <= set(result["versions"])
    assert str(Path.home()) not in text
    assert str(Path.cwd()) not in text


def test_a_peer_of_nothing_can_be_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from _result import Row, make_parser, write_result

    arguments = make_parser("").parse_args(["--quick", "--out", str(tmp_path)])
    row = Row("only", "share", [(0.5, 0.0)], higher_is_better=True)
    write_result("some_claim", [row], {}, arguments, begun=time.perf_counter())
    assert capsys.readouterr().out == "only: 0.5 : 0 share; no goal\n"


def test_what_is_quick_is_kept_apart(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import _result

    monkeypatch.setattr(_result, "RESULTS", tmp_path)
    row = _result.Row("only", "s", [(1.0, 2.0)], higher_is_better=False)
    for options, folder in ((["--quick"], tmp_path / "quick"), ([], tmp_path)):
        arguments = _result.make_parser("").parse_args(options)
        path = _result.write_result("some_claim", [row], {}, arguments, begun=time.perf_counter())
        assert path == folder / "some_claim.json"
