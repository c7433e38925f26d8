"""Anything as plain data for people and logs: JSON can hold it, and making it never fails.

This is a view, not a form to read back: ``wire`` has that.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from itertools import islice
from typing import Any, cast

import msgspec

DEPTH = 8
"""How deep a view goes; what lies deeper, cycles among it, appears as its ``repr``."""

WIDTH = 1000
"""How many entries of a collection a view shows before it says how many it leaves out."""

_WHOLE = 2**53
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_JSON = frozenset((bool, type(None)))
_QUALNAME = type.__dict__["__qualname__"].__get__


def plain(value: object, depth: int = DEPTH) -> Any:
    """Return a view of a value that JSON can hold.

    Records and plain objects become mappings with their ``type``, exceptions
    give type, message and traceback, numbers that JSON has no exact form for
    and everything else appear as their ``repr``.  Texts are ``tellable``.
    """
    if type(value) is str:
        return tellable(value)
    if type(value) in _JSON:
        return value
    if isinstance(value, (int, float)):
        # Beyond 2**53 readers round; NaN and infinities are no JSON.
        return value if -_WHOLE <= value <= _WHOLE else shown(value)
    if depth <= 0:
        return shown(value)
    try:
        return _opened(value, depth - 1)
    except Exception:
        return shown(value)


def shown(value: object) -> str:
    """Return the ``repr`` of a value, or what can be said of one whose ``repr`` fails.

    Addresses are left out.
    """
    try:
        return tellable(without_addresses(repr(value)))
    except Exception as exc:
        return f"<{class_name(type(value))} whose repr raises {class_name(type(exc))}>"


def tellable(text: str, encoding: str = "utf-8") -> str:
    """Return a text that can be sent and written: what its encoding lacks is escaped.

    Names that come from files may hold lone surrogates (``surrogateescape``), of which
    one makes exporters lose all that they send with it.
    """
    if text.isascii():
        return text
    return text.encode(encoding, "backslashreplace").decode(encoding)


def class_name(kind: type) -> str:
    """Return the name of a class; its metaclass has no say in it, and it can be told."""
    return tellable(_QUALNAME(kind))


def without_addresses(text: str) -> str:
    """Return a text without addresses: they would make two equal runs look different."""
    return _ADDRESS.sub("", text)


def _opened(value: object, depth: int) -> Any:
    kind = type(value)
    if isinstance(value, str):
        return tellable(str.__str__(value))
    if isinstance(value, BaseException):
        message = tellable(without_addresses(str(value)))
        return {"type": class_name(kind), "message": message, "traceback": _traceback(value)}
    if isinstance(value, Mapping):
        return _mapping(cast("Mapping[object, object]", value), depth)
    if isinstance(value, AbstractSet):
        value = sorted(cast("AbstractSet[object]", value), key=shown)
    if isinstance(value, (list, tuple)):
        items = cast("list[object]", value)
        found = [plain(each, depth) for each in islice(items, WIDTH)]
        return found if len(items) <= WIDTH else [*found, f"and {len(items) - WIDTH} more"]
    names = _field_names(kind) or tuple(getattr(value, "__dict__", ()))
    if names and not callable(value):
        fields = {tellable(name): plain(getattr(value, name), depth) for name in names}
        return {"type": class_name(kind), **fields}
    return shown(value)


def _mapping(value: Mapping[object, object], depth: int) -> dict[str, Any]:
    found = {
        tellable(key) if isinstance(key, str) else shown(key): plain(each, depth)
        for key, each in islice(value.items(), WIDTH)
    }
    if len(value) > WIDTH:
        found["..."] = f"and {len(value) - WIDTH} more"
    return found


def _field_names(kind: type[Any]) -> tuple[str, ...]:
    """Return the fields of a msgspec struct, dataclass or attrs class, else none."""
    if issubclass(kind, msgspec.Struct):
        return kind.__struct_fields__
    fields: Mapping[str, object] = getattr(kind, "__dataclass_fields__", {})
    attributes = getattr(kind, "__attrs_attrs__", ())
    return tuple(fields) or tuple(each.name for each in attributes)


def _traceback(exception: BaseException) -> str:
    lines = traceback.format_exception(type(exception), exception, exception.__traceback__)
    return tellable(without_addresses("".join(lines)))
