"""Printed formulas on one accelerator: exact match and BLEU of the 1,991 formulas of validation that hold no unknown token.

`experiments/printed_math/baseline.toml` asks for 100 epochs; a slice has nine minutes, so `--epochs` shortens it and the cosine with it.
The set has no test split: the same formulas chose the checkpoint, so the figures are a little kind.

    python benchmarks/accelerator/train_printed_math.py --data-root DATA [--epochs 50] [--compile]
"""

import sys
import time
from pathlib import Path

from _formula_slice import found_formulas, make_formula_parser, make_score_row, make_speed_rows, train_formulas
from _slice import describe_accelerator

# isort: split
from _result import write_result

from saccade.engine.device import choose_device
from saccade.records.reader import read_run

CLAIM = "accelerator_printed_math"
SETS = {"printed_math": ("train", "val")}


def main() -> None:
    begun, arguments = time.perf_counter(), make_formula_parser(__doc__, epochs=50).parse_args()
    try:
        with found_formulas(arguments, SETS) as (root, runs):
            folder, figures = train_formulas("printed_math/baseline.toml", (root, runs), arguments)
            metrics = read_run(folder).metrics
    except FileNotFoundError as error:
        print(f"{Path(__file__).stem}: {error}", file=sys.stderr)
        sys.exit(2)
    assert metrics is not None
    val = metrics["splits"]["val"]
    rows = [make_score_row("validation", metric, val) for metric in ("exact_match", "bleu")] + make_speed_rows(figures)
    settings = describe_accelerator(choose_device(arguments.device)) | {"training": figures}
    write_result(CLAIM, rows, settings, arguments, begun=begun)


if __name__ == "__main__":
    main()
