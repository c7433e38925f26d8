"""How values that JSON does not know are written and read back.

A codec turns a value of exactly one type into simpler data, which is written
in its turn, and makes the value of that data again.  ``STANDARD`` holds the
scalars and containers of the standard library.
"""

from __future__ import annotations

import base64
import datetime as dt
import decimal
import uuid
import zoneinfo
from collections.abc import Callable, Collection, Mapping
from typing import Any, final

import msgspec


@final
class Codec(msgspec.Struct, frozen=True):
    """The written form of the values of exactly one type.

    ``name`` marks them in the data.  ``encode`` makes simpler data of a value,
    an instance of ``form``: JSON's own kinds, or other types with a codec.
    ``decode`` makes the value of that data again.  What either raises is
    reported with the place where the value or the data stands.
    """

    kind: type[Any]
    name: str
    encode: Callable[[Any], Any]
    decode: Callable[[Any], Any]
    form: type[Any] = object


def check_fields(
    data: Mapping[str, Any], required: Collection[str], optional: Collection[str] = ()
) -> None:
    """Refuse data that lacks a field, or has one too many.

    Raises:
      ValueError: It does; the sentence names all of them.
    """
    missing = [name for name in required if name not in data]
    unknown: list[str] = []
    if missing or len(data) > len(required):
        unknown = [name for name in data if name not in required and name not in optional]
    if missing or unknown:
        raise ValueError(
            "; ".join(
                f"{what} {', '.join(map(repr, names))}"
                for what, names in (("lacks", missing), ("does not know", unknown))
                if names
            )
        )


def _base64(value: bytes | bytearray) -> str:
    return base64.b64encode(value).decode()


def _bytes(data: str) -> bytes:
    return base64.b64decode(data, validate=True)


def _moment_data(value: dt.datetime | dt.time) -> Any:
    zone = value.tzinfo
    if not value.fold and (zone is None or zone is dt.timezone.utc):
        return value.isoformat()
    # Only its name tells what a zone does later in the year, and only the fold
    # tells apart the two equal hours when its clocks go back.
    return [value.replace(tzinfo=None, fold=0).isoformat(), zone, value.fold]


def _moment(kind: type[dt.datetime | dt.time]) -> Callable[[Any], Any]:
    def decode(data: Any) -> Any:
        if isinstance(data, str):
            return kind.fromisoformat(data)
        text, zone, fold = data
        return kind.fromisoformat(text).replace(tzinfo=zone, fold=fold)

    return decode


def _zone_data(value: dt.timezone) -> list[Any]:
    offset, name = value.utcoffset(None), value.tzname(None)
    return [offset] if name == dt.timezone(offset).tzname(None) else [offset, name]


def _zone_key(value: zoneinfo.ZoneInfo) -> str:
    key: Any = value.key  # typeshed forgets zones that were read from a file
    if key is None:
        raise ValueError("the zone was read from a file and has no name to find it by")
    return str(key)


def _in_order(value: set[Any] | frozenset[Any]) -> list[Any]:
    # The order of a set of strings differs from process to process.
    return sorted(value, key=repr)


STANDARD = (
    Codec(int, "int", hex, lambda data: int(data, 16), str),
    Codec(float, "float", repr, float, str),
    Codec(bytes, "bytes", _base64, _bytes, str),
    Codec(bytearray, "bytearray", _base64, lambda data: bytearray(_bytes(data)), str),
    Codec(decimal.Decimal, "decimal", str, decimal.Decimal, str),
    Codec(uuid.UUID, "uuid", str, uuid.UUID, str),
    Codec(dt.date, "date", dt.date.isoformat, dt.date.fromisoformat, str),
    Codec(dt.datetime, "datetime", _moment_data, _moment(dt.datetime)),
    Codec(dt.time, "time", _moment_data, _moment(dt.time)),
    Codec(
        dt.timedelta,
        "timedelta",
        lambda value: [value.days, value.seconds, value.microseconds],
        lambda data: dt.timedelta(*data),
        list,
    ),
    Codec(dt.timezone, "timezone", _zone_data, lambda data: dt.timezone(*data), list),
    Codec(zoneinfo.ZoneInfo, "zone", _zone_key, zoneinfo.ZoneInfo, str),
    Codec(tuple, "tuple", list, tuple, list),
    Codec(set, "set", _in_order, set, list),
    Codec(frozenset, "frozenset", _in_order, frozenset, list),
    # Only for keys that are no strings, or that look like the mark of a type.
    Codec(dict, "dict", lambda value: [list(item) for item in value.items()], dict, list),
)
