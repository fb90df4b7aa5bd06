"""Lines of text, augmented as PaddleOCR's RecAug does it with TIA, at 5,000 lines a second on one core, and no label broken.

Floor: a grey line of 48x160 is 7,680 bytes, and one pass over them through a table takes 5 microseconds on one core of 2.5
GHz. OpenCV looks each of them up between four others (remap) in 40, blurs them in 17, adds noise in 12; a line's own
generator takes 16, its random bytes 11. What bends it, moving least squares, is smooth: 7 x 17 points of which 23
to 38 moves and weights that never change make one product of 238 x 38 numbers, 4 microseconds, and spreading it over the
pixels takes two more, 8. Together 120 microseconds a line with everything on, 8,000 lines a second, had Python no
price; some 60 calls of NumPy and OpenCV at a microsecond each make it 180, 5,500 a second. At RecAug's own
probabilities, 0.4 each, half of that: 10,000. Looked back: where others
compute on the same two cores, a call costs two to three microseconds, and everything at 1 stays far below.

Counted, in lines a second of the processor's time, is all that training pays for a line: its generator, its draws, and its
image. "RecAug" is TIA (distortion, stretch, perspective), crop, blur, jitter, noise and inversion, and HSV in colour.
PaddleOCR's takes colour images only; its jitter, noise and HSV change next to nothing at this size, ours do what
they say. PaddleOCR evaluates its least squares at 6 points of such a line, 100 px apart.

Labels survive where each character, taken to stand in its share of the width, shows more than half of itself. Ours is
measured by `saccade.augment.audit`, PaddleOCR's by an image whose colours are its coordinates, sent through its code.

PaddleOCR is no dependency: `git clone https://github.com/PaddlePaddle/PaddleOCR DIR`, then `--peer DIR`.
"""

import random
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from _paddle_peer import Peer, open_peer
from _result import Goal, Row, make_parser, measure_in_turn, write_result

from saccade.augment.audit import AS_SET, AuditedLine, audit_augmentation
from saccade.augment.text_line import augment_text_line
from saccade.data.sampler import make_generator
from saccade.data.synthetic.plates import draw_plate
from saccade.recipes.tables.augment import LineRandAugment, ReadAugment, TextLineAugment

HEIGHT_PX, WIDTH_PX, NUM_CHARACTERS, NUM_LINES = 48, 160, 8, 64
MAGNITUDE = 9
GOAL = Goal("ours", 5000)
SURVIVES = Goal("ours", 1.0)
_PARTS = ("tia", "crop", "blur", "jitter", "noise", "invert")
_CELLS = (4, 3)
"""Rows and columns that a character is divided into, to see which of it shows."""
_TONES = ("color", "posterize", "solarize", "contrast", "sharpness", "brightness", "autocontrast", "equalize", "invert")

Lines = Sequence[np.ndarray]
Augment = Callable[[np.ndarray], np.ndarray]


def make_recaug(probability: float, *, colour: bool) -> ReadAugment:
    parts = (*_PARTS, "hsv") if colour else _PARTS
    return ReadAugment(text_line=TextLineAugment(**{f"{part}_probability": probability for part in parts}))


def draw_lines(channels: int) -> list[np.ndarray]:
    plates = [
        cv2.resize(draw_plate(7, index, difficulty=0.3).image, (WIDTH_PX, HEIGHT_PX)) for index in range(NUM_LINES)
    ]
    return plates if channels == 3 else [cv2.cvtColor(plate, cv2.COLOR_RGB2GRAY)[..., None] for plate in plates]


def measure_ours(augment: ReadAugment, lines: Lines, num: int) -> float:
    """Return lines a second."""
    start = time.process_time()
    for index in range(num):
        augment_text_line(lines[index % len(lines)], augment, make_generator(0, 1, index))
    return num / (time.process_time() - start)


def measure_peer(run: Augment, lines: Lines, num: int) -> float:
    """Return lines a second; it draws from the generators that Python and NumPy share with everything."""
    start = time.process_time()
    for index in range(num):
        run(lines[index % len(lines)].copy())
    return num / (time.process_time() - start)


def make_peer_recaug(peer: Peer, probability: float) -> Augment:
    names = ("tia_prob", "crop_prob", "reverse_prob", "noise_prob", "jitter_prob", "blur_prob", "hsv_aug_prob")
    recaug = peer.module("rec_img_aug").RecAug(**dict.fromkeys(names, probability))

    def run(line: np.ndarray) -> np.ndarray:
        result: np.ndarray = recaug({"image": line})["image"]
        return result

    return run


def make_peer_tia(peer: Peer) -> Augment:
    tia = peer.module("text_image_aug")

    def run(line: np.ndarray) -> np.ndarray:
        bent = tia.tia_stretch(tia.tia_distort(line, random.randint(3, 6)), random.randint(3, 6))
        result: np.ndarray = tia.tia_perspective(bent)
        return result

    return run


