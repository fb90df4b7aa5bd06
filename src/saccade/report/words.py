"""Every word of a page that the records do not hold, one table a language; a language that lacks one does not type-check.

Names in braces are filled in. Not translated: what people and recipes say, names of metrics and keys, and what is wrong
with a file.
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
    best_so_far: str
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
    nothing_could_show: str
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
    no_loss: str
    history_gap: str
    seed_twice: str
    several_recipes: str
    parent_missing: str
    parent_passed_over: str
    parent_ad_hoc: str
    parent_edited: str
    recipe_edited: str
    recipes_gone: str
    other_images: str
    other_metrics: str

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
    settings_alone: str
    experiment: str
    settings: str
    reported: str
    best: str
    last: str
    median: str
    median_of: str
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
    short_names: str
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
    note_of_all: str
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

    # What a comparison says: parts of sentences
    both: str
    clauses: str
    in_brackets: str
    names_and_more: str
    cut_text: str
    higher: str
    lower: str
    task_unknown: str
    set_with: str
    set_without: str
    start_fresh: str
    start_kept: str
    revision: str
    revision_changed: str
    threads: str
    ranks: str
    few_validations: str
    lone_validation: str
    no_finite_value: str
    origin_run: str
    origin_named: str
    origin_set: str
    origin_unknown: str
    images_missing: str
    images_relabelled: str
    images_other_content: str

    # What a comparison says: why there is none
    other_task: str
    other_selection: str
    other_reported: str
    nothing_reported: str
    not_over: str
    neither_over: str
    images_differ: str
    images_unknown: str
    reported_of_others: str

    # What a comparison says: how the interval was made
    seeds_paired: str
    seeds_of_both: str
    images_alone: str
    no_image_mean: str
    wander_of_one: str
    wander_of_both: str
    wander_unknown: str
    from_reported: str
    no_share: str
    no_interval_because: str

    # What a comparison says: conditions that differ
    data_differ: str
    images_differ_anyway: str
    compared_anyway: str
    data_of_other_size: str
    data_of_same_size: str
    data_reported: str
    direction_differs: str
    start_differs: str
    epochs_patience: str
    epochs_stopped: str
    code_differs: str
    machine_differs: str
    recipe_between: str
    recipe_lost: str
    recipe_since: str
    ad_hoc: str
    resumed: str
    ignored_by: str

    # What a comparison says: runs that do not count, and recipes that are not trained yet
    run_left_out: str
    stopped_left_out: str
    seed_left_out: str
    folder_chosen: str
    halfway: str

    # What a comparison says in a terminal
    refused: str
    verdict_line: str
    least_shown: str
    anyway_hint: str
    conditions: str
    changed_none: str
    changed_one: str
    changed_many: str
    unexplained: str
    unattributable: str
    without_effect: str
    separated_by: str
    separated_by_files: str
    images_changed: str
    images_changed_by_chance: str
    right_means: str
    only_right: str
    counted_ids: str
    wrote: str
    wrote_nothing: str
