"""The package keeps the rules of docs/architecture.md; each rule finds the fakes that break it, and no others."""

import json
import os
import resource
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import architecture as rules
from tests.import_effects import check_imports_do_nothing

SRC = Path(__file__).parents[1] / "src"
RULES = (
    rules.check_layers,
    rules.check_torch,
    rules.check_light_commands,
    rules.check_names,
    rules.check_sizes,
    rules.check_safety,
    rules.check_annotations,
    check_imports_do_nothing,
)
Rule = Callable[[list[rules.Source]], Iterator[str]]

HELP_LIMIT_SECONDS = 0.3
HEAVY_MODULES = ("torch", "torchvision", "timm", "numpy", "cv2", "matplotlib")


@pytest.fixture(scope="module")
def sources() -> list[rules.Source]:
    return rules.read_sources(SRC)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_package_keeps_the_rule(rule: Rule, sources: list[rules.Source]) -> None:
    assert sources, f"no source found below {SRC}"
    assert list(rule(sources)) == []


# Each row: the rule, the fake files that break it, and what one complaint says. Then the same files, mended.
BROKEN: list[tuple[Rule, dict[str, str], str]] = [
    (rules.check_layers, {"tasks/read/loss.py": "from saccade.tasks.detect import data"}, "may not import"),
    (
        rules.check_layers,
        {"engine/fit.py": "from saccade.tasks import registry", "tasks/registry.py": ""},
        "tasks.registry",
    ),
    (
        rules.check_layers,
        {"engine/fit.py": "def fit():\n    from saccade.tasks.read import task"},
        "saccade.tasks.read",
    ),
    (rules.check_layers, {"nn/sequence.py": "from ..recipes import tables"}, "nn may not import saccade.recipes"),
    (rules.check_layers, {"records/writer.py": "import saccade.recipes"}, "records may not import"),
    (rules.check_layers, {"engine/fit.py": "from saccade.commands import train"}, "only the command line"),
    (
        rules.check_layers,
        {"__init__.py": "def train():\n    from saccade.commands import train"},
        "only the command line",
    ),
    (rules.check_layers, {"errors.py": "from saccade import text"}, "errors may not import"),
    (rules.check_layers, {"wizardry/__init__.py": ""}, "no rule for this package"),
    (rules.check_torch, {"text/ctc.py": "def decode():\n    import torch"}, "imports torch"),
    (rules.check_torch, {"records/reader.py": "from safetensors import torch"}, "safetensors.torch"),
    (
        rules.check_torch,
        {"data/preprocess.py": "from saccade.data import sampler", "data/sampler.py": "import torch.nn"},
        "saccade.data.sampler -> torch.nn",
    ),
    (rules.check_torch, {"data/preprocess.py": "", "data/__init__.py": "import torch\nfrom . import preprocess"}, ""),
    (rules.check_light_commands, {"commands/train.py": "import numpy as np"}, "move it into the function"),
    (rules.check_light_commands, {"cli.py": "from saccade.recipes import loader"}, "move it into the function"),
    (rules.check_names, {"text/utils.py": ""}, "'utils' says nothing"),
    (rules.check_names, {"core/fit.py": ""}, "'core' says nothing"),
    (rules.check_sizes, {"text/ctc.py": "A = 1\n" * 401}, "401 lines, at most 400"),
    (rules.check_sizes, {"text/ctc.py": "def decode():\n" + "    a = 1\n" * 60}, "decode: 61 lines, at most 60"),
    (rules.check_sizes, {"text/ctc.py": "class A:\n  def f(self, a, b, c, d, e, *, f, g): ..."}, "A.f: 7 arguments"),
    (rules.check_safety, {"engine/checkpoint.py": "import pickle"}, "pickle runs code"),
    (rules.check_safety, {"engine/checkpoint.py": "import torch\ntorch.load(p)"}, "without weights_only=True"),
    (rules.check_safety, {"engine/checkpoint.py": "import torch\ntorch.load(p, weights_only=False)"}, "weights_only"),
    (rules.check_safety, {"recipes/loader.py": "a = eval('1')"}, "eval() runs code"),
    (rules.check_safety, {"recipes/loader.py": "exec('a = 1')"}, "exec() runs code"),
    (rules.check_safety, {"data/pack.py": "np.load(p, allow_pickle=True)"}, "allow_pickle"),
    (rules.check_annotations, {"text/ctc.py": "from __future__ import annotations"}, "postponed annotations"),
    (rules.check_annotations, {"text/ctc.py": "from typing import Self"}, "name the class"),
    (check_imports_do_nothing, {"nn/a.py": "print('hello')"}, "calls print() for its effect"),
    (
        check_imports_do_nothing,
        {"nn/a.py": "torch.backends.cudnn.benchmark = True"},
        "sets torch.backends.cudnn.benchmark",
    ),
    (check_imports_do_nothing, {"nn/a.py": "TASKS['read'] = 1"}, "sets TASKS['read']"),
    (check_imports_do_nothing, {"nn/a.py": "NAMES = open('names').read()"}, "calls open()"),
    (check_imports_do_nothing, {"nn/a.py": "class A:\n    device = torch.device('cpu')"}, "calls torch.device()"),
    (check_imports_do_nothing, {"nn/a.py": "def f(a=download()): ..."}, "calls download()"),
    (check_imports_do_nothing, {"nn/a.py": "for name in NAMES:\n    pass"}, "runs a for statement"),
    (check_imports_do_nothing, {"nn/a.py": "@register\nclass A: ..."}, "runs the decorator register"),
    (check_imports_do_nothing, {"nn/a.py": "@registry.add('a')\ndef f(): ..."}, "runs the decorator registry.add"),
    (check_imports_do_nothing, {"nn/a.py": "if True:\n    setup()"}, "calls setup()"),
    (check_imports_do_nothing, {"nn/a.py": "try:\n    a = 1\nexcept OSError:\n    setup()"}, "calls setup()"),
]
KEPT: list[tuple[Rule, dict[str, str]]] = [
    (rules.check_layers, {"tasks/read/loss.py": "from saccade.tasks.base import Task\nfrom saccade.text import ctc"}),
    (rules.check_layers, {"tasks/read/loss.py": "from .decode import decode", "tasks/read/decode.py": ""}),
    (rules.check_layers, {"engine/fit.py": "from saccade.tasks import base", "tasks/base.py": ""}),
    (rules.check_layers, {"nn/sequence.py": "from saccade.errors import InputError\nimport torch"}),
    (rules.check_layers, {"commands/train.py": "def train():\n    from saccade.engine import fit"}),
    (rules.check_torch, {"text/ctc.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import torch"}),
    (rules.check_torch, {"records/reader.py": "import safetensors.numpy\nimport numpy"}),
    (rules.check_light_commands, {"commands/train.py": "import json\nimport typer\ndef train():\n    import numpy"}),
    (rules.check_names, {"text/ctc.py": "", "nn/scores.py": ""}),
    (rules.check_sizes, {"text/ctc.py": "def decode(a, b, c, d, e, f):\n" + "    a = 1\n" * 59}),
    (rules.check_sizes, {"commands/train.py": "def train(a, b, c, d, e, f, g): ..."}),
    (
        rules.check_safety,
        {"engine/evaluate.py": "model.eval()\ntorch.load(p, weights_only=True)\nnp.load(p, allow_pickle=False)"},
    ),
    (rules.check_annotations, {"text/ctc.py": "from typing import Any"}),
    (
        check_imports_do_nothing,
        {
            "nn/a.py": """
            '''What it is.'''
            import re
            B = TypeVar("B", bound="Batch")
            PATTERN = re.compile("a")
            NAMES = frozenset(name.upper() for name in ("a", "b"))
            MAKERS = {"a": lambda: torch.device("cpu")}
            @dataclass(frozen=True)
            class A:
                names: tuple[str, ...] = field(default_factory=tuple)
                rate: float = Field(default=1e-3, gt=0)
                @property
                def first(self): return open(self.names[0])
            if __name__ == "__main__":
                main()
            """
        },
    ),
    (
        check_imports_do_nothing,
        {"cli.py": "app = typer.Typer()\n@app.command('train')\ndef train(seed=typer.Option(0)): ..."},
    ),
]


