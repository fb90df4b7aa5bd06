"""The one base of every table: frozen, strict, and documented field by field."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class Table(BaseModel):
    """A table of a recipe: immutable, without unknown keys, its fields documented by the string below each."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )

    #: Fields that are kept in the record and change nothing else (the contract test of live settings skips them).
    record_only: ClassVar[frozenset[str]] = frozenset()
