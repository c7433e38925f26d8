"""A result is a value of one of two kinds: ``Ok`` or ``Err``.

Both are records of msgspec, because creating one is on the path of every
step and costs half of what a hand-written slotted class does.

Every method exists on both, so that it can be called on a ``Result`` before
anyone has looked which of the two it is.  A method that does not apply
returns the object itself.  Exceptions of a callback propagate; a callback
gets one argument, and who wants the cause too writes ``case Err(error, cause)``.
"""

# A method that does not apply takes its arguments only for the sake of the other class.
# ruff: noqa: ARG002

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeAlias, final

import msgspec
from typing_extensions import Never, TypeIs, TypeVar

from awaitly_trio._values.caught import X, check_catch, covered
from awaitly_trio._values.errors import UnwrapError

if TYPE_CHECKING:
    from collections.abc import Callable

    from awaitly_trio._values.caught import Catch

T_co = TypeVar("T_co", covariant=True)
E_co = TypeVar("E_co", covariant=True)
T = TypeVar("T")
E = TypeVar("E")
U = TypeVar("U")
F = TypeVar("F")


@final
class Ok(msgspec.Struct, Generic[T_co], frozen=True):
    """A success that carries ``value``."""

    value: T_co

    def map(self, fn: Callable[[T_co], U]) -> Ok[U]:
        """Return ``Ok`` of what ``fn`` makes of the value."""
        return Ok(fn(self.value))

    def map_err(self, fn: Callable[[Any], object]) -> Ok[T_co]:
        """Return this success; ``fn`` is for errors."""
        return self

    def bimap(self, ok: Callable[[T_co], U], err: Callable[[Any], object]) -> Ok[U]:
        """Return ``Ok`` of what ``ok`` makes of the value."""
        return Ok(ok(self.value))

    def map_try(
        self, fn: Callable[[T_co], U], *, catch: Catch[X], error: Callable[[X], F]
    ) -> Ok[U] | Err[F]:
        """Return ``Ok`` of what ``fn`` makes of the value, or the error made of what it raised.

        The exception becomes the cause; one that ``catch`` does not cover propagates.

        Raises:
          TypeError: ``catch`` names something that is not an ``Exception``.
        """
        check_catch(catch)
        try:
            return Ok(fn(self.value))
        except Exception as raised:
            if (caught := covered(raised, catch)) is None:
                raise
            return Err(error(caught), raised)

    def map_err_try(
        self, fn: Callable[[Any], object], *, catch: Catch[X], error: Callable[[X], object]
    ) -> Ok[T_co]:
        """Return this success; ``fn`` is for errors."""
        check_catch(catch)
        return self

    def and_then(self, fn: Callable[[T_co], Ok[U] | Err[F]]) -> Ok[U] | Err[F]:
        """Return the result that ``fn`` makes of the value."""
        return checked(fn(self.value), "and_then")

    def or_else(self, fn: Callable[[Any], object]) -> Ok[T_co]:
        """Return this success; ``fn`` is for errors."""
        return self

    def recover(self, fn: Callable[[Any], object]) -> Ok[T_co]:
        """Return this success; ``fn`` is for errors."""
        return self

    def tap(self, fn: Callable[[T_co], object]) -> Ok[T_co]:
        """Call ``fn`` with the value for its effect and return this same object."""
        fn(self.value)
        return self

    def tap_err(self, fn: Callable[[Any], object]) -> Ok[T_co]:
        """Return this success; ``fn`` is for errors."""
        return self

    def flatten(self: Ok[Ok[U] | Err[F]]) -> Ok[U] | Err[F]:
        """Return the result inside this one."""
        return checked(self.value, "flatten")

    def zip(self, other: Ok[U] | Err[F]) -> Ok[tuple[T_co, U]] | Err[F]:
        """Pair this value with that of ``other``, or return ``other`` when it is an ``Err``."""
        return Ok((self.value, other.value)) if isinstance(other, Ok) else other

    def unwrap(self) -> T_co:
        """Return the value."""
        return self.value

    def expect(self, message: str) -> T_co:
        """Return the value; ``message`` is for the exception that an ``Err`` raises."""
        return self.value

    def unwrap_or(self, default: object) -> T_co:
        """Return the value; ``default`` is for errors."""
        return self.value

    def unwrap_or_else(self, fn: Callable[[Any], object]) -> T_co:
        """Return the value; ``fn`` is for errors."""
        return self.value

    def match(self, *, ok: Callable[[T_co], U], err: Callable[[Any], object]) -> U:
        """Return what ``ok`` makes of the value."""
        return ok(self.value)


