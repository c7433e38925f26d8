"""Values as JSON-safe data, exact in both directions.

What JSON knows is written as it is: ``None``, booleans, text, lists, mappings
with text keys, finite floats, and integers that every reader keeps.  Any
other value is ``{"$type": name, "value": data}`` by its codec, or is refused
with its place, so that nothing comes back changed.
"""

# The type of what passes through here is what this module finds out.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import math
from reprlib import Repr
from typing import TYPE_CHECKING, Any, TypeAlias, final

from awaitly_trio._values.codec import STANDARD, Codec
from awaitly_trio._values.errors import WireWriteError
from awaitly_trio._values.records import record_codec
from awaitly_trio._values.remote import REMOTE

if TYPE_CHECKING:
    from collections.abc import Iterable

_MARK = "$type"
# The greatest integer that every reader of JSON keeps exactly (RFC 8259, section 6).
_EXACT = 2**53 - 1
# Where something stands: around it, and the key or index there.  Its text is only made
# for a problem, because most data has none.
_Place: TypeAlias = "tuple[_Place | None, str | int]"
# Well within the recursion that readers of JSON allow; what holds itself ends here too.
_DEEPEST = 100
# Steps shown at either end of the place of a value too deep to be written.
_SHOWN = 10
_SCALARS = frozenset({type(None), bool, int, float, str})
_REGISTER = "pass its class, or a Codec, to the WireFormat"

_short = Repr()
_short.maxstring = _short.maxother = 100


class _NoFormError(Exception):
    def __init__(self, value: object, reason: str) -> None:
        super().__init__(value, reason)
        self.value, self.reason = value, reason
        self.steps: list[str | int] = []


