"""Recipes that separate changes: they load, they hold half of the changes each, and they overwrite nothing."""

from pathlib import Path

import pytest

from saccade.doctor.attribution import find_changes
from saccade.doctor.prescribe import Origin, Proposal, propose, write_proposals
from saccade.errors import InputError
from saccade.recipes.diff import diff
from saccade.recipes.loader import load
from saccade.recipes.tables.recipe import Recipe
from tests.report.compared_runs import write_parent, write_recipe

EXPERIMENTS = Path(__file__).parents[2] / "experiments"

#: Name of the case -> (keys of the parent besides those of every parent, keys of the child).
CASES = {
    "values": ("", "[train]\nbatch_size = 32\nema_decay = 0.9\n[optimizer]\nweight_decay = 0.1\n"),
    "variants": (
        "",
        '[schedule]\nname = "cosine"\nwarmup_epochs = 2.0\n[optimizer]\nname = "sgd"\nmomentum = 0.9\n[decode]\nname = "prefix_beam"\n',
    ),
    "unset": (
        'grad_clip_norm = 1.0\nema_decay = 0.9\n[start]\nweights = "./old"\n',
        'unset = ["train.ema_decay", "start"]\n[train]\nbatch_size = 8\n',
    ),
    "lists": (
        "",
        '[text]\ncharset = "AB"\n[train]\nbatch_size = 8\n[[data.train]]\nformat = "tsv"\npath = "a.tsv"\nkeep = { readable = true }\n'
        '[[data.train]]\nformat = "csv"\npath = "b.csv"\n[model.backbone]\nchannels = [8, 8]\nnum_blocks = [1, 1]\n',
    ),
    "decay of modules": ("", '[optimizer.module_weight_decay]\nhead = 0.1\n"a.b" = 0.2\n[train]\nepochs = 20\n'),
    "one table": (
        "",
        "[augment.text_line]\nblur_probability = 0.1\nblur_sigma_px = 2.0\nnoise_probability = 0.1\nshear_probability = 0.1\n",
    ),
    "stages": (
        "",
        "[train]\nbatch_size = 8\n[optimizer]\nlearning_rate = 0.01\n[[stage]]\nfrom_epoch = 5\n[stage.optimizer]\nlearning_rate = 0.001\n"
        "[stage.augment.text_line]\nblur_probability = 0.5\n",
    ),
}


def make(folder: Path, case: str) -> tuple[Recipe, Recipe, tuple[Proposal, ...]]:
    parent_keys, child_keys = CASES[case]
    path = write_parent(folder)
    path.write_text(path.read_text() + parent_keys)
    own, _, tables = child_keys.partition("[")
    child = write_recipe(folder, "child", own + (f"[{tables}" if tables else ""))
    before, after = load(path).recipe, load(child).recipe
    units = find_changes(before, after).units
    return before, after, propose(before, after, units, Origin(path, "parent", "child"))


@pytest.mark.parametrize("case", CASES)
def test_the_two_halves_load_and_hold_every_change_once(case: str, tmp_path: Path) -> None:
    before, after, proposals = make(tmp_path, case)
    assert len(proposals) == 2
    written = write_proposals(proposals, tmp_path / "new")
    halves = [load(path, data_root=tmp_path).recipe for path in written]
    before, after = (
        recipe.model_copy(update={"data": recipe.data.model_copy(update={"root": str(tmp_path)})})
        for recipe in (before, after)
    )
    wanted = {change.key: change.value for change in diff(before, after)}
    found = [{change.key: change.value for change in diff(before, half)} for half in halves]
    assert all(found)
    assert not found[0].keys() & found[1].keys()
    assert found[0] | found[1] == wanted
    assert all(half.hypothesis and "parent" in half.hypothesis for half in halves)


def test_tables_stay_together_and_halves_are_even(tmp_path: Path) -> None:
    names = [one.name for one in make(tmp_path, "values")[2]]
    assert names == ["child-train.toml", "child-optimizer.toml"]


def test_one_table_is_halved_by_operations(tmp_path: Path) -> None:
    first, second = make(tmp_path, "one table")[2]
    assert (first.name, second.name) == ("child-augment-1.toml", "child-augment-2.toml")
    assert [name for name in ("blur_probability", "blur_sigma_px", "noise", "shear") if name in first.text] == [
        "noise",
        "shear",
    ]
    assert "blur_probability" in second.text and "blur_sigma_px" in second.text