def _write_fakes(root: Path, files: dict[str, str]) -> list[rules.Source]:
    for name, text in files.items():
        path = root / "saccade" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        for folder in path.relative_to(root).parents[:-1]:
            if not (root / folder / "__init__.py").exists():
                (root / folder / "__init__.py").write_text("")
    return rules.read_sources(root)


@pytest.mark.parametrize(("rule", "files", "message"), BROKEN)
def test_a_rule_finds_what_breaks_it(tmp_path: Path, rule: Rule, files: dict[str, str], message: str) -> None:
    complaints = list(rule(_write_fakes(tmp_path, files)))
    assert complaints, f"{rule.__name__} does not see it"
    assert any(message in complaint for complaint in complaints), complaints


@pytest.mark.parametrize(("rule", "files"), KEPT)
def test_a_rule_leaves_what_keeps_it(tmp_path: Path, rule: Rule, files: dict[str, str]) -> None:
    assert list(rule(_write_fakes(tmp_path, files))) == []


def test_an_exception_needs_to_be_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sources = _write_fakes(tmp_path, {"text/ctc.py": "A = 1\n" * 401})
    monkeypatch.setattr(rules, "LONG_FILES", {"saccade/text/ctc.py": "a table"})
    assert list(rules.check_sizes(sources)) == []
    monkeypatch.setattr(rules, "LONG_FILES", {"saccade/text/ctc.py": "a table", "saccade/text/gone.py": "a table"})
    assert list(rules.check_sizes(sources)) == [
        "saccade/text/gone.py: an exception in tests/architecture.py that nothing needs"
    ]


def _run_help() -> tuple[subprocess.CompletedProcess[str], float]:
    """Run `saccade --help` in its own process and time the processor, which a busy machine stretches little."""
    program = (
        "import json, sys\n"
        "sys.argv = ['saccade', '--help']\n"
        "from saccade.cli import main\n"
        "try:\n    status = main()\nexcept SystemExit as end:\n    status = end.code\n"
        f"print(json.dumps([status, [m for m in {HEAVY_MODULES!r} if m in sys.modules]]), file=sys.stderr)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(SRC)}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, env=environment
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ended, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_help_answers_at_once_and_loads_nothing_heavy() -> None:
    ended, seconds = _run_help()
    assert ended.returncode == 0, ended.stderr
    status, heavy = json.loads(ended.stderr.splitlines()[-1])
    assert not status
    assert "train" in ended.stdout
    assert heavy == []
    fastest = min([seconds, *(_run_help()[1] for _ in range(4))])
    assert fastest < HELP_LIMIT_SECONDS


def test_records_and_reports_are_read_without_pytorch(sources: list[rules.Source]) -> None:
    light = [source.module for source in sources if (layer := rules.find_layer(source.inside)) and not layer[1].torch]
    assert "saccade.errors" in light
    program = f"import importlib, sys\nsys.modules.update(dict.fromkeys({rules.TORCH_MODULES!r}))\n"
    program += f"for name in {light!r}:\n    importlib.import_module(name)\n"
    environment = {**os.environ, "PYTHONPATH": str(SRC)}
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, env=environment
    )
    assert ended.returncode == 0, ended.stderr
