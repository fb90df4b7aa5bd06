"""Positions of rows and columns: values by hand, gates, and tables that move and are saved."""

import math

import pytest
import torch

from saccade.nn.positional_2d import AdaptivePositional2d, Positional2d


def test_rows_stand_in_the_first_half_and_columns_in_the_second() -> None:
    """With projections that change nothing: sine and cosine of the row, then of the column."""
    layer = Positional2d(4, max_rows=3, max_columns=5)
    with torch.no_grad():
        for linear in (layer.row, layer.column):
            linear.weight.copy_(torch.eye(2))
            linear.bias.zero_()
    placed = layer(torch.zeros(1, 6, 4), 2, 3)[0]
    wanted = [
        [math.sin(row), math.cos(row), math.sin(column), math.cos(column)] for row in (0, 1) for column in (0, 1, 2)
    ]
    torch.testing.assert_close(placed, torch.tensor(wanted))


def test_gates_weigh_rows_and_columns_apart() -> None:
    """Open gates for rows and closed ones for columns leave the row's sinusoid."""
    layer = AdaptivePositional2d(4)
    with torch.no_grad():
        layer.gates[3].weight.zero_()
        layer.gates[3].bias.copy_(torch.tensor([50.0] * 4 + [-50.0] * 4))
    placed = layer(torch.zeros(1, 6, 4), 2, 3)[0]
    wanted = [
        [math.sin(row), math.cos(row), math.sin(row / 100), math.cos(row / 100)] for row in (0, 1) for _ in range(3)
    ]
    torch.testing.assert_close(placed, torch.tensor(wanted))


def test_gates_look_at_the_whole_image() -> None:
    torch.manual_seed(0)
    layer = AdaptivePositional2d(6).eval()
    one, other = torch.randn(1, 6, 6), torch.randn(1, 6, 6)
    added, added_to_other = layer(one, 2, 3) - one, layer(other, 2, 3) - other
    assert (added - added_to_other).abs().max() > 1e-3
    shuffled = one[:, [3, 1, 0, 5, 2, 4]]  # the mean stays
    torch.testing.assert_close(layer(shuffled, 2, 3) - shuffled, added)


@pytest.mark.parametrize("kind", [Positional2d, AdaptivePositional2d])
def test_tables_are_saved_and_move(kind: type[Positional2d] | type[AdaptivePositional2d]) -> None:
    layer = kind(8, max_rows=3, max_columns=4)
    assert {"tables.rows", "tables.columns"} <= layer.state_dict().keys()
    moved = layer.to("meta")
    assert moved(torch.zeros(1, 12, 8, device="meta"), 3, 4).device.type == "meta"


@pytest.mark.parametrize("kind", [Positional2d, AdaptivePositional2d])
@pytest.mark.parametrize(("rows", "columns"), [(4, 4), (3, 5)])
def test_what_the_tables_do_not_hold_is_refused(
    kind: type[Positional2d] | type[AdaptivePositional2d], rows: int, columns: int
) -> None:
    layer = kind(8, max_rows=3, max_columns=4)
    with pytest.raises(ValueError, match=f"{rows} rows and {columns} columns .* 3 x 4"):
        layer(torch.zeros(1, rows * columns, 8), rows, columns)


def test_an_odd_size_has_no_halves() -> None:
    with pytest.raises(ValueError, match="vectors of 7 values"):
        Positional2d(7)


@pytest.mark.parametrize("kind", [Positional2d, AdaptivePositional2d])
def test_dropout_is_off_in_evaluation(kind: type[Positional2d] | type[AdaptivePositional2d]) -> None:
    torch.manual_seed(0)
    layer = kind(8, dropout=0.5)
    vectors = torch.randn(1, 12, 8)
    assert (layer(vectors, 3, 4) == 0).float().mean() > 0.3
    assert (layer.eval()(vectors, 3, 4) == 0).sum() == 0
