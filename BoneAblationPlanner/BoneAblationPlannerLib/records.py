"""Frozen dataclasses as JSON and back, with types checked."""

import types
import typing
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, Literal

from BoneAblationPlannerLib.errors import InputError


def encode(value: Any) -> Any:
    """Frozen dataclasses as JSON values; numbers with four decimals."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: encode(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, list | tuple):
        return [encode(v) for v in value]
    if isinstance(value, dict):
        return {str(k): encode(v) for k, v in value.items()}
    if isinstance(value, float):
        return round(value, 4)
    return value


def decode(kind: Any, value: Any, where: str) -> Any:
    """JSON values as `kind`, a type of a dataclass's field; `where` names them in messages.

    Raises InputError that names the key which is missing or wrong. Keys that `kind` does not have are ignored.
    """
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return value
    if origin in (typing.Union, types.UnionType):
        return _decode_union(arguments, value, where)
    if origin is Literal:
        if value not in arguments:
            raise InputError(f"{where}: {value!r}; expected one of {', '.join(map(str, arguments))}")
        return value
    if origin is tuple:
        return _decode_tuple(arguments, value, where)
    if origin is dict:
        if not isinstance(value, dict):
            raise InputError(f"{where}: expected an object")
        return {k: decode(arguments[1], v, f"{where}.{k}") for k, v in value.items()}
    if is_dataclass(kind):
        return _decode_dataclass(kind, value, where)
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise InputError(f"{where}: {value!r}; expected {kind.__name__}")
    return value


def _decode_union(arguments: tuple[Any, ...], value: Any, where: str) -> Any:
    if value is None and type(None) in arguments:
        return None
    options = [a for a in arguments if a is not type(None)]
    for option in options[:-1]:
        try:
            return decode(option, value, where)
        except InputError:
            continue
    return decode(options[-1], value, where)


def _decode_tuple(arguments: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise InputError(f"{where}: expected a list")
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return tuple(decode(arguments[0], v, f"{where}[{n}]") for n, v in enumerate(value))
    if len(value) != len(arguments):
        raise InputError(f"{where}: {len(value)} values; expected {len(arguments)}")
    pairs = zip(arguments, value, strict=True)
    return tuple(decode(kind, v, f"{where}[{n}]") for n, (kind, v) in enumerate(pairs))


def _decode_dataclass(kind: Any, value: Any, where: str) -> Any:
    if not isinstance(value, dict):
        raise InputError(f"{where}: expected an object")
    hints = typing.get_type_hints(kind)
    known = {}
    for item in fields(kind):
        if item.name in value:
            known[item.name] = decode(hints[item.name], value[item.name], f"{where}.{item.name}")
        elif item.default is MISSING and item.default_factory is MISSING:
            raise InputError(f"{where}.{item.name}: missing; expected a value")
    return kind(**known)
