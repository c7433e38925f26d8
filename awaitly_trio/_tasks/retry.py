"""Trying again: the one engine of retries, for steps and for plain functions.

What to do is decided in ``_policies.retry``; this module calls and waits.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, update_wrapper
from typing import TYPE_CHECKING, Any, TypeAlias, cast, overload

import msgspec
import trio
from typing_extensions import ParamSpec, TypeVar

from awaitly_trio._policies.retry import Retry, Stopped, as_retry
from awaitly_trio._policies.schedule import Schedule, Tick
from awaitly_trio._tasks.budget import Account, is_budgeted
from awaitly_trio._tasks.clocks import wall_clock
from awaitly_trio._tasks.listener import Listener
from awaitly_trio._tasks.sources import chance
from awaitly_trio._tasks.timeout import limited
from awaitly_trio._values.callables import name_of
from awaitly_trio._values.caught import Catch, covered
from awaitly_trio._values.duration import seconds
from awaitly_trio._values.errors import TimedOut
from awaitly_trio._values.result import Err, Ok

if TYPE_CHECKING:
    from collections.abc import Awaitable, Coroutine

    from awaitly_trio._values.duration import Duration

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
E = TypeVar("E")
Rule: TypeAlias = Schedule[Any, Any] | Retry


async def attempts(
    attempt: Callable[[int], Awaitable[R]],
    rule: Retry,
    *,
    first: Err[Any] | None = None,
    started: float | None = None,
    on_retry: Callable[[Any, Tick[Any]], object] | None = None,
    on_stop: Callable[[Any, int, Stopped], object] | None = None,
) -> R:
    """Attempt a call until it succeeds or the rule gives up; return what the last attempt gave.

    A failure is an ``Err``, or an exception that the rule names.  Nothing is begun that the
    enclosing deadline or a budget would not allow.  The wait between attempts is a cancellation
    point even if it is zero; ``Cancelled`` always leaves.

    Args:
      attempt: Makes one attempt, given its number from 1.
      rule: What is retried, and when.
      first: The failure of a first attempt already made, which saves the cost of this function
        for calls that succeed.  Not to be used under a budget.
      started: When the first attempt began; now unless given.
      on_retry: Is called before each wait with the error and the tick; it may not raise.
      on_stop: Is called when the rule gives up, with the error, the number of attempts
        and the reason; it may not raise.

    Raises:
      Exception: What an attempt raised and the rule does not name, or gives up on.
    """
    began = trio.current_time() if started is None else started
    course = _Course(rule, began, on_retry, on_stop)
    if not is_budgeted():
        return await _follow(course, attempt, first, None)
    with Account() as account:
        result = await _follow(course, attempt, first, account.afford)
        if result.__class__ is not Err:
            account.succeed()
    return result


class _Course(msgspec.Struct, frozen=True):
    """What does not change from one attempt to the next."""

    rule: Retry
    began: float
    on_retry: Callable[[Any, Tick[Any]], object] | None
    on_stop: Callable[[Any, int, Stopped], object] | None

    def tell(self, error: Any, tick: Tick[Any]) -> None:
        if self.on_retry is not None:
            self.on_retry(error, tick)
        if self.rule.on_retry is not None:
            Listener(partial(self.rule.on_retry, error)).tell(tick)


async def _follow(
    course: _Course,
    attempt: Callable[[int], Awaitable[R]],
    result: Any,
    afford: Callable[[object], bool] | None,
) -> R:
    rule, number, raised = course.rule, 1, None
    driver = rule.start(chance(), _wall)
    while True:
        if result is None:
            try:
                result = await attempt(number)
            except Exception as exc:
                error = covered(exc, rule.exceptions)
                if error is None:
                    raise
                raised, result = exc, Err(error)
        if result.__class__ is not Err:
            return cast("R", result)
        elapsed = trio.current_time() - course.began
        tick = driver.decide(result.error, elapsed=elapsed, remaining=_remaining, afford=afford)
        if tick is None:
            break
        course.tell(result.error, tick)
        if tick.delay:
            await trio.sleep(tick.delay)
        else:
            # To let others run is the duty of the call, and would cost more than all the rest.
            await trio.lowlevel.checkpoint_if_cancelled()
        result, raised, number = None, None, number + 1
    if course.on_stop is not None and driver.stopped is not None:
        course.on_stop(result.error, number, driver.stopped)
    if raised is None:
        return cast("R", result)
    try:
        raise raised
    finally:
        # Its traceback holds this frame; without this the frame would hold it too.
        del raised


@overload
def retry(
    fn: Callable[P, Awaitable[R]], rule: Rule, *, exceptions: Catch[Exception] = ...
) -> Callable[P, Coroutine[Any, Any, R]]: ...
@overload
def retry(
    fn: Callable[P, Awaitable[Ok[T] | Err[E]]],
    rule: Rule,
    *,
    exceptions: Catch[Exception] = ...,
    timeout: Duration,
    total_timeout: Duration | None = ...,
) -> Callable[P, Coroutine[Any, Any, Ok[T] | Err[E | TimedOut]]]: ...
@overload
def retry(
    fn: Callable[P, Awaitable[Ok[T] | Err[E]]],
    rule: Rule,
    *,
    exceptions: Catch[Exception] = ...,
    total_timeout: Duration,
) -> Callable[P, Coroutine[Any, Any, Ok[T] | Err[E | TimedOut]]]: ...
def retry(
    fn: Callable[P, Awaitable[Any]],
    rule: Rule,
    *,
    exceptions: Catch[Exception] = (),
    timeout: Duration | None = None,
    total_timeout: Duration | None = None,
) -> Callable[P, Coroutine[Any, Any, Any]]:
    """Return an async function that retries, for one that returns a result or raises.

    It returns what the last attempt returned, or raises what that raised, unchanged.  The
    first attempt costs next to nothing; the rule is used from the first failure on.

    Args:
      fn: The function, called anew with the same arguments for each attempt.
      rule: A schedule, or a ``Retry`` around one.
      exceptions: Exception types that are retried; for a ``Retry``, set them there.
      timeout: How long one attempt may take; expiry is ``Err(TimedOut(...))`` and is retried
        like other errors.
      total_timeout: How long all attempts may take, waits included.

    Raises:
      TypeError: The rule is none, or exceptions are given twice.
      ValueError: A duration is negative or NaN.
    """
    name = name_of(fn)
    call: Callable[P, Awaitable[Any]] = fn
    if timeout is not None:
        call = limited(fn, TimedOut(name, seconds(timeout, "timeout")))
    retried = retrying(call, _chosen(rule, exceptions))
    if total_timeout is not None:
        record = TimedOut(name, seconds(total_timeout, "total_timeout"), total=True)
        retried = limited(retried, record)
    return update_wrapper(retried, fn)


def retrying(
    call: Callable[P, Awaitable[Any]], rule: Retry
) -> Callable[P, Coroutine[Any, Any, Any]]:
    """Return the bare function of ``retry``, without the name of what it retries."""
    is_simple = not rule.exceptions and not rule.schedule.is_timed

    async def retried(*args: P.args, **kwargs: P.kwargs) -> Any:
        first: Any = None
        if is_simple and not is_budgeted():
            first = await call(*args, **kwargs)
            if first.__class__ is not Err:
                return first
        return await attempts(lambda _: call(*args, **kwargs), rule, first=first)

    return retried


def _chosen(rule: Rule, exceptions: Catch[Exception]) -> Retry:
    if not exceptions:
        return as_retry(rule)
    if isinstance(rule, Retry):
        raise TypeError(f"exceptions is {exceptions!r} beside a Retry: give them to the Retry")
    return Retry(rule, exceptions=exceptions)


def _remaining() -> float:
    return trio.current_effective_deadline() - trio.current_time()


def _wall() -> float:
    return wall_clock()()
