"""Many results made one, always in input order.

``all_ok`` and ``any_ok`` answer with one of the given objects where they can,
so a cause is never lost; ``settle`` keeps the causes of every failure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, overload

from awaitly_trio._values.errors import EmptyInput
from awaitly_trio._values.result import Err, Ok, Result, checked

if TYPE_CHECKING:
    from collections.abc import Iterable

T = TypeVar("T")
E = TypeVar("E")
T1 = TypeVar("T1")
T2 = TypeVar("T2")
T3 = TypeVar("T3")
T4 = TypeVar("T4")
T5 = TypeVar("T5")
T6 = TypeVar("T6")
T7 = TypeVar("T7")
T8 = TypeVar("T8")
E1 = TypeVar("E1")
E2 = TypeVar("E2")
E3 = TypeVar("E3")
E4 = TypeVar("E4")
E5 = TypeVar("E5")
E6 = TypeVar("E6")
E7 = TypeVar("E7")
E8 = TypeVar("E8")


# One overload for each length: no checker joins the errors of a variadic tuple to a union.
@overload
def all_ok(results: tuple[Result[T1, E1]], /) -> Result[tuple[T1], E1]: ...
@overload
def all_ok(results: tuple[Result[T1, E1], Result[T2, E2]], /) -> Result[tuple[T1, T2], E1 | E2]: ...
@overload
def all_ok(
    results: tuple[Result[T1, E1], Result[T2, E2], Result[T3, E3]], /
) -> Result[tuple[T1, T2, T3], E1 | E2 | E3]: ...
@overload
def all_ok(
    results: tuple[Result[T1, E1], Result[T2, E2], Result[T3, E3], Result[T4, E4]], /
) -> Result[tuple[T1, T2, T3, T4], E1 | E2 | E3 | E4]: ...
@overload
def all_ok(
    results: tuple[Result[T1, E1], Result[T2, E2], Result[T3, E3], Result[T4, E4], Result[T5, E5]],
    /,
) -> Result[tuple[T1, T2, T3, T4, T5], E1 | E2 | E3 | E4 | E5]: ...
@overload
def all_ok(
    results: tuple[
        Result[T1, E1],
        Result[T2, E2],
        Result[T3, E3],
        Result[T4, E4],
        Result[T5, E5],
        Result[T6, E6],
    ],
    /,
) -> Result[tuple[T1, T2, T3, T4, T5, T6], E1 | E2 | E3 | E4 | E5 | E6]: ...
@overload
def all_ok(
    results: tuple[
        Result[T1, E1],
        Result[T2, E2],
        Result[T3, E3],
        Result[T4, E4],
        Result[T5, E5],
        Result[T6, E6],
        Result[T7, E7],
    ],
    /,
) -> Result[tuple[T1, T2, T3, T4, T5, T6, T7], E1 | E2 | E3 | E4 | E5 | E6 | E7]: ...
@overload
def all_ok(
    results: tuple[
        Result[T1, E1],
        Result[T2, E2],
        Result[T3, E3],
        Result[T4, E4],
        Result[T5, E5],
        Result[T6, E6],
        Result[T7, E7],
        Result[T8, E8],
    ],
    /,
) -> Result[tuple[T1, T2, T3, T4, T5, T6, T7, T8], E1 | E2 | E3 | E4 | E5 | E6 | E7 | E8]: ...
@overload
def all_ok(results: Iterable[Result[T, E]], /) -> Result[tuple[T, ...], E]: ...
def all_ok(results: Iterable[Result[Any, Any]], /) -> Result[tuple[Any, ...], Any]:
    """Return ``Ok`` of every value, or the first ``Err`` by position.

    The values of a tuple of up to eight results are typed one by one.  The
    iterable is read no further than the first ``Err``.

    Raises:
      TypeError: An item is not a Result.
    """
    values: list[Any] = []
    for result in results:
        match checked(result, "all_ok"):
            case Ok(value):
                values.append(value)
            case failure:
                return failure
    return Ok(tuple(values))


def any_ok(results: Iterable[Result[T, E]], /) -> Result[T, E | EmptyInput]:
    """Return the first ``Ok`` by position, else the first ``Err``.

    Nothing to choose from is ``Err(EmptyInput("any_ok"))``.  The iterable is
    read no further than the first ``Ok``.

    Raises:
      TypeError: An item is not a Result.
    """
    first: Err[E] | None = None
    for result in results:
        match checked(result, "any_ok"):
            case Err() as failure:
                first = first or failure
            case success:
                return success
    return first or Err(EmptyInput("any_ok"))


def settle(results: Iterable[Result[T, E]], /) -> Result[tuple[T, ...], tuple[Err[E], ...]]:
    """Return ``Ok`` of every value, or an ``Err`` of every failure with its cause.

    Raises:
      TypeError: An item is not a Result.
    """
    values: list[T] = []
    failures: list[Err[E]] = []
    for result in results:
        match checked(result, "settle"):
            case Ok(value):
                values.append(value)
            case failure:
                failures.append(failure)
    return Err(tuple(failures)) if failures else Ok(tuple(values))


def partition(results: Iterable[Result[T, E]], /) -> tuple[tuple[T, ...], tuple[E, ...]]:
    """Return the values and the errors; ``settle`` also keeps the causes.

    Raises:
      TypeError: An item is not a Result.
    """
    values: list[T] = []
    errors: list[E] = []
    for result in results:
        match checked(result, "partition"):
            case Ok(value):
                values.append(value)
            case Err(error):
                errors.append(error)
    return tuple(values), tuple(errors)
