"""Handlers for the errors of a union, for those who do not write ``match``.

``on(NotFound, show).on(Declined, retry)`` is a function of ``NotFound | Declined``.
A checker refuses to call it with an error that nobody handles, since each
``on`` adds its class to what the function takes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, final, overload

import msgspec
from typing_extensions import LiteralString, Never, TypeVar

from awaitly_trio._values.errors import UnhandledError

if TYPE_CHECKING:
    from collections.abc import Callable

K = TypeVar("K")
R = TypeVar("R")
# Keeps "NOT_FOUND" a literal in pyright, pyrefly and ty; for mypy every string is handled.
L = TypeVar("L", bound=LiteralString)
K_contra = TypeVar("K_contra", contravariant=True)
R_co = TypeVar("R_co", covariant=True)


class _Case(msgspec.Struct, frozen=True):
    kind: Any
    handler: Any
    when: Any

    def takes(self, error: object) -> bool:
        if isinstance(self.kind, type):
            return isinstance(error, self.kind) and (self.when is None or bool(self.when(error)))
        return isinstance(error, str) and error == self.kind

    def shadows(self, later: _Case) -> bool:
        if self.when is not None:
            return False
        if isinstance(self.kind, type) and isinstance(later.kind, type):
            return issubclass(later.kind, self.kind)
        if isinstance(self.kind, type):
            return isinstance(later.kind, self.kind)
        return bool(self.kind == later.kind)


@final
class Cases(Generic[K_contra, R_co]):
    """A function from errors to what their handlers return; immutable and reusable.

    The first case that takes the error wins.  ``on`` starts one.
    """

    __slots__ = ("_cases",)

    def __init__(self, *cases: Any) -> None:
        self._cases: tuple[_Case, ...] = cases

    def __repr__(self) -> str:
        return f"<cases for {', '.join(self._handled()) or 'nothing'}>"

    @overload
    def on(
        self, kind: type[K], handler: Callable[[K], R], *, when: Callable[[K], object]
    ) -> Cases[K_contra, R_co | R]: ...
    @overload
    def on(self, kind: type[K], handler: Callable[[K], R]) -> Cases[K_contra | K, R_co | R]: ...
    @overload
    def on(self, kind: L, handler: Callable[[Any], R]) -> Cases[K_contra | L, R_co | R]: ...
    def on(self, kind: Any, handler: Any, *, when: Any = None) -> Cases[Any, Any]:
        """Return these cases and one more.

        Args:
          kind: A class of errors, or the one string that is the error.
          handler: Called with the error; what it returns is the answer.
          when: The case takes only errors for which this is true.  It then counts
            for nothing when a checker asks whether all errors are handled.

        Raises:
          ValueError: An earlier case takes all of ``kind``, so that this one is
            never reached.
          TypeError: ``kind`` is neither a class nor a string.
        """
        if not isinstance(kind, (type, str)):
            raise TypeError(f"on({kind!r}) is neither a class of errors nor a string")
        added = _Case(kind, handler, when)
        for case in self._cases:
            if case.shadows(added):
                raise ValueError(
                    f"the case for {_name(kind)} is never reached, because {_name(case.kind)} "
                    "comes before it: put the narrower case first"
                )
        return Cases(*self._cases, added)

    def otherwise(self, handler: Callable[[Any], R]) -> Cases[object, R_co | R]:
        """Return these cases with ``handler`` for every other error."""
        return Cases(*self._cases, _Case(object, handler, None))

    def __call__(self, error: K_contra) -> R_co:
        """Return what the first case that takes ``error`` makes of it.

        Raises:
          UnhandledError: No case takes it.
        """
        for case in self._cases:
            if case.takes(error):
                return case.handler(error)  # type: ignore[no-any-return]
        raise UnhandledError(error, self._handled())

    def _handled(self) -> tuple[str, ...]:
        return tuple(_name(case.kind) + (" when" if case.when else "") for case in self._cases)


@overload
def on(
    kind: type[K], handler: Callable[[K], R], *, when: Callable[[K], object]
) -> Cases[Never, R]: ...
@overload
def on(kind: type[K], handler: Callable[[K], R]) -> Cases[K, R]: ...
@overload
def on(kind: L, handler: Callable[[Any], R]) -> Cases[L, R]: ...
def on(kind: Any, handler: Any, *, when: Any = None) -> Cases[Any, Any]:
    """Begin a function from errors to answers with its first case.

    Arguments and exceptions are those of ``Cases.on``.
    """
    nothing: Cases[Any, Never] = Cases()
    return nothing.on(kind, handler, when=when)


def match_error(error: K, cases: Callable[[K], R]) -> R:
    """Return what ``cases`` make of ``error``: ``cases(error)`` with the subject first.

    Raises:
      UnhandledError: No case takes the error.
    """
    return cases(error)


def _name(kind: type | str) -> str:
    return kind.__qualname__ if isinstance(kind, type) else repr(kind)
