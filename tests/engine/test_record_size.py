"""A record stays small: 200 epochs of a data set as large as CIFAR-100, in the form that the engine writes."""

import os
import random
import subprocess
import sys
from pathlib import Path

from saccade.records.writer import RunWriter

NUM_EPOCHS, NUM_TRAIN, BATCH_SIZE, LOG_EVERY_STEPS, NUM_VAL = 200, 50_000, 512, 50, 10_000
CLASSES = [f"class_{number:03d}" for number in range(100)]
METRICS = ("top1_accuracy", "top5_accuracy", "nll", "ece")
MOST_BYTES = 20_000_000


def test_a_record_of_200_epochs_is_small(tmp_path: Path) -> None:
    """Written by a process of its own: checked against its annotations, the writer takes minutes for so many rows."""
    root = str(Path(__file__).parents[2])
    command = [sys.executable, "-m", "tests.engine.test_record_size", str(tmp_path)]
    subprocess.run(command, cwd=root, env=os.environ | {"PYTHONPATH": root}, check=True, timeout=600)
    sizes = {path.name: path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()}
    assert sizes["history.jsonl"] > 200_000 and sizes["val.jsonl.gz"] > 500_000  # it is all there
    assert sum(sizes.values()) < MOST_BYTES, sizes


def write_record(runs: Path) -> None:
    draw = random.Random(0)
    with RunWriter.create(runs, series="cifar100", experiment="exp5", seed=0, recipe_hash="0" * 12) as writer:
        write_history(writer, draw)
        for split in ("val", "test"):
            writer.write_predictions(split, (draw_prediction(number, draw) for number in range(NUM_VAL)))


def write_history(writer: RunWriter, draw: random.Random) -> None:
    step = 0
    for epoch in range(1, NUM_EPOCHS + 1):
        for _ in range(-(-NUM_TRAIN // BATCH_SIZE)):
            step += 1
            if step % LOG_EVERY_STEPS == 0:
                names = ("loss", "loss_cross_entropy", "learning_rate", "gradient_norm", "update_norm")
                numbers = {name: draw.random() for name in (*names, "images_per_second", "waiting_fraction")}
                row = {"step": step, "epoch": epoch - 1, "seconds": round(step / 7, 3), **numbers}
                writer.append(row | {"memory_bytes": draw.randrange(10**11)})
        views = {view: {name: draw.random() for name in METRICS} for view in ("val", "train_clean", "train_augmented")}
        row = {"event": "validation", "step": step, "epoch": epoch, "seconds": round(step / 7, 3), **views}
        writer.append(row | {"is_best": False})
        writer.append({"event": "checkpoint", "step": step})


def draw_prediction(number: int, draw: random.Random) -> dict[str, object]:
    """Return a row with random digits, which compress worst."""
    top_k = [[name, draw.random()] for name in draw.sample(CLASSES, 5)]
    return {
        "id": f"test/{draw.choice(CLASSES)}/{number:05d}.png",
        "target": draw.choice(CLASSES),
        "prediction": top_k[0][0],
        "confidence": top_k[0][1],
        "top_k": top_k,
        "target_log_probability": -10 * draw.random(),
    }


if __name__ == "__main__":
    write_record(Path(sys.argv[1]))
