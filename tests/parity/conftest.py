"""The models of these tests are too small for threads, which would wait for each other."""

import pytest
import torch


@pytest.fixture(autouse=True)
def _one_thread(_few_threads: None) -> None:
    """Compute in one thread."""
    torch.set_num_threads(1)
