"""The tables of a report: experiments side by side, every setting that differs, the runs; and all of it as CSV."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from saccade.recipes.diff import flatten
from saccade.records.notes import Note
from saccade.report.chain import Chain, Link, Report
from saccade.report.curves import Course, View, finite, read_number
from saccade.report.experiments import Experiment, Outcome, describe_seeds, read_outcome
from saccade.report.page import Block, Bullets, Cell, Code, Line, Paragraph, Small, Spark, Strong, Table
from saccade.report.steps import list_settings
from saccade.report.words import Words
from saccade.report.writing import write_exact, write_interval, write_seconds, write_setting, write_value

_MOST_COLUMNS = 12
_MOST_SETTINGS = 9
_NOT_SETTINGS = (
    "task",
    "hypothesis",
    "expect",
    "seed",
    "data.root",
    "reported",
    "train.log_every_steps",
    "train.checkpoint_every_steps",
)
_MISSING = "\N{EN DASH}"


def make_table(chain: Chain, words: Words) -> Table:
    """Return a row an experiment: what changed, what was reported, what came out, its curve, what was read from it and done next."""
    columns = (
        words.experiment,
        words.settings,
        words.reported,
        words.best,
        words.last,
        words.median.format(count=chain.num_last),
        words.time,
        words.curve,
        words.reading,
        words.next,
    )
    rows = [_make_row(link, chain, words) for link in chain.links]
    is_number = {2, 3, 4, 5, 6}
    # Where nobody reported, read or went on, those columns would say nothing.
    kept = [place for place in range(len(columns)) if place not in (2, 8, 9) or any(_says(row[place]) for row in rows)]
    return Table(
        caption=words.table_caption.format(metric=chain.metric),
        columns=[columns[place] for place in kept],
        numbers=frozenset(new for new, place in enumerate(kept) if place in is_number),
        rows=[[row[place] for place in kept] for row in rows],
        name="experiments",
    )


def make_settings(chain: Chain, words: Words) -> list[Block]:
    """Return the settings that differ, a column an experiment, and below those that one of several has alone.

    Where there are too many experiments it is a sentence, and nothing where no setting differs.
    """
    experiments = chain.experiments
    settings, places = find_settings(experiments), range(len(experiments))
    if not settings:
        return []
    if len(experiments) > _MOST_COLUMNS:
        return [Paragraph((words.settings_too_many.format(count=len(experiments)),), "note")]
    alone = {key for key, values in settings.items() if len(values) == 1} if len(experiments) > 2 else set()
    rows: list[list[Cell]] = []
    for key, values in settings.items():
        if key in alone:
            continue
        written = [write_setting(values[place], words) if place in values else _MISSING for place in places]
        rows.append([[(Code(key),)], *([(text,)] for text in written)])
    columns = (words.setting, *(one.name for one in experiments))
    blocks: list[Block] = [Table(words.settings_caption, columns, frozenset(), rows, "settings")] if rows else []
    own = [
        _list_own(
            one.name,
            {key: values[place] for key, values in settings.items() if key in alone and place in values},
            words,
        )
        for place, one in enumerate(experiments)
    ]
    return [*blocks, Bullets([line for line in own if line])] if alone else blocks


def _list_own(name: str, settings: Mapping[str, Any], words: Words) -> Line:
    """Return the settings that one experiment has alone, in a line; nothing where it has none."""
    before, _, after = words.settings_alone.format(experiment=name, settings="\n").partition("\n")
    line: list[str | Code] = []
    for key, value in settings.items():
        line += [", " if line else before, Code(key), f" {write_setting(value, words)}"]
    return (*line, after) if line else ()


def make_runs(chain: Chain, folder: Path, words: Words) -> Table:
    """Return a row a run: how it ended, on what it ran, where its record is below a folder."""
    columns = (
        words.experiment,
        words.seed,
        words.state,
        words.best,
        words.views,
        words.time,
        words.device,
        words.code,
        words.run,
    )
    rows = [
        [*_make_run(experiment, course, chain.metric, words), [(Code(_shorten_path(course.run.folder, folder)),)]]
        for experiment in chain.experiments
        for course in experiment.courses
    ]
    return Table(words.runs_caption.format(folder=folder.name), columns, frozenset({1, 3, 4, 5}), rows, "runs")


def render_csv(report: Report) -> str:
    """Return a row an experiment and a column each for what is known of it, then one for each setting that differs.

    Numbers are written in full and keys in English, for programs; a setting that a recipe does not have is empty.
    """
    links = [(link, chain) for chain in report.chains for link in chain.links]
    settings = find_settings([link.child for link, _ in links])
    rows = [
        _make_csv_row(link, chain) | {key: write_exact(values.get(place)) for key, values in settings.items()}
        for place, (link, chain) in enumerate(links)
    ]
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def find_settings(experiments: Sequence[Experiment]) -> dict[str, dict[int, Any]]:
    """Return dotted key -> place of the experiment -> value, for every setting that is not the same in all of them."""
    flat = [_flatten(one.recipe) for one in experiments]
    keys = dict.fromkeys(key for values in flat for key in values)
    found = {key: {place: values[key] for place, values in enumerate(flat) if key in values} for key in keys}
    return {
        key: values
        for key, values in found.items()
        if len(values) < len(flat) or len({repr(value) for value in values.values()}) > 1
    }


def _flatten(recipe: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in flatten(dict(recipe)).items() if key not in _NOT_SETTINGS}
    return {key: value for key, value in kept.items() if not key.startswith("reported.")}


# --- A row of the table ---


def _make_row(link: Link, chain: Chain, words: Words) -> list[Cell]:
    experiment, metric = link.child, chain.metric
    outcome = experiment.outcome(metric)
    num_images = 0 if outcome is None or outcome.over_seeds else outcome.best.n
    best: list[Line] = [(_MISSING,)]
    if outcome is not None:
        leads = chain.leader is experiment and len(chain.links) > 1
        value = write_value(outcome.best.value, num_images)
        best = [(Strong(value) if leads else value,)]
        interval = write_interval(outcome.best, num_images)
        best += [(Small(interval),)] if interval else []
    counted = len(experiment.counted)
    runs = words.over_seeds.format(count=counted) if outcome is not None and outcome.over_seeds else words.one_run
    states = {course.run.status["state"] for course in experiment.courses} - {"finished"}
    name: list[Line] = [(Strong(experiment.name),), (Small(runs),)]
    name += [(Small(name_state(state, words)),) for state in sorted(states)]
    return [
        name,
        _shorten(list_settings(link, words), words),
        _write_reported(experiment, metric),
        best,
        [(write_value(outcome.last if outcome else None, num_images),)],
        _write_median(outcome, num_images, chain.num_last, words),
        _write_times(experiment, outcome.seconds if outcome else None, words),
        _draw(experiment, metric, words),
        _write_readings(experiment, words),
        _write_next(link, chain),
    ]


def _says(cell: Cell) -> bool:
    return cell not in ([("",)], [(_MISSING,)])


def _shorten(lines: Sequence[Line], words: Words) -> list[Line]:
    shown = list(lines[:_MOST_SETTINGS])
    if len(lines) > len(shown):
        shown.append((words.and_more.format(count=len(lines) - len(shown)),))
    return shown or [(_MISSING,)]


def _write_median(outcome: Outcome | None, num_images: int, num_last: str, words: Words) -> list[Line]:
    """Write the median of the last ten validations, and of how many it is where there were fewer than the column says."""
    lines: list[Line] = [(write_value(outcome.median_last_ten if outcome else None, num_images),)]
    fewer = outcome.fewer_last if outcome else ""
    return [*lines, (Small(words.median_of.format(count=fewer)),)] if fewer and fewer != num_last else lines


def _write_reported(experiment: Experiment, metric: str) -> list[Line]:
    metrics = experiment.reported_metrics
    if not metrics:
        return [(_MISSING,)]
    lines: list[Line] = [(write_value(metrics.get(metric)),)]
    return lines + [(Small(f"{name} {write_value(value)}"),) for name, value in metrics.items() if name != metric]


def _write_times(experiment: Experiment, seconds: float | None, words: Words) -> list[Line]:
    lines: list[Line] = [(write_seconds(seconds, words),)]
    reported = experiment.reported.get("seconds")
    if reported is not None:
        lines.append((Small(f"{words.reported_by_others}: {write_seconds(read_number(reported), words)}"),))
    return lines


def _draw(experiment: Experiment, metric: str, words: Words) -> Cell:
    for course in experiment.counted or experiment.courses:
        curve = course.curve("val", metric)
        known = finite(curve)
        if known:
            first, last = (write_value(point.value) for point in (known[0], known[-1]))
            return Spark(curve, words.spark_label.format(metric=metric, first=first, last=last, count=len(known)))
    return [(words.spark_empty,)]


def _write_readings(experiment: Experiment, words: Words) -> list[Line]:
    """Return what people read from it: those who reported it, and those who wrote notes."""
    lines: list[Line] = []
    reading = experiment.reported.get("reading")
    if reading:
        lines.append((Small(f"{words.reported_by_others}: "), str(reading)))
    lines += [(note.text.splitlines()[0],) for note in _list_notes(experiment)]
    return lines or [("",)]


def _list_notes(experiment: Experiment) -> list[Note]:
    """Return what people wrote of an experiment as a whole, then what they wrote of its runs."""
    return [*experiment.notes, *(note for course in experiment.courses for note in course.notes)]


def _write_next(link: Link, chain: Chain) -> list[Line]:
    """Return what was done next: as it was reported, and the experiments that came from this one."""
    said = link.child.reported.get("next")
    children = [one.child.name for one in chain.links if one.parent is link.child]
    lines: list[Line] = [(str(said),)] if said else []
    return [*lines, (Small(f"\N{RIGHTWARDS ARROW} {', '.join(children)}"),)] if children else lines or [("",)]


# --- A row of the runs ---


def name_state(state: str, words: Words) -> str:
    """Return the word for how a run ended."""
    names = {
        "finished": words.state_finished,
        "failed": words.state_failed,
        "stopped": words.state_stopped,
        "running": words.state_running,
    }
    return names[state]


def _make_run(experiment: Experiment, course: Course, metric: str, words: Words) -> list[Cell]:
    run = course.run
    outcome = read_outcome(course, metric)
    views = " / ".join(write_value(value) for value in _read_views(course, metric))
    return [
        [(Strong(experiment.name),)],
        [(str(run.recipe.get("seed", 0)),)],
        [(name_state(run.status["state"], words),)],
        [(write_value(outcome.best.value, outcome.best.n) if outcome else _MISSING,)],
        [(views,)],
        [(write_seconds(course.seconds, words),)],
        [(_describe_device(course),)],
        [(_describe_code(course, words),)],
    ]


def _shorten_path(path: Path, folder: Path) -> str:
    """Return a path as it is below a folder; in full where it is elsewhere."""
    path, folder = path.resolve(), folder.resolve()
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)


def _read_views(course: Course, metric: str) -> Iterator[float | None]:
    """Yield the metric on training images as they are and as training sees them, at the validation that chose the weights."""
    chosen = next((row for row in reversed(course.validations) if row.is_best), None)
    views: tuple[View, ...] = ("train_clean", "train_augmented")
    for view in views:
        yield None if chosen is None else chosen.read(view, metric)


def _describe_device(course: Course) -> str:
    environment = course.run.environment
    device = environment.get("device")
    if not isinstance(device, dict):
        return _MISSING
    kind = str(device.get("type", ""))
    model = (environment.get("cpu") or {}).get("model") if kind == "cpu" else None
    return str(device.get("name") or model or kind or _MISSING)


def _describe_code(course: Course, words: Words) -> str:
    git = course.run.environment.get("git")
    if not isinstance(git, dict) or "revision" not in git:
        return _MISSING
    revision = str(git["revision"])[:8]
    return words.code_changed.format(revision=revision) if git.get("patch_bytes") else revision


# --- CSV ---


def _make_csv_row(link: Link, chain: Chain) -> dict[str, str]:
    experiment, comparison = link.child, link.comparison
    outcome = experiment.outcome(chain.metric)
    best = outcome.best if outcome else None
    difference = comparison.difference if comparison else None
    reported = experiment.reported
    plain: dict[str, Any] = {
        "series": chain.name,
        "task": chain.task,
        "experiment": experiment.name,
        "parent": link.parent_name,
        "parents_without_run": " ".join(link.passed_over),
        "seeds": describe_seeds(experiment.courses),
        "states": " ".join(course.run.status["state"] for course in experiment.courses),
        "metric": chain.metric,
        "reported": experiment.reported_metrics.get(chain.metric),
        "best": best.value if best else None,
        "best_low": best.low if best else None,
        "best_high": best.high if best else None,
        "interval_over": outcome.bounds_over if outcome and best and best.low is not None else "",
        "last": outcome.last if outcome else None,
        "median_last_ten": outcome.median_last_ten if outcome else None,
        "seconds": outcome.seconds if outcome else None,
        "reported_seconds": reported.get("seconds"),
        "verdict": comparison.verdict if comparison else "",
        "difference": difference.value if difference else None,
        "difference_low": difference.low if difference else None,
        "difference_high": difference.high if difference else None,
        "basis": (comparison.basis or "") if comparison else "",
        "attributable": str(comparison.attributable).lower() if comparison else "",
        "changed": "; ".join(change.key for change in link.changes),
        "without_effect": "; ".join(change.key for change in comparison.without_effect) if comparison else "",
        "hypothesis": experiment.recipe.get("hypothesis"),
        "reported_reading": reported.get("reading"),
        "reported_next": reported.get("next"),
        "notes": "\n\n".join(note.text for note in _list_notes(experiment)),
        "runs": " ".join(str(course.run.folder) for course in experiment.courses),
    }
    return {key: write_exact(value) for key, value in plain.items()}
