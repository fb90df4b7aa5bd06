"""CROHME on one accelerator: what one reader reads of the formulas of 2014 and 2016, greedily and with a beam of ten.

`experiments/crohme/baseline.toml` asks for 120 epochs; a slice has nine minutes, so `--epochs` shortens it and the cosine with it. 6 in
100 training images choose the checkpoint; both tests are read once each way, with the same weights.

    python benchmarks/accelerator/train_crohme.py --data-root DATA [--epochs 50] [--compile]

Goal: 0.55 of either, one model; published readers of that set alone: 0.593 and 0.598 (CoMER), 0.612 and 0.603 (TAMER).
"""

import sys
import time
from pathlib import Path

from _formula_slice import (
    find_source,
    found_formulas,
    make_formula_parser,
    make_score_row,
    make_speed_rows,
    train_formulas,
)
from _slice import describe_accelerator

# isort: split
from _formula_runs import predict_test
from _result import write_result

from saccade.engine.device import choose_device

CLAIM = "accelerator_crohme"
SETS = {"crohme": ("train", "2014", "2016")}
BEAM = ("decode={name='beam_search',beam_width=10}",)
GOAL = 0.55


def main() -> None:
    begun, arguments = time.perf_counter(), make_formula_parser(__doc__, epochs=50).parse_args()
    try:
        with found_formulas(arguments, SETS) as (root, runs):
            folder, figures = train_formulas("crohme/baseline.toml", (root, runs), arguments)
            rows = []
            for name, decode in (("greedy", ()), ("a beam of ten", BEAM)):
                test = predict_test(folder, root, arguments.device, decode)
                for year in ("2014", "2016"):
                    goal = GOAL if decode else None
                    rows.append(make_score_row(f"{year}, {name}", "exact_match", find_source(test, year), goal))
    except FileNotFoundError as error:
        print(f"{Path(__file__).stem}: {error}", file=sys.stderr)
        sys.exit(2)
    rows = [*rows[2:], *rows[:2], *make_speed_rows(figures)]
    settings = describe_accelerator(choose_device(arguments.device)) | {"training": figures}
    write_result(CLAIM, rows, settings, arguments, begun=begun)


if __name__ == "__main__":
    main()
