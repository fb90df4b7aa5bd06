"""Threads for work that leaves the interpreter free, such as reading, hashing and decoding images."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_PER_JOB = 128


def map_in_threads(function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """Return what `function` makes of each item, in order; the first error that it raises is raised here.

    Many items make one job, because handing over a job costs as much as decoding a small image.
    """
    jobs = [items[start : start + _PER_JOB] for start in range(0, len(items), _PER_JOB)]
    if len(jobs) < 2:
        return [function(item) for item in items]
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        results = threads.map(lambda job: [function(item) for item in job], jobs)
        return [result for job in results for result in job]
