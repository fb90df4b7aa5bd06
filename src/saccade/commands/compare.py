"""`saccade compare`: whether one experiment is better than another, how sure that is, and what could explain it."""

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from saccade.commands.paths import read_path

if TYPE_CHECKING:
    from saccade.recipes.diff import Change
    from saccade.report.comparison import Comparison
    from saccade.report.words import Words

_STYLES = {"better": "bold green", "worse": "bold red", "not_shown": "bold yellow", "refused": "bold red"}
_MOST_IDS = 5
_MOST_SETTINGS = 12
_MOST_CHARACTERS = 40
_FINAL_REFUSALS = ("other_task", "other_selection", "other_reported", "nothing_reported")
"""Refusals that `--anyway` does not overrule."""

Line = tuple[str, str]


def compare(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN RUN...",
            parser=read_path,
            help="The parent, then one or more children: run folders, experiment folders, or recipes with [reported].",
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead.")] = False,
    write: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            parser=read_path,
            help="Write the recipes that would separate the changes.",
            show_default=False,
        ),
    ] = None,
    anyway: Annotated[bool, typer.Option("--anyway", help="Compare results of other images too, unpaired.")] = False,
    split: Annotated[
        Literal["val", "test"], typer.Option(help="Whose predictions; the test images should decide nothing.")
    ] = "val",
    language: Annotated[Literal["en", "ko"], typer.Option("--lang", help="The language of the sentences.")] = "en",
) -> None:
    """Tell whether a child is better than its parent.

    The first RUN is the parent; each other is compared with it. Runs of one recipe that differ only in the seed are repeats,
    and are taken together. Says better, worse or not shown, with the interval; what changed; and which recipes would tell the
    changes apart. Status 1 where a comparison is refused because other images were measured.
    """
    from saccade.doctor.prescribe import write_proposals
    from saccade.report.comparison import compare_sides, read_sides
    from saccade.report.languages import LANGUAGES

    words = LANGUAGES[language]
    parent, *children = read_sides(runs)
    comparisons = [compare_sides(parent, child, anyway=anyway, split=split) for child in children]
    separating = [one for found in comparisons for one in found.separating]
    written = write_proposals(separating, write) if write is not None and separating else []
    for path in written:
        print(words.wrote.format(path=path), file=sys.stderr)
    if write is not None and not written:
        print(words.wrote_nothing.format(path=write), file=sys.stderr)
    if as_json:
        documents = [_describe(found, words) for found in comparisons]
        document = documents[0] if len(documents) == 1 else documents
        typer.echo(json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False))
    else:
        for number, found in enumerate(comparisons):
            lines = _list_lines(found, words, has_written=write is not None)
            _print([*([("", "")] if number else []), *lines])
    if any(found.verdict == "refused" for found in comparisons):
        raise typer.Exit(1)


# --- JSON ---


def _describe(found: "Comparison", words: "Words") -> dict[str, Any]:
    from dataclasses import asdict

    from saccade.report.writing import write_sentence

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
        "differs": [write_sentence(one, words) for one in found.differs],
        "changed": [asdict(change) for change in found.changed],
        "without_effect": [asdict(change) for change in found.without_effect],
        "attributable": found.attributable,
        "separating": [one.name for one in found.separating],
        "only_parent": list(found.only_parent),
        "only_child": list(found.only_child),
        "p_value": found.p_value,
        "refusal": "" if found.refusal is None else write_sentence(found.refusal, words),
        "notes": [write_sentence(one, words) for one in (*found.notes, *found.parent.left_out, *found.child.left_out)],
    }


# --- Text ---


def _list_lines(found: "Comparison", words: "Words", *, has_written: bool) -> Iterator[Line]:
    """Yield the text of a comparison, the verdict first."""
    from saccade.report.writing import write_sentence

    yield _write_verdict(found, words), _STYLES[found.verdict]
    if found.refusal is not None:
        yield f"  {write_sentence(found.refusal, words)}", ""
        if found.refusal.name not in _FINAL_REFUSALS:
            yield f"  {words.anyway_hint}", "dim"
    else:
        yield from _list_numbers(found, words)
    for sentence in (*found.parent.left_out, *found.child.left_out):
        yield f"  {write_sentence(sentence, words)}", "dim"
    if found.differs:
        yield from (("", ""), (words.conditions, "bold"))
        yield from ((f"  {write_sentence(sentence, words)}", "") for sentence in found.differs)
    yield from _list_changes(found, words, has_written=has_written)
    yield from _list_images(found, words)


def _write_verdict(found: "Comparison", words: "Words") -> str:
    verdicts = {
        "better": words.verdict_better,
        "worse": words.verdict_worse,
        "not_shown": words.verdict_not_shown,
        "refused": words.refused,
    }
    return words.verdict_line.format(verdict=verdicts[found.verdict], child=found.child.name, parent=found.parent.name)


