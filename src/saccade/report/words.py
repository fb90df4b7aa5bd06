"""Every word of a page that the records do not hold, one table a language; a language that lacks one does not type-check.

Names in braces are filled in. Not translated: what people and recipes say, names of metrics and keys, and the sentences of
a comparison.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Words:
    """The words of one language."""

    # The page
    language: str
    title: str
    facts_experiments: str
    facts_runs: str
    facts_chains: str
    facts_task: str
    facts_val: str
    facts_updated: str
    facts_shown: str
    written_by: str
    script_missing: str
    not_set: str
    and_more: str
    none: str

    # The result
    result: str
    best_is: str
    no_value: str
    step_counts: str
    step_count_one: str
    one_step: str
    verdict_better: str
    verdict_worse: str
    verdict_not_shown: str
    verdict_refused: str
    sentence_better: str
    sentence_worse: str
    sentence_not_shown: str
    sentence_refused: str
    points: str
    interval: str
    no_interval: str
    could_show: str
    basis_repeats: str
    basis_paired_images: str
    basis_unpaired_images: str
    basis_reported: str

    # What to know first
    problems: str
    unreadable_run: str
    run_failed: str
    run_stopped: str
    run_running: str
    no_validation: str
    one_validation: str
    no_number: str
    history_gap: str
    seed_twice: str
    several_recipes: str
    parent_missing: str
    parent_passed_over: str
    parent_edited: str
    recipe_edited: str
    recipes_gone: str
    other_images: str

    # The chain
    chain: str
    chain_note: str
    chain_start: str
    start_settings: str
    asked: str
    changed: str
    changed_from_missing: str
    nothing_changed: str
    no_effect: str
    ignored: str
    differs: str
    attributable: str
    not_attributable: str
    more_than_settings: str
    separating: str
    changed_sides: str
    overrides: str
    cannot_compare: str

    # The table
    table: str
    table_caption: str
    settings_caption: str
    settings_too_many: str
    experiment: str
    settings: str
    reported: str
    best: str
    last: str
    median: str
    time: str
    curve: str
    reading: str
    next: str
    setting: str
    over_seeds: str
    one_run: str
    spark_label: str
    spark_empty: str
    reported_by_others: str
    seconds: str
    minutes: str
    hours: str

    # The curves
    curves: str
    curves_note: str
    overview: str
    overview_says: str
    curve_val: str
    curve_gap: str
    curve_loss: str
    curve_rate: str
    curve_says: str
    epochs: str
    difference: str
    loss: str
    learning_rate: str
    seed: str
    value: str

    # The images
    hardest: str
    hardest_says: str
    hardest_text_only: str
    hardest_none: str
    no_predictions: str
    picture_of: str
    drawing_of: str
    drawings_too_large: str
    right: str
    wrong: str
    truth: str
    nothing: str
    confidence: str
    parent_right: str

    # Notes and runs
    notes: str
    note_of: str
    note_undated: str
    runs: str
    runs_caption: str
    run: str
    state: str
    state_finished: str
    state_failed: str
    state_stopped: str
    state_running: str
    views: str
    train_clean: str
    train_augmented: str
    device: str
    code: str
    code_changed: str

    # What the demo adds
    unseen: str
    unseen_says: str
    commands: str
    commands_note: str
