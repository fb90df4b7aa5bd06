"""Reads pickles of plain values and NumPy bytes, as Python 2 wrote them, without running anything that stands in them.

A pickle is a program. Here its operations are only looked at (`pickletools` decodes them): those that build lists,
dicts, tuples, numbers, strings and uint8 arrays are carried out, and any other ends the reading. No name in a file is
ever imported or called.
"""

import pickletools
from dataclasses import dataclass
from typing import Any

import numpy as np

from saccade.errors import InputError

_GLOBALS = {"numpy.core.multiarray _reconstruct", "numpy ndarray", "numpy dtype"}
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_PLAIN = {"INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "FLOAT", "BINFLOAT", "UNICODE", "BINUNICODE"}
_STRINGS = {"STRING", "BINSTRING", "SHORT_BINSTRING"}
_MEMO_PUTS, _MEMO_GETS = {"PUT", "BINPUT", "LONG_BINPUT"}, {"GET", "BINGET", "LONG_BINGET"}
_TUPLE_LENGTHS = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


@dataclass(frozen=True)
class _Name:
    """A global that a pickle names; it stays a name."""

    name: str


class _Mark:
    """Where the items of a list, dict or tuple begin on the stack."""


@dataclass
class _Unbuilt:
    """A `numpy ndarray` or `numpy dtype` that waits for its state."""

    name: str


def parse_pickle(data: bytes, name: str) -> Any:
    """Return the value that a pickle holds; strings of Python 2 as bytes, arrays uint8.

    Raises:
        InputError: It is damaged, or holds anything but plain values and uint8 arrays; the message begins with `name`.
    """
    machine = _Machine()
    try:
        for operation, argument, _ in pickletools.genops(data):
            if operation.name == "STOP":
                return machine.stack.pop()
            machine.run(operation.name, argument)
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise InputError(
            f"{name}: not a pickle of plain values and arrays ({error}); fetch the file again from where it was published"
        ) from None
    raise AssertionError("pickletools ends with STOP or an error")


class _Machine:
    """The stack and the memo of a pickle."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self._memo: dict[int, Any] = {}

    def run(self, operation: str, argument: Any) -> None:
        if operation in _PLAIN:
            self.stack.append(argument)
        elif operation in _STRINGS:
            self.stack.append(argument.encode("latin-1"))
        elif operation in _CONSTANTS:
            self.stack.append(_CONSTANTS[operation])
        elif operation in _MEMO_PUTS:
            self._memo[argument] = self.stack[-1]
        elif operation in _MEMO_GETS:
            self.stack.append(self._memo[argument])
        elif operation in _TUPLE_LENGTHS:
            length = _TUPLE_LENGTHS[operation]
            self.stack[-length:] = [tuple(self.stack[-length:])]
        else:
            self._run_rare(operation, argument)

    def _run_rare(self, operation: str, argument: Any) -> None:
        match operation:
            case "PROTO":
                pass
            case "MARK":
                self.stack.append(_Mark())
            case "GLOBAL":
                if argument not in _GLOBALS:
                    raise ValueError(f"it names {argument.replace(' ', '.')}")
                self.stack.append(_Name(argument))
            case "REDUCE":
                arguments, called = self.stack.pop(), self.stack.pop()
                self.stack.append(_reduce(called, arguments))
            case "BUILD":
                state, unbuilt = self.stack.pop(), self.stack.pop()
                self._replace(unbuilt, _build(unbuilt, state))
            case _:
                self._collect(operation)

    def _collect(self, operation: str) -> None:
        match operation:
            case "EMPTY_LIST":
                self.stack.append([])
            case "EMPTY_DICT":
                self.stack.append({})
            case "LIST":
                self.stack.append(self._pop_marked())
            case "TUPLE":
                self.stack.append(tuple(self._pop_marked()))
            case "DICT":
                self.stack.append(_pair(self._pop_marked()))
            case "APPEND":
                items = [self.stack.pop()]
                self.stack[-1].extend(items)
            case "APPENDS":
                items = self._pop_marked()
                self.stack[-1].extend(items)
            case "SETITEM":
                items = self._pop_marked(2)
                self.stack[-1].update(_pair(items))
            case "SETITEMS":
                items = self._pop_marked()
                self.stack[-1].update(_pair(items))
            case _:
                raise ValueError(f"it asks for {operation}")

    def _pop_marked(self, count: int | None = None) -> list[Any]:
        """Take the items above the last mark, and the mark; or `count` items."""
        if count is not None:
            items, self.stack[-count:] = self.stack[-count:], []
            return items
        items = []
        while not isinstance(item := self.stack.pop(), _Mark):
            items.append(item)
        return items[::-1]

    def _replace(self, unbuilt: Any, built: Any) -> None:
        self.stack.append(built)
        self._memo = {key: built if value is unbuilt else value for key, value in self._memo.items()}


def _pair(items: list[Any]) -> dict[Any, Any]:
    return dict(zip(items[::2], items[1::2], strict=True))


def _reduce(called: Any, arguments: Any) -> _Unbuilt:
    match called, arguments:
        case _Name("numpy.core.multiarray _reconstruct"), (_Name("numpy ndarray"), (0,), b"b"):
            return _Unbuilt("ndarray")
        case _Name("numpy dtype"), (b"u1" | b"|u1", *_):
            return _Unbuilt("dtype")
        case _:
            raise ValueError("it makes something other than a uint8 array")


def _build(unbuilt: Any, state: Any) -> Any:
    match unbuilt, state:
        case _Unbuilt("dtype"), _:  # what follows says how wide values are stored; bytes are stored in one way
            return np.dtype(np.uint8)
        case _Unbuilt("ndarray"), (_, tuple(shape), np.dtype(), fortran_order, bytes(values)):
            return np.frombuffer(values, np.uint8).reshape(shape, order="F" if fortran_order else "C")
        case _:
            raise ValueError("it sets the state of something other than a uint8 array")
