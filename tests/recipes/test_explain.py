"""The generated page, the schema and the origins say what the tables say."""

import re
from pathlib import Path

from saccade.recipes.diff import plain
from saccade.recipes.explain import json_schema, markdown, origin_lines
from saccade.recipes.introspect import tables_in, tag_field, tag_of
from saccade.recipes.loader import load
from saccade.recipes.tables.recipe import RECIPES

PAGE = Path(__file__).parents[2] / "docs" / "recipes.md"


def all_tables(table):
    yield table
    for field in table.model_fields.values():
        for child in tables_in(field.annotation):
            yield from all_tables(child)


def test_the_committed_page_is_current():
    assert PAGE.read_text(encoding="utf-8") == markdown() + "\n", "python -m saccade.recipes.explain > docs/recipes.md"


def test_page_has_every_variant_and_field_with_its_meaning():
    page = markdown()
    assert page == markdown()
    for table in {table for recipe in RECIPES.values() for table in all_tables(recipe)}:
        if tag_of(table) is not None and table not in RECIPES.values():
            assert f'"{tag_of(table)}"`' in page
        for name, field in table.model_fields.items():
            if name == tag_field(table):
                continue
            assert field.description, f"{table.__name__}.{name} has no docstring"
            if not tables_in(field.annotation):
                meaning = " ".join(field.description.split()).replace("|", "\\|")
                assert re.search(rf"^\| `{name}` \| .* \| {re.escape(meaning)}", page, re.M), name


def test_page_says_types_ranges_and_defaults():
    page = markdown()
    assert "| `epochs` | integer >= 1, <= 100000 | `10` | Passes over the training data. |" in page
    assert '| `precision` | "fp32", "bf16", "fp16" or "auto" | `"fp32"` |' in page
    assert "| `milestone_epochs` | list of numbers > 0, 1 to 100 of them | required |" in page
    assert "| `grad_clip_norm` | number > 0 | not set |" in page
    assert "The keys are those of `[[data.train]]`." in page


def test_examples_of_the_page_load(write):
    for text in re.findall(r"```toml\n(.*?)```", markdown(), re.S):
        path = write(text.split("\n")[0].removeprefix("# "), text)
        load(path)
    assert path.name == "wider.toml"


def test_schema_allows_parts_and_refuses_unknown_keys():
    schema = json_schema("read")
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["anyOf"] == [{"required": ["extends", "hypothesis"]}, {"required": ["task", "data"]}]
    assert schema["additionalProperties"] is False
    assert "extends" in schema["properties"]
    step = schema["$defs"]["Step"]
    assert step["additionalProperties"] is False
    assert step["properties"]["name"]["const"] == "step"
    assert step["properties"]["factor"]["description"]
    assert "required" not in step
    assert "anyOf" in schema["properties"]["schedule"]
    assert "oneOf" not in schema["properties"]["schedule"]


def test_origin_lines_are_a_recipe_themselves(write, write_child):
    loaded = load(write_child('[model.neck]\nname = "none"'), overrides=["train.epochs=40", "hypothesis=a # b"])
    lines = origin_lines(loaded)
    again = load(write("again.toml", "\n".join(line.text for line in lines)))
    assert plain(again.recipe) == plain(loaded.recipe)
    by_text = {re.sub(r"\s+", " ", line.text): line.origin for line in lines}
    assert by_text['name = "none" # child.toml'] == "child.toml"
    assert by_text["epochs = 40 # --set"] == "--set"
    assert by_text["batch_size = 64 # default"] == "default"
    assert any(line.text.startswith("# not set: grad_clip_norm") for line in lines)
