"""The errors that a dependency declares, and an example of each to fail it with."""

from __future__ import annotations

import dataclasses
import enum
import inspect
import types
from typing import TYPE_CHECKING, Any, Literal, Union, cast, get_args, get_origin, get_type_hints

import msgspec

from awaitly_trio._values.callables import behind_partials
from awaitly_trio._values.result import Err

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_PLAIN: dict[Any, Any] = {str: "", int: 0, float: 0.0, bool: False, bytes: b"", object: None}


def declared_errors(dependency: Callable[..., Any]) -> tuple[type, ...]:
    """Return the error types in the return annotation of a dependency, in order.

    Nothing where it has none that can be read.
    """
    fn = behind_partials(dependency)
    fn = fn if inspect.isroutine(fn) else getattr(fn, "__call__", fn)  # noqa: B004
    try:
        returned = get_type_hints(fn).get("return")
    except (NameError, TypeError, AttributeError):
        return ()
    return tuple(dict.fromkeys(_errors_in(returned)))


def _errors_in(hint: Any) -> Iterator[type]:
    for part in _members(hint):
        if get_origin(part) is Err:
            for error in _members(get_args(part)[0]):
                if isinstance(error, type):
                    yield error


def _members(hint: Any) -> tuple[Any, ...]:
    if get_origin(hint) in {Union, types.UnionType}:
        return tuple(each for part in get_args(hint) for each in _members(part))
    return (hint,)


def example_of(error: type, given: Mapping[type, Any]) -> Any:
    """Return an error of a type: the one given for it, or one made of empty fields.

    Raises:
      ValueError: None was given and none can be made.
    """
    if error in given:
        return given[error]
    try:
        return _made(error)
    except (TypeError, ValueError) as cause:
        raise ValueError(
            f"cannot make a {error.__name__} to fail a step with: "
            f"give one with errors={{{error.__name__}: {error.__name__}(...)}}"
        ) from cause


def _made(kind: Any) -> Any:
    if kind is inspect.Parameter.empty:
        raise TypeError("a parameter without a type")
    origin = get_origin(kind)
    if origin in {Union, types.UnionType}:
        members = get_args(kind)
        return None if type(None) in members else _made(members[0])
    if origin is Literal:
        return get_args(kind)[0]
    concrete: Any = origin or kind
    if concrete in _PLAIN:
        return _PLAIN[concrete]
    if concrete in {None, type(None), Any}:
        return None
    if isinstance(concrete, enum.EnumMeta):
        return next(iter(concrete.__members__.values()))
    required = _required_fields(concrete)
    return concrete(**{name: _made(hint) for name, hint in required.items()})


def _required_fields(cls: type[Any]) -> dict[str, Any]:
    """Return what a class has to be called with, with its types."""
    hints = get_type_hints(cls)
    if dataclasses.is_dataclass(cls):
        missing = dataclasses.MISSING
        return {
            field.name: hints[field.name]
            for field in dataclasses.fields(cast("Any", cls))
            if field.init and field.default is missing and field.default_factory is missing
        }
    if issubclass(cls, msgspec.Struct):
        return {
            field.name: hints[field.name] for field in msgspec.structs.fields(cls) if field.required
        }
    signature = inspect.signature(cls)
    return {
        name: hints.get(name, parameter.annotation)
        for name, parameter in signature.parameters.items()
        if parameter.default is parameter.empty
        and parameter.kind not in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD}
    }
