"""What lets the vectors of an image see each other, of lines and of formulas alike."""

from typing import Annotated, Literal

from pydantic import Field

from saccade.recipes.tables.base import Table


class BiLstm(Table):
    """Bidirectional LSTM along the line; of a grid, along its places row by row."""

    name: Literal["bilstm"] = "bilstm"
    hidden_size: int = Field(default=128, ge=1, le=2048)
    """Units a direction."""
    num_layers: int = Field(default=1, ge=1, le=4)
    """Layers."""


class NoNeck(Table):
    """The vectors go on as they are."""

    name: Literal["none"] = "none"


Neck = Annotated[BiLstm | NoNeck, Field(discriminator="name")]
