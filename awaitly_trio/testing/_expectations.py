"""What a test expects of a Result, said in one line and shown when it is not so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, overload

from awaitly_trio._values.result import Err, Ok

if TYPE_CHECKING:
    from awaitly_trio._values.result import Result

T = TypeVar("T")
E = TypeVar("E")
X = TypeVar("X")


def expect_ok(result: Result[T, Any]) -> T:
    """Return the value of an ``Ok``.

    Raises:
      AssertionError: It is an ``Err``; the exception behind it is the cause.
    """
    if isinstance(result, Ok):
        return result.value
    cause = getattr(result, "cause", None)
    raise AssertionError(f"expected Ok, got {result!r}") from (
        cause if isinstance(cause, BaseException) else None
    )


@overload
def expect_err(result: Result[Any, E]) -> E: ...
@overload
def expect_err(result: Result[Any, Any], error: type[X]) -> X: ...
@overload
def expect_err(result: Result[Any, Any], error: X) -> X: ...
def expect_err(result: Result[Any, Any], error: Any = None) -> Any:
    """Return the error of an ``Err``.

    Args:
      result: A Result.
      error: The error it has to equal, or the type it has to be of; any if not given.

    Raises:
      AssertionError: It is an ``Ok``, or another error.
    """
    if not isinstance(result, Err):
        raise AssertionError(f"expected Err, got {result!r}")  # noqa: TRY004  # a failed test
    found = result.error
    if error is None:
        return found
    if isinstance(error, type):
        fits, wanted = isinstance(found, error), error.__name__
    else:
        fits, wanted = found == error, repr(error)
    if not fits:
        raise AssertionError(f"expected Err of {wanted}, got {found!r}")
    return found
