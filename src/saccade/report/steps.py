"""The steps of a chain in words: what each experiment asked, what changed from its parent, and what that showed."""

from collections.abc import Sequence

from saccade.recipes.diff import Change
from saccade.report.chain import Chain, Link
from saccade.report.comparison import Comparison, Verdict
from saccade.report.experiments import Experiment
from saccade.report.explanation import describe_proposal
from saccade.report.page import Block, Bullets, Code, English, Group, Heading, Line, Paragraph, Small, Strong
from saccade.report.words import Words
from saccade.report.writing import (
    write_bounds,
    write_change,
    write_difference,
    write_sentence,
    write_setting,
    write_size,
)

_MOST_CHANGES = 12
_NAMED_ONCE = ("recipe_between", "recipe_lost", "recipe_since")
"""Recipe files that changed or are gone are named once for the whole chain."""
_MAIN_SETTINGS = (
    "model.name",
    "model.architecture",
    "optimizer.name",
    "optimizer.learning_rate",
    "optimizer.weight_decay",
    "schedule.name",
    "train.batch_size",
    "train.epochs",
)


def make_steps(chain: Chain, words: Words, level: int) -> list[Block]:
    """Return a group of blocks for each experiment, parents before children.

    Args:
        chain: What is told.
        words: The language.
        level: Of the steps' headings.
    """
    return [_make_step(link, words, level) for link in chain.links]


def name_verdict(verdict: Verdict, words: Words) -> str:
    """Return the word for a verdict."""
    names: dict[Verdict, str] = {
        "better": words.verdict_better,
        "worse": words.verdict_worse,
        "not_shown": words.verdict_not_shown,
        "refused": words.verdict_refused,
    }
    return names[verdict]


def describe_difference(comparison: Comparison, words: Words) -> str:
    """Return the difference with its interval and what that is made of; empty where there is no number."""
    difference, metric = comparison.difference, comparison.metric
    if difference is None:
        return ""
    bounds = words.no_interval
    if difference.low is not None and difference.high is not None:
        bounds = write_bounds(difference.low, difference.high, metric, words)
    basis = {
        "repeats": words.basis_repeats,
        "paired_images": words.basis_paired_images,
        "unpaired_images": words.basis_unpaired_images,
        "reported": words.basis_reported,
        None: "",
    }[comparison.basis].format(n=f"{difference.n:,}")
    value = write_difference(difference.value, metric, words)
    return f"{value} ({bounds}{f'; {basis}' if basis else ''})"


def list_settings(link: Link, words: Words) -> list[Line]:
    """Return what changed on a link, a line each; for the first of a chain its main settings."""
    if link.parent is None and not link.changes:
        return [(Code(key), f" {value}") for key, value in read_main_settings(link.child, words)]
    if link.comparison is None and link.child.overrides:
        return [(Code(change.key), f" = {write_setting(change.value, words)}") for change in link.changes]
    return [(Code(change.key), f" {write_change(change, words)}") for change in link.changes]


def read_main_settings(experiment: Experiment, words: Words) -> list[tuple[str, str]]:
    """Return the settings that say most about an experiment, those that it has."""
    found = []
    for key in _MAIN_SETTINGS:
        table, _, name = key.partition(".")
        values = experiment.recipe.get(table)
        if isinstance(values, dict) and name in values:
            found.append((key, write_setting(values[name], words)))
    return found


def _make_step(link: Link, words: Words, level: int) -> Group:
    child, comparison = link.child, link.comparison
    title = (
        f"{link.parent_name} \N{RIGHTWARDS ARROW} {child.name}"
        if link.parent
        else f"{child.name} ({words.chain_start})"
    )
    blocks: list[Block] = [Heading(level, title)]
    if comparison is not None:
        blocks.append(_make_verdict(comparison, words))
        if comparison.notes:
            said = "; ".join(write_sentence(note, words) for note in comparison.notes)
            blocks.append(Paragraph((f"{said}.",), "note"))
    elif link.fault:
        before, _, after = words.cannot_compare.partition("{cause}")
        blocks.append(Paragraph((before, English(link.fault.rstrip(".")), after)))
    asked = child.recipe.get("hypothesis")
    if asked:
        blocks.append(_label(words.asked, str(asked)))
    if child.overrides:
        blocks.append(_label(words.overrides, Code("  ".join(child.overrides))))
    blocks += _make_changes(link, words)
    if comparison is not None:
        blocks += _make_reasons(comparison, words)
    ignored = child.reported.get("ignored")
    if isinstance(ignored, dict) and ignored:
        blocks.append(Paragraph((Strong(words.ignored),)))
        blocks.append(Bullets([(Code(str(key)), f": {why}") for key, why in ignored.items()]))
    return Group(blocks, comparison.verdict if comparison else "")


