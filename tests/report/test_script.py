"""The script of the charts is whole, fits into a page, and leaves nothing behind."""

import pytest

from saccade.errors import InputError
from saccade.report.script import Script


@pytest.mark.slow
def test_the_script_is_whole_and_fits_into_a_page() -> None:
    with Script() as script:
        text = script.read()
    assert 500_000 < len(text) < 1_500_000
    assert "window.vegaEmbed=" in text
    assert "</script" not in text and "<!--" not in text


def test_a_script_that_cannot_be_made_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/bin/false")
    with Script() as script, pytest.raises(InputError, match="pip install vl-convert-python"):
        script.read()


def test_a_script_that_nobody_reads_is_ended() -> None:
    with Script() as script:
        pass
    assert script._process.returncode is not None
