"""The beginning of a ``repr``, at the price of what is shown and not of what there is.

``reprlib`` is not used, because its limits multiply: a hundred entries on each of six
levels are more than a program lives to see.  It also sorts dictionaries, cuts texts in
their middle, and asks dataclasses and structs for all that they hold.
"""

from __future__ import annotations

import sys
from array import array
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from itertools import chain
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias, TypeVar, cast

import msgspec

from awaitly_trio._values.plain import class_name, tellable, without_addresses

DEPTH = 30
"""How many containers deep a value is shown; what lies deeper is ``...``."""

_T = TypeVar("_T")
_Form: TypeAlias = Callable[[Any, int], "Iterable[object]"]
# Containers whose ``repr`` asks all that is in them, also where it is one of their own.
_SIZED = (dict, list, tuple, set, frozenset, deque, array, MappingProxyType)


class _Pair(NamedTuple):
    """Stands for all named tuples, whose ``repr`` is of one code."""

    first: object
    second: object


_DICT: Any = dict
_NAMED_TUPLE = cast("Any", _Pair).__repr__.__code__


class _Shown:
    """A value among the pieces of the text about another: it has to be shown itself."""

    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        self.value = value


def brief(value: object, longest: int) -> str:
    """Return the ``repr`` of a value, or its beginning with ``…`` where it is longer.

    The parts of containers, dataclasses, named tuples and structs that would not be seen
    are not asked.  A class with a ``repr`` of its own does all of its work.  As with
    ``shown``, addresses are left out, and what fails is described.  Where a value lies in
    itself it is as Python has it for lists, tuples, dicts, sets and deques, else ``...``.

    Args:
      value: Anything.
      longest: How many characters are kept, one or more.
    """
    found: list[str] = []
    size = 0
    for piece in map(without_addresses, _pieces(value, longest, ())):
        found.append(piece[: longest + 1])
        size += len(piece)
        if size > longest:
            break
    return cut(tellable("".join(found)), longest)


def cut(text: str, longest: int) -> str:
    """Return a text, or its beginning with ``…`` where it is longer."""
    return text if len(text) <= longest else f"{text[:longest]}…"


def _pieces(value: object, longest: int, around: tuple[int, ...]) -> Iterator[str]:
    """Yield the ``repr`` of a value piece by piece; ``around`` are the ids of what it lies in."""
    if id(value) in around:
        yield _again(value)
        return
    if len(around) > DEPTH:
        yield "..."
        return
    around = (*around, id(value))
    try:
        for part in _form_of(type(value))(value, longest):
            if type(part) is _Shown:
                yield from _pieces(part.value, longest, around)
            else:
                yield str(part)
    except Exception as exc:
        yield f"<{_name(value)} whose repr raises {class_name(type(exc))}>"


def _again(value: object) -> str:
    """Return what stands for a value that lies in itself."""
    return _AGAIN.get(type(value).__repr__, "...").replace("NAME", type(value).__name__)


def _form_of(kind: type[Any]) -> _Form:
    """Return how values of a class are shown: by its ``repr``, which subclasses share."""
    method: Any = kind.__repr__
    form = _FORMS.get(method)
    if form is not None:
        return form
    if method is msgspec.Struct.__repr__ and not kind.__struct_config__.repr_omit_defaults:
        return _struct
    if _made_by_dataclasses(kind, method):
        return _dataclass
    if getattr(method, "__code__", None) is _NAMED_TUPLE:
        return _named_tuple
    return _own


def _made_by_dataclasses(kind: type[Any], method: Any) -> bool:
    # As ``pprint`` of the standard library finds it out.
    made = getattr(getattr(method, "__wrapped__", None), "__qualname__", "")
    options = getattr(kind, "__dataclass_params__", None)
    return options is not None and options.repr and "__create_fn__" in made


def _name(value: object) -> str:
    return class_name(type(value))


def _own(value: Any, longest: int) -> Iterable[object]:
    if _is_container(value) and len(value) > longest:
        return (f"<{_name(value)} of {len(value)} entries>",)
    return (repr(value),)


def _is_container(value: object) -> bool:
    return issubclass(type(value), _SIZED)


