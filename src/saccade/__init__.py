"""saccade trains recognisers on people's own labelled images and takes them from one experiment to the next.

The Python door: `load`, `train` and `read_run`, each imported when it is first asked for.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from saccade.door import load, train
    from saccade.records.reader import read_run

__all__ = ["load", "read_run", "train"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Import a public name on first use: `import saccade` alone loads neither torch nor numpy."""
    if name in {"load", "train"}:
        import saccade.door

        return getattr(saccade.door, name)
    if name == "read_run":
        from saccade.records.reader import read_run

        return read_run
    raise AttributeError(f"module 'saccade' has no attribute {name!r}")
