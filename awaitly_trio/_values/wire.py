"""The one JSON form of a result.

``{"format": 1, "ok": true, "value": ...}``, or ``"error"`` and, only where
there is one, ``"cause"``.  ``typed_json`` says how the values inside are written.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast, final

from awaitly_trio._values import compensation, errors, refusals
from awaitly_trio._values.errors import RemoteError, WireReadError
from awaitly_trio._values.result import Err, Ok, Result, checked
from awaitly_trio._values.typed_json import TypedJson

if TYPE_CHECKING:
    from awaitly_trio._values.codec import Codec

VERSION = 1
_OK_KEYS = ("format", "ok", "value")
_ERR_KEYS = ("format", "ok", "error")
# The modules of the system's own errors.  Every class of theirs is known, so that none can be
# forgotten; only the stand-in has a codec of its own.
VOCABULARY = (errors, refusals, compensation)
_SYSTEM = (
    Ok,
    Err,
    *(
        kind
        for module in VOCABULARY
        for kind in vars(module).values()
        if isinstance(kind, type) and kind.__module__ == module.__name__ and kind is not RemoteError
    ),
)


@final
class WireFormat:
    """Writes results as JSON-safe data and reads them back, exactly.

    Args:
      types: Your classes that occur in results: dataclasses, msgspec structs, named
        tuples, enums, ``TaggedError`` classes and other exceptions.  A ``Codec`` writes any
        other type, and ``record_codec(kind, name)`` gives a class another name.
        The system's own errors are known.

    Raises:
      TypeError: A class needs a ``Codec``.
      ValueError: Two classes have one name.
    """

    __slots__ = ("_json",)

    def __init__(self, *types: type[Any] | Codec) -> None:
        self._json = TypedJson((*_SYSTEM, *types))

    def to_wire(self, result: Result[Any, Any]) -> dict[str, Any]:
        """Return a result as data that any JSON library writes.

        Raises:
          WireWriteError: Something in it has no exact form.
          TypeError: It is no Result.
        """
        match checked(result, "to_wire"):
            case Ok(value):
                return {"format": VERSION, "ok": True, "value": self.write(value, "value")}
            case Err(error, cause):
                data = {"format": VERSION, "ok": False, "error": self.write(error, "error")}
                # Without a cause there is no key, so that none is read back.
                return data if cause is None else {**data, "cause": self.write(cause, "cause")}

    def from_wire(self, data: object) -> Result[Any, Any]:
        """Return the result that ``to_wire`` wrote.

        Raises:
          WireReadError: It is no result, or holds what this format does not know.
        """
        problems: list[str] = []
        result = self._result(data, problems)
        if result is None or problems:
            raise WireReadError(tuple(problems))
        return result

    def problems(self, data: object) -> tuple[str, ...]:
        """Return every reason why data cannot be read, each with its place; none if it can."""
        problems: list[str] = []
        self._result(data, problems)
        return tuple(problems)

    def write(self, value: object, path: str = "value") -> Any:
        """Return a single value as JSON-safe data; errors call it ``path``.

        Raises:
          WireWriteError: It, or something in it, has no exact form.
        """
        return self._json.write(value, path)

    def read(self, data: object, path: str = "value") -> Any:
        """Return the single value that ``write`` wrote; errors call it ``path``.

        Raises:
          WireReadError: It is nothing that ``write`` wrote.
        """
        problems: list[str] = []
        value = self._json.read(data, path, problems)
        if problems:
            raise WireReadError(tuple(problems))
        return value

    def _result(self, data: object, problems: list[str]) -> Result[Any, Any] | None:
        if not isinstance(data, Mapping):
            problems.append(f"a result is a mapping, not {type(data).__qualname__}")
            return None
        fields = cast("Mapping[object, object]", data)
        if fields.get("format") != VERSION:
            problems.append(f"format is {fields.get('format')!r}, not {VERSION}")
        ok = fields.get("ok")
        if not isinstance(ok, bool):
            problems.append(f"ok is {ok!r}, neither true nor false")
            return None
        needed = _OK_KEYS if ok else _ERR_KEYS
        known = needed if ok else (*needed, "cause")
        problems.extend(f"{key!r} is missing" for key in needed if key not in fields)
        problems.extend(f"{key!r} is unknown" for key in fields if key not in known)
        if ok:
            return Ok(self._json.read(fields.get("value"), "value", problems))
        error = self._json.read(fields.get("error"), "error", problems)
        return Err(error, self._json.read(fields.get("cause"), "cause", problems))


_PLAIN = WireFormat()


def to_wire(result: Result[Any, Any], *types: type[Any] | Codec) -> dict[str, Any]:
    """Return a result as JSON-safe data; keep a ``WireFormat`` where this is done often.

    Arguments and exceptions are those of ``WireFormat`` and its ``to_wire``.
    """
    return (WireFormat(*types) if types else _PLAIN).to_wire(result)


def from_wire(data: object, *types: type[Any] | Codec) -> Result[Any, Any]:
    """Return the result that ``to_wire`` wrote, given the same types.

    Arguments and exceptions are those of ``WireFormat`` and its ``from_wire``.
    """
    return (WireFormat(*types) if types else _PLAIN).from_wire(data)


def wire_problems(data: object, *types: type[Any] | Codec) -> tuple[str, ...]:
    """Return every reason why data is no result written by ``to_wire``; none if it is one.

    Arguments are those of ``WireFormat``.
    """
    return (WireFormat(*types) if types else _PLAIN).problems(data)
