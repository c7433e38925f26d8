"""Limits on how many calls run at once, alone and together with a rate."""

from __future__ import annotations

import math
from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock, assert_checkpoints, wait_all_tasks_blocked

from awaitly_trio._policies.bucket import TokenBucket
from awaitly_trio._tasks.bulkhead import Bulkhead, ConcurrencyLimiter
from awaitly_trio._tasks.combined import CombinedLimiter
from awaitly_trio._tasks.limiter import RateLimiter
from awaitly_trio._values.errors import QueueFull, RateLimited
from awaitly_trio._values.refusals import CallRefusedError, SelfWaitError
from awaitly_trio._values.result import Err, Ok, Result


async def work(duration: float = 1, value: int = 1) -> Result[int, str]:
    """Stand for a call that takes its time."""
    await trio.sleep(duration)
    return Ok(value)


async def outcomes(limiter: Any, calls: int, duration: float = 1) -> list[tuple[float, Any]]:
    """Return when and how each of some calls, made one after the other, has ended."""
    ended: list[tuple[float, Any]] = []
    origin = trio.current_time()

    async def caller() -> None:
        result = await limiter(work, duration)
        ended.append((trio.current_time() - origin, result))

    async with trio.open_nursery() as nursery:
        for _ in range(calls):
            nursery.start_soon(caller)
            await wait_all_tasks_blocked()
    return ended


KINDS = [
    lambda: ConcurrencyLimiter("db", 2),
    lambda: Bulkhead("db", 2, max_queue=9),
    lambda: CombinedLimiter(
        RateLimiter("db", TokenBucket(1e6, burst=1e6)), Bulkhead("db", 2, max_queue=9)
    ),
]


@pytest.mark.parametrize("kind", KINDS)
async def test_calls_pass_through(kind: Any, autojump_clock: MockClock) -> None:
    """Arguments, values, errors and exceptions are those of the function."""
    limiter = kind()

    async def echo(first: int, *, second: str) -> Result[str, str]:
        if first < 0:
            raise OSError(second)
        return Ok(f"{first}{second}") if first else Err(second)

    wrapped = limiter.wrap(echo)

    assert wrapped.__name__ == "echo"
    assert await limiter(echo, 1, second="a") == await wrapped(1, second="a") == Ok("1a")
    assert await limiter(echo, 0, second="a") == Err("a")
    with pytest.raises(OSError, match="a"):
        await limiter(echo, -1, second="a")


@pytest.mark.parametrize("kind", KINDS)
async def test_no_more_run_at_once_than_the_limit(kind: Any, autojump_clock: MockClock) -> None:
    """The others start as places become free."""
    ended = await outcomes(kind(), 5)

    assert [when for when, _ in ended] == pytest.approx([1, 1, 2, 2, 3])


async def test_places_are_given_in_the_order_of_arrival(autojump_clock: MockClock) -> None:
    """A freed place goes to the first in line, and a newcomer does not snatch it."""
    limiter = ConcurrencyLimiter("db", 1)
    started: list[int] = []

    async def note(i: int) -> None:
        started.append(i)
        await trio.sleep(1)

    async with trio.open_nursery() as nursery:
        for i in range(4):
            nursery.start_soon(limiter, note, i)
            await wait_all_tasks_blocked()
        await trio.sleep(1)
        with pytest.raises(trio.WouldBlock):
            limiter.acquire_nowait()

    assert started == [0, 1, 2, 3]


async def test_a_bulkhead_refuses_whom_its_line_has_no_room_for(
    autojump_clock: MockClock,
) -> None:
    """Two run, one waits, and the fourth is told so at once."""
    ended = await outcomes(Bulkhead("db", 2, max_queue=1), 4)

    assert [when for when, _ in ended] == pytest.approx([0, 1, 1, 2])
    assert ended[0][1] == Err(QueueFull("db", 1))


async def test_a_bulkhead_without_a_line_lets_nobody_wait(autojump_clock: MockClock) -> None:
    """Whoever finds no place is refused."""
    ended = await outcomes(Bulkhead("db", 1, max_queue=0), 2)

    assert [result for _, result in ended] == [Err(QueueFull("db", 0)), Ok(1)]


async def test_waiting_has_its_limit(autojump_clock: MockClock) -> None:
    """A caller whose patience ends is refused, and its place in line is free again."""
    bulkhead = Bulkhead("db", 1, max_queue=5, max_wait="3s")

    ended = await outcomes(bulkhead, 3, duration=2)

    refused = [each for each in ended if each[1] != Ok(1)]
    assert [when for when, _ in refused] == pytest.approx([3])
    assert refused[0][1] == Err(QueueFull("db", 5))
    assert bulkhead.statistics().total_refused == 1


