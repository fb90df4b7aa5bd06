"""The ways a command can end other than well, one class an exit status, and how a message quotes what it speaks of.

Every package may import this module and it imports nothing: a recipe, a label file and a checkpoint report bad input in the same form.
"""


class InputError(ValueError):
    """Bad input or usage: the message is one line that names the file or key and the cure. Exit status 2."""

    exit_status = 2


class RunFailedError(RuntimeError):
    """A run that began and could not go on (a loss that is not finite, no memory, a dead rank). Exit status 3."""

    exit_status = 3


class StoppedError(RuntimeError):
    """A run that a signal stopped after it was saved; `saccade train --resume RUN` goes on. Exit status 75."""

    exit_status = 75


_MAX_QUOTED = 60


def quote(text: str) -> str:
    """Return a text from somebody's files as a message repeats it: in quotes, on one line, cut after 60 characters."""
    return repr(text) if len(text) <= _MAX_QUOTED else f"{text[:_MAX_QUOTED]!r}... ({len(text):,} characters)"


def make_printable(text: str) -> str:
    """Return a text on one line with whatever has no ink, such as bytes of a name that is not UTF-8, as its escape."""
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)
