"""What a value must be, in words."""

from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, create_model

from saccade.recipes.introspect import default_tag, describe, table_keys, tables_in, tag_of
from saccade.recipes.tables.recipe import ReadRecipe
from saccade.recipes.tables.training import Adam, AdamW, SelectTable


@pytest.mark.parametrize(
    ("annotation", "field", "text"),
    [
        (bool, Field(), "true or false"),
        (int, Field(ge=1), "integer >= 1"),
        (float, Field(gt=0, lt=1), "number > 0, < 1"),
        (float | None, Field(gt=0), "number > 0"),
        (int, Field(ge=8, multiple_of=2), "integer >= 8, a multiple of 2"),
        (str, Field(), "string"),
        (tuple[Annotated[str, Field(pattern="^[0A]+$")], ...], Field(), "list of strings matching ^[0A]+$"),
        (Literal["a"], Field(), '"a"'),
        (Literal["a", "b", "c"], Field(), '"a", "b" or "c"'),
        (tuple[str, ...], Field(), "list of strings"),
        (tuple[Annotated[int, Field(ge=1)], ...], Field(max_length=5), "list of integers >= 1, at most 5 of them"),
        (dict[str, float], Field(), "table of numbers"),
        (dict[str, Any], Field(), "table"),
        (SelectTable | None, Field(), "table"),
        (tuple[SelectTable, ...], Field(min_length=1), "list of [[tables]], at least 1 of them"),
    ],
)
def test_describe(annotation, field, text):
    info = create_model("Model", value=(annotation, field)).model_fields["value"]
    assert describe(info.annotation, info.metadata) == text


def test_a_type_that_toml_does_not_have():
    with pytest.raises(TypeError, match="cannot hold"):
        describe(bytes)


def test_unions():
    field = ReadRecipe.model_fields["optimizer"]
    assert tables_in(field.annotation)[:2] == (AdamW, Adam)
    assert (default_tag(field), tag_of(Adam), tag_of(SelectTable)) == ("adamw", "adam", None)
    assert {"train", "train.epochs", "data.train.keep.unique", "model.neck.hidden_size"} <= set(table_keys(ReadRecipe))
