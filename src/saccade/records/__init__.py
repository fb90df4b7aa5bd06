"""The run record: the folder that holds all that is known about a run. One writer, one reader, no torch."""

from saccade.records.predictions import ClassifyPrediction, ReadPrediction
from saccade.records.reader import SCHEMA_VERSION, Run, find_runs, read_run
from saccade.records.writer import RunWriter

__all__ = ["SCHEMA_VERSION", "ClassifyPrediction", "ReadPrediction", "Run", "RunWriter", "find_runs", "read_run"]
