"""How a verb reads a path that was typed: as it is, and not as the working folder where nothing was typed."""

from pathlib import Path

from saccade.errors import InputError


def read_path(text: str | Path) -> Path:
    """Return a path as it was typed, or an option's default; typer names the argument in front of what is wrong with it.

    Raises:
        ValueError: The text is empty, as where a variable of the shell is not set; `Path` would take it for ".".
    """
    return Path(read_name(str(text)))


def read_name(text: str) -> str:
    """Return what names data, in which a path is only a part, as it was typed.

    Raises:
        ValueError: As `read_path`.
    """
    if not text:
        raise ValueError("it is empty; name a file or folder (. is the working folder)")
    return text


def refuse_experiment(folder: Path) -> None:
    """Refuse the folder of an experiment where one run is meant.

    Raises:
        InputError: It is one; the message names the run in it, or the latest of them.
    """
    from saccade.records.reader import find_runs, is_experiment

    if is_experiment(folder):
        runs = [run for run in find_runs(folder) if run.parent == folder]
        which = "its run" if len(runs) == 1 else f"one of its {len(runs)} runs, such as the last one"
        raise InputError(f"{folder} is the folder of an experiment: name {which}, {runs[-1]}")
