"""The ways a command can end other than well, one class an exit status.

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
