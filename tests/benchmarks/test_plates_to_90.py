import json
from pathlib import Path

LOG = """[1/300000] Train loss: 3.41, Valid loss: 3.38, Elapsed_time: 1.50000
Current_accuracy : 0.000, Current_norm_ED  : 0.00
Best_accuracy    : 0.000, Best_norm_ED     : 0.00
-----
[20/300000] Train loss: 0.41, Valid loss: 0.38, Elapsed_time: 31.25000
Current_accuracy : 91.000, Current_norm_ED  : 0.99
Best_accuracy    : 95.000, Best_norm_ED     : 0.99
"""


def test_their_log_is_read_as_seconds_and_present_exact_match() -> None:
    from _plates_to_90 import read_validations

    assert read_validations(LOG) == [(1.5, 0.0), (31.25, 0.91)]


def test_a_log_that_is_being_written_gives_the_validations_that_are_whole() -> None:
    from _plates_to_90 import read_validations

    assert read_validations(LOG[: LOG.index("31.25")]) == [(1.5, 0.0)]
    assert read_validations("") == []


def test_where_the_peer_did_not_arrive_its_time_is_a_lower_bound() -> None:
    from _plates_to_90 import Outcome, Race, make_row

    ours = Outcome(reached=True, seconds=400.0, wall_seconds=420.0, validations=[(400.0, 0.91)])
    theirs = Outcome(reached=False, seconds=3600.0, wall_seconds=3610.0, validations=[(3590.0, 0.1)])
    row = make_row(Race(), [(0, ours, theirs)]).to_json()
    assert (row["peer_reached"], row["ours_reached"], row["holds"]) == ([False], [True], True)


def test_seeds_of_an_earlier_call_stay_unless_they_are_run_again(tmp_path: Path) -> None:
    from _plates_to_90 import Outcome, Race, make_row, read_pairs

    ours = Outcome(reached=True, seconds=400.0, wall_seconds=420.0, validations=[(400.0, 0.91)])
    theirs = Outcome(reached=False, seconds=3600.0, wall_seconds=3610.0, validations=[(3590.0, 0.1)])
    pairs = [(0, ours, theirs), (1, theirs, ours)]
    path = tmp_path / "result.json"
    path.write_text(json.dumps({"rows": [make_row(Race(), pairs).to_json()]}))
    (kept,) = read_pairs(path, Race(), [1, 2])
    assert kept[0] == 0
    assert make_row(Race(), [kept]).to_json() == make_row(Race(), pairs[:1]).to_json()
    assert read_pairs(path, Race(target=0.5), [1]) == []
    assert read_pairs(tmp_path / "none.json", Race(), [1]) == []


def test_nothing_holds_where_ours_did_not_arrive() -> None:
    from _plates_to_90 import Outcome, Race, make_row

    ours = Outcome(reached=False, seconds=400.0, wall_seconds=420.0, validations=[(400.0, 0.8)])
    theirs = Outcome(reached=False, seconds=3600.0, wall_seconds=3610.0, validations=[])
    row = make_row(Race(), [(0, ours, theirs)]).to_json()
    assert row["ratio"] < 0.25
    assert row["holds"] is False
