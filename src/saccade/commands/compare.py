"""`saccade compare`: whether one experiment is better than another, how sure that is, and what could explain it."""

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from saccade.recipes.diff import Change
    from saccade.report.comparison import Comparison

_VERDICTS = {"better": "better", "worse": "worse", "not_shown": "not shown", "refused": "refused"}
_STYLES = {"better": "bold green", "worse": "bold red", "not_shown": "bold yellow", "refused": "bold red"}
_MOST_IDS = 5
_MOST_SETTINGS = 12

Line = tuple[str, str]


def compare(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN RUN...",
            help="The parent, then one or more children: run folders, experiment folders, or recipes with [reported].",
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead.")] = False,
    write: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write the recipes that would separate the changes.", show_default=False),
    ] = None,
    anyway: Annotated[bool, typer.Option("--anyway", help="Compare results of other images too, unpaired.")] = False,
    split: Annotated[
        Literal["val", "test"], typer.Option(help="Whose predictions; the test images should decide nothing.")
    ] = "val",
) -> None:
    """Tell whether a child is better than its parent.

    The first RUN is the parent; each other is compared with it. Runs of one recipe that differ only in the seed are repeats,
    and are taken together. Says better, worse or not shown, with the interval; what changed; and which recipes would tell the
    changes apart. Status 1 where a comparison is refused because other images were measured.
    """
    from saccade.doctor.prescribe import write_proposals
    from saccade.report.comparison import compare_sides, read_sides

    parent, *children = read_sides(runs)
    comparisons = [compare_sides(parent, child, anyway=anyway, split=split) for child in children]
    separating = [one for found in comparisons for one in found.separating]
    written = write_proposals(separating, write) if write is not None and separating else []
    for path in written:
        print(f"wrote {path}", file=sys.stderr)
    if write is not None and not written:
        print(f"wrote nothing to {write}: there are no changes that recipes could separate", file=sys.stderr)
    if as_json:
        documents = [_describe(found) for found in comparisons]
        document = documents[0] if len(documents) == 1 else documents
        typer.echo(json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False))
    else:
        for number, found in enumerate(comparisons):
            _print([*([("", "")] if number else []), *_list_lines(found, has_written=write is not None)])
    if any(found.verdict == "refused" for found in comparisons):
        raise typer.Exit(1)


# --- JSON ---


def _describe(found: "Comparison") -> dict[str, Any]:
    from dataclasses import asdict

    difference = found.difference
    has_interval = difference is not None and difference.low is not None
    return {
        "parent": found.parent.name,
        "child": found.child.name,
        "verdict": found.verdict,
        "metric": found.metric,
        "values": None if found.values is None else list(found.values),
        "difference": None if difference is None else difference.value,
        "interval": [difference.low, difference.high] if difference is not None and has_interval else None,
        "n": None if difference is None else difference.n,
        "num_images": found.num_images,
        "num_runs": [len(found.parent.runs), len(found.child.runs)],
        "basis": found.basis,
        "could_show": found.could_show,
        "differs": list(found.differs),
        "changed": [asdict(change) for change in found.changed],
        "without_effect": [asdict(change) for change in found.without_effect],
        "attributable": found.attributable,
        "separating": [one.name for one in found.separating],
        "only_parent": list(found.only_parent),
        "only_child": list(found.only_child),
        "p_value": found.p_value,
        "refusal": found.refusal,
        "notes": [*found.notes, *found.parent.left_out, *found.child.left_out],
    }


# --- Text ---


def _list_lines(found: "Comparison", *, has_written: bool) -> Iterator[Line]:
    """Yield the text of a comparison, the verdict first."""
    yield f"{_VERDICTS[found.verdict]}: {found.child.name} against {found.parent.name}", _STYLES[found.verdict]
    if found.refusal:
        yield f"  {found.refusal}", ""
        if not found.refusal.startswith("another "):
            yield "  --anyway compares them all the same, unpaired", "dim"
    else:
        yield from _list_numbers(found)
    for sentence in (*found.parent.left_out, *found.child.left_out):
        yield f"  {sentence}", "dim"
    if found.differs:
        yield from (("", ""), ("Different conditions", "bold"), *((f"  {sentence}", "") for sentence in found.differs))
    yield from _list_changes(found, has_written=has_written)
    yield from _list_images(found)