async def test_a_cancelled_waiter_leaves_nothing_behind(autojump_clock: MockClock) -> None:
    """The others keep their order, and room in the line comes back."""
    bulkhead = Bulkhead("db", 1, max_queue=2)
    started: list[int] = []

    async def caller(i: int) -> None:
        with trio.move_on_after(0.5 if i == 1 else math.inf):
            await bulkhead(work)
            started.append(i)

    async with trio.open_nursery() as nursery:
        for i in range(3):
            nursery.start_soon(caller, i)
            await wait_all_tasks_blocked()
        full = bulkhead.is_full
        await trio.sleep(0.6)
        waiting = bulkhead.statistics().waiting

    assert (full, waiting, started) == (True, 1, [0, 2])


async def test_a_cancelled_call_gives_its_place_back(autojump_clock: MockClock) -> None:
    """The next in line runs at once."""
    limiter = ConcurrencyLimiter("db", 1)

    async def impatient() -> None:
        with trio.move_on_after(1):
            await limiter(work, 100)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(impatient)
        nursery.start_soon(limiter, work, 1)

    assert trio.current_time() <= 3
    assert limiter.statistics().running == 0


async def test_a_refusal_is_a_cancellation_point(autojump_clock: MockClock) -> None:
    """A loop around a full bulkhead can be cancelled."""
    bulkhead = Bulkhead("db", 1, max_queue=0)
    bulkhead.acquire_nowait()

    with trio.CancelScope() as scope:
        scope.cancel(reason="test")
        await bulkhead(work)

    assert scope.cancelled_caught


# --- places


@pytest.mark.parametrize(
    "limiter", [ConcurrencyLimiter("db", 1), Bulkhead("db", 1, max_queue=1)], ids=repr
)
async def test_a_place_can_be_held_by_a_block(limiter: Any, autojump_clock: MockClock) -> None:
    """It is free again after the block, whichever way that is left."""
    with assert_checkpoints():
        slot = await limiter.acquire()
    with pytest.raises(OSError, match="down"), slot:
        held = limiter.statistics().running
        raise OSError("down")

    assert (held, limiter.statistics().running) == (1, 0)


async def test_a_cancelled_task_takes_no_place(autojump_clock: MockClock) -> None:
    """It would not make use of it."""
    limiter = ConcurrencyLimiter("db", 1)

    with trio.CancelScope() as scope:
        scope.cancel(reason="test")
        await limiter.acquire()

    assert limiter.statistics().running == 0


async def test_a_refused_place_raises(autojump_clock: MockClock) -> None:
    """Where no result can carry the refusal, an exception does."""
    bulkhead = Bulkhead("db", 1, max_queue=0)

    with bulkhead.acquire_nowait(), pytest.raises(CallRefusedError) as refused:
        await bulkhead.acquire()

    assert refused.value.error == QueueFull("db", 0)


async def test_a_place_may_be_waited_for(autojump_clock: MockClock) -> None:
    """Within the patience of the bulkhead."""
    bulkhead = Bulkhead("db", 1, max_queue=1, max_wait=2)
    origin = trio.current_time()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(bulkhead, work, 1)
        await wait_all_tasks_blocked()
        with await bulkhead.acquire():
            waited = trio.current_time() - origin

    assert waited == pytest.approx(1)


async def test_a_task_may_hold_two_places_but_not_wait_for_itself(
    autojump_clock: MockClock,
) -> None:
    """Below the limit a nested call works; at the limit it says what is wrong."""
    limiter = ConcurrencyLimiter("db", 2)

    async def nested(depth: int) -> Result[int, str]:
        return await limiter(nested, depth - 1) if depth else Ok(0)

    assert await limiter(nested, 1) == Ok(0)
    with pytest.raises(SelfWaitError, match=r"already holds a place in limiter 'db'"):
        await limiter(nested, 2)
    assert limiter.statistics().running == 0


async def test_a_place_waited_for_can_be_held_in_turn(autojump_clock: MockClock) -> None:
    """A place that was handed over is held by the task that waited for it."""
    limiter = ConcurrencyLimiter("db", 1)
    first = await limiter.acquire()
    held: list[int] = []

    async def second() -> None:
        with await limiter.acquire():
            held.append(limiter.statistics().running)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(second)
        await wait_all_tasks_blocked()
        first.release()
        first.release()

    assert held == [1]
    assert limiter.statistics().running == 0


async def test_reset_admits_those_who_wait(autojump_clock: MockClock) -> None:
    """What the forgotten holders give back later does not count: no place is ever won by it."""
    limiter = ConcurrencyLimiter("db", 1)
    started: list[float] = []
    origin = trio.current_time()

    async def note(duration: float) -> None:
        started.append(trio.current_time() - origin)
        await trio.sleep(duration)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(limiter, note, 5)
        await wait_all_tasks_blocked()
        nursery.start_soon(limiter, note, 10)
        await wait_all_tasks_blocked()
        limiter.reset()
        nursery.start_soon(limiter, note, 1)

    assert started == pytest.approx([0, 0, 10])
    assert limiter.statistics().running == 0


# --- combined


