"""Rate limiters in front of async functions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock, assert_checkpoints, wait_all_tasks_blocked

from awaitly_trio._policies.bucket import Gcra, TokenBucket
from awaitly_trio._policies.rate_window import FixedWindow, SlidingWindow
from awaitly_trio._tasks.limiter import RateLimiter
from awaitly_trio._values.errors import RateLimited
from awaitly_trio._values.refusals import CallRefusedError
from awaitly_trio._values.result import Err, Ok, Result

if TYPE_CHECKING:
    from awaitly_trio._policies.rate import RateRule

TEN_A_SECOND = TokenBucket(10, burst=1)
RULES = [
    TokenBucket(1, burst=2),
    Gcra(1, 1),
    FixedWindow(2, per=2),
    SlidingWindow(2, per=2),
]


async def answer(value: int = 1) -> Result[int, str]:
    """Stand for a service that works."""
    return Ok(value)


async def start_times(limiter: RateLimiter, callers: int) -> list[float]:
    """Return when each of so many callers started, seen from now."""
    now = trio.current_time()
    started: list[float] = []

    async def note() -> None:
        started.append(trio.current_time() - now)

    async with trio.open_nursery() as nursery:
        for _ in range(callers):
            nursery.start_soon(limiter, note)
    return started


# --- calls


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: type(rule).__name__)
@pytest.mark.parametrize("max_wait", [None, 0, math.inf])
@pytest.mark.parametrize("way", ["call", "wrap"])
async def test_calls_pass_through(
    rule: RateRule, max_wait: float | None, way: str, autojump_clock: MockClock
) -> None:
    """Arguments, values and errors are those of the function, for each rule and form."""
    limiter = RateLimiter("api", rule)
    limited = limiter if max_wait is None else limiter.options(max_wait=max_wait)

    async def echo(first: int, *, second: str) -> Result[str, str]:
        return Ok(f"{first}{second}") if first else Err(second)

    call: Any = limited.wrap(echo) if way == "wrap" else lambda *a, **k: limited(echo, *a, **k)

    assert await call(1, second="a") == Ok("1a")
    assert await call(0, second="a") == Err("a")


async def test_a_wrapped_function_keeps_its_name(autojump_clock: MockClock) -> None:
    """What is shown of it is the function, not the limiter."""
    limiter = RateLimiter("api", TEN_A_SECOND)

    names: list[str] = [
        wrap(answer).__name__ for wrap in (limiter.wrap, limiter.options(max_wait=1).wrap)
    ]

    assert names == ["answer", "answer"]


async def test_any_async_function_can_be_limited(autojump_clock: MockClock) -> None:
    """A limiter that never refuses asks for no result, and exceptions propagate."""
    limiter = RateLimiter("api", TEN_A_SECOND)

    async def explode() -> int:
        raise OSError("unreachable")

    with pytest.raises(OSError, match="unreachable"):
        await limiter(explode)
    with pytest.raises(OSError, match="unreachable"):
        await limiter(explode)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (TokenBucket(1, burst=2), [0, 0, 1, 2, 3]),
        (Gcra(1, 1), [0, 0, 1, 2, 3]),
        (FixedWindow(2, per=2), [0, 0, 2, 2, 4]),
        (SlidingWindow(2, per=2), [0, 0, 2, 2, 4]),
    ],
)
async def test_starts_are_spread_as_the_rule_says(
    rule: RateRule, expected: list[float], autojump_clock: MockClock
) -> None:
    """Five callers at once start when the rule lets them."""
    assert await start_times(RateLimiter("api", rule), 5) == pytest.approx(expected)


async def test_a_failing_call_gives_nothing_back(autojump_clock: MockClock) -> None:
    """What is limited is the start."""
    limiter = RateLimiter("api", TokenBucket(1, burst=2))

    async def fail() -> Result[int, str]:
        return Err("down")

    await limiter(fail)

    assert limiter.statistics().available == pytest.approx(1)


async def test_a_call_costs_what_its_view_says(autojump_clock: MockClock) -> None:
    """The views of one limiter share its rate."""
    limiter = RateLimiter("api", TokenBucket(1, burst=5))
    heavy = limiter.options(cost=4)

    await heavy(answer)
    left = limiter.statistics().available
    before = trio.current_time()
    await heavy(answer)

    assert left == pytest.approx(1)
    assert trio.current_time() - before == pytest.approx(3)


# --- order


async def test_callers_start_in_the_order_of_arrival(autojump_clock: MockClock) -> None:
    """However many wait, none overtakes another."""
    limiter = RateLimiter("api", TEN_A_SECOND)
    started: list[int] = []

    async def note(i: int) -> None:
        started.append(i)

    async with trio.open_nursery() as nursery:
        for i in range(20):
            nursery.start_soon(limiter, note, i)
            await wait_all_tasks_blocked()

    assert started == list(range(20))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: type(rule).__name__)
async def test_a_newcomer_does_not_overtake(rule: RateRule, autojump_clock: MockClock) -> None:
    """A cheap call queues behind an expensive one, although it could start at once."""
    limiter = RateLimiter("api", rule)
    await limiter.acquire()
    started: list[str] = []

    async def note(who: str) -> None:
        started.append(who)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(limiter.options(cost=2), note, "expensive")
        await wait_all_tasks_blocked()
        with pytest.raises(trio.WouldBlock):
            limiter.acquire_nowait()
        nursery.start_soon(limiter, note, "cheap")

    assert started == ["expensive", "cheap"]


async def test_a_cancelled_waiter_leaves_nothing_behind(autojump_clock: MockClock) -> None:
    """The third of five gives up: the others start as if it had never come."""
    limiter = RateLimiter("api", TEN_A_SECOND)
    started: list[tuple[int, float]] = []
    origin = trio.current_time()

    async def caller(i: int) -> None:
        with trio.move_on_after(0.15 if i == 2 else math.inf):
            await limiter.acquire()
            started.append((i, trio.current_time() - origin))

    async with trio.open_nursery() as nursery:
        for i in range(5):
            nursery.start_soon(caller, i)
            await wait_all_tasks_blocked()

    assert [i for i, _ in started] == [0, 1, 3, 4]
    assert [when for _, when in started] == pytest.approx([0, 0.1, 0.2, 0.3])
    assert limiter.statistics().waiting == 0


async def test_the_first_in_line_may_give_up(autojump_clock: MockClock) -> None:
    """The second starts when the first would have."""
    limiter = RateLimiter("api", TEN_A_SECOND)
    await limiter.acquire()
    origin = trio.current_time()

    async def give_up() -> None:
        with trio.move_on_after(0.05):
            await limiter.acquire()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(give_up)
        await wait_all_tasks_blocked()
        nursery.start_soon(limiter.acquire)

    assert trio.current_time() - origin == pytest.approx(0.1)


# --- waiting no longer than that


async def test_a_limiter_may_refuse_at_once(autojump_clock: MockClock) -> None:
    """With no wait allowed, the refusal says when to come back, and that is when it works."""
    limiter = RateLimiter("api", TEN_A_SECOND).options(max_wait=0)
    await limiter(answer)

    refused: Any = await limiter(answer)
    await trio.sleep(refused.error.retry_after)

    assert refused == Err(RateLimited("api", pytest.approx(0.1)))  # type: ignore[arg-type]
    assert await limiter(answer) == Ok(1)
    assert limiter.statistics().total_refused == 1


async def test_whoever_would_wait_too_long_is_refused_at_once(autojump_clock: MockClock) -> None:
    """The line so far decides, and nobody waits in vain."""
    limiter = RateLimiter("api", TokenBucket(1, burst=1)).options(max_wait="3s")
    outcomes: list[tuple[float, Any]] = []
    origin = trio.current_time()

    async def caller() -> None:
        result = await limiter(answer)
        outcomes.append((trio.current_time() - origin, result))

    async with trio.open_nursery() as nursery:
        for _ in range(6):
            nursery.start_soon(caller)

    refused = [(when, result.error) for when, result in outcomes if isinstance(result, Err)]
    assert [when for when, result in outcomes if result == Ok(1)] == pytest.approx([0, 1, 2, 3])
    assert refused == [(0, RateLimited("api", pytest.approx(4)))] * 2  # type: ignore[arg-type]


@pytest.mark.parametrize("rule", [FixedWindow(2, per=3), SlidingWindow(2, per=3)])
async def test_the_end_of_patience_is_still_in_time(
    rule: RateRule, autojump_clock: MockClock
) -> None:
    """Whoever may start at the very instant at which it would give up does start."""
    limiter = RateLimiter("api", rule).options(max_wait=3)
    results: list[Any] = []

    async def caller() -> None:
        results.append(await limiter(answer))

    async with trio.open_nursery() as nursery:
        for _ in range(4):
            nursery.start_soon(caller)

    assert results == [Ok(1)] * 4


@pytest.mark.parametrize(
    ("costs", "refused_at"), [([3, 3, 1], 15), ([3, 4], 10)], ids=["in line", "at the front"]
)
async def test_a_wait_that_turns_out_too_long_ends(
    costs: list[float], refused_at: float, autojump_clock: MockClock
) -> None:
    """Where costs fit their windows worse than foreseen, patience has its end all the same."""
    limiter = RateLimiter("api", FixedWindow(5, per=10))
    await limiter.options(cost=3).acquire()
    outcomes: list[tuple[float, Any]] = []
    origin = trio.current_time()

    async def caller(cost: float, max_wait: float) -> None:
        result = await limiter.options(cost=cost, max_wait=max_wait)(answer)
        outcomes.append((trio.current_time() - origin, result))

    async with trio.open_nursery() as nursery:
        for cost in costs[:-1]:
            nursery.start_soon(caller, cost, 60)
            await wait_all_tasks_blocked()
        nursery.start_soon(caller, costs[-1], 15)

    refused = [(when, result.error.retry_after) for when, result in outcomes if result != Ok(1)]
    assert [sum(each) for each in refused] == pytest.approx([20])
    assert [when for when, _ in refused] == pytest.approx([refused_at], abs=1e-5)


async def test_a_refusal_is_a_cancellation_point(autojump_clock: MockClock) -> None:
    """A loop around a refusing limiter can be cancelled."""
    limiter = RateLimiter("api", TEN_A_SECOND).options(max_wait=0)
    limiter.acquire_nowait()

    with trio.CancelScope() as scope:
        scope.cancel(reason="test")
        await limiter(answer)

    assert scope.cancelled_caught


# --- blocks and turns


async def test_a_turn_can_be_taken_without_a_call(autojump_clock: MockClock) -> None:
    """A block or ``acquire`` waits and checkpoints; ``acquire_nowait`` does neither."""
    limiter = RateLimiter("api", TokenBucket(1, burst=2))
    origin = trio.current_time()

    with assert_checkpoints():
        await limiter.acquire()
    limiter.acquire_nowait()
    with pytest.raises(trio.WouldBlock):
        limiter.acquire_nowait()
    async with limiter:
        pass

    assert trio.current_time() - origin == pytest.approx(1)


async def test_a_cancelled_task_takes_no_turn(autojump_clock: MockClock) -> None:
    """It would not make use of it."""
    limiter = RateLimiter("api", TEN_A_SECOND)

    with trio.CancelScope() as scope:
        scope.cancel(reason="test")
        await limiter.acquire()

    assert limiter.statistics().available == 1


async def test_a_refused_block_raises(autojump_clock: MockClock) -> None:
    """Where no result can carry the refusal, an exception does."""
    limiter = RateLimiter("api", TEN_A_SECOND).options(max_wait=0)
    limiter.acquire_nowait()

    with pytest.raises(CallRefusedError) as refused:
        async with limiter:
            pytest.fail("admitted")

    assert refused.value.error == RateLimited("api", pytest.approx(0.1))  # type: ignore[arg-type]


# --- reset, statistics, runs, mistakes


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: type(rule).__name__)
async def test_reset_wakes_the_waiters(rule: RateRule, autojump_clock: MockClock) -> None:
    """They go on at once, in their order, as far as a fresh limiter lets them."""
    limiter = RateLimiter("api", rule)
    limiter.acquire_nowait()
    limiter.acquire_nowait()
    origin = trio.current_time()
    started: list[tuple[int, float]] = []

    async def caller(i: int) -> None:
        await limiter.acquire()
        started.append((i, trio.current_time() - origin))

    async with trio.open_nursery() as nursery:
        for i in range(3):
            nursery.start_soon(caller, i)
            await wait_all_tasks_blocked()
        limiter.reset()

    assert [i for i, _ in started] == [0, 1, 2]
    assert [when > 0 for _, when in started] == [False, False, True]


async def test_statistics_tell_how_it_stands(autojump_clock: MockClock) -> None:
    """What is left and who waits are there, and in the ``repr``."""
    limiter = RateLimiter("api", TokenBucket(10, burst=20))
    await limiter.options(cost=20).acquire()

    async with trio.open_nursery() as nursery:
        for _ in range(2):
            nursery.start_soon(limiter.acquire)
        await wait_all_tasks_blocked()
        statistics, shown = limiter.statistics(), repr(limiter)

    assert (statistics.capacity, statistics.waiting) == (20, 2)
    assert shown == "<RateLimiter 'api', 0 of 20 available, 2 waiting>"


def test_one_limiter_serves_several_runs() -> None:
    """Made before any run, it owes in the next what was taken in the last."""
    limiter = RateLimiter("api", TokenBucket(1, burst=1))

    async def main() -> float:
        before = trio.current_time()
        await limiter(answer)
        return trio.current_time() - before

    clocks = [MockClock(autojump_threshold=0) for _ in range(3)]
    clocks[0].jump(1e5)
    waits = [trio.run(main, clock=clock) for clock in clocks]

    assert waits == pytest.approx([0, 1, 1])


@pytest.mark.parametrize("cost", [0, -1, math.nan, 2])
def test_a_cost_that_can_never_be_paid_is_refused(cost: float) -> None:
    """The mistake shows when the view is made, not by a wait without end."""
    with pytest.raises(ValueError, match="cost"):
        RateLimiter("api", TEN_A_SECOND).options(cost=cost)


def test_a_wait_that_makes_no_sense_is_refused() -> None:
    """The message shows the value."""
    with pytest.raises(ValueError, match="max_wait is -1"):
        RateLimiter("api", TEN_A_SECOND).options(max_wait=-1)


# --- laws


@given(
    rule=st.sampled_from(RULES),
    callers=st.lists(
        st.tuples(
            st.sampled_from([0.0, 0.0, 0.5, 1.0, 2.5]),  # when it comes
            st.sampled_from([1, 1, 2]),  # what it costs
            st.sampled_from([math.inf, math.inf, 0.0, 0.7, 1.5]),  # when it is cancelled
            st.sampled_from([None, None, 0.0, 1.0]),  # how long it would wait
        ),
        max_size=15,
    ),
)
def test_no_schedule_exceeds_the_rate(
    rule: RateRule, callers: list[tuple[float, float, float, float | None]]
) -> None:
    """Whoever comes, gives up or is refused when: order and rate hold, and nothing is lost."""
    limiter = RateLimiter("api", rule)
    arrived: list[int] = []
    started: list[tuple[int, float, float]] = []

    async def caller(
        i: int, comes: float, cost: float, until: float, max_wait: float | None
    ) -> None:
        await trio.sleep(comes)
        view: Any = limiter.options(cost=cost)
        if max_wait is not None:
            view = limiter.options(cost=cost, max_wait=max_wait)

        async def note() -> Result[None, str]:
            started.append((i, trio.current_time(), cost))
            return Ok(None)

        arrived.append(i)
        with trio.move_on_after(until):
            await view(note)

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            for i, each in enumerate(callers):
                nursery.start_soon(caller, i, *each)
        # With everyone gone, all of the capacity comes back.
        await trio.sleep(100)
        await limiter.options(cost=2)(answer)
        assert limiter.statistics().waiting == 0

    trio.run(main, clock=MockClock(autojump_threshold=0))

    order = [i for i, _, _ in started]
    assert order == sorted(order, key=arrived.index)
    span, most = (1.0, 3) if isinstance(rule, TokenBucket | Gcra) else (2.0, 2)
    if isinstance(rule, FixedWindow):
        most *= 2
    for _, first, _ in started:
        within = sum(cost for _, when, cost in started if first <= when < first + span - 1e-9)
        assert within <= most
    endless = [i for i, each in enumerate(callers) if each[2] == math.inf and each[3] is None]
    assert set(endless) <= set(order)
