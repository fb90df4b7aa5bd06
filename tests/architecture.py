"""The rules of docs/architecture.md as data, and the checker that reads sources with `ast`; nothing is imported or run.

Every rule is a function from all sources to complaints, one line each. `test_architecture.py` applies them to the
package and, with fakes that break them, to themselves. The longest rule has a file of its own, `import_effects.py`.
"""

import ast
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

PACKAGE = "saccade"
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60
MAX_ARGUMENTS = 6
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "misc", "common", "core"}

# "path::Class.function": the reason. An entry that is no longer needed is a complaint too.
LONG_FILES: Mapping[str, str] = {}
LONG_FUNCTIONS: Mapping[str, str] = {}
MANY_ARGUMENTS: Mapping[str, str] = {}
# In these folders one parameter is one option of the command line.
OPTIONS_AS_ARGUMENTS = ("saccade/commands/",)


@dataclass(frozen=True)
class Layer:
    """What a package may import of ours besides its own modules and `errors`, and whether it may touch PyTorch."""

    may: tuple[str, ...] = ()
    torch: bool = True
    anything: bool = False


_DOCTOR = Layer(("recipes", "records", "metrics"), torch=False)
_RECORD_READERS = ("recipes", "records", "metrics")

# The longest name that fits a module counts; `*` stands for one part.
LAYERS: Mapping[str, Layer] = {
    "": Layer(anything=True),
    "__main__": Layer(("cli",)),
    "cli": Layer(("commands",), torch=False),
    "commands": Layer(anything=True),
    "door": Layer(("engine", "tasks", "recipes", "records")),
    "errors": Layer(torch=False),
    "recipes": Layer(torch=False),
    "records": Layer(torch=False),
    "metrics": Layer(torch=False),
    "text": Layer(torch=False),
    "data": Layer(("recipes", "text", "records.fingerprint")),
    "data.formats": Layer(("recipes", "text"), torch=False),
    "data.pack": Layer(("recipes", "text"), torch=False),
    "data.preprocess": Layer(("recipes", "text"), torch=False),
    "augment": Layer(("recipes", "data", "text")),
    "nn": Layer(),
    "tasks": Layer(),
    "tasks.base": Layer(("recipes", "data", "metrics", "records.predictions")),
    "tasks.registry": Layer(("tasks", "recipes")),
    "tasks.*": Layer(("tasks.base", "nn", "augment", "data", "text", "metrics", "recipes", "records.predictions")),
    "engine": Layer(("tasks.base", "data", "recipes", "records", "metrics")),
    "doctor": Layer(),
    "doctor.finding": _DOCTOR,
    "doctor.curves": _DOCTOR,
    "doctor.noise": _DOCTOR,
    "doctor.attribution": _DOCTOR,
    "doctor.prescribe": _DOCTOR,
    "doctor.preflight": Layer(("tasks.base", "engine", "data", "augment", "text", "recipes", "records")),
    "report": Layer(
        (*_RECORD_READERS, "doctor.finding", "doctor.curves", "doctor.noise", "doctor.attribution", "doctor.prescribe"),
        torch=False,
    ),
    "serving": Layer(("data.preprocess", "text", "recipes", "records", "tasks", "engine")),
    "serving.predictor": Layer(("data.preprocess", "text"), torch=False),
}
# Only these may import the verbs.
MAY_IMPORT_COMMANDS = ("cli", "commands", "__main__")
TORCH_MODULES = ("torch", "torchvision", "timm", "safetensors.torch", "faster_coco_eval")
# What `saccade --help` may load: these and the standard library.
LIGHT_AT_TOP = ("typer", "saccade.errors", "saccade.commands")
# What verbs share and import when they run.
NO_VERBS = ("commands.progress",)


@dataclass(frozen=True)
class Import:
    """One imported module, written out in full; `top`: at the module's top, not inside a function."""

    name: str
    line: int
    top: bool
    typing_only: bool


@dataclass(frozen=True)
class Source:
    """One parsed file; `path` is relative to the folder that holds the package."""

    path: str
    module: str
    text: str
    tree: ast.Module
    imports: tuple[Import, ...] = field(default=())

    @property
    def inside(self) -> str:
        """The module's name without the package's: `engine.fit`; empty for the package itself."""
        return self.module.removeprefix(PACKAGE).removeprefix(".")


def read_sources(root: Path) -> list[Source]:
    """Parse every Python file below `root/saccade`."""
    paths = sorted((root / PACKAGE).rglob("*.py"))
    modules = {_name_module(path.relative_to(root)) for path in paths}
    sources = []
    for path in paths:
        relative = path.relative_to(root)
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text, str(relative))
        module = _name_module(relative)
        package = module if path.name == "__init__.py" else module.rpartition(".")[0]
        imports = tuple(_find_imports(tree, package, modules))
        sources.append(Source(relative.as_posix(), module, text, tree, imports))
    return sources