async def test_nobody_holds_a_place_while_waiting_for_a_turn(autojump_clock: MockClock) -> None:
    """Three calls wait for the rate, and both places are free."""
    limiter = CombinedLimiter(
        RateLimiter("api", TokenBucket(0.1, burst=1)), ConcurrencyLimiter("api", 2)
    )

    async with trio.open_nursery() as nursery:
        for _ in range(4):
            nursery.start_soon(limiter, work)
        await trio.sleep(5)
        rate, concurrency = limiter.statistics()

    assert (rate.waiting, concurrency.running, concurrency.waiting) == (3, 0, 0)


async def test_whoever_is_refused_a_place_takes_no_turn(autojump_clock: MockClock) -> None:
    """The rate is spent on calls that are made."""
    limiter = CombinedLimiter(
        RateLimiter("api", TokenBucket(1, burst=5)), Bulkhead("api", 1, max_queue=0)
    )

    with await limiter.acquire():
        refused = await limiter(work)
        with pytest.raises(CallRefusedError):
            await limiter.acquire()

    assert refused == Err(QueueFull("api", 0))
    assert limiter.rate.statistics().available == pytest.approx(4)


async def test_a_refused_turn_takes_no_place(autojump_clock: MockClock) -> None:
    """The rate limiter's own refusal comes through."""
    limiter = CombinedLimiter(
        RateLimiter("api", TokenBucket(1, burst=1)).options(max_wait=0),
        ConcurrencyLimiter("api", 1),
    )
    await limiter(work, 0)

    refused: Any = await limiter(work)

    assert isinstance(refused.error, RateLimited)
    assert limiter.concurrency.statistics().running == 0


# --- mistakes and words


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ConcurrencyLimiter("db", 0), "limit must be at least 1 call at once, not 0"),
        (lambda: Bulkhead("db", 1, max_queue=-1), "max_queue must be 0 or more .* not -1"),
        (lambda: Bulkhead("db", 1, max_queue=math.nan), "max_queue must be 0 or more .* not nan"),
        (lambda: Bulkhead("db", 1, max_queue=1, max_wait=-1), "max_wait is -1"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(make: Any, message: str) -> None:
    """The message shows the value."""
    with pytest.raises(ValueError, match=message):
        make()


def test_a_limiter_shows_how_it_stands() -> None:
    """The ``repr`` says how many run and wait, also outside a run."""
    combined = CombinedLimiter(
        RateLimiter("api", TokenBucket(1, burst=5)), Bulkhead("db", 2, max_queue=1)
    )

    assert repr(combined) == (
        "<CombinedLimiter of <RateLimiter 'api', 5 of 5 available, 0 waiting> "
        "and <Bulkhead 'db', 0 of 2 running, 0 waiting>>"
    )


def test_one_limiter_serves_several_runs() -> None:
    """A run that ends leaves its places free."""
    limiter = ConcurrencyLimiter("db", 1)

    async def main() -> None:
        with trio.move_on_after(1):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(limiter, work, 5)
                nursery.start_soon(limiter, work, 5)

    for _ in range(2):
        trio.run(main, clock=MockClock(autojump_threshold=0))

    assert limiter.statistics().running == limiter.statistics().waiting == 0


# --- laws


@given(
    limit=st.integers(1, 3),
    max_queue=st.integers(0, 3),
    callers=st.lists(
        st.tuples(
            st.sampled_from([0.0, 0.0, 0.5, 1.0]),  # when it comes
            st.sampled_from([0.0, 0.5, 1.0, 3.0]),  # how long it runs
            st.sampled_from([math.inf, math.inf, 0.0, 0.5, 1.0]),  # when it is cancelled
        ),
        max_size=15,
    ),
)
def test_no_schedule_exceeds_the_limits(
    limit: int, max_queue: int, callers: list[tuple[float, float, float]]
) -> None:
    """Whoever comes, ends or gives up when: limits and order hold, and no place is lost."""
    bulkhead = Bulkhead("db", limit, max_queue=max_queue)
    running: list[int] = []
    arrived: list[int] = []
    started: dict[int, float] = {}

    async def run(i: int, duration: float) -> Result[None, str]:
        running.append(i)
        started[i] = trio.current_time()
        assert len(running) <= limit
        assert bulkhead.statistics().waiting <= max_queue
        try:
            await trio.sleep(duration)
        finally:
            running.remove(i)
        return Ok(None)

    async def caller(i: int, comes: float, duration: float, until: float) -> None:
        await trio.sleep(comes)
        arrived.append(i)
        with trio.move_on_after(until):
            await bulkhead(run, i, duration)

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            for i, each in enumerate(callers):
                nursery.start_soon(caller, i, *each)

    trio.run(main, clock=MockClock(autojump_threshold=0))

    # Two that are let in at one instant may resume in either order.
    times = [started[i] for i in arrived if i in started]
    assert times == sorted(times)
    assert (bulkhead.statistics().running, bulkhead.statistics().waiting) == (0, 0)