def _list_numbers(found: "Comparison", words: "Words") -> Iterator[Line]:
    from saccade.report.scores import SHARES
    from saccade.report.writing import write_sentence

    difference = found.difference
    if difference is None or found.values is None:
        return
    before, after = found.values
    write, unit = (_write_points, words.points) if found.metric in SHARES else (_write_number, "{value}")
    bounds = words.no_interval
    if difference.low is not None and difference.high is not None:
        bounds = words.interval.format(low=write(difference.low), high=write(difference.high))
    value = unit.format(value=write(difference.value))
    yield f"  {found.metric} {before:.4f} -> {after:.4f}: {value}, {bounds}", ""
    if found.could_show is not None:
        least = unit.format(value=write(found.could_show).lstrip("+"))
        yield f"  {words.least_shown.format(value=least, count=f'{found.num_images or 0:,}')}", ""
    elif difference.low is not None:
        yield f"  {words.nothing_could_show}", ""
    yield from ((f"  {write_sentence(note, words)}", "dim") for note in found.notes)


def _write_points(share: float) -> str:
    return f"{100 * share:+.2f}"


def _write_number(value: float) -> str:
    return f"{value:+.4f}"


def _list_changes(found: "Comparison", words: "Words", *, has_written: bool) -> Iterator[Line]:
    from saccade.report.explanation import describe_proposal
    from saccade.report.writing import write_sentence

    yield "", ""
    yield _write_title(found, words), "bold"
    many = len(found.changed)
    for change in found.changed[:_MOST_SETTINGS]:
        yield f"  {_write_change(change, words)}", ""
    if many > _MOST_SETTINGS:
        yield f"  {words.and_more.format(count=many - _MOST_SETTINGS)}", "dim"
    if found.without_effect:
        keys = ", ".join(change.key for change in found.without_effect)
        yield f"  {words.without_effect.format(keys=keys)}", "dim"
    if found.separating:
        title = words.separated_by if has_written else words.separated_by_files
        yield title.format(count=len(found.separating)), "bold"
        for one in found.separating:
            yield f"  {one.name}: {write_sentence(describe_proposal(one), words)}", ""


def _write_title(found: "Comparison", words: "Words") -> str:
    """Return how many settings changed, and whether a difference could belong to them."""
    many = len(found.changed)
    if many == 0:
        title = words.changed_none
    elif many == 1:
        title = words.changed_one
    else:
        title = words.changed_many.format(count=many)
    if found.attributable:
        return title
    return (words.unattributable if many else words.unexplained).format(what=title)


def _write_change(change: "Change", words: "Words") -> str:
    from saccade.report.writing import keep_differing

    before, after = keep_differing(change.parent_value, change.value)
    return f"{change.key}: {_write_value(before, words)} -> {_write_value(after, words)}"


def _write_value(value: Any, words: "Words") -> str:
    if value is None:
        return words.not_set
    if isinstance(value, str):
        # A path says at its end what it is.
        half = _MOST_CHARACTERS // 2
        cut = words.cut_text.format(first=value[:half], last=value[-half:], count=len(value))
        return value if len(value) <= _MOST_CHARACTERS else cut
    if isinstance(value, dict):
        name = value.get("name", "")
        rest = ", ".join(
            f"{key} {_write_value(item, words)}" for key, item in value.items() if key != "name" and item is not None
        )
        return f"{name} ({rest})" if name and rest else str(name or rest)
    if isinstance(value, list | tuple):
        written = [_write_value(item, words) for item in value]
        # Two tables in a row are told apart.
        return f"[{', '.join(f'({one})' if isinstance(item, dict) else one for item, one in zip(value, written, strict=True))}]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _list_images(found: "Comparison", words: "Words") -> Iterator[Line]:
    from saccade.report.writing import write_sentence

    if not found.only_parent and not found.only_child:
        return
    yield "", ""
    if found.p_value is None:
        yield words.images_changed, "bold"
    else:
        yield words.images_changed_by_chance.format(p=f"{found.p_value:.2g}"), "bold"
    for side in (found.child, found.parent):
        means = side.describe_right()
        if means is not None:
            yield f"  {write_sentence(means, words)}", "dim"
    for side, ids in ((found.child, found.only_child), (found.parent, found.only_parent)):
        yield f"  {words.only_right.format(side=side.name, ids=_write_ids(ids, words))}", ""


def _write_ids(ids: Sequence[str], words: "Words") -> str:
    if not ids:
        return words.none
    more, listed = len(ids) - _MOST_IDS, ", ".join(ids[:_MOST_IDS])
    if more > 0:
        listed = words.names_and_more.format(names=listed, more=f"{more:,}")
    return words.counted_ids.format(count=f"{len(ids):,}", ids=listed)


def _print(lines: Sequence[Line]) -> None:
    """Print lines of (text, style); styles show only on a terminal."""
    from rich.console import Console
    from rich.text import Text

    from saccade.errors import make_printable

    console = Console(highlight=False, soft_wrap=True)
    for text, style in lines:
        console.print(Text(make_printable(text), style=style))
