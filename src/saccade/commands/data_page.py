"""`saccade data stats --html`: the page of some data, with images as examples."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from saccade.data.splits import Split
    from saccade.report.data_page import Example

_NUM_EXAMPLES = 18


def write_data_page(path: Path, title: str, splits: Sequence["Split"], statistics: Mapping[str, Any]) -> Path:
    """Write a page that needs no other file and return its path.

    Raises:
        InputError: An image is gone by now, charts cannot be drawn, or the file cannot be written.
    """
    from saccade.report.script import Script

    with Script() as script:  # first of all: it takes as long as the rest
        from saccade.commands.report import write_report
        from saccade.data.label_statistics import group_lengths
        from saccade.data.statistics import list_remarks
        from saccade.report.data_page import DataFacts, make_data_page
        from saccade.report.html import render_html

        counted = statistics["splits"]
        facts = DataFacts(
            title=title,
            statistics=statistics,
            remarks=list_remarks(statistics),
            lengths={name: group_lengths(cells["lengths"]) for name, cells in counted.items() if "lengths" in cells},
            sizes_px={split.name: split.sizes_px for split in splits},
            examples={split.name: _read_examples(split, statistics["labels"] == "tokens") for split in splits},
        )
        return write_report(path, render_html(make_data_page(facts), script.read()), "--html")


def _read_examples(split: "Split", of_tokens: bool) -> list["Example"]:
    """Return images from the shortest label to the longest, at even steps: what is common, and both ends."""
    from saccade.commands.report import encode_picture
    from saccade.data.images import read_image
    from saccade.report.data_page import Example

    def measure(label: str) -> int:
        return len(label.split() if of_tokens else label)

    ordered = sorted(split.entries, key=lambda entry: (measure(entry.label), entry.label, entry.id))
    num = min(_NUM_EXAMPLES, len(ordered))
    chosen = [ordered[round(place * (len(ordered) - 1) / max(num - 1, 1))] for place in range(num)]
    return [Example(encode_picture(read_image(entry, "rgb")), entry.id, entry.label) for entry in chosen]
