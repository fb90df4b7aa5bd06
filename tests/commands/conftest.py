"""A finished run for the verbs that read one, made once."""

from pathlib import Path

import pytest

from tests import tiny_classifier
from tests.tiny_reader import make_data, train


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run; tests that change it take a copy."""
    return train(make_data(tmp_path_factory.mktemp("trained")))


@pytest.fixture(scope="session")
def trained_classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of a classifier; tests that change it take a copy."""
    return tiny_classifier.train(tiny_classifier.make_data(tmp_path_factory.mktemp("classified")))
