"""What the pages say exists: commands, names, links, the generated recipe reference."""

import ast
import importlib
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = [README, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
# In a command quoted with its choices, `saccade data look|stats`, each choice counts.
COMMAND = re.compile(
    r"(?:^|[`$>|&;(]\s*|\s)(?:\.venv/bin/)?saccade +((?:[a-z][a-z|-]*[a-z]|\S)(?: +[a-z][a-z|-]*[a-z])?)"
)
CODE = re.compile(r"^(```|~~~)[^\n]*\n(.*?)^\1|`([^`\n]+)`", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")
HEADING = "follow one image"


def read_code(text: str) -> Iterator[str]:
    """Yield each line of code blocks and each piece of inline code."""
    for match in CODE.finditer(text):
        yield from (match[2] if match[3] is None else match[3]).splitlines()


def read_commands(text: str) -> set[tuple[str, ...]]:
    """Find the verbs of the `saccade ...` commands quoted as code, each with the word that follows."""
    found = set()
    for line in read_code(text):
        for match in COMMAND.finditer(line):
            words = [word.split("|") for word in match[1].split() if re.fullmatch(r"[a-z][a-z|-]*", word)]
            if words:
                found |= {
                    (verb, *rest)
                    for verb in words[0]
                    for rest in ([(word,) for word in words[1]] if words[1:] else [()])
                }
    return found


def read_verbs() -> dict[str, set[str]]:
    """Read the verbs of the command line, each with the verbs below it."""
    typer = importlib.import_module("typer")
    command = typer.main.get_command(importlib.import_module("saccade.cli").build_app())
    return {name: set(getattr(below, "commands", {})) for name, below in command.commands.items()}


def find_unknown_commands(text: str, verbs: dict[str, set[str]]) -> list[str]:
    """List the quoted commands that the command line does not have."""
    unknown = []
    for verb, *rest in sorted(read_commands(text)):
        if verb not in verbs:
            unknown.append(f"saccade {verb}")
        elif verbs[verb] and rest and rest[0] not in verbs[verb]:
            unknown.append(f"saccade {verb} {rest[0]}")
    return unknown


def read_image_path(text: str) -> list[str]:
    """Read the code names of the README's list "Follow one image": the section under that heading, or the paragraph."""
    lines = text.splitlines()
    starts = [number for number, line in enumerate(lines) if HEADING in line.lower()]
    assert starts, "README.md has no list 'Follow one image'"
    start = starts[0]
    heading = lines[start].startswith("#")
    section = [] if heading else [lines[start]]
    for line in lines[start + 1 :]:
        if line.startswith("#") or (not heading and not line.strip() and len(section) > 1):
            break
        section.append(line)
    return re.findall(r"`([^`]+)`", "\n".join(section))


def resolve(name: str) -> object:
    """Import what a name of that list stands for, `engine.fit.fit` as `saccade.engine.fit.fit`; or AttributeError."""
    parts = [part for part in name.partition("(")[0].removeprefix("saccade.").split(".") if part]
    for length in range(len(parts), 0, -1):
        module = ".".join(["saccade", *parts[:length]])
        try:
            found: object = importlib.import_module(module)
        except ModuleNotFoundError as error:
            if error.name is None or not module.startswith(error.name):
                raise
            continue
        for part in parts[length:]:
            found = getattr(found, part)
        return found
    found = find_class_or_function(parts[0])
    for part in parts[1:]:
        found = getattr(found, part)
    return found


def find_class_or_function(name: str) -> object:
    """Find a class by its bare name (`ReadTask`), or a method that the base class of tasks defines (`collate`)."""
    for path in sorted((ROOT / "src" / "saccade").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if any(isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == name for node in tree.body):
            module = ".".join(path.relative_to(ROOT / "src").with_suffix("").parts).removesuffix(".__init__")
            return getattr(importlib.import_module(module), name)
    return getattr(importlib.import_module("saccade.tasks.base").Task, name)


def read_broken_links(page: Path) -> list[str]:
    """List the relative links of a page that lead to no file, and those to a heading that its page does not have."""
    broken = []
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        if not linked.exists() or (anchor and anchor not in read_anchors(linked.read_text(encoding="utf-8"))):
            broken.append(target)
    return broken


def read_anchors(text: str) -> set[str]:
    """Write each heading the way that links name it."""
    headings = re.findall(r"^#+ +(.*?) *$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_commands_exist(page: Path) -> None:
    assert find_unknown_commands(page.read_text(encoding="utf-8"), read_verbs()) == []


def test_the_readme_quotes_commands() -> None:
    assert ("train",) in {command[:1] for command in read_commands(README.read_text(encoding="utf-8"))}


def test_names_of_follow_one_image_import() -> None:
    names = [name for name in read_image_path(README.read_text(encoding="utf-8")) if name != "model(images)"]
    paths = [name for name in names if "/" in name]
    dotted = [name for name in names if "/" not in name]
    assert paths
    assert len(dotted) >= 5, dotted
    assert [path for path in paths if not (ROOT / path).exists()] == []
    for name in dotted:
        found = resolve(name)
        assert inspect.ismodule(found) or callable(found), name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    assert read_broken_links(page) == []


def test_the_recipe_reference_is_fresh() -> None:
    written = subprocess.run(
        [sys.executable, "-m", "saccade.recipes.explain"], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert written.returncode == 0, written.stderr
    assert len(written.stdout) > 1000
    page = ROOT / "docs" / "recipes.md"
    assert page.exists(), "docs/recipes.md is missing: make docs"
    assert page.read_text(encoding="utf-8") == written.stdout, "docs/recipes.md is stale: make docs"


# The checks above, on pages that are wrong.


def test_an_unknown_command_is_found() -> None:
    verbs = {"train": set(), "data": {"look", "stats"}, "recipe": {"show"}}
    page = "Say `saccade trian r.toml`:\n\n```sh\n$ saccade train r.toml\n"
    page += "saccade data look|spin x\n.venv/bin/saccade fly\n```\n"
    assert find_unknown_commands(page, verbs) == ["saccade data spin", "saccade fly", "saccade trian"]
    assert find_unknown_commands("`saccade train recipe` and `saccade --help`; saccade flies in prose.", verbs) == []


def test_a_missing_name_is_found() -> None:
    assert read_image_path("# A\n`b`\n## Follow one image\n`x.y` -> `z`\n## C\n`d`") == ["x.y", "z"]
    assert read_image_path("**Follow one image** `x.y` ->\n`z`\n\n`d`") == ["x.y", "z"]
    with pytest.raises(AssertionError, match="no list"):
        read_image_path("# Nothing")
    assert resolve("errors.InputError") is resolve("InputError")
    for missing in ("errors.NoSuchError", "NoSuchTask.examples"):
        with pytest.raises(AttributeError):
            resolve(missing)


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# One two\n[a](page.md#one-two) [b](gone.md) [c](#three) ![d](gone.png) [e](https://example.org/x)\n"
    )
    assert read_broken_links(page) == ["gone.md", "#three", "gone.png"]
