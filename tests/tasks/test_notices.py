"""What breakers, limiters and hedges tell those who watch their callers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from awaitly_trio._policies.bucket import TokenBucket
from awaitly_trio._policies.circuit import BreakerSettings
from awaitly_trio._policies.circuit_states import CircuitChange, CircuitState
from awaitly_trio._policies.trip import ConsecutiveFailures
from awaitly_trio._tasks.breaker import CircuitBreaker
from awaitly_trio._tasks.bulkhead import Bulkhead, ConcurrencyLimiter
from awaitly_trio._tasks.hedge import Hedge
from awaitly_trio._tasks.limiter import RateLimiter
from awaitly_trio._tasks.notices import (
    HedgeEnded,
    HedgeStarted,
    Refused,
    Waited,
    listen,
    tell,
    unlisten,
)
from awaitly_trio._values.result import Err, Ok, Result

if TYPE_CHECKING:
    from trio.testing import MockClock


async def give() -> Result[str, str]:
    """Answer at once."""
    return Ok("given")


async def decline() -> Result[str, str]:
    """Fail at once."""
    return Err("declined")


def listening() -> list[Any]:
    """Collect what is told in the task that calls."""
    notices: list[Any] = []
    listen((notices.append,))
    return notices


async def test_a_wait_for_a_turn_is_told_when_it_is_over(autojump_clock: MockClock) -> None:
    """With its seconds; a turn that is free is no wait."""
    heard = listening()
    limiter = RateLimiter("api", TokenBucket(1, burst=1))

    await limiter(give)
    before = list(heard)
    await limiter(give)

    assert before == []
    assert heard == [Waited("api", pytest.approx(1), admitted=True)]


async def test_a_wait_that_is_cancelled_is_told_as_one(autojump_clock: MockClock) -> None:
    """The caller was not admitted, and nobody refused."""
    heard = listening()
    rate, places = RateLimiter("rate", TokenBucket(0.1, burst=1)), ConcurrencyLimiter("places", 1)
    rate.acquire_nowait()

    with places.acquire_nowait():
        for limiter in (rate, places):
            with trio.move_on_after(2):
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(limiter, give)

    assert heard == [
        Waited("rate", pytest.approx(2), admitted=False),
        Waited("places", pytest.approx(2), admitted=False),
    ]


async def test_refusals_are_told(autojump_clock: MockClock) -> None:
    """Those at once, and those after a wait."""
    heard = listening()
    rate = RateLimiter("rate", TokenBucket(0.1, burst=1)).options(max_wait=1)
    bulkhead = Bulkhead("bulkhead", 1, max_queue=1, max_wait=2)
    breaker = CircuitBreaker("breaker")
    rate.acquire_nowait()
    breaker.isolate()
    heard.clear()

    with bulkhead.acquire_nowait():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(bulkhead, give)
            await wait_all_tasks_blocked()
            nursery.start_soon(bulkhead, give)
    await rate(give)
    await breaker(give)

    assert heard == [
        Refused("bulkhead", "limiter"),
        Waited("bulkhead", pytest.approx(2), admitted=False),
        Refused("bulkhead", "limiter"),
        Refused("rate", "limiter"),
        Refused("breaker", "breaker"),
    ]


async def test_a_change_of_a_breaker_is_told_beside_its_callback() -> None:
    """To those who watch the caller first, then to whom the breaker was given."""
    heard = listening()
    settings = BreakerSettings(ConsecutiveFailures(1))
    breaker = CircuitBreaker("cards", settings, on_change=heard.append)

    await breaker(decline)

    assert [type(notice) for notice in heard] == [CircuitChange, CircuitChange]
    assert heard[0] is heard[1]
    assert heard[0].after is CircuitState.OPEN


async def test_attempts_of_a_hedged_call_are_told_in_their_tasks(
    autojump_clock: MockClock,
) -> None:
    """Each start has its end, with one object for the call."""
    told: list[tuple[trio.lowlevel.Task, Any]] = []
    listen((lambda notice: told.append((trio.lowlevel.current_task(), notice)),))
    delays = [9, 1]

    async def fetch() -> Result[str, str]:
        await trio.sleep(delays.pop(0))
        return Ok("fetched")

    await Hedge(2)(fetch)

    tasks, notices = zip(*told, strict=True)
    call = notices[0].call
    assert notices == (
        HedgeStarted(call, 1),
        HedgeStarted(call, 2),
        HedgeEnded(call, 2, "ok"),
        HedgeEnded(call, 1, "cancelled"),
    )
    assert (tasks[0], tasks[1]) == (tasks[3], tasks[2])


async def test_nothing_is_built_when_nobody_listens() -> None:
    """Law 10: whoever does not watch does not pay for a record."""
    built: list[str] = []

    tell(built.append, "record")

    assert built == []


async def test_a_listener_that_raises_is_felt_by_nobody(caplog: pytest.LogCaptureFixture) -> None:
    """Law 6: it is logged; the next one is told, and the call goes on."""
    heard: list[Any] = []

    def broken(notice: object) -> None:
        raise ValueError(notice)

    listen((broken, heard.append))
    breaker = CircuitBreaker("cards", BreakerSettings(ConsecutiveFailures(1)))

    result = await breaker(decline)

    assert result == Err("declined")
    assert len(heard) == 1
    assert "raised on CircuitChange" in caplog.text


async def test_only_the_tasks_of_the_listener_are_told() -> None:
    """What happens in a task that began before is nobody's business."""
    heard: list[Any] = []
    breaker = CircuitBreaker("cards", BreakerSettings(ConsecutiveFailures(1)))
    go = trio.Event()

    async def neighbour() -> None:
        await go.wait()
        await breaker(decline)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(neighbour)
        await wait_all_tasks_blocked()
        token = listen((heard.append,))
        go.set()
    unlisten(token)

    assert breaker.state is CircuitState.OPEN
    assert heard == []