def _name_module(relative: Path) -> str:
    return ".".join(relative.with_suffix("").parts).removesuffix(".__init__")


def _find_imports(tree: ast.Module, package: str, modules: set[str]) -> Iterator[Import]:
    def visit(node: ast.AST, top: bool, typing_only: bool) -> Iterator[Import]:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, node.lineno, top, typing_only)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join([*package.split(".")[: len(package.split(".")) - node.level + 1]] if node.level else [])
            base = ".".join(part for part in (base, node.module) if part)
            for alias in node.names:
                full = f"{base}.{alias.name}"
                submodule = full in modules or full in TORCH_MODULES
                yield Import(full if submodule else base, node.lineno, top, typing_only)
        elif isinstance(node, ast.If) and write_name(node.test).endswith("TYPE_CHECKING"):
            for guarded in node.body:
                yield from visit(guarded, top, True)
            for other in node.orelse:
                yield from visit(other, top, typing_only)
        else:
            deeper = top and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            for child in ast.iter_child_nodes(node):
                yield from visit(child, deeper, typing_only)

    return visit(tree, True, False)


def write_name(node: ast.AST) -> str:
    """Write `a.b.c` for a name or an attribute of one; `.c` for an attribute of anything else; empty otherwise."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{write_name(node.value)}.{node.attr}"
    return ""


def is_in(name: str, *packages: str) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def find_layer(inside: str) -> tuple[str, Layer] | None:
    """Find the rule for a module named without the package's name; None where the table has none."""
    parts = inside.split(".") if inside else []
    for length in range(len(parts), 0, -1):
        exact = ".".join(parts[:length])
        if exact in LAYERS:
            return exact, LAYERS[exact]
        starred = ".".join([*parts[: length - 1], "*"])
        if starred in LAYERS:
            return exact, LAYERS[starred]
    return None if parts else ("", LAYERS[""])


# --- Who may import whom ---


def check_layers(sources: list[Source]) -> Iterator[str]:
    """Complain of imports between our packages that the table does not have."""
    for source in sources:
        found = find_layer(source.inside)
        if found is None:
            yield f"{source.path}: no rule for this package: give it one in tests/architecture.py and a decision page"
            continue
        name, layer = found
        # A package is one house; the tasks are several, and share nothing but tasks.base.
        own = name if name.startswith("tasks") else name.partition(".")[0]
        for imported in source.imports:
            if not is_in(imported.name, PACKAGE):
                continue
            target = imported.name.removeprefix(PACKAGE).removeprefix(".")
            if is_in(target, "commands") and not is_in(source.inside, *MAY_IMPORT_COMMANDS):
                yield f"{source.path}:{imported.line}: only the command line imports saccade.commands"
            elif layer.anything or target == "errors" or (own and is_in(target, own)) or is_in(target, *layer.may):
                continue
            else:
                yield f"{source.path}:{imported.line}: {name or PACKAGE} may not import {imported.name}"


def check_torch(sources: list[Source]) -> Iterator[str]:
    """Complain of packages that must work without PyTorch and import it, themselves or through ours."""
    by_module = {source.module: source for source in sources}
    for source in sources:
        found = find_layer(source.inside)
        if found is None or found[1].torch:
            continue
        for imported in source.imports:
            if is_in(imported.name, *TORCH_MODULES) and not imported.typing_only:
                yield f"{source.path}:{imported.line}: {found[0]} must work without PyTorch and imports {imported.name}"
        for chain in _find_chains_to_torch(source, by_module):
            yield f"{source.path}: {found[0]} must work without PyTorch and imports {' -> '.join(chain)}"


def _find_chains_to_torch(source: Source, by_module: Mapping[str, Source]) -> Iterator[list[str]]:
    """Yield the ways on which importing this module imports PyTorch through another module of ours."""
    parents = [source.module.rsplit(".", depth)[0] for depth in range(1, source.module.count(".") + 1)]
    seen = {source.module, *parents}
    pending = [(source, [source.module])]
    pending += [(by_module[parent], [source.module, parent]) for parent in parents if parent in by_module]
    while pending:
        current, chain = pending.pop()
        for imported in current.imports:
            if not imported.top or imported.typing_only:
                continue
            if is_in(imported.name, *TORCH_MODULES) and len(chain) > 1:
                yield [*chain[1:], imported.name]
            parts = imported.name.split(".")
            for length in range(1, len(parts) + 1):  # importing a.b.c runs a, a.b and a.b.c
                module = ".".join(parts[:length])
                if module in by_module and module not in seen:
                    seen.add(module)
                    pending.append((by_module[module], [*chain, module]))