def _make_verdict(comparison: Comparison, words: Words) -> Paragraph:
    line: list[str | Strong | Small] = [Strong(name_verdict(comparison.verdict, words), comparison.verdict)]
    said = describe_difference(comparison, words)
    if said:
        line.append(f" {said}.")
    if comparison.refusal is not None:
        line.append(f" {write_sentence(comparison.refusal, words)}")
    if comparison.verdict == "not_shown" and comparison.could_show is not None:
        size = write_size(comparison.could_show, comparison.metric, words)
        line += [" ", Small(words.could_show.format(value=size))]
    elif comparison.verdict == "not_shown" and comparison.basis is not None:
        line += [" ", Small(words.nothing_could_show)]
    return Paragraph(tuple(line))


def _make_changes(link: Link, words: Words) -> list[Block]:
    if link.parent is None and not link.changes:
        title = words.start_settings
    elif link.parent is None and link.passed_over:
        title = words.changed_from_missing.format(parent=link.passed_over[0])
    else:
        title = words.changed
    lines = list_settings(link, words)
    if not lines:
        return [Paragraph((words.nothing_changed,))] if link.parent else []
    shown = lines[:_MOST_CHANGES]
    if len(lines) > len(shown):
        shown.append((words.and_more.format(count=len(lines) - len(shown)),))
    return [Paragraph((Strong(title),)), Bullets(shown)]


def _make_reasons(comparison: Comparison, words: Words) -> list[Block]:
    """Return what else differs, what had no effect, and whether a difference belongs to one change."""
    blocks: list[Block] = []
    if comparison.without_effect:
        blocks.append(Paragraph((Strong(words.no_effect),)))
        blocks.append(Bullets([_write_change(change, words) for change in comparison.without_effect]))
    differs = [sentence for sentence in comparison.differs if sentence.name not in _NAMED_ONCE]
    if differs:
        blocks.append(Paragraph((Strong(words.differs),)))
        blocks.append(Bullets([(write_sentence(sentence, words),) for sentence in differs]))
    if comparison.attributable:
        blocks.append(Paragraph((words.attributable,), "note"))
    elif len(comparison.changed) > 1:
        blocks.append(Paragraph((words.not_attributable.format(count=len(comparison.changed)),), "note"))
    elif differs:
        blocks.append(Paragraph((words.more_than_settings,), "note"))
    if comparison.separating:
        blocks.append(Paragraph((Strong(words.separating),)))
        whys = [write_sentence(describe_proposal(one), words) for one in comparison.separating]
        blocks.append(
            Bullets([(Code(one.name), " ", why) for one, why in zip(comparison.separating, whys, strict=True)])
        )
    gained, lost = len(comparison.only_child), len(comparison.only_parent)
    if gained or lost:
        means = [one for side in (comparison.parent, comparison.child) if (one := side.describe_right())]
        said = "".join(f" {write_sentence(one, words)}." for one in means)
        blocks.append(Paragraph((words.changed_sides.format(gained=gained, lost=lost), said), "note"))
    return blocks


def _write_change(change: Change, words: Words) -> Line:
    return (Code(change.key), f" {write_change(change, words)}")


def _label(title: str, *line: Code | str) -> Paragraph:
    return Paragraph((Strong(title), " ", *line))


def count_verdicts(links: Sequence[Link]) -> dict[Verdict, int]:
    """Return how many steps came to each verdict."""
    counts: dict[Verdict, int] = {"better": 0, "worse": 0, "not_shown": 0, "refused": 0}
    for link in links:
        if link.comparison is not None:
            counts[link.comparison.verdict] += 1
    return counts