def _list_numbers(found: "Comparison") -> Iterator[Line]:
    from saccade.report.sides import SHARES

    difference = found.difference
    if difference is None or found.values is None:
        return
    before, after = found.values
    write, unit = (_write_points, " points") if found.metric in SHARES else (_write_number, "")
    bounds = "no interval"
    if difference.low is not None and difference.high is not None:
        bounds = f"95 % interval {write(difference.low)} to {write(difference.high)}"
    yield f"  {found.metric} {before:.4f} -> {after:.4f}: {write(difference.value)}{unit}, {bounds}", ""
    if found.could_show is not None:
        least = write(found.could_show).lstrip("+")
        yield f"  the smallest difference that it could have shown: {least}{unit}{_say_of_what(found)}", ""
    yield from ((f"  {note}", "dim") for note in found.notes)


def _say_of_what(found: "Comparison") -> str:
    images = f"{found.num_images:,} images" if found.num_images else ""
    return f", on {images}" if images else ""


def _write_points(share: float) -> str:
    return f"{100 * share:+.2f}"


def _write_number(value: float) -> str:
    return f"{value:+.4f}"


def _list_changes(found: "Comparison", *, has_written: bool) -> Iterator[Line]:
    many = len(found.changed)
    settings = "1 setting" if many == 1 else f"{many} settings"
    end = (
        ""
        if found.attributable
        else ": nothing in the recipes explains a difference"
        if not many
        else ": not attributable"
    )
    yield "", ""
    yield f"{settings if many else 'No setting'} changed{end}", "bold"
    for change in found.changed[:_MOST_SETTINGS]:
        yield f"  {_write_change(change)}", ""
    if many > _MOST_SETTINGS:
        yield f"  and {many - _MOST_SETTINGS} more", "dim"
    if found.without_effect:
        yield f"  without effect: {', '.join(change.key for change in found.without_effect)}", "dim"
    if found.separating:
        hint = "" if has_written else " (--write DIR writes them)"
        yield f"These {len(found.separating)} recipes would separate them{hint}", "bold"
        yield from ((f"  {one.name}: {one.why}", "") for one in found.separating)


def _write_change(change: "Change") -> str:
    before, after = _only_changed(change.parent_value, change.value)
    return f"{change.key}: {_write_value(before)} -> {_write_value(after)}"


def _only_changed(before: Any, after: Any) -> tuple[Any, Any]:
    """Return two values; of two variants of a table, only the keys that are not the same in both."""
    if not (isinstance(before, dict) and isinstance(after, dict)):
        return before, after
    same = {key for key in before if key in after and before[key] == after[key]}
    first, second = ({key: value for key, value in side.items() if key not in same} for side in (before, after))
    return first, second


def _write_value(value: Any) -> str:
    if value is None:
        return "not set"
    if isinstance(value, str):
        return value if len(value) <= 40 else f"{value[:40]}... ({len(value)} characters)"
    if isinstance(value, dict):
        name = value.get("name", "")
        rest = ", ".join(
            f"{key} {_write_value(item)}" for key, item in value.items() if key != "name" and item is not None
        )
        return f"{name} ({rest})" if name and rest else str(name or rest)
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_write_value, value))}]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _list_images(found: "Comparison") -> Iterator[Line]:
    if not found.only_parent and not found.only_child:
        return
    chance = "" if found.p_value is None else f" (McNemar's exact test: p = {found.p_value:.2g})"
    yield "", ""
    yield f"Images that changed sides{chance}", "bold"
    for side, ids in ((found.child, found.only_child), (found.parent, found.only_parent)):
        yield f"  only {side.name} has right: {_write_ids(ids)}", ""


def _write_ids(ids: Sequence[str]) -> str:
    if not ids:
        return "none"
    more = len(ids) - _MOST_IDS
    listed = ", ".join(ids[:_MOST_IDS])
    return f"{len(ids):,}: {listed}{f' and {more:,} more' if more > 0 else ''}"


def _print(lines: Sequence[Line]) -> None:
    """Print lines of (text, style); styles show only on a terminal."""
    from rich.console import Console
    from rich.text import Text

    from saccade.errors import make_printable

    console = Console(highlight=False, soft_wrap=True)
    for text, style in lines:
        console.print(Text(make_printable(text), style=style))
