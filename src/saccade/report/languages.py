"""The languages that a page can be written in."""

from collections.abc import Mapping
from typing import Literal

from saccade.report.words import Words
from saccade.report.words_en import ENGLISH
from saccade.report.words_ko import KOREAN

Language = Literal["en", "ko"]
LANGUAGES: Mapping[Language, Words] = {"en": ENGLISH, "ko": KOREAN}
"""As `--lang` names them."""
