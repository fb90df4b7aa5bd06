"""The rule that importing does nothing: no registration, printing, global flags or downloads at a module's top.

Syntax does not tell what a call does; this reader knows which calls only make a value and complains of the others.
"""

import ast
from collections.abc import Iterator

from tests.architecture import Source, is_in, write_name

# Calls that only make a value. A name that begins with a capital letter is a class and counts as one of them.
PURE_CALLS = {
    *(
        "bool",
        "bytes",
        "chr",
        "complex",
        "dict",
        "enumerate",
        "float",
        "frozenset",
        "int",
        "len",
        "list",
        "max",
        "min",
        "object",
    ),
    *("ord", "range", "reversed", "round", "set", "sorted", "str", "sum", "tuple", "zip", "map", "filter"),
    *("re.compile", "logging.getLogger", "field", "dataclasses.field", "namedtuple", "collections.namedtuple"),
    *("dataclass", "dataclasses.dataclass", "get_args", "typing.get_args", "cache", "lru_cache", "functools.lru_cache"),
    *("field_validator", "model_validator", "field_serializer", "model_serializer"),
    *("torch.no_grad", "torch.inference_mode", "np.array", "np.float32", "np.uint8", "np.dtype"),
    *("types.MappingProxyType", "typing.TypeVar", "typing.NewType", "importlib.util.find_spec"),
}
PURE_METHODS = {
    "join",
    "split",
    "splitlines",
    "items",
    "keys",
    "values",
    "format",
    "replace",
    "strip",
    "union",
    "upper",
    "lower",
}
PURE_METHODS |= {"resolve", "with_name", "with_suffix", "joinpath"}
PURE_PACKAGES = ("math", "operator", "string", "unicodedata", "typer", "pydantic", "datetime")
# Decorators without a call of their own that return what they were given, or a value of it.
PURE_DECORATORS = {
    *(
        "property",
        "staticmethod",
        "classmethod",
        "abstractmethod",
        "abc.abstractmethod",
        "overload",
        "override",
        "final",
    ),
    *(
        "dataclass",
        "dataclasses.dataclass",
        "cache",
        "functools.cache",
        "lru_cache",
        "cached_property",
        "functools.cached_property",
    ),
    *(
        "contextmanager",
        "contextlib.contextmanager",
        "total_ordering",
        "functools.total_ordering",
        "unique",
        "enum.unique",
    ),
    *("computed_field", "model_validator", "runtime_checkable", "jaxtyped"),
}
# The command line declares its verbs with typer's decorators.
VERB_DECORATORS = {"command", "callback"}


def check_imports_do_nothing(sources: list[Source]) -> Iterator[str]:
    """Complain of modules that do something when imported: calls, registration, flags set elsewhere, loops."""
    for source in sources:
        verbs = is_in(source.inside, "cli", "commands")
        for node, message in _find_effects(source.tree.body, verbs):
            yield f"{source.path}:{getattr(node, 'lineno', 0)}: importing {message}"


def _find_effects(body: list[ast.stmt], verbs: bool) -> Iterator[tuple[ast.AST, str]]:
    for statement in body:
        match statement:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield from _find_decorator_effects(statement.decorator_list, verbs)
                defaults = [*statement.args.defaults, *(value for value in statement.args.kw_defaults if value)]
                yield from (effect for value in defaults for effect in _find_call_effects(value))
            case ast.ClassDef():
                yield from _find_decorator_effects(statement.decorator_list, verbs)
                yield from _find_effects(statement.body, verbs)
            case ast.If() if ast.unparse(statement.test).startswith("__name__ =="):
                continue
            case ast.If() | ast.Try():
                parts = [statement.body, statement.orelse, getattr(statement, "finalbody", [])]
                parts += [handler.body for handler in getattr(statement, "handlers", [])]
                yield from (effect for part in parts for effect in _find_effects(part, verbs))
            case ast.For() | ast.While() | ast.With():
                yield statement, f"runs a {type(statement).__name__.lower()} statement"
            case _:
                yield from _find_statement_effects(statement)


def _find_statement_effects(statement: ast.stmt) -> Iterator[tuple[ast.AST, str]]:
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    for target in targets:
        if isinstance(target, ast.Attribute | ast.Subscript):
            yield target, f"sets {ast.unparse(target)}"
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        if write_name(statement.value.func) not in ("assert_never",):
            yield statement, f"calls {ast.unparse(statement.value.func)}() for its effect"
    else:
        yield from _find_call_effects(statement)


def _find_call_effects(node: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    """Yield the calls in an expression that may do more than make a value; bodies of lambdas run later."""
    if isinstance(node, ast.Lambda):
        return
    if isinstance(node, ast.Call) and not _is_pure(write_name(node.func)):
        yield node, f"calls {ast.unparse(node.func)}()"
    for child in ast.iter_child_nodes(node):
        yield from _find_call_effects(child)


def _is_pure(name: str) -> bool:
    last = name.rpartition(".")[2]
    return name in PURE_CALLS or last[:1].isupper() or last in PURE_METHODS or is_in(name, *PURE_PACKAGES)


def _find_decorator_effects(decorators: list[ast.expr], verbs: bool) -> Iterator[tuple[ast.AST, str]]:
    for decorator in decorators:
        call = isinstance(decorator, ast.Call)
        name = write_name(decorator.func if isinstance(decorator, ast.Call) else decorator)
        last = name.rpartition(".")[2]
        pure = _is_pure(name) if call else name in PURE_DECORATORS or last in ("setter", "deleter")
        if not pure and not (verbs and last in VERB_DECORATORS):
            yield decorator, f"runs the decorator {name}"
