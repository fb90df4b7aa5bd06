"""The type checker of the import hook: beartype, with an int accepted for a float as in every type checker (PEP 484)."""

from beartype import BeartypeConf, beartype

check = beartype(conf=BeartypeConf(is_pep484_tower=True))
