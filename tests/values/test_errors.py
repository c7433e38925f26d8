"""Every error value and exception of the package survives copy, pickle and JSON.

They are found by themselves, so that a new one cannot be forgotten.
"""

from __future__ import annotations

import contextlib
import copy
import importlib
import inspect
import json
import pickle
import pkgutil
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

import awaitly_trio
from awaitly_trio._values.compensation import (
    CompensationError,
    CompensationFailed,
    Uncompensated,
)
from awaitly_trio._values.errors import AwaitlyError, CircuitOpen, RemoteError, TimedOut
from awaitly_trio._values.result import Err
from awaitly_trio._values.wire import VOCABULARY, WireFormat

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# What stands for an argument of each annotation that the errors use.
SAMPLES: dict[str, Any] = {
    "Any": ("anything", 1),
    "Exception": ValueError("v"),
    "Refusal": CircuitOpen("payments", 2.5),
    "bool": True,
    "float": 0.5,
    "int": 3,
    "int | None": 2,
    "list[Exception]": [ValueError("v"), KeyError("k")],
    "object": ("anything", 1),
    "str": "text",
    "str | None": "text",
    "tuple[Exception, ...]": (ValueError("v"),),
    "tuple[str, ...]": ("a", "b"),
}
LEFT = Uncompensated("charge", "failed", TimedOut("refund", 5), 3, "a traceback", "key")
UNDONE = CompensationFailed(TimedOut("order", 1), (LEFT,), ("reserve",), ValueError("v"))
# Errors whose fields have types of their own.
WHOLE: dict[type, Any] = {
    AwaitlyError: AwaitlyError("text"),
    CompensationError: CompensationError(UNDONE),
    CompensationFailed: UNDONE,
    Uncompensated: LEFT,
}
PURE = "awaitly_trio._values."
AGAIN: dict[str, Callable[[Any], Any]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda given: pickle.loads(pickle.dumps(given)),
}


def subclasses(kind: type) -> Iterator[type]:
    """Yield a class and all of the layers that derive from it; faces have tests of their own."""
    yield kind
    for each in kind.__subclasses__():
        if each.__module__.startswith(f"{awaitly_trio.__name__}._"):
            yield from subclasses(each)


def found() -> list[type]:
    """Return all exceptions of the package, and all records of the vocabulary."""
    for module in pkgutil.walk_packages(awaitly_trio.__path__, f"{awaitly_trio.__name__}."):
        if "._" in module.name and "__main__" not in module.name:
            with contextlib.suppress(ImportError):  # an extra that is not installed
                importlib.import_module(module.name)
    records = [
        kind
        for module in VOCABULARY
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct)
    ]
    return sorted({*subclasses(AwaitlyError), *records}, key=lambda kind: kind.__qualname__)


def sample(kind: type) -> Any:
    """Return an error with a value in every field, also in those with a default."""
    if kind in WHOLE:
        return WHOLE[kind]
    arguments: dict[str, Any] = {}
    for name, parameter in inspect.signature(kind).parameters.items():
        annotation = parameter.annotation
        written = (
            annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
        )
        assert written in SAMPLES, f"SAMPLES has nothing for {kind.__qualname__}.{name}: {written}"
        arguments[name] = SAMPLES[written]
    return kind(**arguments)


def told(error: Any) -> tuple[Any, ...]:
    """Return all that an error says; exceptions are equal to nobody but themselves."""
    fields = getattr(error, "__struct_fields__", None) or vars(error)
    return type(error), str(error), {name: repr(getattr(error, name)) for name in fields}


@pytest.mark.parametrize("again", AGAIN)
@pytest.mark.parametrize("kind", found(), ids=lambda kind: kind.__qualname__)
def test_a_copy_says_the_same(kind: type, again: str) -> None:
    """Type, fields and sentence, in this process and the next."""
    error = sample(kind)

    assert told(AGAIN[again](error)) == told(error)


@pytest.mark.parametrize(
    "kind",
    [kind for kind in found() if kind is not RemoteError],
    ids=lambda kind: kind.__qualname__,
)
def test_json_says_the_same(kind: type) -> None:
    """The pure layer's need not be named; exceptions inside come back as stand-ins."""
    error = sample(kind)
    wire = WireFormat() if kind.__module__.startswith(PURE) else WireFormat(kind)
    data = json.loads(json.dumps(wire.to_wire(Err(error))))

    back = wire.from_wire(data)

    assert isinstance(back, Err)
    assert type(back.error) is kind
    assert wire.to_wire(back) == data


@pytest.mark.parametrize("kind", found(), ids=lambda kind: kind.__qualname__)
def test_an_error_teaches(kind: type) -> None:
    """An exception's sentence shows what it is about, a record's repr does."""
    said = str(sample(kind))

    assert said
    assert "<" not in said.replace("<object", "")
    assert kind.__doc__


def test_the_vocabulary_is_frozen() -> None:
    """An error value that was handed on stays what it was."""
    for kind in found():
        if issubclass(kind, msgspec.Struct):
            assert kind.__struct_config__.frozen, kind


def test_exceptions_are_named_as_such() -> None:
    """Exceptions end in ``Error``; an error value does so only where the API says so."""
    assert [
        kind.__qualname__
        for kind in subclasses(AwaitlyError)
        if not kind.__qualname__.endswith("Error")
    ] == []