def make_peer_shapes(peer: Peer) -> Augment:
    """Return its RandAugment without what only changes colours, which are coordinates here."""
    policy = peer.module("randaugment").RandAugment(prob=1.0, num_layers=2, magnitude=MAGNITUDE)
    policy.func.update({name: lambda image, _: image for name in _TONES})

    def run(line: np.ndarray) -> np.ndarray:
        result: np.ndarray = policy({"image": line})["image"]
        return result

    return run


def count_surviving(run: Augment, num: int) -> float:
    """Return the share of lines in which more than half of each character still shows, by an image of coordinates."""
    rows, columns = _CELLS[0], _CELLS[1] * NUM_CHARACTERS
    x, y = np.meshgrid(np.linspace(0, 255, WIDTH_PX), np.linspace(0, 255, HEIGHT_PX))
    coordinates = np.stack([x, y, np.full_like(x, 255)], axis=2).astype(np.uint8)
    survive = 0
    for _ in range(num):
        result = run(coordinates.copy())
        shown = result[result[..., 2] > 192]  # what comes in from outside is grey
        cells = np.zeros((rows, columns), bool)
        cells[(shown[:, 1] / 256 * rows).astype(int), (shown[:, 0] / 256 * columns).astype(int)] = True
        shares = cells.reshape(rows, NUM_CHARACTERS, _CELLS[1]).mean(axis=(0, 2))
        survive += bool(shares.min() > 0.5)
    return survive / num


def audit_surviving(augment: ReadAugment, lines: Lines, num: int) -> float:
    audited = [AuditedLine(line, NUM_CHARACTERS) for line in lines]
    rows = audit_augmentation(augment, audited, num_samples=num)
    return 1 - next(row.broken_fraction for row in rows if row.operation == AS_SET)


def compare_speed(peer: Peer | None, arguments: Namespace) -> list[Row]:
    grey, colour = draw_lines(1), draw_lines(3)
    num, num_of_peer, num_repeats = (64, 4, 1) if arguments.quick else (1024, 48, 7)
    cases = (
        ("RecAug, each operation at 0.4, grey beside colour", 0.4, grey, GOAL),
        ("RecAug, everything at 1, grey beside colour", 1.0, grey, GOAL),
        ("RecAug, each operation at 0.4, both in colour", 0.4, colour, None),
        ("TIA alone, grey beside colour", None, grey, GOAL),
    )
    rows = []
    for name, probability, lines, goal in cases:
        augment = (
            ReadAugment(text_line=TextLineAugment(tia_probability=1.0))
            if probability is None
            else make_recaug(probability, colour=lines is colour)
        )
        sides = {"ours": partial(measure_ours, augment, lines, num)}
        if peer is not None:
            run = make_peer_tia(peer) if probability is None else make_peer_recaug(peer, probability)
            sides["peer"] = partial(measure_peer, run, colour, num_of_peer)
        measure_ours(augment, lines, 4)  # first calls make what is kept
        measured = measure_in_turn(sides, num_repeats)
        pairs = list(zip(measured["ours"], measured.get("peer", [None] * num_repeats), strict=True))
        rows.append(Row(name, "lines/s", pairs, higher_is_better=True, goal=goal))
    return rows


def compare_labels(peer: Peer | None, arguments: Namespace) -> list[Row]:
    num = 20 if arguments.quick else 500
    lines = draw_lines(1)
    cases: tuple[tuple[str, ReadAugment, Callable[[Peer], Augment]], ...] = (
        (
            f"labels that survive RandAugment, 2 operations of magnitude {MAGNITUDE}",
            ReadAugment(policy=LineRandAugment(probability=1.0, magnitude=MAGNITUDE)),
            make_peer_shapes,
        ),
        ("labels that survive TIA", ReadAugment(text_line=TextLineAugment(tia_probability=1.0)), make_peer_tia),
    )
    return [
        Row(
            name,
            "of lines",
            [(audit_surviving(augment, lines, num), None if peer is None else count_surviving(make(peer), num))],
            higher_is_better=True,
            goal=SURVIVES,
        )
        for name, augment, make in cases
    ]


def main() -> None:
    begun = time.perf_counter()
    parser = make_parser(__doc__)
    parser.add_argument(
        "--peer", type=Path, metavar="DIR", help="a checkout of PaddleOCR; without one ours stands alone"
    )
    arguments = parser.parse_args()
    arguments.threads = 1
    cv2.setNumThreads(1)
    random.seed(0)
    np.random.seed(0)  # the peer draws from NumPy's global generator
    peer = None if arguments.peer is None else open_peer(arguments.peer)
    if peer is None:
        print("PaddleOCR is left out: git clone it and name its folder with --peer", file=sys.stderr)
    rows = [*compare_speed(peer, arguments), *compare_labels(peer, arguments)]
    settings = {
        "lines": f"{NUM_LINES} drawn plates, {HEIGHT_PX} x {WIDTH_PX}",
        "clock": "of the processor",
        "opencv_threads": 1,
        "peer": None if peer is None else peer.describe(),
    }
    write_result("line_augmentation", rows, settings, arguments, begun=begun)


if __name__ == "__main__":
    main()
