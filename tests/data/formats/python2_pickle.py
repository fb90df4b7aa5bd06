"""Writes pickles as Python 2 wrote those of CIFAR: protocol 2, byte strings, NumPy's own way of storing an array."""

import struct
from typing import Any

import numpy as np

_ARRAY = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
_DTYPE = b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"


def dump(value: Any) -> bytes:
    return b"\x80\x02" + _write(value) + b"."


def _write(value: Any) -> bytes:
    match value:
        case bytes():
            return b"T" + struct.pack("<i", len(value)) + value if len(value) > 255 else b"U%c%b" % (len(value), value)
        case int():
            return b"K%c" % value if 0 <= value < 256 else b"J" + struct.pack("<i", value)
        case list():
            return b"]q\x07(" + b"".join(map(_write, value)) + b"e"
        case dict():
            return b"}q\x08(" + b"".join(_write(key) + _write(item) for key, item in value.items()) + b"u"
        case np.ndarray():
            shape = b"".join(map(_write, value.shape)) + b"t"
            order = b"\x88" if value.flags.f_contiguous and not value.flags.c_contiguous else b"\x89"
            state = b"(K\x01(" + shape + _DTYPE + order + _write(value.tobytes("A")) + b"tb"
            return _ARRAY + b"q\x09" + state
    raise TypeError(type(value))
