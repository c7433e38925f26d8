"""Attempts of one call: allowances, retries and the fallback.

An allowance is a cancel scope of ours; that it ran out is read off that scope,
never off a ``Cancelled``.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import trio

from awaitly_trio._engine.options import EXPIRED, MISSING
from awaitly_trio._engine.scoping import in_scope
from awaitly_trio._tasks.retry import attempts
from awaitly_trio._values.errors import TimedOut
from awaitly_trio._values.events import FellBack, RetriesExhausted, Retrying, StepTimedOut
from awaitly_trio._values.exits import check_result
from awaitly_trio._values.result import Err

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from awaitly_trio._engine.options import StepOptions
    from awaitly_trio._engine.pipeline import Call
    from awaitly_trio._policies.retry import Retry
    from awaitly_trio._policies.schedule import Tick
    from awaitly_trio._values.result import Result


async def invoke(call: Call) -> Result[Any, Any]:
    """Call the dependency once and check that it gave a Result."""
    keywords = call.kwargs
    result = await (call.fn(*call.args, **keywords) if keywords else call.fn(*call.args))
    return check_result(result)


def attempt_all(call: Call) -> Awaitable[Result[Any, Any]]:
    """Make the attempts that the options allow, then try the fallback: await what this returns.

    Raises:
      Exception: A defect of the dependency, of the fallback or of a predicate.
    """
    if call.options.only_times:
        return timed(call)
    if call.options.fallback is not None:
        return _or_fall_back(call)
    return _in_total(call)


async def _or_fall_back(call: Call) -> Result[Any, Any]:
    result = await _in_total(call)
    return await _fall_back(call, result) if type(result) is Err else result


def _in_total(call: Call) -> Awaitable[Result[Any, Any]]:
    if call.options.total_timeout is not None:
        return _timed_in_total(call, call.options.total_timeout)
    return _repeat(call)


async def _timed_in_total(call: Call, total: float) -> Result[Any, Any]:
    with trio.CancelScope(relative_deadline=total):
        return await _repeat(call)
    return _timed_out(call, total, attempt=0, total=True)


def _repeat(call: Call) -> Awaitable[Result[Any, Any]]:
    if call.options.retry is not None:
        return retry_from(call, call.options.retry)
    return _limited(call, 1)


async def retry_from(call: Call, retry: Retry, first: Err[Any] | None = None) -> Result[Any, Any]:
    """Attempt a call until it succeeds or its retry rule gives up.

    ``first`` is the failure of a first attempt that has already been made.
    """

    def tell_retry(error: object, tick: Tick[Any]) -> None:
        call.tell(Retrying, attempt=tick.attempt, delay=tick.delay, error=error)

    def tell_stop(error: object, attempts: int, reason: str) -> None:
        if attempts > 1:
            call.tell(RetriesExhausted, attempts=attempts, error=error, reason=reason)

    return await attempts(
        partial(_attempt, call), retry, first=first, on_retry=tell_retry, on_stop=tell_stop
    )


def _attempt(call: Call, attempt: int) -> Awaitable[Result[Any, Any]]:
    """Make one attempt, in a scope of its own when somebody watches."""
    run, watch = call.run, call.run.watch
    if watch is None:
        return _limited(call, attempt)
    scope = run.open_scope("attempt", "attempt", call.scope)
    scope.attempt = attempt
    return in_scope(watch, scope, lambda call: _limited(call, attempt), call)


def _limited(call: Call, attempt: int) -> Awaitable[Result[Any, Any]]:
    if call.options.timeout is not None:
        return timed(call, attempt)
    return invoke(call)


async def timed(call: Call, attempt: int = 1) -> Result[Any, Any]:
    """Make one attempt within its allowance."""
    allowance, keywords = call.options.timeout, call.kwargs
    if allowance is None:
        return await invoke(call)
    # What ``trio.move_on_after`` makes of a number that has been checked before, and
    # what ``invoke`` does: the allowance itself is most of what this costs.
    with trio.CancelScope(relative_deadline=allowance):
        result = await (call.fn(*call.args, **keywords) if keywords else call.fn(*call.args))
        return check_result(result)
    return _timed_out(call, allowance, attempt=attempt, total=False)


def _timed_out(call: Call, seconds: float, *, attempt: int, total: bool) -> Result[Any, Any]:
    call.tell(StepTimedOut, seconds=seconds, attempt=attempt, total=total)
    return expired(call.options, call.label, seconds, total=total)


def expired(options: StepOptions, name: str, seconds: float, *, total: bool) -> Result[Any, Any]:
    """Say that an allowance ran out, in the form that the options ask for."""
    record = TimedOut(name, seconds, total)
    wanted = options.on_timeout
    if wanted is MISSING:
        return Err(record)
    return EXPIRED if wanted is None else Err(wanted, record)


async def _fall_back(call: Call, failed: Err[Any]) -> Result[Any, Any]:
    """Ask the fallback for another result; its own exceptions are defects."""
    call.tell(FellBack, error=failed.error)
    result = call.options.fallback(failed.error)
    if hasattr(result, "__await__"):
        result = await result
    return check_result(result)
