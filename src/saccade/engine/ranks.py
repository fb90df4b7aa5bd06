"""Several processes that train as one: how they meet, and what the others do when one of them is gone."""

import importlib
import os
import re
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist
from torch.distributed.distributed_c10d import PrefixStore
from torch.distributed.rendezvous import rendezvous

from saccade.engine.device import Ranks, read_ranks
from saccade.errors import InputError, RunFailedError
from saccade.records.reader import read_status
from saccade.records.writer import RunWriter

_LONGEST_SILENCE_MINUTES = 10
_SECONDS_TO_NOTICE = 15.0
_CAUSE, _FOLDER, _PLACE, _GONE = "cause", "folder", "place of", "gone well"


class RankLostError(RunFailedError):
    """Another rank is gone, so this one cannot go on."""


@contextmanager
def joined_ranks(device: torch.device) -> Iterator[Ranks]:
    """Join the processes that torchrun started, and part again at the end; alone where it started none.

    Raises:
        InputError: what torchrun tells each of them is missing or broken.
        RankLostError: another one did not come, or is gone.
    """
    place = read_ranks()
    if place.size == 1:
        yield place
        return
    with reported_ranks(place):
        ranks = _meet(place, device)
    _tell(ranks, f"{_PLACE} {ranks.rank}", f"{socket.gethostname()} {os.getpid()}")
    apart = threading.Event()
    thread = threading.Thread(target=_watch_neighbours, args=(ranks, apart), name="saccade-ranks", daemon=True)
    thread.start()
    try:
        with reported_ranks(ranks):
            yield ranks
    except RankLostError as error:
        _record_in_place_of_first(ranks, error)
        raise
    except BaseException as error:
        _tell(ranks, _CAUSE, f"rank {ranks.rank} ended: {str(error) or type(error).__name__}")
        raise
    finally:
        apart.set()
        thread.join(_SECONDS_TO_NOTICE)  # it may be asking the store, and must not outlive the interpreter
        _tell(ranks, f"{_GONE} {ranks.rank}", "")
        dist.destroy_process_group()


def _meet(place: Ranks, device: torch.device) -> Ranks:
    # DDP imports this module when it is first built, and its functions keep the group of that moment as a default argument:
    # imported later, the group's threads would outlive it, and one that needs the interpreter while that ends aborts the process.
    importlib.import_module("torch.distributed.nn")
    longest = timedelta(minutes=_LONGEST_SILENCE_MINUTES)
    store, rank, size = next(rendezvous("env://", timeout=longest))
    # A process may train several seeds: each meeting has its own keys, or one rank would find the other's old address.
    number = store.add(f"meetings of rank {place.rank}", 1)
    store = PrefixStore(f"meeting {number}", store)
    backend = "nccl" if device.type == "cuda" else "gloo"
    dist.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=longest)
    return Ranks(rank, size, store)


@contextmanager
def reported_ranks(ranks: Ranks) -> Iterator[None]:
    """Turn what the process group says when another rank is gone into the failure of the run.

    Raises:
        RankLostError: with the cause that the other rank left, where it could leave one.
    """
    try:
        yield
    except RuntimeError as error:
        # gloo has no class of its own, only the path of its source
        if ranks.size == 1 or not (isinstance(error, dist.DistError) or "/gloo/" in str(error)):
            raise
        raise RankLostError(_hear(ranks, _CAUSE) or _describe(error)) from error


def _describe(error: RuntimeError) -> str:
    said = (str(error).strip().splitlines() or [type(error).__name__])[0]
    said = re.sub(r"^\[[^]]*\] ", "", said).partition(". ")[0]
    return f"a rank died or no longer answers ({said}); the last lines of the others may say why"


def announce(ranks: Ranks, writer: RunWriter) -> None:
    """Say where the record is: should this rank hang or die, a thread or another rank writes there how the run ended."""
    ranks.writers.append(writer)
    _tell(ranks, _FOLDER, str(writer.folder.absolute()))


def _tell(ranks: Ranks, key: str, text: str) -> None:
    with suppress(RuntimeError):  # nobody is left to listen
        if ranks.store is not None:
            ranks.store.set(key, text)


def _hear(ranks: Ranks, key: str) -> str | None:
    with suppress(RuntimeError):
        if ranks.store is not None and ranks.store.check([key]):
            return str(ranks.store.get(key), encoding="utf-8")
    return None


def _record_in_place_of_first(ranks: Ranks, error: RankLostError) -> None:
    """Write why the run failed, where its first rank is gone; as long as that one lives it holds the lock and writes itself."""
    folder = None if ranks.is_first else _hear(ranks, _FOLDER)
    if folder is None:
        return
    with suppress(InputError), RunWriter.resume(Path(folder)) as writer:
        if read_status(writer.folder)["state"] == "running":
            writer.write_status("failed", str(error))


def _watch_neighbours(ranks: Ranks, apart: threading.Event) -> None:
    """End this process where another of this machine is dead and the main thread waits for it inside a GPU's kernel.

    Nothing interrupts such a wait, not even a signal; gloo says by itself that a rank is gone, and sooner.
    """
    places: dict[int, str] = {}
    while not apart.wait(1.0):
        for rank in set(range(ranks.size)) - {ranks.rank, *places}:
            # Never waited for: the main thread could not use the store meanwhile.
            if (place := _hear(ranks, f"{_PLACE} {rank}")) is not None:
                places[rank] = place
        for rank, place in places.items():
            host, number = place.split()
            is_lost = host == socket.gethostname() and _is_dead(int(number)) and _hear(ranks, f"{_GONE} {rank}") is None
            if is_lost and not apart.wait(_SECONDS_TO_NOTICE):
                _end_process(ranks, f"rank {rank} died; the last lines of the others may say why")


def _is_dead(number: int) -> bool:
    try:
        os.kill(number, 0)
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except ProcessLookupError:
        return True
    except OSError:  # it is somebody else's, or this system has no /proc
        return False


def _end_process(ranks: Ranks, cause: str) -> None:
    error = RankLostError(_hear(ranks, _CAUSE) or cause)
    with suppress(InputError):
        for writer in ranks.writers:
            writer.write_status("failed", str(error))
    _record_in_place_of_first(ranks, error)
    print("saccade:", error, file=sys.stderr, flush=True)
    os._exit(error.exit_status)
