"""One table over another: how a child recipe, an override and a stage change what they build on.

Tables merge key by key; a list, and a table whose variant changes, is replaced whole. Nothing is validated here.
"""

from typing import Any

from saccade.recipes.introspect import default_tag, tables_in, tag_field, tag_of
from saccade.recipes.tables.base import Table

Raw = dict[str, Any]


def merge(table: type[Table] | None, base: Raw, own: Raw) -> Raw:
    """Return `own` over `base`; both stay as they are.

    A table that names no variant keeps the inherited one, else takes the field's default, which is then written in.

    Args:
        table: What the two are read as; None where the key is unknown, which validation reports.
        base: Keys that are inherited.
        own: Keys that change them.
    """
    merged = dict(base)
    for key, value in own.items():
        merged[key] = _merge_field(table, key, base.get(key), value) if isinstance(value, dict) else value
    return merged


def _merge_field(table: type[Table] | None, key: str, inherited: Any, own: Raw) -> Raw:
    start = inherited if isinstance(inherited, dict) else {}
    field = table.model_fields.get(key) if table else None
    variants = tables_in(field.annotation) if field else ()
    tag = tag_field(variants[0]) if variants else None
    if field is None or tag is None:
        return merge(variants[0] if variants else None, start, own)
    before = start.get(tag, default_tag(field))
    after = own.get(tag, before)
    variant = next((variant for variant in variants if tag_of(variant) == after), None)
    merged = merge(variant, start if after == before else {}, own)
    return merged if after is None else {tag: after, **merged}
