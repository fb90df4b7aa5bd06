"""Which sinks there are, and what each needs installed."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from saccade.errors import InputError
from saccade.records.reader import read_run
from saccade.records.sinks.base import Sink

NAMES = ("wandb", "tensorboard")
NONE = "none"


def choose_sinks(named: Sequence[str], *, resumed: Path | None = None) -> list[str]:
    """Return the sinks that a run goes to, each once: those that are named, and those that a run which goes on had.

    Args:
        named: of `NAMES`, or "none" alone, which leaves out those of before too.
        resumed: the run that goes on.

    Raises:
        InputError: there is no such sink, or what it needs is not installed.
    """
    for name in named:
        if name not in (*NAMES, NONE):
            raise InputError(f"--sink {name}: there is no such sink; choose {', '.join(NAMES)} or {NONE}")
    if NONE in named:
        if len(set(named)) > 1:
            raise InputError(f"--sink {NONE} stands alone; leave it out, or the others")
        return []
    before = [] if resumed is None else [r["sink"] for r in read_run(resumed).history() if r.get("event") == "sink"]
    chosen = list(dict.fromkeys([*named, *before]))
    for name in chosen:
        if name in NAMES and not _is_installed(name):
            cure = f"pip install 'saccade[{name}]'"
            raise InputError(f"--sink {name}: {name} is not installed; install it with {cure}, or say --sink {NONE}")
    return [name for name in chosen if name in NAMES]


def _is_installed(package: str) -> bool:
    """Return whether a package can be imported; a folder of that name, as W&B leaves behind, is none."""
    found = find_spec(package)
    return found is not None and found.origin is not None


def make_sink(name: str) -> Sink:
    """Return a sink that is not open yet; only now are its libraries imported."""
    match name:
        case "wandb":
            from saccade.records.sinks.weights_and_biases import WandbSink  # noqa: PLC0415

            return WandbSink()
        case "tensorboard":
            from saccade.records.sinks.tensorboard import TensorBoardSink  # noqa: PLC0415

            return TensorBoardSink()
        case _:
            raise ValueError(name)
