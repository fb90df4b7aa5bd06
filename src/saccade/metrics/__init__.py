"""Metrics: pure functions on plain values. `docs/metrics.md` defines each, with cases worked by hand that are tests."""

METRIC_VERSION = 1
"""Goes up whenever a definition changes, so that records made before and after are not compared unawares."""
