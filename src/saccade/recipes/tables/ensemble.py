"""The table of an ensemble: trained readers that write one text together. Nothing in it is trained."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from saccade.recipes.tables.base import Table
from saccade.recipes.tables.read import ReadPreprocessingTable
from saccade.recipes.tables.sequence import Aster, AttentionReader, Satrn

_Turn = Annotated[int, Field(ge=0, le=270, multiple_of=90)]


class MemberReader(Table):
    """What a member is, as the recipe of its run says it."""

    preprocessing: ReadPreprocessingTable = ReadPreprocessingTable()
    """The member's input."""
    model: Annotated[AttentionReader | Aster | Satrn, Field(discriminator="name")] = AttentionReader()
    """The member's network."""


class Member(Table):
    """`[[model.member]]`: a trained reader."""

    run: str
    """Its run folder (the best checkpoint), or the folder of an experiment that holds one run; relative to the recipe that says it."""
    weight: float = Field(default=1.0, gt=0, le=1000)
    """How much its probabilities count, beside the weights of the other members."""
    turn_degrees: _Turn = 0
    """How far images are turned for it, counter-clockwise, before anything else is done to them."""
    reader: MemberReader | None = None
    """What it is; default: what its run says. A record has it written out, so that it needs the member's run no more."""


class Ensemble(Table):
    """Trained readers of the same tokens, or a single one on turned images: at each step the mean of their probabilities decides.

    Nothing is trained; the tables of training, `[preprocessing]` and `[augment]` are left out.
    """

    name: Literal["ensemble"] = "ensemble"
    member: tuple[Member, ...] = Field(min_length=1, max_length=16)
    """The readers: attention, aster and satrn, each with an input of its own. A text has at most as many units as each of them can
    write."""
    turns_degrees: tuple[_Turn, ...] = Field(default=(0,), min_length=1, max_length=4)
    """Each image is read once for each of these turns, counter-clockwise, and the reading with the best score is the answer. For images
    that may lie on their side."""

    @model_validator(mode="after")
    def _each_turn_once(self) -> "Ensemble":
        if len(set(self.turns_degrees)) < len(self.turns_degrees):
            raise ValueError("turns_degrees: names a turn twice; remove one of the two")
        return self