def test_one_change_needs_no_separating(tmp_path: Path) -> None:
    path = write_parent(tmp_path)
    child = write_recipe(tmp_path, "child", "[train]\nbatch_size = 8\n")
    before, after = load(path).recipe, load(child).recipe
    assert propose(before, after, find_changes(before, after).units, Origin(path, "parent", "child")) == ()


def test_a_half_that_is_no_recipe_is_not_proposed(tmp_path: Path) -> None:
    """Twenty epochs of warm-up do not fit into the parent's ten; the number of blocks needs its channels."""
    path = write_parent(tmp_path)
    child = write_recipe(
        tmp_path,
        "child",
        '[train]\nepochs = 40\n[schedule]\nname = "cosine"\nwarmup_epochs = 20.0\n[model.backbone]\nchannels = [8]\nnum_blocks = [1]\n',
    )
    before, after = load(path).recipe, load(child).recipe
    first, second = propose(before, after, find_changes(before, after).units, Origin(path, "parent", "child"))
    assert (first.name, second.name) == ("child-train-schedule.toml", "child-model.toml")


def test_files_name_their_parent_from_where_they_are(tmp_path: Path) -> None:
    proposals = make(tmp_path, "values")[2]
    beside, below = write_proposals(proposals, tmp_path)[0], write_proposals(proposals, tmp_path / "a" / "b")[0]
    assert beside.read_text().startswith('extends = "parent.toml"\n')
    assert below.read_text().startswith('extends = "../../parent.toml"\n')
    assert proposals[0].text.startswith(f'extends = "{tmp_path}/parent.toml"\n')


def test_a_data_root_is_said_where_the_file_would_move_it(tmp_path: Path) -> None:
    path = write_parent(tmp_path)
    child = write_recipe(tmp_path, "child", "[train]\nbatch_size = 8\n[data]\nval_fraction = 0.3\n")
    before, after = load(path).recipe, load(child).recipe
    origin = Origin(path, "parent", "child", data_root=str(tmp_path / "data"))
    written = write_proposals(propose(before, after, find_changes(before, after).units, origin), tmp_path / "new")
    assert [load(file).recipe.data.root for file in written] == [str(tmp_path / "data")] * 2
    assert (
        "root"
        not in write_proposals(propose(before, after, find_changes(before, after).units, origin), tmp_path)[
            0
        ].read_text()
    )


def test_no_file_is_overwritten(tmp_path: Path) -> None:
    proposals = make(tmp_path, "values")[2]
    (tmp_path / proposals[1].name).write_text("mine")
    with pytest.raises(InputError, match=r"child-optimizer\.toml is there already") as caught:
        write_proposals(proposals, tmp_path)
    assert "\n" not in str(caught.value)
    assert (tmp_path / proposals[1].name).read_text() == "mine"
    assert not (tmp_path / proposals[0].name).exists()


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    proposals = make(tmp_path, "values")[2]
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        write_proposals(proposals, tmp_path / "file" / "new")


def test_children_of_one_name_get_files_of_their_own(tmp_path: Path) -> None:
    proposals = make(tmp_path, "values")[2]
    written = write_proposals([*proposals, *proposals], tmp_path / "new")
    assert [path.name for path in written] == [
        "child-train.toml",
        "child-optimizer.toml",
        "child-train-2.toml",
        "child-optimizer-2.toml",
    ]


def test_a_name_that_is_no_file_name_is_made_one(tmp_path: Path) -> None:
    before, after, _ = make(tmp_path, "values")
    origin = Origin(tmp_path / "parent.toml", "parent", "../runs/exp 1 (2)")
    assert propose(before, after, find_changes(before, after).units, origin)[0].name == "runs-exp-1-2-train.toml"


@pytest.mark.parametrize("series", [path.name for path in EXPERIMENTS.iterdir() if (path / "baseline.toml").is_file()])
def test_any_two_recipes_of_a_series_can_be_separated(series: str, tmp_path: Path) -> None:
    files = sorted((EXPERIMENTS / series).glob("*.toml"))
    loaded = {path: load(path, data_root=tmp_path).recipe for path in files}
    first = EXPERIMENTS / series / "baseline.toml"
    for path in files:
        units = find_changes(loaded[first], loaded[path]).units
        proposals = propose(loaded[first], loaded[path], units, Origin(first, "baseline", path.stem, str(tmp_path)))
        assert len(proposals) == (2 if len(units) > 1 else 0)
        written = write_proposals(proposals, tmp_path / path.stem)
        halves = [load(half).recipe for half in written]
        keys = [{change.key for change in diff(loaded[first], half)} for half in halves]
        assert set().union(*keys) == ({change.key for unit in units for change in unit.changes} if halves else set())