def check_light_commands(sources: list[Source]) -> Iterator[str]:
    """Complain of verbs that import more than typer and the standard library at their top: `--help` would wait."""
    for source in sources:
        if not is_in(source.inside, "cli", "commands", "errors") and source.inside:
            continue
        if is_in(source.inside, *NO_VERBS):
            continue
        for imported in source.imports:
            standard = imported.name.partition(".")[0] in sys.stdlib_module_names
            light = is_in(imported.name, *LIGHT_AT_TOP) and imported.name.removeprefix("saccade.") not in NO_VERBS
            if imported.top and not imported.typing_only and not standard and not light:
                yield f"{source.path}:{imported.line}: imports {imported.name} at its top: move it into the function"


# --- Sizes and names ---


def check_names(sources: list[Source]) -> Iterator[str]:
    """Complain of names that say nothing."""
    for source in sources:
        for part in source.module.split("."):
            if part in FORBIDDEN_NAMES:
                yield f"{source.path}: '{part}' says nothing: name the file after what it holds"


def check_sizes(sources: list[Source]) -> Iterator[str]:
    """Complain of long files, functions and argument lists without a reason, and of reasons without a need."""
    used: set[str] = set()
    for source in sources:
        num_lines = len(source.text.splitlines())
        yield from _complain(num_lines, MAX_FILE_LINES, "lines", source.path, LONG_FILES, used)
        for name, function in _find_functions(source.tree):
            key = f"{source.path}::{name}"
            num_lines = (function.end_lineno or function.lineno) - function.lineno + 1
            yield from _complain(num_lines, MAX_FUNCTION_LINES, "lines", key, LONG_FUNCTIONS, used)
            if not source.path.startswith(OPTIONS_AS_ARGUMENTS):
                yield from _complain(_count_arguments(function), MAX_ARGUMENTS, "arguments", key, MANY_ARGUMENTS, used)
    for key in sorted({*LONG_FILES, *LONG_FUNCTIONS, *MANY_ARGUMENTS} - used):
        yield f"{key}: an exception in tests/architecture.py that nothing needs"


def _complain(
    count: int, limit: int, unit: str, key: str, exceptions: Mapping[str, str], used: set[str]
) -> Iterator[str]:
    if count <= limit:
        return
    if key in exceptions:
        used.add(key)
    else:
        yield f"{key}: {count} {unit}, at most {limit}"


def _find_functions(tree: ast.AST, prefix: str = "") -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{prefix}{node.name}", node
            yield from _find_functions(node, f"{prefix}{node.name}.")
        elif isinstance(node, ast.ClassDef):
            yield from _find_functions(node, f"{prefix}{node.name}.")
        else:
            yield from _find_functions(node, prefix)


def _count_arguments(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    return len([argument for argument in arguments if argument.arg not in ("self", "cls")])


# --- Safety and types ---

CODE_RUNNING_MODULES = ("pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve")


def check_safety(sources: list[Source]) -> Iterator[str]:
    """Complain of whatever runs code out of a file: pickle, eval, exec, torch.load with objects."""
    for source in sources:
        for imported in source.imports:
            if is_in(imported.name, *CODE_RUNNING_MODULES):
                yield f"{source.path}:{imported.line}: {imported.name} runs code out of a file"
        for call in (node for node in ast.walk(source.tree) if isinstance(node, ast.Call)):
            name = write_name(call.func)
            keywords = {keyword.arg: keyword.value for keyword in call.keywords}
            if name in ("eval", "exec", "builtins.eval", "builtins.exec"):
                yield f"{source.path}:{call.lineno}: {name}() runs code"
            if name == "torch.load" and not _is_true(keywords.get("weights_only")):
                yield f"{source.path}:{call.lineno}: torch.load without weights_only=True runs code out of a file"
            if "allow_pickle" in keywords and not _is_false(keywords["allow_pickle"]):
                yield f"{source.path}:{call.lineno}: allow_pickle runs code out of a file"


def _is_true(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is True


def _is_false(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is False


def check_annotations(sources: list[Source]) -> Iterator[str]:
    """Complain of what hides annotations from the shape checks."""
    for source in sources:
        for node in (node for node in ast.walk(source.tree) if isinstance(node, ast.ImportFrom)):
            names = {alias.name for alias in node.names}
            if node.module == "__future__" and "annotations" in names:
                yield f"{source.path}:{node.lineno}: postponed annotations hide shapes from the checks"
            if node.module in ("typing", "typing_extensions") and "Self" in names:
                yield f"{source.path}:{node.lineno}: Self breaks the shape checks: name the class, in quotes"
