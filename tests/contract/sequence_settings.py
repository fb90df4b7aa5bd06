"""What the settings of readers that write unit after unit, or all at once, need to matter, and other values for them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from saccade.recipes.loader import to_toml, validate
from saccade.recipes.tables import augment, data, neck, read, sequence, training
from saccade.recipes.tables.base import Table
from saccade.tasks.read.data import ReadBatch
from saccade.tasks.read.decode import build_decoder
from saccade.tasks.read.task import ReadTask
from saccade.text.sequence_vocabulary import SequenceVocabulary
from tests.contract import ensemble_settings

_GRID = {"name": "residual_grid", "channels": [4, 4, 8], "num_blocks": [1, 1, 1]}
_WRITER = {"hidden_size": 8, "embedding_size": 8}
_ENCODER = {"hidden_size": 8, "filter_size": 8, "num_layers": 1, "num_heads": 2}
_DECODER = {"hidden_size": 8, "filter_size": 8, "num_layers": 1, "num_heads": 2}
_BILSTM = {"name": "bilstm", "hidden_size": 4}
_SATRN = {"name": "satrn", "backbone": _GRID, "encoder": _ENCODER, "decoder": _DECODER, "max_length": 8}
#: Labels with spaces, and what a normaliser adds to them.
FORMULAS = {"text.charset": "0123456789 ^{}"}
FORMULA_SOURCES = (data.FormulaListSource, data.Im2markupSource, data.InkmlSource, data.AidaSource)
#: Tokens of LaTeX, with digits that stand for labels.
_LATEX = {"units": "tokens", "notation": "latex", "tokens": [*"0123456789{}^_", "\\left(", "\\right)", "\\frac"]}
_UNSOUND = r"} 1 1 1 2 3 2 3 2 3 \left( { \frac"
"""A formula that breaks every rule of the grammar."""
_FORMULAS = {"format": "tsv", "path": "formulas/all/gt.txt", "images": "images"}
_GRAMMAR = {
    "model": _SATRN | {"max_length": 30},
    "text": _LATEX,
    "data": {"train": [_FORMULAS], "val": [_FORMULAS]},
}

#: Lines side by side in padded images that a reader of up to eight characters reads.
_SIDE_BY_SIDE = {
    "model": _SATRN,
    "preprocessing.fit": {"name": "pad"},
    "augment.concatenation.probability": 1.0,
    "augment.concatenation.layout": "ink",
    "augment.concatenation.symbol_min_px": 4.0,
}

NEEDS: dict[type[Table], dict[str, Any]] = ensemble_settings.NEEDS | {
    data.FormulaListSource: {"format": "formula_list", "path": "formulas/all", "images": "images"},
    data.Im2markupSource: {"format": "im2markup", "path": "formulas/all.lst", "images": "images"},
    data.InkmlSource: {"format": "inkml", "path": "ink"},
    data.AidaSource: {"format": "aida", "path": "formulas/all.json", "images": "images"},
    sequence.AttentionReader: {
        "channels": [4, 4, 6, 6, 8, 8, 8], "neck": _BILSTM, "decoder": _WRITER, "max_length": 8,
    },
    sequence.Aster: {
        "stem_channels": 4, "channels": [4, 4, 6, 6, 8], "num_blocks": [1, 1, 1, 1, 1], "neck": _BILSTM, "decoder": _WRITER,
        "max_length": 8,
    },
    sequence.Tps: {"num_points": 4, "height_px": 24, "width_px": 48},
    sequence.Satrn: _SATRN,
    sequence.ResidualGrid: _GRID,
    sequence.DenseNet: {"depth": 2, "growth": 4, "stem_channels": 4},
    sequence.ShallowCnn: {"channels": 4},
    sequence.Srn: {
        "backbone": _GRID, "hidden_size": 8, "filter_size": 8, "num_heads": 2, "num_visual_layers": 1, "num_semantic_layers": 1,
        "max_length": 8,
    },
    sequence.Cstr: {
        "base_channels": 2, "stem_stride": 1, "num_blocks": [1, 1, 1, 1, 1], "hidden_size": 8, "max_length": 8,
        "head": {"name": "position_wise", "num_heads": 2},
    },
    sequence.Pooled: {"allow_overfull": True},
    sequence.DistillationTable: {"run": "teacher"},
    sequence.StepForcing: {"milestone_epochs": [1.0], "ratios": [0.1]},
    sequence.ListForcing: {"ratios": [0.2, 0.6]},
    sequence.AccuracyForcing: {"metric": "forced_accuracy"},
    neck.BiLstm: {"hidden_size": 4},
}  # fmt: skip
AROUND: dict[tuple[type[Table], str], dict[str, Any]] = ensemble_settings.AROUND | {
    **{(table, name): FORMULAS for table in FORMULA_SOURCES for name in table.model_fields},
    (data.Im2markupSource, "normalise"): FORMULAS | {"data.train.formulas": "formulas/unspaced.lst"},
    (sequence.SequenceLossTable, "brace_penalty"): {"text.charset": "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ()"},
    (training.Stage, "model"): {"model": _SATRN},
    (augment.Concatenation, "probability"): {"model": _SATRN},
    **{(augment.Concatenation, name): _SIDE_BY_SIDE for name in ("layout", "symbol_min_px")},
    **{(sequence.AccuracyForcing, name): {"train.epochs": 4} for name in ("metric", "floor")},
    **{(sequence.BeamSearch, name): {"model": _SATRN} for name in sequence.BeamSearch.model_fields},
    **{(sequence.GrammarTable, name): _GRAMMAR for name in sequence.GrammarTable.model_fields},
    (sequence.GrammarTable, "complete_commands"): _GRAMMAR | {"decode.grammar.balanced_braces": True},
}
#: The recipe beside a variant that others of its union do without.
VARIANTS: dict[type[Table], dict[str, Any]] = ensemble_settings.VARIANTS | {
    sequence.BeamSearch: {"model": _SATRN},
    **{table: {"train.epochs": 4} for table in get_args(get_args(sequence.TeacherForcing)[0])},
}
CHANGES: dict[tuple[type[Table], str], Any] = ensemble_settings.CHANGES | {
    (data.FormulaListSource, "path"): "formulas/fewer",
    (data.FormulaListSource, "images"): "other",
    **{(data.FormulaListSource, name): "missing.txt" for name in ("tokens", "sources", "levels")},
    (data.Im2markupSource, "path"): "formulas/fewer.lst",
    (data.Im2markupSource, "formulas"): "formulas/unspaced.lst",
    (data.Im2markupSource, "images"): "other",
    (data.Im2markupSource, "suffix"): ".jpg",
    (data.InkmlSource, "path"): "more_ink",
    (data.InkmlSource, "annotation"): "other",
    (data.InkmlSource, "max_width_px"): 130,
    (data.AidaSource, "path"): "formulas/fewer.json",
    (data.AidaSource, "images"): "other",
    (data.AidaSource, "rules"): "formulas/rules.toml",
    (read.TextTable, "tokens"): ["1"],  # of characters, which is refused
    (training.Stage, "model"): {"loss": {"label_smoothing": 0.5}},
    (sequence.AttentionReader, "channels"): [4, 4, 6, 6, 8, 8, 9],
    (sequence.Aster, "channels"): [4, 4, 6, 6, 9],
    (sequence.Aster, "num_blocks"): [1, 1, 1, 1, 2],
    (sequence.ResidualGrid, "channels"): [4, 4, 9],
    (sequence.ResidualGrid, "num_blocks"): [1, 1, 2],
    (sequence.Cstr, "num_blocks"): [1, 1, 1, 1, 2],
    (sequence.SequenceReaderTable, "max_length"): 2,  # shorter than a label
    (sequence.Srn, "max_length"): 2,
    (sequence.Cstr, "max_length"): 2,
    (sequence.DistillationTable, "run"): "other_teacher",
    (sequence.StepForcing, "milestone_epochs"): [2.0],
    (sequence.StepForcing, "ratios"): [0.9],
    (sequence.ListForcing, "ratios"): [0.9],
    (sequence.AccuracyForcing, "floor"): 0.99,
    (sequence.BeamSearch, "beam_width"): 1,
    (sequence.GrammarTable, "max_repeats"): 1,
    (sequence.GrammarTable, "max_phrase_repeats"): 1,
}


def write_teachers(folder: Path, recipe: dict[str, Any]) -> None:
    """Write two runs, as far as a teacher needs them: a recipe with the small attention reader, and weights of it."""
    for seed, name in enumerate(("teacher", "other_teacher")):
        task = ReadTask(
            validate(
                recipe | {"seed": seed, "model": {"name": "attention", **NEEDS[sequence.AttentionReader]}}, file=name
            )
        )
        torch.manual_seed(seed)
        best = folder / name / "checkpoints" / "best"
        best.mkdir(parents=True)
        (folder / name / "recipe.toml").write_text(to_toml(task.recipe))
        save_file(task.build_model().state_dict(), best / "model.safetensors")


class RandomWriter(nn.Module):
    """Writes anything, the same at each call, so that every way of decoding has something to choose from.

    Where it is given a script of tokens, it would rather write that.
    """

    def __init__(self, num_classes: int, script: Sequence[int] = ()) -> None:
        super().__init__()
        self.num_classes, self.script, self.generator = num_classes, script, torch.Generator()
        self.length = 0

    @property
    def decoder(self) -> "RandomWriter":
        return self

    def encode(self, images: Tensor) -> Tensor:
        return images.flatten(1).unsqueeze(2).float()

    def init(self, images: Tensor) -> "RandomWriter":
        self.generator.manual_seed(3)
        self.length = 0
        return self

    def select(self, beams: Tensor) -> None:
        pass

    def keep(self, images: Tensor) -> None:
        pass

    def step(self, state: "RandomWriter", tokens: Tensor) -> Tensor:
        after = torch.randn(self.num_classes, self.num_classes, generator=self.generator)
        logits = after[tokens]
        logits[..., [SequenceVocabulary.pad_id, SequenceVocabulary.bos_id]] = float("-inf")
        if self.script:
            logits[..., self.script[min(self.length, len(self.script) - 1)]] += 9
            self.length += 1
        return logits.log_softmax(dim=2)

    def forward(self, images: Tensor, inputs: Tensor | None = None) -> Any:
        if inputs is None:  # of readers that write all at once
            return (torch.randn(len(images), 9, self.num_classes, generator=self.generator.manual_seed(3)),)
        return torch.zeros(*inputs.shape, self.num_classes)


def read_anything(task: ReadTask, batch: ReadBatch) -> Any:
    """Return what a task makes of the network above."""
    decode = build_decoder(task.recipe.model, task.recipe.decode, task.vocabulary)
    is_latex = task.recipe.text.notation == "latex"
    script = (*task.vocabulary.encode(_UNSOUND), SequenceVocabulary.eos_id) if is_latex else ()
    return decode(RandomWriter(len(task.vocabulary), script), batch)
