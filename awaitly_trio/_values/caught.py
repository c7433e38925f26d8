"""Which exceptions a ``catch=`` covers.

A group is no exception of its own kind: what matters are its leaves.  It is
covered only when each of them is, because nothing may be dropped that the
caller did not name, and cancellation can hide in a group.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Iterator

if sys.version_info < (3, 11):
    from exceptiongroup import BaseExceptionGroup

X = TypeVar("X", bound=Exception)
Catch: TypeAlias = type[X] | tuple[type[X], ...]


def check_catch(catch: Catch[X], name: str = "catch") -> None:
    """Refuse to catch what must always leave.

    Args:
      catch: Exception types, as an ``except`` clause takes them.
      name: What the argument is called in the error message.

    Raises:
      TypeError: ``catch`` is not a subclass of ``Exception``, or a tuple of some.
    """
    kinds: tuple[object, ...] = catch if isinstance(catch, tuple) else (catch,)
    if not kinds:
        raise TypeError(f"{name}=() catches nothing: name the exceptions to catch")
    for kind in kinds:
        if not (isinstance(kind, type) and issubclass(kind, Exception)):
            raise TypeError(
                f"{name}={kind!r} is no subclass of Exception: name the exceptions to catch; "
                "cancellation and interrupts always leave"
            )


def covered(raised: Exception, catch: Catch[X]) -> X | None:
    """Return the exception to hand on when ``catch`` covers what was raised, else ``None``.

    Of a group whose every leaf is covered it is the first leaf.
    """
    if isinstance(raised, catch):
        return raised
    if isinstance(raised, BaseExceptionGroup):
        leaves = list(_leaves(raised))
        if all(isinstance(leaf, catch) for leaf in leaves):
            return cast("X", leaves[0])
    return None


def _leaves(group: Any) -> Iterator[Any]:
    for member in group.exceptions:
        if isinstance(member, BaseExceptionGroup):
            yield from _leaves(member)
        else:
            yield member