@final
class TypedJson:
    """Writes and reads the values of known types.

    Args:
      types: Codecs, or classes that ``record_codec`` knows how to write.

    Raises:
      TypeError: A class needs a ``Codec``.
      ValueError: Two types have one name.
    """

    __slots__ = ("_by_kind", "_by_name")

    def __init__(self, types: Iterable[type[Any] | Codec]) -> None:
        self._by_kind: dict[type[Any], Codec] = {}
        self._by_name: dict[str, Codec] = {}
        for codec in (*STANDARD, REMOTE):
            self._add(codec)
        for given in types:
            self._add(given if isinstance(given, Codec) else record_codec(given))

    def _add(self, codec: Codec) -> None:
        known = self._by_name.get(codec.name, codec)
        if known.kind is not codec.kind:
            raise ValueError(
                f"{codec.kind!r} and {known.kind!r} are both written as {codec.name!r}: give one "
                f"another tag, or record_codec({codec.kind.__qualname__}, 'another name')"
            )
        self._by_name[codec.name] = self._by_kind[codec.kind] = codec

    def write(self, value: object, path: str) -> Any:
        """Return a value as JSON-safe data.

        Raises:
          WireWriteError: It, or something in it, has no exact form.
        """
        try:
            return self._written(value, 0)
        except _NoFormError as refused:
            raise WireWriteError(
                path + _text_of(refused.steps[::-1]), _short.repr(refused.value), refused.reason
            ) from refused.__cause__

    def _written(self, value: Any, depth: int) -> Any:
        if _is_json(value):
            return value
        if depth > _DEEPEST:
            raise _NoFormError(value, f"it is nested deeper than {_DEEPEST}, or holds itself")
        kind = type(value)
        if kind is str:
            return _checked_text(value)
        if kind is list:
            return [
                each if _is_json(each) else self._step(each, i, depth)
                for i, each in enumerate(value)
            ]
        if kind is dict and _MARK not in value and all(type(key) is str for key in value):
            return {
                key if key.isascii() else _checked_text(key): (
                    each if _is_json(each) else self._step(each, key, depth)
                )
                for key, each in value.items()
            }
        return self._marked(value, depth)

    def _step(self, value: Any, step: str | int, depth: int) -> Any:
        try:
            return self._written(value, depth + 1)
        except _NoFormError as refused:
            refused.steps.append(step)
            raise

    def _marked(self, value: Any, depth: int) -> Any:
        kind = type(value)
        codec = self._by_kind.get(kind)
        if codec is None:
            if not isinstance(value, Exception):
                raise _NoFormError(value, _why_unknown(value))
            codec = REMOTE
        try:
            simpler = codec.encode(value)
        except Exception as raised:
            raise _NoFormError(value, f"its codec {codec.name!r} says {raised!r}") from raised
        return {_MARK: codec.name, "value": self._written(simpler, depth + 1)}

    def read(self, data: object, path: str, problems: list[str]) -> Any:
        """Return the value that was written as ``data``.

        Every reason why it cannot be read is added to ``problems``, with its
        place.  Where there is one, what is returned means nothing.
        """
        return self._value(data, (None, path), 0, problems)

    def _value(self, data: Any, place: _Place, depth: int, problems: list[str]) -> Any:
        kind = type(data)
        if kind in _SCALARS:
            return data
        if depth > _DEEPEST:
            problems.append(f"{_at(place)} is nested deeper than {_DEEPEST}")
        elif kind is list:
            return [
                each
                if type(each) in _SCALARS
                else self._value(each, (place, i), depth + 1, problems)
                for i, each in enumerate(data)
            ]
        elif kind is not dict or not all(type(key) is str for key in data):
            problems.append(f"{_at(place)} is {_short.repr(data)}, which JSON does not know")
        elif _MARK in data:
            return self._revived(data, place, depth, problems)
        else:
            return {
                key: each
                if type(each) in _SCALARS
                else self._value(each, (place, key), depth + 1, problems)
                for key, each in data.items()
            }
        return None

    def _revived(self, data: dict[str, Any], place: _Place, depth: int, problems: list[str]) -> Any:
        name = data[_MARK]
        codec = self._by_name.get(name) if isinstance(name, str) else None
        if codec is None:
            problem = f"has the type {name!r}, which is not known: {_REGISTER}"
        elif len(data) != 2 or "value" not in data:  # noqa: PLR2004
            problem = f"has the keys {sorted(data)}, not {_MARK!r} and 'value'"
        else:
            before = len(problems)
            simpler = self._value(data["value"], (place, "value"), depth + 1, problems)
            if len(problems) > before:
                return None
            if isinstance(simpler, codec.form):
                try:
                    return codec.decode(simpler)
                except Exception as raised:
                    problem = f"is no {name}: {raised}"
            else:
                problem = f"is no {name}: its value is no {codec.form.__name__}"
        problems.append(f"{_at(place)} {problem}")
        return None


def _is_json(value: Any) -> bool:
    kind = type(value)
    return (
        value is None
        or (kind is str and value.isascii())
        or (kind is int and -_EXACT <= value <= _EXACT)
        or (kind is float and math.isfinite(value))
        or kind is bool
    )


def _checked_text(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as raised:
        raise _NoFormError(text, f"as text it has no UTF-8 form: {raised.reason}") from raised
    return text


def _at(place: _Place) -> str:
    around, step = place
    steps: list[str | int] = []
    while around is not None:
        steps.append(step)
        around, step = around
    return f"{step}{_text_of(steps[::-1])}"


def _text_of(steps: list[str | int]) -> str:
    texts = [
        f".{step}" if isinstance(step, str) and step.isidentifier() else f"[{step!r}]"
        for step in steps
    ]
    if len(texts) > 2 * _SHOWN:
        texts = [*texts[:_SHOWN], "...", *texts[-_SHOWN:]]
    return "".join(texts)


def _why_unknown(value: object) -> str:
    if isinstance(value, BaseException):
        return "cancellation and interrupts are never kept"
    return f"its type {type(value).__qualname__} is not known: {_REGISTER}"
