"""`[augment]`: what happens to training images only; every default is off."""

from pydantic import Field

from saccade.recipes.tables.base import Table


class TextLineAugment(Table):
    """`[augment.text_line]`: geometric and photometric changes that never push a character out of the frame.

    Probabilities are per image and independent. The geometric operations are composed into one warp, which is then
    squeezed along each axis as far as it takes to keep the text in the frame, as a box drawn around slanted text does.
    """

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


class ReadAugment(Table):
    """`[augment]` of the read task."""

    text_line: TextLineAugment = TextLineAugment()
    """Per image, on the CPU."""
