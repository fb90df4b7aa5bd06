"""`saccade --help` answers in under 0.3 s, the median of ten starts.

Floor: starting Python and importing typer, which the command line cannot do without; that is the peer here. What we may
add is the import of the verbs' modules, which import typer and the standard library alone: a few files of a few
kilobytes of bytecode, about 10 ms. Prediction: 0.15 to 0.2 s, most of it typer's own.
"""

import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from _result import Goal, Row, make_parser, measure_in_turn, write_result


def time_command(command: Sequence[str]) -> float:
    """Return the wall seconds of a command that must succeed."""
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def find_saccade() -> str:
    """Return the command that belongs to the Python that runs this."""
    found = shutil.which("saccade", path=str(Path(sys.executable).parent))
    if found is None:
        sys.exit(f"no saccade beside {sys.executable}; install the package there: pip install -e '.[train]'")
    return found


def main() -> None:
    begun = time.perf_counter()
    arguments = make_parser(__doc__).parse_args()
    sides = {
        "saccade --help": lambda: time_command([find_saccade(), "--help"]),
        "import typer": lambda: time_command([sys.executable, "-c", "import typer"]),
    }
    measure_in_turn(sides, 1)  # the first start reads files from disk and may write bytecode
    ours, typer = measure_in_turn(sides, 2 if arguments.quick else 10).values()
    row = Row(
        "saccade --help beside import typer",
        "s",
        list(zip(ours, typer, strict=True)),
        higher_is_better=False,
        goal=Goal("ours", 0.3),
    )
    write_result("help_time", [row], {"counted": "wall seconds of the whole process"}, arguments, begun=begun)


if __name__ == "__main__":
    main()
