"""The whole page about some runs, from top to bottom, as blocks: what both HTML and Markdown are written from."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version

from saccade.errors import InputError
from saccade.report.chain import Chain, Report
from saccade.report.charts import make_curve_charts
from saccade.report.curves import Problem
from saccade.report.experiments import Experiment
from saccade.report.formulas import Typeset, mark_tokens, place_formula
from saccade.report.hardest import Answer, Hardest, find_hardest
from saccade.report.labels import shorten_names
from saccade.report.overview import make_overview
from saccade.report.page import (
    Block,
    Bullets,
    Charts,
    Drawing,
    Formula,
    Heading,
    Line,
    Page,
    Paragraph,
    Picture,
    Pictures,
    Said,
    Small,
    Strong,
    Verdict,
)
from saccade.report.steps import count_verdicts, describe_difference, make_steps, name_verdict
from saccade.report.tables import make_runs, make_settings, make_table
from saccade.report.words import Words
from saccade.report.writing import write_interval, write_value

_MOST_DRAWING_BYTES = 400_000

ReadImages = Callable[[Hardest], Mapping[str, bytes]]
"""Gives the images that are at hand, id -> PNG or JPEG file; raises `InputError` where there are none, saying why."""


@dataclass(frozen=True)
class Extra:
    """What a caller adds to the page: a title of its own, blocks at the end, and what draws formulas, whose tokens stand there without."""

    title: str = ""
    blocks: Sequence[Block] = ()
    typeset: Typeset | None = None


def make_page(report: Report, words: Words, read_images: ReadImages, extra: Extra | None = None) -> Page:
    """Return the page of a report.

    Args:
        report: What is shown.
        words: The language.
        read_images: Gives the images of the hardest answers.
        extra: What else stands on it.
    """
    extra = extra or Extra()
    title = extra.title or words.title.format(name=report.name)
    blocks: list[Block] = [Heading(1, title), _make_facts(report, words)]
    several = len(report.chains) > 1
    if several:
        blocks += _make_problems(report.problems, words, 2)
    for chain in report.chains:
        if several:
            blocks.append(Heading(2, chain.name))
        level = 3 if several else 2
        problems = chain.problems if several else (*report.problems, *chain.problems)
        blocks += _make_chain(chain, words, read_images, level=level, problems=problems, typeset=extra.typeset)
        blocks += [Heading(level, words.runs), make_runs(chain, report.folder, words)]
    return Page(
        language=words.language,
        title=title,
        blocks=[*blocks, *extra.blocks],
        footer=words.written_by.format(version=version("saccade")),
        script_missing=words.script_missing,
    )


def _make_chain(
    chain: Chain,
    words: Words,
    read_images: ReadImages,
    *,
    level: int,
    problems: Sequence[Problem],
    typeset: Typeset | None,
) -> list[Block]:
    blocks: list[Block] = [Heading(level, words.result), _make_result(chain, words)]
    overview = make_overview(chain, words) if len(chain.links) > 1 else None
    if overview is not None:
        blocks += [overview, *_make_labels(chain, words)]
    blocks += _make_problems(problems, words, level)
    blocks += [Heading(level, words.chain), Paragraph((words.chain_note,), "note")]
    blocks += make_steps(chain, words, level + 1)
    blocks += [Heading(level, words.table), make_table(chain, words)]
    blocks += make_settings(chain, words)
    charts = make_curve_charts(chain, words)
    if charts:
        blocks += [
            Heading(level, words.curves),
            Paragraph((words.curves_note,), "note"),
            *_make_labels(chain, words),
            Charts(charts),
        ]
    blocks += _make_hardest(chain, words, read_images, level, typeset)
    return blocks + _make_notes(chain, words, level)


def _make_labels(chain: Chain, words: Words) -> list[Block]:
    """Return what the short names on charts stand for; nothing where all names fit."""
    labels = shorten_names([experiment.name for experiment in chain.experiments])
    said = "; ".join(f"{label} = {name}" for name, label in labels.items() if label != name)
    return [Paragraph((words.short_names.format(names=said),), "note")] if said else []


def _make_facts(report: Report, words: Words) -> Paragraph:
    """Return the line below the title: how much there is, of what."""
    facts: list[tuple[str, str]] = []
    if len(report.chains) > 1:
        facts.append((words.facts_chains, str(len(report.chains))))
    facts.append((words.facts_experiments, str(sum(len(chain.links) for chain in report.chains))))
    facts.append((words.facts_runs, str(report.num_runs)))
    facts.append((words.facts_task, ", ".join(dict.fromkeys(chain.task for chain in report.chains))))
    facts.append((words.facts_shown, ", ".join(dict.fromkeys(chain.metric for chain in report.chains))))
    sizes = {
        course.start["num_val"]
        for chain in report.chains
        for one in chain.experiments
        for course in one.courses
        if isinstance(course.start.get("num_val"), int)
    }
    if sizes:
        facts.append((words.facts_val, ", ".join(f"{size:,}" for size in sorted(sizes))))
    if report.updated:
        facts.append((words.facts_updated, report.updated.replace("T", " ").replace("+00:00", " UTC")))
    line: list[str | Strong] = []
    for name, value in facts:
        line += [" \N{MIDDLE DOT} " if line else "", f"{name} ", Strong(value)]
    return Paragraph(tuple(line), "lead")


def _make_problems(problems: Sequence[Problem], words: Words, level: int) -> list[Block]:
    if not problems:
        return []
    lines: list[Line] = [(getattr(words, one.sentence).format(**one.values),) for one in problems]
    return [Heading(level, words.problems), Bullets(lines)]


def _make_result(chain: Chain, words: Words) -> Block:
    """Return the box at the top: the verdict where there is one step, otherwise the best experiment and what the steps showed."""
    compared = [link for link in chain.links if link.comparison is not None]
    if len(compared) == 1 and len(chain.links) == 2:
        link, comparison = compared[0], compared[0].comparison
        assert comparison is not None
        sentence = {
            "better": words.sentence_better,
            "worse": words.sentence_worse,
            "not_shown": words.sentence_not_shown,
            "refused": words.sentence_refused,
        }[comparison.verdict]
        values = [one.outcome(chain.metric) for one in (link.parent, link.child) if one is not None]
        change = " \N{RIGHTWARDS ARROW} ".join(write_value(one.best.value if one else None) for one in values)
        said = describe_difference(comparison, words)
        step = words.one_step.format(parent=link.parent_name, child=link.child.name)
        line: Line = (f"{sentence} {step}: {chain.metric} ", Strong(change), f", {said}." if said else ".")
        return Verdict(name_verdict(comparison.verdict, words), line, comparison.verdict)
    leader = chain.leader
    outcome = leader.outcome(chain.metric) if leader else None
    if leader is None or outcome is None:
        return Paragraph((words.no_value,))
    num_images = 0 if outcome.over_seeds else outcome.best.n
    interval = write_interval(outcome.best, num_images)
    best_is = words.best_is if leader.over else words.best_so_far
    line = (Strong(best_is.format(experiment=leader.name, metric=chain.metric)), " ", Small(interval), " ")
    if compared:
        counts = {name: str(count) for name, count in count_verdicts(chain.links).items()}
        line = (
            *line,
            (words.step_counts if len(compared) > 1 else words.step_count_one).format(steps=len(compared), **counts),
        )
    return Verdict(write_value(outcome.best.value, num_images), line, "")


# --- Images and notes ---


def _make_hardest(
    chain: Chain, words: Words, read_images: ReadImages, level: int, typeset: Typeset | None
) -> list[Block]:
    blocks: list[Block] = [Heading(level, words.hardest)]
    hardest = find_hardest(chain)
    if hardest is None:
        return [*blocks, Paragraph((words.no_predictions,), "note")]
    named = {"experiment": hardest.experiment.name, "seed": str(hardest.run.recipe.get("seed", 0))}
    count = f"{hardest.num_images:,}"
    if not hardest.answers:
        return [*blocks, Paragraph((words.hardest_none.format(count=count, **named),)), *_make_drawings(hardest, words)]
    blocks.append(Paragraph((words.hardest_says.format(wrong=hardest.num_wrong, count=count, **named),)))
    images: Mapping[str, bytes] = {}
    try:
        images = read_images(hardest)
    except InputError as error:
        blocks.append(Paragraph((words.hardest_text_only.format(cause=str(error).rstrip(".")),), "note"))
    draw = typeset if hardest.shows_formulas else None
    blocks.append(Pictures([_make_picture(answer, images.get(answer.id), words, draw) for answer in hardest.answers]))
    return [*blocks, *_make_drawings(hardest, words)]


def _make_picture(answer: Answer, image: bytes | None, words: Words, typeset: Typeset | None) -> Picture:
    truth: Line = (words.truth.format(truth=answer.target),)
    if typeset is not None:
        truth = place_formula(words.truth, "truth", Formula(answer.target, typeset(answer.target)))
    lines: list[Line] = [(f"{words.wrong}; ", *truth), (words.confidence.format(value=f"{answer.confidence:.2f}"),)]
    if answer.parent_is_right:
        lines.append((words.parent_right,))
    lines.append((Small(answer.id),))
    alt = words.picture_of.format(id=answer.id, truth=answer.target)
    if typeset is None or not answer.prediction:
        return Picture(image, alt, answer.prediction or words.nothing, lines, "wrong")
    read = Formula(answer.prediction, typeset(answer.prediction))
    if read.image is not None:
        lines.insert(1, mark_tokens(answer.prediction, answer.target))
    return Picture(image, alt, read, lines, "wrong")


def _make_drawings(hardest: Hardest, words: Words) -> list[Block]:
    """Return the pictures that the run's record holds, as `saccade evaluate` draws them."""
    drawings: list[Block] = []
    too_large = []
    for path in sorted((hardest.run.folder / "figures").glob("*.png")):
        if path.stat().st_size > _MOST_DRAWING_BYTES:
            too_large.append(f"figures/{path.name}")
        else:
            name = path.stem.replace("_", " ")
            alt = words.drawing_of.format(name=name, experiment=hardest.experiment.name)
            drawings.append(Drawing(path.read_bytes(), alt))
    if too_large:
        drawings.append(Paragraph((words.drawings_too_large.format(files=", ".join(too_large)),), "note"))
    return drawings


def _make_notes(chain: Chain, words: Words, level: int) -> list[Block]:
    said = [one for experiment in chain.experiments for one in _list_said(experiment, words)]
    return [Heading(level, words.notes), *said] if said else []


def _list_said(experiment: Experiment, words: Words) -> Iterator[Said]:
    """Yield what people wrote of an experiment as a whole, then of each of its runs."""
    about = [(words.note_of_all.format(experiment=experiment.name), experiment.notes)]
    for course in experiment.courses:
        seed = course.run.recipe.get("seed", 0)
        about.append((words.note_of.format(experiment=experiment.name, seed=seed), course.notes))
    for title, notes in about:
        for note in notes:
            yield Said((Strong(title), " ", Small(note.written or words.note_undated)), note.text)
