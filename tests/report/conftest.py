"""Records of two finished runs, written as the engine writes them, with readings that a test chooses."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from saccade.metrics.reading import summarise_reading
from saccade.records.reader import Run, read_run
from saccade.records.writer import RunWriter

TEXT = "AB12"
MakeRun = Callable[..., Run]


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """Return a function that writes a run with one reading an image; the truth is always TEXT."""

    def make(name: str, readings: Sequence[str], target: str = TEXT) -> Run:
        rows = [
            {"id": f"{i:03}", "target": target, "prediction": text, "confidence": 0.5, "character_confidences": []}
            for i, text in enumerate(readings)
        ]
        share = sum(text == target for text in readings) / len(readings)
        change = {"key": "augment.text_line.perspective_probability", "parent_value": 0.0, "value": 0.7}
        start = {"event": "start", "step": 0, "num_train": 50, "num_val": len(rows), "num_parameters": 1234}
        with RunWriter.create(tmp_path, series="plates", experiment=name, seed=0, recipe_hash="0123456789ab") as writer:
            writer.write_once("recipe.toml", 'task = "read"\nhypothesis = "Do <corners> & light help?"\n')
            writer.write_json_once("recipe.diff.json", {"changes": [change], "lineage": []})
            device = {"device": {"type": "cpu", "torch_threads": 2}, "cpu": {"model": "Chip"}}
            writer.write_json_once("environment.json", {**device, "packages": {"saccade": "0.1", "torch": "2.15"}})
            writer.write_json_once("data.json", {})
            writer.write_json_once("preprocessing.json", {})
            writer.append(start)
            for epoch, scale, best in ((1, 0.5, True), (2, 1.0, True), (3, 0.9, False)):
                views = {
                    view: {"exact_match": scale * share, "ned": scale * share}
                    for view in ("val", "train_clean", "train_augmented")
                }
                row = {"event": "validation", "step": epoch, "epoch": epoch, "seconds": 2.0 * epoch, "is_best": best}
                writer.append(row | views)
            writer.write_predictions("val", rows)
            writer.write_metrics({"splits": {"val": summarise_reading(rows)}})
            writer.write_status("finished")
            return read_run(writer.folder)

    return make
