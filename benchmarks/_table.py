"""Writes the results table of the README from `results/*.json`: `python benchmarks/_table.py README.md`."""

import json
import sys
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
BEGIN, END = "<!-- results: written by `make docs` -->", "<!-- end of results -->"


def make_table() -> str:
    """Return the rows of every committed result as a Markdown table."""
    lines = ["| measured | saccade | peer or bound | ratio | goal | |", "|---|---|---|---|---|---|"]
    for path in sorted(RESULTS.glob("*.json")):
        result = json.loads(path.read_text(encoding="utf-8"))
        lines += [_describe(result["claim"], row) for row in result["rows"]]
    return "\n".join(lines)


def _describe(claim: str, row: dict[str, Any]) -> str:
    mark = {True: "holds", False: "**does not hold**", None: ""}[row["holds"]]
    ours = _number(row["ours"])
    if row.get("low") is not None:
        ours += f" [{_number(row['low'])}, {_number(row['high'])}]"
    peer, ratio = _number(row["peer"]), _number(row["ratio"])
    if not all(row.get("peer_reached", ())):  # it was stopped before it got there
        peer, ratio = f"> {peer}", f"< {ratio}"
    return f"| `{claim}`: {row['name']} ({row['unit']}) | {ours} | {peer} | {ratio} | {row['goal'] or ''} | {mark} |"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def write_table(page: Path) -> None:
    """Replace what stands between the two marks of a page."""
    text = page.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    page.write_text(f"{before}{BEGIN}\n\n{make_table()}\n\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    write_table(Path(sys.argv[1]))
