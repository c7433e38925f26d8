"""Reading exceptions that leave a scope as outcomes of that scope."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import trio

from awaitly_trio._engine.options import EXPIRED
from awaitly_trio._values.errors import TimedOut, UnexpectedError
from awaitly_trio._values.exits import Exit, leaves
from awaitly_trio._values.outcomes import Outcome
from awaitly_trio._values.plain import without_addresses
from awaitly_trio._values.result import Ok

if TYPE_CHECKING:
    from awaitly_trio._values.outcomes import Why
    from awaitly_trio._values.result import Result


def outcome_of_result(result: Result[Any, Any]) -> Outcome:
    """Read a Result as the outcome of the scope that produced it."""
    if type(result) is Ok:
        return Outcome("ok", result.value, why="deadline" if result is EXPIRED else None)
    error = result.error
    if type(error) is TimedOut:
        return Outcome("timed_out", error=error, cause=result.cause, why="deadline")
    if type(error) is UnexpectedError:
        return Outcome("defect", error=error, cause=error.cause)
    why: Why | None = "deadline" if type(result.cause) is TimedOut else None
    return Outcome("error", error=error, cause=result.cause, why=why)


def outcome_of_exception(
    exception: BaseException, why: Why = "outside", by: str | None = None
) -> Outcome:
    """Read what leaves a scope as its outcome.

    ``why`` and ``by`` say who cancelled, where the caller knows it; Trio's own
    source and reason are kept beside them.
    """
    if isinstance(exception, Exit):
        return _of_exit(exception, exception)
    if isinstance(exception, Exception):
        return Outcome("defect", cause=exception, notes=notes_of(exception))
    ends = leaves([exception])
    cancelled = [each for each in ends if isinstance(each, trio.Cancelled)]
    if cancelled:
        reason = cancelled[0].reason
        return Outcome(
            "cancelled",
            why=why,
            by=by,
            source=cancelled[0].source,
            # Trio shows in it the exception of a task that failed.
            reason=reason and without_addresses(reason),
            cause=exception if len(cancelled) < len(ends) else None,
            notes=notes_of(exception),
        )
    exits = [each for each in ends if isinstance(each, Exit)]
    defects = [each for each in ends if isinstance(each, Exception)]
    if len(exits) + len(defects) < len(ends):
        source = next(each for each in ends if not isinstance(each, (Exit, Exception)))
        return Outcome("cancelled", why=why, by=by, source=type(source).__name__, cause=exception)
    if defects:
        return Outcome("defect", cause=exception, notes=notes_of(exception))
    return _of_exit(min(exits, key=lambda each: each.order), exception)


def outcome_of_block(leaving: BaseException | None, *, late: bool = False) -> Outcome:
    """Read what leaves a block, if anything does; ``late`` tells that its time ran out."""
    if leaving is not None:
        return outcome_of_exception(leaving)
    return Outcome("ok", why="deadline" if late else None)


def _of_exit(winner: Exit, exception: BaseException) -> Outcome:
    """Read what ends a run, alone or as the earliest exit of a group."""
    failed = outcome_of_result(winner.result)
    return msgspec.structs.replace(failed, notes=notes_of(exception))


def notes_of(exception: BaseException) -> tuple[str, ...]:
    """Return the notes of an exception as the records keep them."""
    return tuple(getattr(exception, "__notes__", ()))
