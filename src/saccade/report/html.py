"""One page about two runs: what was asked, what changed, what came out and how sure that is; nothing outside the file.

It reads records and takes pictures as they come; it trains, predicts and computes nothing but differences.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from typing import Any

from saccade.metrics.intervals import Estimate
from saccade.metrics.paired import Difference
from saccade.records.predictions import ReadPrediction
from saccade.records.reader import Run
from saccade.report.comparison import Comparison, best_validation, validations
from saccade.report.figures import CHILD, PARENT, Curve, draw_curves, draw_intervals


@dataclass(frozen=True)
class Reading:
    """An image that no training saw, with what was read; `png` is the encoded picture, `kind` says what sort it is."""

    png: bytes
    kind: str
    target: str
    prediction: ReadPrediction


_VIEWS = {"val": "validation", "train_clean": "train clean", "train_augmented": "train augmented"}
_OUTCOMES = {
    "better": ("better", "The child is better: the whole interval lies above zero."),
    "worse": ("worse", "The child is worse: the whole interval lies below zero."),
    "not shown": (
        "not shown",
        "No difference is shown: the interval includes zero. More images, or seeds, would decide.",
    ),
}


def render_page(comparison: Comparison, readings: Sequence[Reading], *, title: str, commands: str) -> str:
    """Return the page as HTML.

    Args:
        comparison: The two runs.
        readings: What the child read in images that it never saw.
        title: The headline.
        commands: What to type next, one command a line.
    """
    parent, child = comparison.parent, comparison.child
    css = files("saccade.report").joinpath("style.css").read_text(encoding="utf-8")
    sections = [
        f"<h1>{escape(title)}</h1>",
        _render_lead(child),
        _render_verdict(comparison),
        f"<h2>What was asked</h2>\n<p>{escape(str(child.recipe.get('hypothesis', '')))}</p>",
        _render_changes(child),
        _render_curves(parent, child),
        _render_numbers(parent, child),
        _render_difference(comparison),
        _render_readings(readings),
        _render_next(parent, child, commands),
    ]
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{escape(title)}</title>\n'
        f'<link rel="icon" href="data:,">\n<style>\n{css}</style>\n</head>\n<body>\n<main>\n'
        + "\n".join(sections)
        + f"\n</main>\n{_render_footer(child)}\n</body>\n</html>\n"
    )


def describe_difference(difference: Difference) -> str:
    """Return a difference of shares with its interval, in hundredths: "+12.3 points (95 % interval +8.0 to +16.7, n = 300)"."""
    if difference.low is None or difference.high is None:
        return f"{_points(difference.value)} points (no interval, n = {difference.n})"
    return (
        f"{_points(difference.value)} points "
        f"(95 % interval {_points(difference.low)} to {_points(difference.high)}, n = {difference.n:,})"
    )


def _points(share: float) -> str:
    return f"{100 * share:+.1f}".replace("-", "\N{MINUS SIGN}")


def _render_lead(child: Run) -> str:
    start = next(row for row in child.history() if row.get("event") == "start")
    device = child.environment["device"]
    place = device.get("name", f"the {device['type'].upper()}")
    return (
        '<p class="lead">A first attempt, and its child: the same recipe with a small change. '
        f"{start['num_train']:,} images to learn from, {start['num_val']:,} others to judge by, a network of "
        f"{start['num_parameters']:,} weights, trained on {escape(place)}. "
        "Every number here was measured by the two runs that the page shows.</p>"
    )


def _render_verdict(comparison: Comparison) -> str:
    word, sentence = _OUTCOMES[comparison.verdict]
    shares = (best_validation(run)["val"]["exact_match"] for run in (comparison.parent, comparison.child))
    change = " \N{RIGHTWARDS ARROW} ".join(f"{share:.3f}" for share in shares)
    return (
        f'<div class="verdict {word.replace(" ", "-")}"><strong>{word}</strong>\n<p>{sentence} Images read without a fault: '
        f"<b>{change}</b>, {escape(describe_difference(comparison.exact_match))}.</p></div>"
    )


def _render_changes(child: Run) -> str:
    changes = child.recipe_diff["changes"]
    rows = "".join(
        f'<tr><th scope="row"><code>{escape(change["key"])}</code></th><td class="parent">{_value(change["parent_value"])}</td>'
        f'<td class="child">{_value(change["value"])}</td></tr>\n'
        for change in changes
    )
    return (
        "<h2>What changed</h2>\n<table>\n<caption>The child's recipe is the first attempt's and this; all else, seed and images "
        'included, is the same.</caption>\n<thead><tr><th scope="col">key</th><th scope="col">first attempt</th>'
        f'<th scope="col">child</th></tr></thead>\n<tbody>\n{rows}</tbody></table>'
    )


def _value(value: Any) -> str:
    return "<small>not set</small>" if value is None else f"<code>{escape(str(value))}</code>"


def _render_curves(parent: Run, child: Run) -> str:
    curves = [
        curve
        for run, name, colour, marker in ((parent, "first attempt", PARENT, "s"), (child, "child", CHILD, "o"))
        for curve in _curves_of(run, name, colour, marker)
    ]
    ends = "; ".join(f"{curve.name} ends at {curve.values[-1]:.2f}" for curve in curves)
    return (
        "<h2>Both curves</h2>\n<figure>"
        + draw_curves(
            curves,
            y_label="share of images read without a fault",
            description=f"Exact match over epochs: {ends}.",
        )
        + "<figcaption>Thick: validation images. Dashed: training images as they are. The gap between the two is what a network knows "
        "by heart and cannot use on a new image.</figcaption></figure>"
    )


def _curves_of(run: Run, name: str, colour: str, marker: str) -> list[Curve]:
    rows = validations(run)
    epochs = [row["epoch"] for row in rows]
    return [
        Curve(name, colour, epochs, [row["val"]["exact_match"] for row in rows], marker),
        Curve(f"{name}, train", colour, epochs, [row["train_clean"]["exact_match"] for row in rows], ""),
    ]


def _render_numbers(parent: Run, child: Run) -> str:
    head = "".join(f'<th scope="col" class="number">{name}</th>' for name in _VIEWS.values())
    body = "".join(
        f'<tr><th scope="row" class="{css}">{name}</th>'
        + "".join(
            f'<td class="number">{row[view]["exact_match"]:.3f}{_interval(run) if view == "val" else ""}</td>'
            for view in _VIEWS
        )
        + f'<td class="number">{row["val"]["ned"]:.3f}</td><td class="number">{row["seconds"]:.0f} s</td></tr>\n'
        for name, css, run in (("first attempt", "parent", parent), ("child", "child", child))
        for row in [best_validation(run)]
    )
    return (
        "<table>\n<caption>Share of images read without a fault, at the checkpoint that each run kept.</caption>\n"
        f'<thead><tr><th scope="col">run</th>{head}<th scope="col" class="number">similarity</th>'
        f'<th scope="col" class="number">reached after</th></tr></thead>\n<tbody>\n{body}</tbody></table>\n'
        '<p class="note">Augmented far below clean: augmentation is hard. Clean far above validation: the network has learnt by heart. '
        "Small brackets: 95 % interval over images.</p>"
    )


def _interval(run: Run) -> str:
    if run.metrics is None:
        return ""
    estimate = Estimate(**run.metrics["splits"]["val"]["exact_match"])
    return "" if estimate.low is None else f" <small>[{estimate.low:.3f}, {estimate.high:.3f}]</small>"


def _render_difference(comparison: Comparison) -> str:
    exact, similar = comparison.exact_match, comparison.similarity
    figure = draw_intervals(
        [("exact match", exact), ("similarity", similar)],
        x_label="child minus first attempt, in points",
        description=f"Child minus first attempt: exact match {describe_difference(exact)}; similarity {describe_difference(similar)}.",
    )
    return (
        f"<h2>The difference, and how sure it is</h2>\n<figure>{figure}</figure>\n"
        f"<p>Both runs read the same {exact.n:,} validation images, so they are compared image by image: "
        f"<b>{comparison.only_child}</b> only the child read without a fault, <b>{comparison.only_parent}</b> only the first "
        f"attempt. Exact match: {describe_difference(exact)}. Similarity, which counts nearly right as nearly right: "
        f"{describe_difference(similar)}.</p>\n"
        '<p class="note">The bars are 95 % intervals from 10,000 resamples of the image pairs: where the difference might have '
        "come out with other images of the same kind. They do not cover another seed of training, and say nothing of other "
        "kinds of images.</p>"
    )


def _render_readings(readings: Sequence[Reading]) -> str:
    num_right = sum(reading.prediction.text == reading.target for reading in readings)
    return (
        f"<h2>Plates that it has never seen</h2>\n<p>Read by the child with <code>saccade.load(RUN).predict(images)</code>: "
        f'{num_right} of {len(readings)} right.</p>\n<ul class="plates">\n{"".join(_render_reading(reading) for reading in readings)}</ul>'
    )


def _render_reading(reading: Reading) -> str:
    text, right = reading.prediction.text, reading.prediction.text == reading.target
    mark, word = ("\N{CHECK MARK}", "right") if right else ("\N{BALLOT X}", "wrong")
    picture = base64.b64encode(reading.png).decode("ascii")
    return (
        f'<li class="{word}"><img src="data:image/png;base64,{picture}" alt="Plate {escape(reading.target)}">'
        f"<div><b>{mark} {escape(text) or '(nothing)'}</b>"
        f"<span>{word}; truth {escape(reading.target)}</span>"
        f"<span>confidence {reading.prediction.confidence:.2f}</span><span>{escape(reading.kind)}</span></div></li>\n"
    )


def _render_next(parent: Run, child: Run, commands: str) -> str:
    rows = "".join(
        f'<tr><th scope="row" class="{css}">{name}</th><td><code>{escape(str(run.folder))}</code></td></tr>\n'
        for name, css, run in (("first attempt", "parent", parent), ("child", "child", child))
    )
    return (
        "<h2>Your own images</h2>\n<p>A folder of pictures and their labels is enough:</p>\n"
        f"<pre><code>{escape(commands)}</code></pre>\n<h2>Where the records are</h2>\n<table>\n<caption>Recipe, environment, data, "
        "history, predictions, metrics and weights of each run; training from the recipe in it repeats the run.</caption>\n"
        f'<thead><tr><th scope="col">run</th><th scope="col">folder</th></tr></thead>\n<tbody>\n{rows}</tbody></table>'
    )


def _render_footer(child: Run) -> str:
    packages = child.environment["packages"]
    named = ", ".join(f"{name} {packages[name]}" for name in ("saccade", "torch") if name in packages)
    return f"<footer>Written by {escape(named)}. This page asks nothing of any other machine.</footer>"
