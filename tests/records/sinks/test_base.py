"""Names of curves and numbers, the same in every sink."""

import math

from saccade.records.sinks.base import flatten, name_curves, read_recipe, read_results
from saccade.records.writer import RunWriter


def test_a_log_row_gives_its_own_keys_without_the_axes():
    row = {"step": 50, "epoch": 1, "seconds": 2.5, "loss": math.nan, "loss_ctc": 1, "images_per_second": 9.5}
    curves = name_curves(row)
    assert math.isnan(curves.pop("loss")) and curves == {"loss_ctc": 1.0, "images_per_second": 9.5}


def test_a_validation_gives_each_metric_below_its_view():
    row = {"event": "validation", "step": 58, "epoch": 2, "seconds": 3.0, "is_best": True}
    views = {"val": {"cer": 0.25}, "train_clean": {"cer": 0.5}, "train_augmented": {"cer": 0.75}}
    assert name_curves(row | views) == {"val/cer": 0.25, "train_clean/cer": 0.5, "train_augmented/cer": 0.75}


def test_other_events_give_no_curve():
    assert name_curves({"event": "checkpoint", "step": 5}) == name_curves({"event": "start", "num_train": 5}) == {}


def test_tables_are_flattened_to_dotted_keys():
    assert dict(flatten({"a": {"b": {"c": 1}, "d": [2]}, "e": None})) == {"a.b.c": 1, "a.d": [2], "e": None}


def test_results_are_the_final_metrics_and_the_selection(writer: RunWriter):
    selection = {"metric": "cer", "best": 0.25, "variants": {"last_raw": 0.5}}
    measured = {"cer": {"value": 0.25, "low": 0.1, "high": 0.4, "n": 9}, "confusions": []}
    writer.write_metrics({"splits": {"val": measured}, "selection": selection})
    assert read_results(writer.folder) == {
        "final/val/cer": 0.25,
        "selection/metric": "cer",
        "selection/best": 0.25,
        "selection/variants.last_raw": 0.5,
    }
    assert read_recipe(writer.folder) == {"task": "read", "seed": 3, "text": {"charset": "가京A"}}
