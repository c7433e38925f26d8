"""Reading exceptions that leave a scope as outcomes of that scope."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio

from awaitly_trio._values.errors import TimedOut, UnexpectedError
from awaitly_trio._values.exits import Exit, leaves
from awaitly_trio._values.outcomes import Outcome
from awaitly_trio._values.result import Ok

if TYPE_CHECKING:
    from awaitly_trio._values.outcomes import Why
    from awaitly_trio._values.result import Result


def outcome_of_result(result: Result[Any, Any]) -> Outcome:
    """Read a Result as the outcome of the scope that produced it."""
    if type(result) is Ok:
        return Outcome("ok", result.value)
    error = result.error
    if type(error) is TimedOut:
        return Outcome("timed_out", error=error, cause=result.cause, why="deadline")
    if type(error) is UnexpectedError:
        return Outcome("defect", error=error, cause=error.cause)
    return Outcome("error", error=error, cause=result.cause)


def outcome_of_exception(
    exception: BaseException, why: Why = "outside", by: str | None = None
) -> Outcome:
    """Read what leaves a scope as its outcome.

    ``why`` and ``by`` say who cancelled, where the caller knows it; Trio's own
    source and reason are kept beside them.
    """
    if isinstance(exception, Exit):
        failed = outcome_of_result(exception.result)
        return Outcome(
            failed.status,
            error=failed.error,
            cause=failed.cause,
            why=failed.why,
            notes=notes_of(exception),
        )
    if isinstance(exception, Exception):
        return Outcome("defect", cause=exception, notes=notes_of(exception))
    ends = leaves([exception])
    grouped = len(ends) > 1
    for each in ends:
        if isinstance(each, trio.Cancelled):
            return Outcome(
                "cancelled",
                why=why,
                by=by,
                source=each.source,
                reason=each.reason,
                cause=exception if grouped else None,
                notes=notes_of(exception),
            )
    if all(isinstance(each, Exit) for each in ends):
        return outcome_of_exception(ends[0])
    return Outcome("cancelled", why=why, by=by, source=type(ends[0]).__name__, cause=exception)


def notes_of(exception: BaseException) -> tuple[str, ...]:
    """Return the notes of an exception as the records keep them."""
    return tuple(getattr(exception, "__notes__", ()))
