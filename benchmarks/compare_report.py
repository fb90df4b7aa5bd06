"""`saccade compare` and `saccade report` over 100 runs of 2,000 history rows each: under 5 s, without PyTorch.

50 experiments in a chain, two seeds each, 200 images; wall seconds of the whole processes, in which importing PyTorch fails. `compare` sets
the first experiment beside the 49 others; `report` compares each with its parent, writes the page of all and embeds its charts.

Floor: parsing the 200,000 lines with `json.loads` in a process of its own, the peer here, 40 MB. Prediction: compare reads validations
alone, a quarter of the lines, and resamples 49 x 200 images 10,000 times: as long as the parsing. report reads every line once and adds the
page: twice the parsing.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from _result import Goal, Row, make_parser, measure_in_turn, write_result
from help_time import find_saccade, time_command

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.report.draw_runs import Drawn, draw_runs

PARSE = "import json, pathlib, sys\nfor path in pathlib.Path(sys.argv[1]).rglob('history.jsonl'):\n    [*map(json.loads, path.open())]"


def draw_chain(runs: Path, num_experiments: int, num_validations: int) -> None:
    """Write a chain of experiments with two seeds each; three log rows stand before each validation."""
    names = [f"exp{number:02}" for number in range(num_experiments)]
    chain = [
        Drawn(
            name,
            0.6 + 0.3 * number / num_experiments,
            parents=tuple(reversed(names[:number])),
            hypothesis=f"Step {number}.",
            settings={"model.neck.hidden_size": 128 + 8 * number},
            changes=(("model.neck.hidden_size", 120 + 8 * number, 128 + 8 * number),) if number else (),
            seeds=(0, 1),
            num_images=200,
            num_validations=num_validations,
        )
        for number, name in enumerate(names)
    ]
    draw_runs(runs, chain)


def main() -> None:
    begun = time.perf_counter()
    arguments = make_parser(__doc__).parse_args()
    num_experiments, num_validations = (3, 5) if arguments.quick else (50, 500)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        draw_chain(root / "runs", num_experiments, num_validations)
        (root / "no_torch").mkdir()
        (root / "no_torch" / "torch.py").write_text("raise ImportError('not installed')")
        without_torch = ["env", f"PYTHONPATH={root / 'no_torch'}", find_saccade()]
        experiments = [str(path) for path in sorted((root / "runs" / "plates").iterdir())]
        sides = {
            "compare": lambda: time_command([*without_torch, "compare", *experiments]),
            "report": lambda: time_command(
                [*without_torch, "report", str(root / "runs"), "--out", str(root / "report.html")]
            ),
            "parse": lambda: time_command([sys.executable, "-c", PARSE, str(root / "runs")]),
        }
        measure_in_turn(sides, 1)
        compare, report, parse = measure_in_turn(sides, 1 if arguments.quick else 5).values()
        num_bytes = (root / "report.html").stat().st_size
    rows = [
        Row(f"{name} of {2 * num_experiments} runs", "s", list(zip(ours, parse, strict=True)), False, Goal("ours", 5.0))
        for name, ours in (("compare", compare), ("report", report))
    ]
    rows.append(Row("the page", "bytes", [(num_bytes, None)], higher_is_better=False, goal=Goal("ours", 3e6)))
    settings = {
        "runs": 2 * num_experiments,
        "history_rows_a_run": 4 * num_validations + 1,
        "peer": "json.loads of every line of every history, in a process of its own",
    }
    write_result("compare_report", rows, settings, arguments, begun=begun)


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(f"compare_report: {error}")
