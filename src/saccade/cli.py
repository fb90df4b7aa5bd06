"""The command line: its verbs, and how each way of ending becomes an exit status and one line on stderr."""

import os
import sys

import typer

from saccade.commands import compare, data, demo, evaluate, new, note, predict, recipe, report, train
from saccade.errors import InputError, RunFailedError, StoppedError, make_printable

_INTERRUPTED, _BROKEN_PIPE = 130, 141
_MAX_BEGINNING, _MAX_END = 900, 300
"""Characters of a message that are shown; what is cut out of a longer one is its middle: the place and the cure stay."""


def build_app() -> typer.Typer:
    """Return the command line with all its verbs."""
    app = typer.Typer(
        help="Train recognisers on your own labelled images, and go from one experiment to the next.",
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
    app.callback()(_take_options)
    for verb in (
        new.new,
        demo.demo,
        train.train,
        evaluate.evaluate,
        predict.predict,
        compare.compare,
        report.report,
        note.note,
    ):
        app.command()(verb)
    app.add_typer(data.app, name="data")
    app.add_typer(recipe.app, name="recipe")
    return app


def _print_version(wanted: bool) -> bool:
    if wanted:
        from importlib.metadata import version

        print(version("saccade"))
        raise typer.Exit
    return wanted


def _take_options(
    debug: bool = typer.Option(False, "--debug", help="Show the traceback of an error."),
    version: bool = typer.Option(False, "--version", help="Print the version.", is_eager=True, callback=_print_version),
) -> None:
    """Name the options of every verb; `run` reads `--debug`."""


def main() -> None:
    """Run the verb that the command line names and leave with its exit status."""
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")  # what it says of a broken image stands in our one line
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run a verb and return its exit status.

    0 done; 2 bad input or usage; 3 the run failed; 75 stopped by a signal, saved and resumable; 130 interrupted. 2, 3
    and 75 come with one line on stderr, in whose place `--debug`, given anywhere, shows the traceback.
    """
    given = [argument for argument in arguments if argument != "--debug"]
    try:
        return int(build_app()(given or ["--help"], prog_name="saccade", standalone_mode=False) or 0)
    except (InputError, RunFailedError, StoppedError) as error:
        message, status = str(error), error.exit_status
        caught: Exception = error
    except typer.TyperException as error:
        message, status, caught = _explain_usage(error), InputError.exit_status, error
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] == "saccade":
            raise
        message, status, caught = _explain_missing(error.name), InputError.exit_status, error
    except BrokenPipeError:  # whoever read our output has seen enough
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  the interpreter flushes it at exit
        return _BROKEN_PIPE
    except (typer.Abort, KeyboardInterrupt):
        return _INTERRUPTED
    if len(given) < len(arguments):
        raise caught
    print("saccade:", _write_line(message), file=sys.stderr)
    return status


def _write_line(message: str) -> str:
    """Write a message on one line, however long the name or label is that somebody's file put into it."""
    line = make_printable(" ".join(message.split()))
    if len(line) <= _MAX_BEGINNING + _MAX_END:
        return line
    return f"{line[:_MAX_BEGINNING]} [...] {line[-_MAX_END:]}"


def _explain_usage(error: typer.TyperException) -> str:
    """Say what is wrong with the options, and where the right ones are listed."""
    context = getattr(error, "ctx", None)
    path = "saccade" if context is None else context.command_path
    message = error.format_message().replace("Value error, ", "").strip().rstrip(".?")
    return f"{message}; see: {path} --help"


def _explain_missing(module: str) -> str:
    extra = {"torch", "torchvision", "timm", "jaxtyping", "faster_coco_eval"} & {module.partition(".")[0]}
    wanted = "saccade[train]" if extra else "saccade"
    return f"{module} is not installed; install it with: pip install {wanted!r}"
