"""Results out of code that raises, that returns ``None``, or that ran in an ``outcome``.

Only what ``catch=`` names becomes an ``Err``.  A group is caught when ``catch``
covers every leaf: the first leaf is handed on, the group is the cause.
``Cancelled``, ``KeyboardInterrupt`` and their kind always leave.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, overload

import outcome
from typing_extensions import TypeVarTuple, Unpack

from awaitly_trio._values.caught import X, check_catch, covered
from awaitly_trio._values.errors import UnwrapError
from awaitly_trio._values.result import Err, Ok, Result

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from awaitly_trio._values.caught import Catch

T = TypeVar("T")
E = TypeVar("E")
Ts = TypeVarTuple("Ts")
Outcome: TypeAlias = outcome.Value[T] | outcome.Error


@overload
def capture(fn: Callable[[Unpack[Ts]], T], *args: Unpack[Ts], catch: Catch[X]) -> Result[T, X]: ...
@overload
def capture(
    fn: Callable[[Unpack[Ts]], T], *args: Unpack[Ts], catch: Catch[X], error: Callable[[X], E]
) -> Result[T, E]: ...
def capture(
    fn: Callable[[Unpack[Ts]], Any],
    *args: Unpack[Ts],
    catch: Catch[Any],
    error: Callable[[Any], Any] | None = None,
) -> Result[Any, Any]:
    """Call ``fn(*args)`` and return ``Ok`` of its value, or ``Err`` of what it raised.

    Args:
      fn: A function that may raise; bind keyword arguments with ``functools.partial``.
      args: Its positional arguments.
      catch: The exceptions that become an ``Err``; any other propagates.
      error: Makes the error of the exception, which then is the cause.  Without
        it the exception itself is the error.

    Raises:
      TypeError: ``catch`` is not a subclass of ``Exception`` or a tuple of them, or
        ``fn`` is async.
    """
    check_catch(catch)
    try:
        value = fn(*args)
    except Exception as raised:
        if (caught := covered(raised, catch)) is None:
            raise
        return _failure(raised, caught, error)
    if inspect.iscoroutine(value):
        value.close()
        raise TypeError(f"{fn!r} is async: use capture_async")
    return Ok(value)


@overload
async def capture_async(
    fn: Callable[[Unpack[Ts]], Awaitable[T]], *args: Unpack[Ts], catch: Catch[X]
) -> Result[T, X]: ...
@overload
async def capture_async(
    fn: Callable[[Unpack[Ts]], Awaitable[T]],
    *args: Unpack[Ts],
    catch: Catch[X],
    error: Callable[[X], E],
) -> Result[T, E]: ...
async def capture_async(
    fn: Callable[[Unpack[Ts]], Awaitable[Any]],
    *args: Unpack[Ts],
    catch: Catch[Any],
    error: Callable[[Any], Any] | None = None,
) -> Result[Any, Any]:
    """Await ``fn(*args)`` and return ``Ok`` of its value, or ``Err`` of what it raised.

    It adds no checkpoint of its own.  What ``fn`` raises before it returns an
    awaitable is caught like the rest.  Arguments and exceptions are those of ``capture``.
    """
    check_catch(catch)
    try:
        return Ok(await fn(*args))
    except Exception as raised:
        if (caught := covered(raised, catch)) is None:
            raise
        return _failure(raised, caught, error)


@overload
def from_optional(value: T | None, error: E) -> Result[T, E]: ...
@overload
def from_optional(value: T | None, *, make_error: Callable[[], E]) -> Result[T, E]: ...
def from_optional(
    value: T | None, error: Any = None, *, make_error: Callable[[], Any] | None = None
) -> Result[T, Any]:
    """Return ``Ok`` of a value, or ``Err`` where it is ``None``; ``0`` and ``""`` are values.

    Args:
      value: What may be missing.
      error: The error for ``None``.
      make_error: Makes that error instead, called only when it is needed.
    """
    if value is not None:
        return Ok(value)
    return Err(error if make_error is None else make_error())


def to_outcome(result: Result[T, Any]) -> Outcome[T]:
    """Return a result as an ``outcome``, for code that keeps those.

    An error that is an ``Exception`` becomes the outcome's; any other is held
    by an ``UnwrapError``, chained as ``unwrap`` does.
    """
    match result:
        case Ok(value):
            return outcome.Value(value)
        case Err(Exception() as error):
            return outcome.Error(error)
        case Err():
            try:
                return outcome.Value(result.unwrap())
            except UnwrapError as raised:
                return outcome.Error(raised)


@overload
def from_outcome(kept: Outcome[T], *, catch: Catch[X]) -> Result[T, X]: ...
@overload
def from_outcome(kept: Outcome[T], *, catch: Catch[X], error: Callable[[X], E]) -> Result[T, E]: ...
def from_outcome(
    kept: Outcome[T], *, catch: Catch[Any], error: Callable[[Any], Any] | None = None
) -> Result[T, Any]:
    """Return a result made of an ``outcome``; what ``catch`` does not cover is raised.

    The outcome is only looked at, so that it can still be unwrapped.

    Args:
      kept: The outcome.
      catch: The exceptions that become an ``Err``.
      error: Makes the error of the exception, which then is the cause.

    Raises:
      TypeError: ``catch`` is not a subclass of ``Exception`` or a tuple of them.
    """
    check_catch(catch)
    if isinstance(kept, outcome.Value):
        return Ok(kept.value)
    raised = kept.error
    if isinstance(raised, Exception) and (caught := covered(raised, catch)) is not None:
        return _failure(raised, caught, error)
    raise raised


def _failure(raised: Exception, caught: X, error: Callable[[X], Any] | None) -> Err[Any]:
    if error is not None:
        return Err(error(caught), raised)
    return Err(caught, None if caught is raised else raised)
