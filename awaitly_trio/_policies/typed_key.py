"""Keys made of arguments, such that what differs is told apart.

Python finds 1, 1.0 and True equal, and NaN different from itself; a call of a
function with one of them is not a call with another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping


def typed_key(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Hashable:
    """Return a key that two calls share only if their arguments have equal types and values.

    Lists, dictionaries and sets stand for what they hold at the moment.  Keyword
    arguments may come in any order.  Other objects must be hashable.

    Raises:
      TypeError: An argument is neither.
    """
    return _frozen(args), tuple((name, _frozen(kwargs[name])) for name in sorted(kwargs))


def _frozen(value: Any) -> Hashable:
    kind: type[Any] = value.__class__
    # The text of a float tells the zeros apart and finds two NaNs equal.
    content: Any = repr(value) if kind is float else value
    freeze = _CONTAINERS.get(kind)
    if freeze is not None:
        content = freeze(value)
    try:
        hash(content)
    except TypeError:
        raise TypeError(
            f"{value!r} is no part of a key, for it is not hashable: "
            "give key=, a function that makes a key of the arguments"
        ) from None
    return kind, content


def _frozen_items(values: Iterable[Any]) -> Hashable:
    return tuple(map(_frozen, values))


def _frozen_set(values: Iterable[Any]) -> Hashable:
    return frozenset(map(_frozen, values))


def _frozen_mapping(values: Any) -> Hashable:
    pairs = cast("Mapping[Any, Any]", values).items()
    return frozenset((_frozen(key), _frozen(value)) for key, value in pairs)


_CONTAINERS: dict[type, Callable[[Any], Hashable]] = {
    tuple: _frozen_items,
    list: _frozen_items,
    set: _frozen_set,
    frozenset: _frozen_set,
    dict: _frozen_mapping,
}