@final
class Err(msgspec.Struct, Generic[E_co], frozen=True):
    """A planned failure: ``error`` is the value a caller plans for.

    ``cause`` is what led to it, for people and logs: often an exception.
    ``None`` means that there is none.
    """

    error: E_co
    cause: Any = None

    def map(self, fn: Callable[[Any], object]) -> Err[E_co]:
        """Return this failure; ``fn`` is for values."""
        return self

    def map_err(self, fn: Callable[[E_co], F]) -> Err[F]:
        """Return ``Err`` of what ``fn`` makes of the error, with the same cause."""
        return Err(fn(self.error), self.cause)

    def bimap(self, ok: Callable[[Any], object], err: Callable[[E_co], F]) -> Err[F]:
        """Return ``Err`` of what ``err`` makes of the error, with the same cause."""
        return Err(err(self.error), self.cause)

    def map_try(
        self, fn: Callable[[Any], object], *, catch: Catch[X], error: Callable[[X], object]
    ) -> Err[E_co]:
        """Return this failure; ``fn`` is for values."""
        check_catch(catch)
        return self

    def map_err_try(
        self, fn: Callable[[E_co], F], *, catch: Catch[X], error: Callable[[X], U]
    ) -> Err[F] | Err[U]:
        """Return ``Err`` of what ``fn`` makes of the error, or the error made of what it raised.

        The exception replaces the cause; one that ``catch`` does not cover propagates.

        Raises:
          TypeError: ``catch`` names something that is not an ``Exception``.
        """
        check_catch(catch)
        try:
            return Err(fn(self.error), self.cause)
        except Exception as raised:
            if (caught := covered(raised, catch)) is None:
                raise
            return Err(error(caught), raised)

    def and_then(self, fn: Callable[[Any], object]) -> Err[E_co]:
        """Return this failure; ``fn`` is for values."""
        return self

    def or_else(self, fn: Callable[[E_co], Ok[U] | Err[F]]) -> Ok[U] | Err[F]:
        """Return the result that ``fn`` makes of the error."""
        return checked(fn(self.error), "or_else")

    def recover(self, fn: Callable[[E_co], U]) -> Ok[U]:
        """Return ``Ok`` of what ``fn`` makes of the error."""
        return Ok(fn(self.error))

    def tap(self, fn: Callable[[Any], object]) -> Err[E_co]:
        """Return this failure; ``fn`` is for values."""
        return self

    def tap_err(self, fn: Callable[[E_co], object]) -> Err[E_co]:
        """Call ``fn`` with the error for its effect and return this same object."""
        fn(self.error)
        return self

    def flatten(self) -> Err[E_co]:
        """Return this failure."""
        return self

    def zip(self, other: Ok[Any] | Err[Any]) -> Err[E_co]:
        """Return this failure."""
        return self

    def unwrap(self) -> Never:
        """Raise, because there is no value.

        Raises:
          UnwrapError: Always, from the error if that is an exception, else from
            the cause if that is one.
        """
        raise self._unwrap_error(None)

    def expect(self, message: str) -> Never:
        """Raise with a sentence that says why a value was certain.

        Raises:
          UnwrapError: Always, as ``unwrap`` does, and begins with ``message``.
        """
        raise self._unwrap_error(message)

    def unwrap_or(self, default: U) -> U:
        """Return ``default``."""
        return default

    def unwrap_or_else(self, fn: Callable[[E_co], U]) -> U:
        """Return what ``fn`` makes of the error."""
        return fn(self.error)

    def match(self, *, ok: Callable[[Any], object], err: Callable[[E_co], U]) -> U:
        """Return what ``err`` makes of the error."""
        return err(self.error)

    def _unwrap_error(self, message: str | None) -> UnwrapError:
        raised = UnwrapError(self.error, self.cause, message)
        for origin in (self.error, self.cause):
            if isinstance(origin, BaseException):
                raised.__cause__ = origin
                break
        return raised


Result: TypeAlias = Ok[T] | Err[E]


def is_ok(result: Result[T, Any]) -> TypeIs[Ok[T]]:
    """Tell whether a result is a success, and narrow its type to ``Ok``."""
    return isinstance(result, Ok)


def is_err(result: Result[Any, E]) -> TypeIs[Err[E]]:
    """Tell whether a result is a planned failure, and narrow its type to ``Err``."""
    return isinstance(result, Err)


def checked(returned: Result[T, E], operation: str) -> Result[T, E]:
    """Return a callback's result, having made sure that it is one.

    Raises:
      TypeError: It is something else.
    """
    if isinstance(returned, (Ok, Err)):
        return returned
    raise TypeError(f"{operation} needs a Result, got {returned!r}: return Ok(...) or Err(...)")
