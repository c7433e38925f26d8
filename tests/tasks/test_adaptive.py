"""A concurrency limit that adapts, in front of async functions."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from awaitly_trio._policies.adaptive import Aimd
from awaitly_trio._tasks.adaptive import AdaptiveLimiter
from awaitly_trio._values.errors import QueueFull, RateLimited, TimedOut
from awaitly_trio._values.result import Err, Ok, Result

HALVING = Aimd(initial=4, decrease=0.5)


async def work(result: Any = None, duration: float = 0) -> Result[Any, Any]:
    """Stand for a call that ends as told."""
    await trio.sleep(duration)
    if isinstance(result, Exception):
        raise result
    return Err(result) if result else Ok(1)


@pytest.mark.parametrize(
    ("failure", "limit"),
    [
        (TimedOut("call", 1.0), 2),
        (RateLimited("api", 1.0), 2),
        (QueueFull("api", 1), 2),
        (trio.TooSlowError(), 2),
        ("not found", 4),
        (OSError("down"), 4),
    ],
    ids=repr,
)
async def test_signs_of_overload_lower_the_limit(
    failure: Any, limit: int, autojump_clock: MockClock
) -> None:
    """Timeouts and refusals do; an error that says nothing of the load does not."""
    limiter = AdaptiveLimiter("api", HALVING, max_queue=9)

    if isinstance(failure, Exception):
        with pytest.raises(type(failure)):
            await limiter(work, failure)
    else:
        await limiter(work, failure)

    assert limiter.statistics().limit == limit


async def test_successes_raise_the_limit(autojump_clock: MockClock) -> None:
    """When all places are used and the service answers, there is one more."""
    limiter = AdaptiveLimiter("api", Aimd(initial=4), max_queue=99)

    async with trio.open_nursery() as nursery:
        for _ in range(8):
            nursery.start_soon(limiter, work, None, 1)

    assert limiter.statistics().limit == 5


async def test_the_user_says_what_overload_is(autojump_clock: MockClock) -> None:
    """Any error or exception can be a sign."""
    limiter = AdaptiveLimiter("api", HALVING, max_queue=9, overload=lambda error: error == "busy")

    await limiter(work, TimedOut("call", 1.0))
    before = limiter.statistics().limit
    await limiter(work, "busy")

    assert (before, limiter.statistics().limit) == (4, 2)


async def test_a_cancelled_call_teaches_nothing(autojump_clock: MockClock) -> None:
    """Its place is free again and the limit is as it was."""
    limiter = AdaptiveLimiter("api", HALVING, max_queue=9)

    with trio.move_on_after(1):
        await limiter(work, None, 5)

    assert (limiter.statistics().running, limiter.statistics().limit) == (0, 4)


async def test_a_lower_limit_takes_no_place_away(autojump_clock: MockClock) -> None:
    """Those who run go on; those who wait start when fewer run than the new limit."""
    limiter = AdaptiveLimiter("api", HALVING, max_queue=9, overload=lambda error: True)
    started: list[float] = []

    async def note() -> Result[int, str]:
        started.append(trio.current_time())
        return Ok(1)

    async with trio.open_nursery() as nursery:
        for duration in (1, 2, 3):
            nursery.start_soon(limiter, work, None, duration)
        nursery.start_soon(limiter, work, "busy", 0.5)
        await wait_all_tasks_blocked()
        nursery.start_soon(limiter, note)
        origin = trio.current_time()

    assert [when - origin for when in started] == pytest.approx([2])


async def test_whoever_finds_no_room_is_refused(autojump_clock: MockClock) -> None:
    """The line has its bound, and the wait as well."""
    limiter = AdaptiveLimiter("api", Aimd(initial=1), max_queue=1, max_wait="2s")
    results: list[Any] = []

    async def caller() -> None:
        results.append(await limiter(work, None, 5))

    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(caller)
            await wait_all_tasks_blocked()

    assert results == [Err(QueueFull("api", 1)), Err(QueueFull("api", 1)), Ok(1)]


async def test_a_wrapped_function_is_limited(autojump_clock: MockClock) -> None:
    """It keeps its name."""
    limiter = AdaptiveLimiter("api", Aimd(initial=1), max_queue=0)
    wrapped: Any = limiter.wrap(work)

    assert await wrapped("odd") == Err("odd")
    assert wrapped.__name__ == "work"
    assert repr(limiter) == "<AdaptiveLimiter 'api', 0 of 1 running, 0 waiting>"


def test_a_negative_queue_is_refused() -> None:
    """The message shows the value."""
    with pytest.raises(ValueError, match="max_queue must be 0 or more waiting callers, not -1"):
        AdaptiveLimiter("api", Aimd(), max_queue=-1)
