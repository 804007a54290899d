"""From plain JSON values to a stage: nested frozen dataclasses, strictly by their annotations."""

import types
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from vidcompute.errors import Kind, VidComputeError

_T = TypeVar("_T")
_UNIONS = (Union, types.UnionType)


def decode(kind: type[_T], data: Mapping[str, Any]) -> _T:
    """An instance of the dataclass `kind` from its fields as JSON values.

    Known are str, int, float, bool, None, enums, Literal, tuples, lists, mappings with text keys, unions and nested
    dataclasses. A field too many, one that is missing without a default, or a value of another type is
    `stage_options_invalid` (kind internal), for options are written by our own recipes.
    """
    return cast("_T", _dataclass(kind, data, kind.__name__))


def _wrong(where: str, expected: str, value: object) -> VidComputeError:
    return VidComputeError(
        Kind.INTERNAL, "stage_options_invalid", f"{where}: expected {expected}, got {repr(value)[:80]}."
    )


@cache
def _hints(kind: type) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {f.name: hints[f.name] for f in fields(kind) if f.init}


def _dataclass(kind: type, value: Any, where: str) -> Any:
    hints = _hints(kind)
    if not isinstance(value, Mapping):
        raise _wrong(where, "an object", value)
    unknown = value.keys() - hints.keys()
    if unknown:
        raise _wrong(where, f"only {sorted(hints)}", sorted(unknown))
    try:
        return kind(**{name: _value(hints[name], item, f"{where}.{name}") for name, item in value.items()})
    except (TypeError, ValueError) as error:
        raise _wrong(where, f"the fields of {kind.__name__} ({error})", value) from error


def _scalar(kind: type, value: Any, where: str) -> Any:
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:  # exactly: a bool is no int here
        raise _wrong(where, kind.__name__, value)
    return value


def _enum(kind: type[Enum], value: Any, where: str) -> Any:
    try:
        return kind(value)
    except ValueError as error:
        raise _wrong(where, f"one of {[member.value for member in kind]}", value) from error


def _sequence(kind: Any, value: Any, where: str) -> list[Any]:
    if not isinstance(value, list | tuple):
        raise _wrong(where, "an array", value)
    arguments = get_args(kind)
    if get_origin(kind) is tuple and arguments[-1:] != (...,):
        if len(value) != len(arguments):
            raise _wrong(where, f"{len(arguments)} items", value)
        return [_value(a, item, f"{where}[{n}]") for n, (a, item) in enumerate(zip(arguments, value, strict=True))]
    return [_value(arguments[0], item, f"{where}[{n}]") for n, item in enumerate(value)]


def _tuple(kind: Any, value: Any, where: str) -> tuple[Any, ...]:
    return tuple(_sequence(kind, value, where))


def _mapping(kind: Any, value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise _wrong(where, "an object", value)
    item_kind = get_args(kind)[1]
    return {key: _value(item_kind, item, f"{where}.{key}") for key, item in value.items()}


def _union(kind: Any, value: Any, where: str) -> Any:
    for choice in get_args(kind):
        try:
            return _value(choice, value, where)
        except VidComputeError:
            continue
    raise _wrong(where, str(kind), value)


def _literal(kind: Any, value: Any, where: str) -> Any:
    if value not in get_args(kind):
        raise _wrong(where, f"one of {get_args(kind)}", value)
    return value


_GENERIC: dict[Any, Callable[[Any, Any, str], Any]] = {
    tuple: _tuple,
    list: _sequence,
    dict: _mapping,
    Mapping: _mapping,
    Literal: _literal,
    **dict.fromkeys(_UNIONS, _union),
}


def _value(kind: Any, value: Any, where: str) -> Any:
    if kind is Any:
        return value
    generic = _GENERIC.get(get_origin(kind))
    if generic is not None:
        return generic(kind, value, where)
    if isinstance(kind, type):
        return _plain(kind, value, where)
    raise _wrong(where, f"a type that options may have, not {kind}", value)


def _plain(kind: type, value: Any, where: str) -> Any:
    if is_dataclass(kind):
        return _dataclass(kind, value, where)
    if issubclass(kind, Enum):
        return _enum(kind, value, where)
    if kind in (str, int, float, bool, types.NoneType):
        return _scalar(kind, value, where)
    raise _wrong(where, f"a type that options may have, not {kind.__name__}", value)
