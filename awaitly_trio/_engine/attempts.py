"""Attempts of one call: allowances, retries and the fallback.

An allowance is a cancel scope of ours; that it ran out is read off that scope,
never off a ``Cancelled``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio

from awaitly_trio._engine.cancellation import outcome_of_exception, outcome_of_result
from awaitly_trio._engine.options import MISSING
from awaitly_trio._engine.watch import current_scope
from awaitly_trio._tasks.sources import chance
from awaitly_trio._values.errors import TimedOut
from awaitly_trio._values.events import FellBack, RetriesExhausted, Retrying, StepTimedOut
from awaitly_trio._values.exits import check_result
from awaitly_trio._values.result import Err, Ok

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from awaitly_trio._engine.options import StepOptions
    from awaitly_trio._engine.pipeline import Call
    from awaitly_trio._policies.retry import Retry
    from awaitly_trio._values.outcomes import Outcome
    from awaitly_trio._values.result import Result

    Invoke = Callable[[Call], Awaitable[Result[Any, Any]]]


async def attempt_all(call: Call, invoke: Invoke) -> Result[Any, Any]:
    """Make the attempts that the options allow, then try the fallback.

    Raises:
      Exception: A defect of the dependency, of the fallback or of a predicate.
    """
    options = call.options
    result = await _in_total(call, invoke)
    if options.fallback is not None and type(result) is Err:
        return await _fall_back(call, result)
    return result


async def _in_total(call: Call, invoke: Invoke) -> Result[Any, Any]:
    total = call.options.total_timeout
    if total is None:
        return await _repeat(call, invoke)
    with trio.move_on_after(total):
        return await _repeat(call, invoke)
    return _timed_out(call, total, attempt=0, total=True)


async def _repeat(call: Call, invoke: Invoke) -> Result[Any, Any]:
    retry = call.options.retry
    if retry is None:
        return await _limited(call, invoke, 1)
    return await retry_from(call, invoke, retry)


async def retry_from(
    call: Call, invoke: Invoke, retry: Retry, first: Err[Any] | None = None
) -> Result[Any, Any]:
    """Attempt a call until it succeeds or its retry rule gives up.

    ``first`` is the failure of a first attempt that has already been made.
    """
    driver, started, attempt = retry.start(chance()), trio.current_time(), 1
    result: Result[Any, Any] | None = first
    while True:
        defect: Exception | None = None
        if result is None:
            try:
                result = await _attempt(call, invoke, attempt)
            except retry.exceptions as exc:
                defect, result = exc, Err(exc)
        if type(result) is Ok:
            return result
        now = trio.current_time()
        tick = driver.decide(
            result.error, elapsed=now - started, remaining=trio.current_effective_deadline() - now
        )
        if tick is None:
            if attempt > 1:
                call.tell(RetriesExhausted, attempts=attempt, error=result.error)
            if defect is not None:
                raise defect
            return result
        call.tell(Retrying, attempt=attempt, delay=tick.delay, error=result.error)
        await trio.sleep(tick.delay)
        result = None
        attempt += 1


async def _attempt(call: Call, invoke: Invoke, attempt: int) -> Result[Any, Any]:
    """Make one attempt, in a scope of its own when somebody watches."""
    run, watch = call.run, call.run.watch
    if watch is None:
        return await _limited(call, invoke, attempt)
    scope = run.open_scope("attempt", "attempt", call.scope)
    scope.attempt = attempt
    watch.start(scope)
    token = current_scope.set(scope)
    outcome: Outcome | None = None
    try:
        result = await _limited(call, invoke, attempt)
        outcome = outcome_of_result(result)
    except BaseException as exc:
        outcome = outcome_of_exception(exc)
        raise
    finally:
        current_scope.reset(token)
        watch.end(scope, outcome or outcome_of_exception(GeneratorExit()))
    return result


async def _limited(call: Call, invoke: Invoke, attempt: int) -> Result[Any, Any]:
    timeout = call.options.timeout
    if timeout is None:
        return await invoke(call)
    with trio.move_on_after(timeout):
        return await invoke(call)
    return _timed_out(call, timeout, attempt=attempt, total=False)


def _timed_out(call: Call, seconds: float, *, attempt: int, total: bool) -> Result[Any, Any]:
    call.tell(StepTimedOut, seconds=seconds, attempt=attempt, total=total)
    return expired(call.options, call.label, seconds, total=total)


def expired(options: StepOptions, name: str, seconds: float, *, total: bool) -> Result[Any, Any]:
    """Say that an allowance ran out, in the form that the options ask for."""
    record = TimedOut(name, seconds, total)
    wanted = options.on_timeout
    if wanted is MISSING:
        return Err(record)
    return Ok(None) if wanted is None else Err(wanted, record)


async def _fall_back(call: Call, failed: Err[Any]) -> Result[Any, Any]:
    """Ask the fallback for another result; its own exceptions are defects."""
    call.tell(FellBack, error=failed.error)
    result = call.options.fallback(failed.error)
    if hasattr(result, "__await__"):
        result = await result
    return check_result(result)
