"""Lines of text, or what stands for them, that augmentation is tried on."""

import cv2
import numpy as np

from saccade.recipes.tables.augment import LineRandAugment, ReadAugment, TextLineAugment


def make_generator(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def make_image(channels: int = 1, height: int = 48, width: int = 160) -> np.ndarray:
    """Make a pattern whose every pixel differs from its neighbours."""
    ys, xs = np.mgrid[:height, :width]
    planes = [128 + 60 * np.sin(xs / (3 + c)) * np.cos(ys / 4) for c in range(channels)]
    return np.stack(planes, axis=2).astype(np.uint8)


def make_card() -> np.ndarray:
    """Make a slope with two blocks on it, grey, 40 x 128: small moves and changes of light show in a thumbnail."""
    ys, xs = np.mgrid[:40, :128]
    card = 60 + xs // 2 + ys
    card[12:28, 20:50] = 230
    card[8:30, 80:92] = 10
    return card[..., None].astype(np.uint8)


def make_text(text: str = "01A234BC", height: int = 48, width: int = 160) -> np.ndarray:
    """Write dark text on a light ground."""
    image = np.full((height, width), 210, np.uint8)
    size = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 1.0, 2)[0]
    scale = 0.9 * width / size[0]
    cv2.putText(
        image,
        text,
        (int(0.05 * width), int(0.5 * height + 0.45 * size[1] * scale)),
        cv2.FONT_HERSHEY_SIMPLEX,
        scale,
        40,
        2,
    )
    return image[..., None]


def line(**settings: object) -> ReadAugment:
    return ReadAugment(text_line=TextLineAugment(**settings))  # type: ignore[arg-type]  # whatever a test gives


def policy(**settings: object) -> ReadAugment:
    return ReadAugment(policy=LineRandAugment(**{"probability": 1.0} | settings))  # type: ignore[arg-type]  # the same
