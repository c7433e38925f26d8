"""A result is a value of one of two kinds: ``Ok`` or ``Err``.

Both are records of msgspec, because creating one is on the path of every
step and costs half of what a hand-written slotted class does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Union, final

import msgspec
from typing_extensions import TypeAlias, TypeIs, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T_co = TypeVar("T_co", covariant=True)
E_co = TypeVar("E_co", covariant=True)
T = TypeVar("T")
E = TypeVar("E")
U = TypeVar("U")


@final
class Ok(msgspec.Struct, Generic[T_co], frozen=True):
    """A success that carries ``value``."""

    value: T_co

    def map(self, fn: Callable[[T_co], U]) -> Ok[U]:
        """Return ``Ok`` of what ``fn`` makes of the value; its exceptions propagate."""
        return Ok(fn(self.value))


@final
class Err(msgspec.Struct, Generic[E_co], frozen=True):
    """A planned failure: ``error`` is the value a caller plans for.

    ``cause`` is what led to it, for people and logs: often an exception.
    ``None`` means that there is none.
    """

    error: E_co
    cause: Any = None


Result: TypeAlias = Union[Ok[T], Err[E]]


def is_ok(result: Result[T, Any]) -> TypeIs[Ok[T]]:
    """Tell whether a result is a success, and narrow its type to ``Ok``."""
    return isinstance(result, Ok)


def is_err(result: Result[Any, E]) -> TypeIs[Err[E]]:
    """Tell whether a result is a planned failure, and narrow its type to ``Err``."""
    return isinstance(result, Err)
