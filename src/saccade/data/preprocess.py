"""`preprocessing.json`: the one implementation of what an image becomes before the model sees it.

Training, evaluation, predict, serve and the ONNX predictor all call `Preprocessing.apply`. Its result is uint8: the
model owns the normalisation, in its first layer, so nothing can normalise twice; `mean` and `std` stand here for that
layer. Nothing random happens here.
"""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal, assert_never

import cv2
import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from saccade.data.formats.entry import normalise
from saccade.data.images import Colour, Image, convert_colour
from saccade.data.ink import crop_to_ink
from saccade.data.lines import find_gap, join_lines
from saccade.errors import InputError
from saccade.recipes.tables.read import Pad, PreprocessingTable, ReadPreprocessingTable, Stretch
from saccade.text.charset import Charset
from saccade.text.token_set import TokenSet
from saccade.text.units import Units


class Preprocessing(BaseModel):
    """The contract between the weights of a model and everybody who feeds it; every field without a default must be given."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True)

    height_px: int = Field(ge=1)
    """Height of the model's input."""
    width_px: int = Field(ge=1)
    """Width of the model's input."""
    colour: Colour
    """Channels of the model's input."""
    fit: Literal["stretch", "pad"]
    """Whether an image of another shape is stretched, or keeps its shape and is filled up on the right and below."""
    pad_value: int | None = Field(ge=0, le=255)
    """Grey level of the filling; null under stretch."""
    mean: tuple[float, ...] | None
    """What the model subtracts from each channel divided by 255; null where each image is scaled by its own values."""
    std: tuple[float, ...] | None
    """What the model divides by then; null as `mean` is."""
    normalised_by: Literal["model"]
    """Who normalises: always the model."""
    two_lines: Literal["ignore", "report", "join"] = "ignore"
    """Whether images with two lines of text are looked for, and made one line."""
    crop_to_ink_margin_fraction: float | None = Field(default=None, ge=0)
    """What stays around the ink that an image is cut to, as a fraction of its longer side; null, or not there: it is not cut."""
    turn_portrait_below: float | None = Field(default=None, gt=0)
    """Width divided by height below which an image is turned by 90 degrees counter-clockwise; null, or not there: none is."""
    charset: str | None
    """The characters in the order of their ids; null where the model answers with tokens or classes."""
    tokens: tuple[str, ...] | None = Field(default=None, min_length=1)
    """The tokens in the order of their ids; null, or not there, where the model answers with characters or classes."""
    classes: tuple[str, ...] | None = Field(default=None, min_length=2)
    """The classes in the order of the model's outputs; null, or not there, where it answers with text."""

    @field_validator("charset")
    @classmethod
    def _check_charset(cls, charset: str | None) -> str | None:
        if charset is not None and Charset(charset).characters != charset:
            raise ValueError("must be sorted, unique and in NFC")
        return charset

    @field_validator("tokens")
    @classmethod
    def _check_tokens(cls, tokens: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if tokens is not None and TokenSet(tokens).tokens != tokens:
            raise ValueError("must be sorted")
        return tokens

    @field_validator("classes")
    @classmethod
    def _check_classes(cls, classes: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if classes is not None and list(dict.fromkeys(map(normalise, classes))) != list(classes):
            raise ValueError("must be unique and in NFC")
        return classes

    @model_validator(mode="after")
    def _check_answers(self) -> "Preprocessing":
        if sum(answers is not None for answers in (self.charset, self.tokens, self.classes)) != 1:
            raise ValueError("charset, tokens, classes: exactly one of the three must be there")
        return self

    @classmethod
    def from_recipe(
        cls,
        preprocessing: PreprocessingTable,
        units: Units | None = None,
        classes: Sequence[str] | None = None,
    ) -> "Preprocessing":
        """Join the recipe's table with the frozen characters, tokens or classes, one of the three.

        `fixed` contrast means that [0, 255] becomes [-1, 1].
        """
        match preprocessing.fit:
            case Stretch():
                pad_value = None
            case Pad(value=value):
                pad_value = value
            case _:
                assert_never(preprocessing.fit)
        half = (0.5,) * (1 if preprocessing.colour == "grey" else 3) if preprocessing.contrast == "fixed" else None
        return cls(
            height_px=preprocessing.height_px,
            width_px=preprocessing.width_px,
            colour=preprocessing.colour,
            fit=preprocessing.fit.name,
            pad_value=pad_value,
            mean=half,
            std=half,
            normalised_by="model",
            **_list_reading(preprocessing),
            charset=units.characters if isinstance(units, Charset) else None,
            tokens=units.tokens if isinstance(units, TokenSet) else None,
            classes=None if classes is None else tuple(classes),
        )

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels of the model's input."""
        return self.height_px, self.width_px, 1 if self.colour == "grey" else 3

    @property
    def num_bytes(self) -> int:
        """Bytes of the model's input."""
        return math.prod(self.shape)

    def apply(self, image: Image) -> Image:
        """Bring an image uint8 [h, w, 1 | 3 | 4] (grey, RGB, RGBA) to uint8 [height_px, width_px, 1 | 3].

        Shrinking averages areas, enlarging interpolates linearly; which of the two it is, the areas before and after
        decide.
        """
        return self.apply_counting(image)[0]

    def apply_counting(self, image: Image) -> tuple[Image, int | None]:
        """Return what `apply` makes of an image, and the lines of text in it, 1 or 2; None where they are not looked for."""
        image = convert_colour(image, self.colour)
        if self.crop_to_ink_margin_fraction is not None:
            image = crop_to_ink(image, self.crop_to_ink_margin_fraction)
        if self.turn_portrait_below is not None and image.shape[1] < self.turn_portrait_below * image.shape[0]:
            image = np.ascontiguousarray(np.rot90(image))
        if self.two_lines == "ignore":
            return self._fit(image), None
        gap = find_gap(image)
        if gap is None:
            return self._fit(image), 1
        return self._fit(join_lines(image, gap) if self.two_lines == "join" else image), 2

    def _fit(self, image: Image) -> Image:
        """Bring an image of the right colours to the right size."""
        if self.pad_value is None:
            return _resize(image, self.height_px, self.width_px)
        scale = min(self.height_px / image.shape[0], self.width_px / image.shape[1])
        height, width = (max(1, round(side * scale)) for side in image.shape[:2])
        frame = np.full((self.height_px, self.width_px, image.shape[2]), self.pad_value, np.uint8)
        frame[:height, :width] = _resize(image, height, width)
        return frame

    def to_json(self) -> dict[str, Any]:
        """Return the content of `preprocessing.json`."""
        return self.model_dump(mode="json")

    @classmethod
    def from_json(cls, values: Mapping[str, Any], name: str = "preprocessing.json") -> "Preprocessing":
        """Check and take the content of a `preprocessing.json`.

        Raises:
            InputError: A key is missing, unknown or of the wrong type; the message begins with `name`.
        """
        try:
            return cls.model_validate_json(json.dumps(values))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            said = ": ".join(part for part in (name, where, first["msg"]) if part)
            raise InputError(f"{said}; restore the file that was written with the weights") from None


def _list_reading(preprocessing: PreprocessingTable) -> dict[str, Any]:
    """Return what only readers have; nothing for other tasks, whose files then hold what means none of it."""
    names = set(ReadPreprocessingTable.model_fields) - set(PreprocessingTable.model_fields)
    is_reading = isinstance(preprocessing, ReadPreprocessingTable)
    return {name: getattr(preprocessing, name) for name in names} if is_reading else {}


def _resize(image: Image, height: int, width: int) -> Image:
    if image.shape[:2] == (height, width):
        return image
    shrinks = height * width < image.shape[0] * image.shape[1]
    resized = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return np.asarray(resized.reshape(height, width, image.shape[2]), np.uint8)  # OpenCV drops a single channel
