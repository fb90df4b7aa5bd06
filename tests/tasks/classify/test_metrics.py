"""The classifier's collector: what is computed is what the stored rows say."""

import json
import math

import pytest

from saccade.metrics.classification import compute_classification_metrics
from saccade.records.predictions import ClassifyPrediction
from saccade.tasks.classify.metrics import ClassifyMetrics

CAT = ClassifyPrediction("cat", 0.7, (("cat", 0.7), ("dog", 0.3)), math.log(0.7))
WRONG = ClassifyPrediction("dog", 0.6, (("dog", 0.6), ("cat", 0.4)), math.log(0.4))


def test_batches_add_up() -> None:
    metrics = ClassifyMetrics()
    metrics.update(["1", "2"], [CAT, WRONG], ["cat", "cat"])
    metrics.update(["3"], [WRONG], ["cat"])
    computed = metrics.compute()
    assert tuple(computed) == ClassifyMetrics.names
    assert computed["top1_accuracy"] == pytest.approx(1 / 3)
    assert computed["top5_accuracy"] == 1
    assert computed["nll"] == pytest.approx(-math.log(0.7 * 0.4 * 0.4) / 3, abs=1e-5)
    assert computed == compute_classification_metrics(json.loads(json.dumps(metrics.rows())))
    assert [row["id"] for row in metrics.rows()] == ["1", "2", "3"]
