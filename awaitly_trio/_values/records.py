"""Codecs of classes by their fields: records, enums and exceptions.

Only a class that was given is revived, so data never decides what code runs.
"""

from __future__ import annotations

import dataclasses
import enum
from typing import TYPE_CHECKING, Any

import msgspec

from awaitly_trio._values.codec import Codec, check_fields
from awaitly_trio._values.remote import exception_codec
from awaitly_trio._values.tagged import TaggedError

if TYPE_CHECKING:
    from collections.abc import Mapping


def record_codec(kind: type[Any], name: str | None = None) -> Codec:
    """Return the codec of a class.

    Args:
      kind: A dataclass, msgspec struct, named tuple, enum, ``TaggedError``, or
        other exception that its ``args`` rebuild.
      name: What marks it in the data; its tag or its name unless given.

    Raises:
      TypeError: It is none of these.
    """
    if issubclass(kind, TaggedError):
        fields = _Fields(kind)
        return exception_codec(kind, name or kind.tag, "fields", fields.encode, fields.decode)
    name = name or kind.__name__
    if issubclass(kind, Exception):
        return exception_codec(
            kind, name, "args", lambda error: list(error.args), lambda args: kind(*args)
        )
    if issubclass(kind, enum.Flag):
        return Codec(kind, name, lambda member: member.value, kind, int)
    if issubclass(kind, enum.Enum):
        return Codec(kind, name, lambda member: member.name, kind.__getitem__, str)
    fields = _Fields(kind)
    return Codec(kind, name, fields.encode, fields.decode, dict)


class _Fields:
    """A class as the names of its fields, those apart that its initialiser does not take."""

    def __init__(self, kind: type[Any]) -> None:
        self._kind = kind
        self._late: tuple[str, ...] = ()
        if issubclass(kind, msgspec.Struct):
            self._names: tuple[str, ...] = kind.__struct_fields__
        elif dataclasses.is_dataclass(kind):
            fields = dataclasses.fields(kind)
            self._names = tuple(field.name for field in fields)
            self._late = tuple(field.name for field in fields if not field.init)
        elif isinstance(names := getattr(kind, "_fields", None), tuple):
            self._names = names
        else:
            raise TypeError(
                f"{kind!r} is no dataclass, struct, named tuple, enum or exception: "
                "give a Codec that says how to write it"
            )

    def encode(self, value: Any) -> dict[str, Any]:
        return {name: getattr(value, name) for name in self._names}

    def decode(self, data: Mapping[str, Any]) -> Any:
        check_fields(data, self._names)
        if not self._late:
            return self._kind(**data)
        value = self._kind(**{name: data[name] for name in self._names if name not in self._late})
        for name in self._late:
            object.__setattr__(value, name, data[name])
        return value
