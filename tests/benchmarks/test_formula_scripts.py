"""The formula benchmarks without the checkout that they run beside, and what both sides are compared by."""

from pathlib import Path

import pytest
import torch
from torch import nn

from tests.benchmarks.test_scripts import run

REPOSITORY = "https://github.com/bcaitech1/p4-fr-connectnet"


@pytest.mark.slow
@pytest.mark.parametrize("script", ["formula_decoding", "formula_training"])
def test_without_a_peer_it_says_how_to_get_it(script: str, tmp_path: Path) -> None:
    done = run(script)
    assert (done.returncode, done.stderr) == (2, f"{script}: left out: give --peer DIR after: git clone {REPOSITORY}\n")
    quick = run(script, "--quick")
    assert (quick.returncode, quick.stderr) == (0, done.stderr)
    other = run(script, "--quick", "--peer", str(tmp_path))
    assert (other.returncode, other.stderr.count("\n")) == (2, 1)
    assert f"{tmp_path} holds no networks/SATRN.py; git clone {REPOSITORY}" in other.stderr


def test_networks_that_differ_are_found() -> None:
    """Beside its own decoder a reader agrees; with one weight changed it does not."""
    from _connectnet import build_reader, compare_logits, make_images

    class Theirs(nn.Module):
        """Our reader called as theirs is."""

        def __init__(self) -> None:
            super().__init__()
            self.reader = build_reader()

        def forward(self, images: torch.Tensor, expected: torch.Tensor, is_train: bool, ratio: float) -> torch.Tensor:
            assert is_train and ratio == 1.0
            return self.reader(255 * images, expected[:, :-1])

    torch.manual_seed(0)
    theirs = Theirs()
    ours, images = build_reader(theirs), make_images(1)
    assert compare_logits(theirs, ours, images) < 1e-5
    with torch.no_grad():
        ours.decoder.classifier.bias[7] += 0.1
    with pytest.raises(AssertionError, match=r"the two networks differ by 0\.1"):
        compare_logits(theirs, ours, images)
