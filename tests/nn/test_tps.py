"""Rectification: the spline's equations, identity at first, a known bend undone."""

import math

import pytest
import torch
from torch.nn import functional

from saccade.nn.tps import TpsRectifier, make_edge_points, make_spline_table

CHANNELS = (2, 2, 3, 3, 4, 4)


def make_tiny(out_px: tuple[int, int] = (16, 40), **settings: object) -> TpsRectifier:
    return TpsRectifier(1, out_px, channels=CHANNELS, **settings).eval()  # type: ignore[arg-type]


def find_bar(image: torch.Tensor) -> torch.Tensor:
    """The height of a bar's centre of mass in each column, 0 at the top and 1 at the bottom."""
    heights = torch.linspace(0, 1, len(image)).unsqueeze(1)
    return (heights * image).sum(0) / image.sum(0)


def test_points_run_along_the_upper_then_the_lower_edge() -> None:
    wanted = torch.tensor([[0.1, 0.1], [0.5, 0.1], [0.9, 0.1], [0.1, 0.9], [0.5, 0.9], [0.9, 0.9]])
    torch.testing.assert_close(make_edge_points(6, 0.1).float(), wanted)


@pytest.mark.parametrize("num_points", [2, 7])
def test_points_that_make_no_two_edges_are_refused(num_points: int) -> None:
    with pytest.raises(ValueError, match=f"{num_points} points"):
        make_edge_points(num_points, 0.1)


def test_the_spline_goes_through_every_point_and_keeps_straight_lines() -> None:
    torch.manual_seed(0)
    points = make_edge_points(12, 0.05)
    moved = torch.rand(12, 2, dtype=torch.float64)
    torch.testing.assert_close(make_spline_table(points, points) @ moved, moved)
    places, turn = torch.rand(50, 2, dtype=torch.float64), torch.randn(2, 2, dtype=torch.float64)
    table = make_spline_table(points, places)
    torch.testing.assert_close(table @ (points @ turn + 0.3), places @ turn + 0.3)


def test_the_spline_is_bookstein_s() -> None:
    """Four corners of a square about the origin, of which two opposite ones rise by 1 and two sink: z = a + the bend of U.

    By symmetry the plane is 0 and the weights are +w, -w: at a corner of side 2, 1 = w (U(8) - 2 U(4)), with U(s) = s log s
    of the squared distance s. On the diagonal at half a corner the squared distances are 1/2, 9/2, and twice 5/2.
    """
    points = torch.tensor([[1.0, 1], [-1, -1], [1, -1], [-1, 1]], dtype=torch.float64)
    heights = torch.tensor([1.0, 1, -1, -1], dtype=torch.float64)
    bend = lambda square: square * math.log(square)  # noqa: E731
    weight = 1 / (bend(8) - 2 * bend(4))
    wanted = weight * (bend(0.5) + bend(4.5) - 2 * bend(2.5))
    table = make_spline_table(points, torch.tensor([[0.5, 0.5]], dtype=torch.float64))
    assert (table @ heights).item() == pytest.approx(wanted)


def test_begins_as_the_identity_where_the_margins_agree() -> None:
    torch.manual_seed(0)
    images = torch.rand(2, 1, 16, 40)
    torch.testing.assert_close(make_tiny(margins=(0.05, 0.05))(images), images, rtol=1e-4, atol=1e-4)
    larger = functional.interpolate(images, (31, 79), mode="bilinear", align_corners=True)
    torch.testing.assert_close(make_tiny((31, 79), margins=(0.05, 0.05))(images), larger, rtol=1e-4, atol=1e-4)


def test_begins_as_a_little_smaller_with_the_published_margins() -> None:
    """A ramp from 0 to 1: 0.05 of the output shows 0.01 of the image, 0.95 shows 0.99, and beyond the image is its edge."""
    ramp = torch.linspace(0, 1, 101).expand(1, 1, 9, 101)
    shown = make_tiny((9, 101))(ramp)[0, 0, 4]
    assert shown[5].item() == pytest.approx(0.01, abs=1e-3) and shown[95].item() == pytest.approx(0.99, abs=1e-3)
    assert shown[0].item() == pytest.approx(0, abs=1e-4) and shown[50].item() == pytest.approx(0.5, abs=1e-3)


def test_a_known_bend_is_undone() -> None:
    """Points above and below a bent bar, whose ends are 0.12 of the height off the middle: 0.2 of the part between the points.

    It comes out straight to a third of that at its very ends, and to a tenth over the middle half: a plate that is held at
    two edges gives a little between them.
    """
    height, width, bend = 64, 128, 0.25
    y, x = torch.linspace(0, 1, height).unsqueeze(1), torch.linspace(0, 1, width)
    middle = 0.5 + bend * (2 * x - 1).square() - bend / 2
    images = (-(((y - middle) / 0.05) ** 2)).exp().expand(1, 1, -1, -1)
    rectifier = make_tiny((32, 64))
    points = make_edge_points(20, 0.05).float()
    bent = torch.stack([points[:, 0], points[:, 1] * 0.6 + 0.2], dim=1)
    bent[:, 1] += bend * (2 * points[:, 0] - 1).square() - bend / 2
    with torch.no_grad():
        rectifier.localisation.points.bias.copy_(bent.flatten())
        rectified = rectifier(images)[0, 0]
    assert (find_bar(images[0, 0]) - 0.5).abs().max() > 0.11
    assert (find_bar(rectified[:, 3:-3]) - 0.5).abs().max() < 0.07
    assert (find_bar(rectified[:, 16:-16]) - 0.5).abs().max() < 0.02


def test_gradients_reach_the_localisation_network() -> None:
    """At first its last layer alone, whose weights are zero; behind one step all of it."""
    torch.manual_seed(0)
    rectifier = make_tiny().train()
    images, goal = torch.rand(4, 1, 20, 50), torch.rand(4, 1, 16, 40)
    optimizer = torch.optim.SGD(rectifier.parameters(), lr=0.1)
    (rectifier(images) - goal).square().sum().backward()
    assert (rectifier.localisation.points.weight.grad.abs().sum(1) > 0).all()
    optimizer.step()
    optimizer.zero_grad()
    (rectifier(images) - goal).square().sum().backward()
    assert [name for name, weight in rectifier.named_parameters() if not weight.grad.abs().sum() > 0] == []


def test_the_table_is_saved_and_the_points_stay_in_fp32() -> None:
    rectifier = make_tiny()
    assert rectifier.state_dict()["table"].shape == (16 * 40, 20)
    images = torch.rand(1, 1, 20, 50)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = rectifier(images.bfloat16())
    assert half.dtype == torch.float32
    torch.testing.assert_close(half, rectifier(images.bfloat16().float()))