def _joined(before: str, entries: Iterable[Iterable[object]], after: str) -> Iterator[object]:
    yield before
    separator = ""
    for entry in entries:
        yield separator
        yield from entry
        separator = ", "
    yield after


def _each(kind: Any, values: object) -> Iterator[tuple[_Shown]]:
    # Of the built-in class, as its ``repr`` does: a subclass that loads its entries when it
    # is asked for them stays unloaded.
    return ((_Shown(value),) for value in kind.__iter__(values))


def _named(pairs: Iterable[tuple[str, object]]) -> Iterator[tuple[object, ...]]:
    return ((name, "=", _Shown(value)) for name, value in pairs)


def _list(value: Any, _: int) -> Iterable[object]:
    return _joined("[", _each(list, value), "]")


def _tuple(value: Any, _: int) -> Iterable[object]:
    return _joined("(", _each(tuple, value), ",)" if len(value) == 1 else ")")


def _set(value: Any, _: int) -> Iterable[object]:
    name = type(value).__name__
    if not value:
        return (f"{name}()",)
    plain = type(value) is set
    kind = set if issubclass(type(value), set) else frozenset
    return _joined("{" if plain else f"{name}({{", _each(kind, value), "}" if plain else "})")


def _dict(value: Any, _: int) -> Iterable[object]:
    pairs = ((_Shown(key), ": ", _Shown(each)) for key, each in _DICT.items(value))
    return _joined("{", pairs, "}")


def _default_dict(value: Any, longest: int) -> Iterable[object]:
    before = (f"{type(value).__name__}(", _Shown(value.default_factory), ", ")
    return chain(before, _dict(value, longest), (")",))


def _ordered_dict(value: Any, longest: int) -> Iterable[object]:
    name = type(value).__name__
    if not value:
        return (f"{name}()",)
    is_new = sys.version_info >= (3, 12)
    shown = _dict(value, longest) if is_new else _list([*value.items()], longest)
    return chain((f"{name}(",), shown, (")",))


def _deque(value: Any, _: int) -> Iterable[object]:
    after = "])" if value.maxlen is None else f"], maxlen={value.maxlen})"
    return _joined(f"{type(value).__name__}([", _each(deque, value), after)


def _named_tuple(value: Any, _: int) -> Iterable[object]:
    pairs = zip(value._fields, value, strict=True)
    return _joined(f"{type(value).__name__}(", _named(pairs), ")")


def _dataclass(value: Any, _: int) -> Iterable[object]:
    pairs = ((each.name, getattr(value, each.name)) for each in fields(value) if each.repr)
    return _joined(f"{type(value).__qualname__}(", _named(pairs), ")")


def _struct(value: Any, _: int) -> Iterable[object]:
    pairs = ((name, getattr(value, name)) for name in value.__struct_fields__)
    return _joined(f"{type(value).__name__}(", _named(pairs), ")")


def _exception(value: Any, longest: int) -> Iterable[object]:
    return chain((type(value).__name__,), _tuple_of_arguments(value.args, longest))


def _tuple_of_arguments(given: tuple[object, ...], longest: int) -> Iterable[object]:
    # Unlike a tuple, one argument has no comma behind it.
    return ("(", _Shown(given[0]), ")") if len(given) == 1 else _tuple(given, longest)


def _text(value: Any, longest: int) -> Iterable[object]:
    return (repr(value[:longest]),)


def _int(value: Any, longest: int) -> Iterable[object]:
    bits = value.bit_length()
    return (f"<int of {bits} bits>" if bits > 4 * longest else repr(value),)


def _by_repr(*forms: tuple[Any, _T]) -> dict[object, _T]:
    return {kind.__repr__: form for kind, form in forms}


_AGAIN = _by_repr(
    (list, "[...]"),
    (tuple, "(...)"),
    (dict, "{...}"),
    (set, "NAME(...)"),
    (frozenset, "NAME(...)"),
    (deque, "[...]"),
)
_FORMS = _by_repr(
    (list, _list),
    (tuple, _tuple),
    (dict, _dict),
    (set, _set),
    (frozenset, _set),
    (deque, _deque),
    (defaultdict, _default_dict),
    (OrderedDict, _ordered_dict),
    (str, _text),
    (bytes, _text),
    (bytearray, _text),
    (int, _int),
    (BaseException, _exception),
)
