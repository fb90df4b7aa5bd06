"""`[augment]`: what happens to training images only; every default is off."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from saccade.recipes.tables.base import Table


class TextLineAugment(Table):
    """`[augment.text_line]`: geometric and photometric changes that never push a character out of the frame.

    Probabilities are per image and independent. The geometric operations are composed into one warp, which is then
    squeezed along each axis as far as it takes to keep the text in the frame, as a box drawn around slanted text does.
    """

    text_margin_fraction: float = Field(default=0.02, ge=0, le=0.25)
    """What your images leave free above and below the text, as a fraction of the height: no operation takes more. Left and right
    it is 0.02 of the width."""
    tia_probability: float = Field(default=0.0, ge=0, le=1)
    """How often text image augmentation acts (Luo et al. 2020): the line is distorted, stretched, tilted, as the next keys say."""
    tia_distort_probability: float = Field(default=1.0, ge=0, le=1)
    """How often it then bends: points that divide both edges into 3 to 6 segments move, each on its own."""
    tia_distort_fraction: float = Field(default=1 / 3, gt=0, le=0.5)
    """Largest move of a corner inwards, and of the points between from one side to the other, as a fraction of a segment, or of the
    height where that is less."""
    tia_stretch_probability: float = Field(default=1.0, ge=0, le=1)
    """How often it then becomes wider here and narrower there: upper and lower points of 3 to 6 segments move together."""
    tia_stretch_fraction: float = Field(default=0.8, gt=0, le=0.8)
    """Largest move of a point from side to side, as a fraction of a segment."""
    tia_perspective_probability: float = Field(default=1.0, ge=0, le=1)
    """How often its ends then become lower, each on its own."""
    tia_perspective_fraction: float = Field(default=0.5, gt=0, le=0.5)
    """Largest move of a corner, as a fraction of the height; either end keeps half of its height."""
    crop_probability: float = Field(default=0.0, ge=0, le=1)
    """How often the image is cut off above or below, as far as no text stands there."""
    crop_fraction: float = Field(default=1 / 6, gt=0, le=0.25)
    """Largest cut as a fraction of the height; the smallest is an eighth of it. 1/6 are 8 of 48 px."""
    jitter_probability: float = Field(default=0.0, ge=0, le=1)
    """How often the line moves a little, as far as the frame has room for its text."""
    jitter_fraction: float = Field(default=0.01, gt=0, le=0.1)
    """Largest move in x and in y, as a fraction of the shorter side."""
    perspective_probability: float = Field(default=0.0, ge=0, le=1)
    """How often the corners move."""
    perspective_fraction: float = Field(default=0.1, ge=0, le=0.2)
    """Largest move of a corner, as a fraction of height and width; up to 0.2 the line never folds."""
    rotation_probability: float = Field(default=0.0, ge=0, le=1)
    """How often the line turns."""
    rotation_degrees: float = Field(default=5.0, ge=0, le=30)
    """Largest turn, either way."""
    shear_probability: float = Field(default=0.0, ge=0, le=1)
    """How often the line slants."""
    shear_fraction: float = Field(default=0.2, ge=0, le=1)
    """Largest slant: horizontal shift over the height, divided by the height."""
    scale_probability: float = Field(default=0.0, ge=0, le=1)
    """How often the line shrinks inside the frame, each axis on its own, and moves within the room this leaves."""
    scale_min_fraction: float = Field(default=0.8, gt=0.3, le=1)
    """Smallest width and height after shrinking."""
    brightness_probability: float = Field(default=0.0, ge=0, le=1)
    """How often brightness, contrast and gamma change."""
    brightness_fraction: float = Field(default=0.3, ge=0, le=0.6)
    """Largest relative change of contrast and gamma, and of brightness as a fraction of 255."""
    invert_probability: float = Field(default=0.0, ge=0, le=1)
    """How often dark and light change places."""
    hsv_probability: float = Field(default=0.0, ge=0, le=1)
    """How often hue, saturation and value of a colour image change; refused for grey images, which have brightness_probability."""
    hsv_hue_degrees: float = Field(default=10.0, ge=0, le=180)
    """Largest turn of the hue, either way."""
    hsv_saturation_fraction: float = Field(default=0.3, ge=0, le=0.9)
    """Largest relative change of the saturation."""
    hsv_value_fraction: float = Field(default=0.3, ge=0, le=0.6)
    """Largest relative change of the value."""
    blur_probability: float = Field(default=0.0, ge=0, le=1)
    """How often the image is blurred, by a Gaussian or along a line (motion)."""
    blur_sigma_px: float = Field(default=1.0, gt=0, le=5)
    """Largest standard deviation of the blur."""
    noise_probability: float = Field(default=0.0, ge=0, le=1)
    """How often Gaussian noise is added."""
    noise_sigma: float = Field(default=10.0, gt=0, le=80)
    """Largest standard deviation of the noise, in grey levels of 0..255."""
    downscale_probability: float = Field(default=0.0, ge=0, le=1)
    """How often the image is made smaller and larger again, as a distant camera sees it."""
    downscale_min_fraction: float = Field(default=0.5, gt=0.2, le=1)
    """Smallest size on the way."""
    shadow_probability: float = Field(default=0.0, ge=0, le=1)
    """How often a straight-edged shadow or highlight falls across the line."""
    shadow_strength: float = Field(default=0.4, gt=0, le=0.8)
    """Largest relative change of brightness inside the shadow."""

    @model_validator(mode="after")
    def _tia_has_a_part(self) -> "TextLineAugment":
        parts = (self.tia_distort_probability, self.tia_stretch_probability, self.tia_perspective_probability)
        if self.tia_probability > 0 and not any(parts):
            raise ValueError(
                "tia_probability: it has nothing to do; give one of tia_distort_, tia_stretch_, tia_perspective_probability"
            )
        return self


class NoLinePolicy(Table):
    """No policy."""

    name: Literal["none"] = "none"


class LineRandAugment(Table):
    """`num_operations` random operations of one magnitude (Cubuk et al. 2020), bounded so that the text stays in the image."""

    name: Literal["rand_augment"] = "rand_augment"
    probability: float = Field(default=0.5, gt=0, le=1)
    """How often they act."""
    num_operations: int = Field(default=2, ge=1, le=8)
    """Operations one after the other."""
    magnitude: int = Field(default=5, ge=0, le=10)
    """Strength of each, of 10."""
    bounded: bool = True
    """Whether labels survive. FALSE BREAKS LABELS: it repeats the ranges of PaddleOCR, which move a line by up to 45 % of its width and
    take characters out of the image; only for repeating what was trained that way."""


class Concatenation(Table):
    """`[augment.concatenation]`: two training lines become one, before everything else.

    Stretched images share the width by their numbers of characters or tokens; how padded ones lie, `layout` says. Two stay apart where
    the network has too few time steps for both texts, where together they are longer than `model.max_length`, and where formulas would
    not be the two any more, as with a script at the beginning of the second.
    """

    probability: float = Field(default=0.0, ge=0, le=1)
    """How often another training line is put to the right of a line, its text behind the text."""
    layout: Literal["line", "ink"] = "line"
    """How two padded images lie: as large as they are, the second where the filling of the first begins, if the width holds both; or,
    for formulas and other drawings, their ink alone, on one middle, with symbols of one size and paper between the two."""
    symbol_min_px: float = Field(default=12.0, ge=4)
    """With `layout = "ink"`: how small symbols may become, the root of the area that the box around the ink has for each character or
    token; images that would need more room than the frame has stay apart."""


class FormulaAugment(Table):
    """`[augment.formula]`: changes to formulas and other drawings in ink, dark on light or light on dark.

    Probabilities are per image and independent. What moves pixels is composed into one warp, which keeps the ink in the frame. All of it
    comes before `[augment.text_line]`, which has brightness, contrast, noise, blur, slant and perspective.
    """

    border: Literal["paper", "replicate", "wrap"] = "paper"
    """What comes in where the warp looks beyond the image: the level of its paper; the outermost pixels; the image again, which shows ink
    twice wherever it stands near the opposite edge: only for repeating what was trained that way."""
    quarter_turn_probability: float = Field(default=0.0, ge=0, le=1)
    """How often the image is turned by 90 degrees, either way as often, and squeezed into the frame. HARMFUL in the formulas series: what
    lies along a wide frame stands in it as small as it is high, and symbols that differ by their direction alone fall together."""
    rotation_probability: float = Field(default=0.0, ge=0, le=1)
    """How often it turns by less."""
    rotation_degrees: float = Field(default=5.0, gt=0, le=90)
    """Largest turn, either way."""
    scale_probability: float = Field(default=0.0, ge=0, le=1)
    """How often the ink grows or shrinks, both axes alike, as far as the frame has room."""
    scale_fraction: float = Field(default=0.1, gt=0, le=0.5)
    """Largest relative change of its size."""
    shift_probability: float = Field(default=0.0, ge=0, le=1)
    """How often the ink moves, as far as the frame has room."""
    shift_fraction: float = Field(default=0.1, gt=0, le=0.5)
    """Largest move, as a fraction of the width and of the height."""
    grid_probability: float = Field(default=0.0, ge=0, le=1)
    """How often columns and rows become wider here and narrower there (grid distortion)."""
    grid_cells: int = Field(default=5, ge=2, le=16)
    """Columns and rows that do so, each on its own."""
    grid_fraction: float = Field(default=0.3, gt=0, le=0.5)
    """Largest relative change of a cell's side, before all sides are brought to the frame's again."""
    denoise_probability: float = Field(default=0.0, ge=0, le=1)
    """How often noise is taken away."""
    denoise_method: Literal["median", "non_local_means"] = "median"
    """The median of 3 x 3 pixels wherever it is near the pixel, so that no thin stroke goes; or non-local means (Buades et al. 2005),
    several hundred times as slow."""
    denoise_levels: float = Field(default=20.0, gt=0, le=60)
    """What counts as noise, in grey levels of 0..255: how far the median may be, or the filter strength of non-local means."""
    clahe_probability: float = Field(default=0.0, ge=0, le=1)
    """How often contrast is equalised tile by tile, within limits (CLAHE, Zuiderveld 1994)."""
    clahe_limit: float = Field(default=4.0, gt=1, le=40)
    """Largest contrast limit; drawn from 1 on."""
    sharpen_probability: float = Field(default=0.0, ge=0, le=1)
    """How often edges become steeper."""
    sharpen_fraction: float = Field(default=0.5, gt=0, le=1)
    """Largest share of each neighbour that is taken off, 8 of them."""
    emboss_probability: float = Field(default=0.0, ge=0, le=1)
    """How often the ink looks raised, lit from one of four corners."""
    emboss_fraction: float = Field(default=0.5, gt=0, le=1)
    """Largest share of the relief in the result."""
    stroke_probability: float = Field(default=0.0, ge=0, le=1)
    """How often the pen becomes thinner or thicker; strokes and gaps that would go stay as they are."""
    stroke_px: float = Field(default=1.0, gt=0, le=4)
    """Largest change of a stroke's width, either way."""
    binarise_probability: float = Field(default=0.0, ge=0, le=1)
    """How often the image becomes black and white."""
    binarise_method: Literal["otsu", "adaptive"] = "otsu"
    """By one level for the whole image (Otsu 1979), or by the mean of a window around each pixel; thin strokes that would fall below
    it stay ink."""


class ReadAugment(Table):
    """`[augment]` of the read task: per image, on the CPU."""

    concatenation: Concatenation = Concatenation()
    """Two lines in one."""
    policy: Annotated[NoLinePolicy | LineRandAugment, Field(discriminator="name")] = NoLinePolicy()
    """Named sets of operations."""
    text_line: TextLineAugment = TextLineAugment()
    """Operations with a probability each."""
    formula: FormulaAugment = FormulaAugment()
    """Operations for formulas, with a probability each; they come before those of `text_line`."""
