"""Several trainings of one benchmark at once, each in a process and with the threads of its own.

Small networks gain little from a second thread: two runs of one thread each end sooner than one after the other with two.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from typing import TypeVar

import torch

from saccade.engine.device import use_one_opencv_thread

T = TypeVar("T")


def use_threads(num_threads: int) -> None:
    """Give PyTorch this many threads, and OpenCV one, in this process."""
    torch.set_num_threads(num_threads)
    use_one_opencv_thread()


def run_at_once(run: Callable[..., T], calls: Sequence[tuple[object, ...]], *, num_at_once: int) -> Iterator[T]:
    """Yield what `run` returns for every call, as they end; one after the other in this process where `num_at_once` is 1.

    Args:
        run: a function of a module; it is called in a process that imports that module anew.
        calls: the arguments of each call.
        num_at_once: processes.
    """
    if num_at_once == 1:
        yield from (run(*call) for call in calls)
        return
    workers = ProcessPoolExecutor(
        num_at_once, mp_context=get_context("spawn"), initializer=use_threads, initargs=(torch.get_num_threads(),)
    )
    with workers:
        for done in as_completed([workers.submit(run, *call) for call in calls]):
            yield done.result()
