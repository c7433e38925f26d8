"""Circuit breakers in front of async functions."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING, Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from awaitly_trio._policies.circuit import BreakerSettings
from awaitly_trio._policies.circuit_states import CircuitChange, CircuitEvent, CircuitState
from awaitly_trio._policies.trip import (
    ConsecutiveFailures,
    FailureCount,
    RateOfCalls,
    RateOverTime,
)
from awaitly_trio._tasks.breaker import CircuitBreaker
from awaitly_trio._values.errors import CircuitOpen, RateLimited
from awaitly_trio._values.refusals import CallRefusedError
from awaitly_trio._values.result import Err, Ok, Result

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

TWO_FAILURES = BreakerSettings(FailureCount(2, within=60), open_for=10, probes=1)
CLOSED, OPEN = CircuitState.CLOSED, CircuitState.OPEN
HALF_OPEN, ISOLATED = CircuitState.HALF_OPEN, CircuitState.ISOLATED


async def succeed(value: int = 1) -> Result[int, str]:
    """Stand for a service that works."""
    return Ok(value)


async def fail(error: Any = "down") -> Result[int, Any]:
    """Stand for a service that answers with an error."""
    return Err(error)


async def explode() -> Result[int, str]:
    """Stand for a service that does not answer."""
    raise OSError("unreachable")


async def opened(settings: BreakerSettings = TWO_FAILURES) -> CircuitBreaker:
    """Return a breaker that two failures have just opened."""
    breaker = CircuitBreaker("payments", settings)
    for _ in range(2):
        await breaker(fail)
    return breaker


# --- calls


@pytest.mark.parametrize("way", ["call", "wrap"])
async def test_a_closed_breaker_passes_calls_through(way: str, autojump_clock: MockClock) -> None:
    """Arguments, values and errors are those of the function."""
    breaker = CircuitBreaker("payments")

    async def echo(first: int, *, second: str) -> Result[str, str]:
        return Ok(f"{first}{second}") if first else Err(second)

    call: Any = breaker.wrap(echo) if way == "wrap" else lambda *a, **k: breaker(echo, *a, **k)

    assert await call(1, second="a") == Ok("1a")
    assert await call(0, second="a") == Err("a")


async def test_a_wrapped_function_keeps_its_name(autojump_clock: MockClock) -> None:
    """What is shown of it is the function, not the breaker."""
    wrapped: Any = CircuitBreaker("payments").wrap(succeed)

    assert (wrapped.__name__, wrapped.__wrapped__) == ("succeed", succeed)


@pytest.mark.parametrize("failing", [fail, explode])
@pytest.mark.parametrize(
    "rule",
    [
        FailureCount(2),
        ConsecutiveFailures(2),
        RateOfCalls(calls=2, minimum=2),
        RateOverTime(within=60, minimum=2, slow_after=5),
    ],
    ids=lambda rule: type(rule).__name__,
)
async def test_errors_and_exceptions_open_it(
    rule: Any, failing: Callable[[], Awaitable[Result[int, Any]]], autojump_clock: MockClock
) -> None:
    """Two failures of either kind are enough for each rule, and the third call is not made."""
    breaker = CircuitBreaker("payments", BreakerSettings(rule, open_for=10))
    guarded = breaker.wrap(failing)

    for _ in range(2):
        if failing is explode:
            with pytest.raises(OSError, match="unreachable"):
                await guarded()
        else:
            await guarded()

    assert await guarded() == Err(CircuitOpen("payments", 10.0))


async def test_slow_calls_open_it(autojump_clock: MockClock) -> None:
    """A call that succeeds too slowly counts against the service."""
    rule = RateOverTime(within=60, minimum=2, slow_after=2, slow_rate=1.0)
    breaker = CircuitBreaker("payments", BreakerSettings(rule))

    async def drag(duration: float) -> Result[None, str]:
        await trio.sleep(duration)
        return Ok(None)

    for _ in range(2):
        await breaker(drag, 2.5)

    assert breaker.state is OPEN


async def test_a_slow_probe_does_not_close_it(autojump_clock: MockClock) -> None:
    """A service that answers its probe too slowly has not recovered."""
    rule = RateOverTime(within=60, minimum=2, slow_after=2)
    breaker = await opened(BreakerSettings(rule, open_for=10, probes=1))
    await trio.sleep(10)

    async def drag() -> Result[None, str]:
        await trio.sleep(3)
        return Ok(None)

    await breaker(drag)

    assert breaker.state is OPEN


async def test_a_refusal_tells_when_to_come_back(autojump_clock: MockClock) -> None:
    """The promised time is when the next call is admitted."""
    breaker = await opened()
    await trio.sleep(4)

    refused: Any = await breaker(succeed)
    await trio.sleep(refused.error.retry_after)

    assert refused == Err(CircuitOpen("payments", 6.0))
    assert await breaker(succeed) == Ok(1)
    assert breaker.state is CLOSED


async def test_a_refusal_is_a_cancellation_point(autojump_clock: MockClock) -> None:
    """A loop around an open breaker can be cancelled."""
    guarded = (await opened()).wrap(succeed)

    with trio.CancelScope() as scope:
        scope.cancel(reason="test")
        await guarded()

    assert scope.cancelled_caught


# --- what counts


async def test_the_user_says_what_a_failure_is(autojump_clock: MockClock) -> None:
    """An error that means the service is alive is a success, also of a probe."""
    breaker = CircuitBreaker("payments", TWO_FAILURES, counts=lambda error: error != "not found")
    for _ in range(9):
        await breaker(fail, "not found")
    assert breaker.state is CLOSED

    breaker.open()
    await trio.sleep(10)
    await breaker(fail, "not found")

    assert breaker.state is CLOSED


async def test_a_refusal_further_in_says_nothing_of_the_service(
    autojump_clock: MockClock,
) -> None:
    """A limiter between breaker and service neither opens nor closes the breaker."""
    breaker = CircuitBreaker("payments", TWO_FAILURES)
    for _ in range(9):
        await breaker(fail, RateLimited("api", 1.0))
    before = breaker.state
    breaker.open()
    await trio.sleep(10)

    await breaker(fail, RateLimited("api", 1.0))

    assert (before, breaker.state) == (CLOSED, HALF_OPEN)
    assert breaker.statistics().probes_running == 0


async def test_a_predicate_that_raises_costs_no_probe(autojump_clock: MockClock) -> None:
    """The mistake shows, and the breaker goes on."""

    def confused(error: Any) -> bool:
        raise KeyError("severity")

    breaker = CircuitBreaker("payments", TWO_FAILURES, counts=confused)
    breaker.open()
    await trio.sleep(10)

    with pytest.raises(KeyError, match="severity"):
        await breaker(fail)

    assert (breaker.state, breaker.statistics().probes_running) == (HALF_OPEN, 0)


@pytest.mark.parametrize("state", [CLOSED, HALF_OPEN])
async def test_a_cancelled_call_counts_as_nothing(
    state: CircuitState, autojump_clock: MockClock
) -> None:
    """It is neither failure nor success, and its probe's place is free again."""
    breaker = CircuitBreaker("payments", TWO_FAILURES)
    if state is HALF_OPEN:
        breaker.open()
        await trio.sleep(10)

    async def hang() -> Result[int, str]:
        await trio.sleep_forever()
        return Ok(1)

    for _ in range(3):
        with trio.move_on_after(1):
            await breaker(hang)

    statistics = breaker.statistics()
    assert statistics.state is state
    assert (statistics.total_failures, statistics.total_successes) == (0, 0)
    assert statistics.probes_running == 0


async def test_a_timeout_inside_the_call_is_a_failure(autojump_clock: MockClock) -> None:
    """``trio.TooSlowError`` is an exception like any other."""
    breaker = CircuitBreaker("payments", TWO_FAILURES)

    async def limited() -> Result[int, str]:
        with trio.fail_after(1):
            await trio.sleep_forever()
        return Ok(1)

    for _ in range(2):
        with pytest.raises(trio.TooSlowError):
            await breaker(limited)

    assert breaker.state is OPEN


async def test_late_failures_do_not_prolong_the_wait(autojump_clock: MockClock) -> None:
    """Calls from before the breaker opened come back too late to count."""
    breaker = CircuitBreaker("payments", TWO_FAILURES)

    async def late() -> Result[int, str]:
        await trio.sleep(8)
        return Err("down")

    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(breaker, late)
        await wait_all_tasks_blocked()
        breaker.open()

    statistics = breaker.statistics()
    assert statistics.retry_after == pytest.approx(2)
    assert statistics.total_late == 3


# --- half open


@pytest.mark.parametrize("probes", [1, 2, 3, 4, 5])
async def test_twenty_callers_at_a_half_open_breaker(
    probes: int, autojump_clock: MockClock
) -> None:
    """Exactly as many run as are permitted; the others are refused at once."""
    breaker = CircuitBreaker("payments", BreakerSettings(FailureCount(1), probes=probes))
    breaker.open()
    await trio.sleep(30)
    ran: list[float] = []
    refused: list[CircuitOpen] = []

    async def probe() -> Result[None, str]:
        ran.append(trio.current_time())
        await trio.sleep(1)
        return Ok(None)

    async def caller() -> None:
        result = await breaker(probe)
        if isinstance(result, Err) and isinstance(result.error, CircuitOpen):
            refused.append(result.error)

    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(caller)

    assert (len(ran), len(refused)) == (probes, 20 - probes)
    assert breaker.state is CLOSED


async def test_a_cancelled_probe_makes_room(autojump_clock: MockClock) -> None:
    """Of twenty callers one runs; when it is cancelled the next one may."""
    breaker = await opened()
    await trio.sleep(10)

    async def hang() -> Result[int, str]:
        await trio.sleep_forever()
        return Ok(1)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(breaker, hang)
        await wait_all_tasks_blocked()
        during = await breaker(succeed)
        nursery.cancel_scope.cancel(reason="test")

    assert during == Err(CircuitOpen("payments", 0.0))
    assert await breaker(succeed) == Ok(1)


@given(
    probes=st.integers(1, 5),
    callers=st.lists(
        st.tuples(
            st.sampled_from([0.0, 0.1, 0.2]),  # when it calls
            st.sampled_from([0.0, 0.1, 1.0]),  # how long its probe takes
            st.sampled_from([0.0, 0.1, 0.15, 9.0]),  # when it is cancelled
            st.booleans(),  # whether its probe succeeds
        ),
        min_size=1,
        max_size=20,
    ),
)
def test_probes_under_any_schedule(
    probes: int, callers: list[tuple[float, float, float, bool]]
) -> None:
    """Whoever calls or is cancelled when: no more probes than permitted, and no slot is lost."""
    eras: list[tuple[CircuitState, list[str]]] = []
    breaker = CircuitBreaker(
        "payments",
        BreakerSettings(FailureCount(1), open_for=0.05, probes=probes),
        on_change=lambda change: eras.append((change.after, [])),
    )

    async def probe(duration: float, works: bool) -> Result[None, str]:
        _, seen = eras[-1]
        seen.append("ran")
        try:
            await trio.sleep(duration)
        except trio.Cancelled:
            seen.append("cancelled")
            raise
        return Ok(None) if works else Err("down")

    async def caller(start: float, duration: float, until: float, works: bool) -> None:
        await trio.sleep(start)
        with trio.move_on_after(until):
            await breaker(probe, duration, works)

    async def main() -> None:
        breaker.open()
        async with trio.open_nursery() as nursery:
            for each in callers:
                nursery.start_soon(caller, *each)

    trio.run(main, clock=MockClock(autojump_threshold=0))

    half_open = [seen for state, seen in eras if state is HALF_OPEN]
    assert all(seen.count("ran") - seen.count("cancelled") <= probes for seen in half_open)
    assert breaker.statistics().probes_running == 0


# --- blocks


async def test_a_block_fails_when_it_raises(autojump_clock: MockClock) -> None:
    """Code without results is guarded by a block, whose refusal is raised."""
    breaker = CircuitBreaker("payments", TWO_FAILURES)

    for _ in range(2):
        with pytest.raises(OSError, match="unreachable"), breaker.guard():
            raise OSError("unreachable")
    with pytest.raises(CallRefusedError) as refused, breaker.guard():
        pytest.fail("admitted")

    assert refused.value.error == CircuitOpen("payments", 10.0)


async def test_a_block_that_ends_is_a_success(autojump_clock: MockClock) -> None:
    """As a probe it closes the breaker."""
    breaker = await opened()
    await trio.sleep(10)

    with breaker.guard():
        await trio.sleep(1)

    assert breaker.state is CLOSED


async def test_a_block_can_be_judged_by_hand(autojump_clock: MockClock) -> None:
    """The first verdict stands, whatever becomes of the block."""
    breaker = CircuitBreaker("payments", TWO_FAILURES)

    for _ in range(2):
        with breaker.guard() as call:
            call.fail("status 503")
            call.judge(Ok(1))

    assert breaker.state is OPEN


async def test_a_cancelled_block_counts_as_nothing(autojump_clock: MockClock) -> None:
    """Its probe's place is free again."""
    breaker = await opened()
    await trio.sleep(10)

    with trio.move_on_after(1), breaker.guard():
        await trio.sleep_forever()

    assert (breaker.state, breaker.statistics().probes_running) == (HALF_OPEN, 0)


# --- by hand


async def test_a_person_can_open_isolate_and_reset_it(autojump_clock: MockClock) -> None:
    """Opened it probes after the wait; isolated it never does; reset it is closed."""
    breaker = CircuitBreaker("payments", TWO_FAILURES)
    states: list[CircuitState] = []

    breaker.open()
    states.append(breaker.state)
    await trio.sleep(10)
    states.append(breaker.state)
    breaker.isolate()
    await trio.sleep(86_000)
    states.append(breaker.state)
    refused = await breaker(succeed)
    breaker.reset()
    states.append(breaker.state)

    assert states == [OPEN, HALF_OPEN, ISOLATED, CLOSED]
    assert refused == Err(CircuitOpen("payments", math.inf))


async def test_calls_made_elsewhere_can_be_recorded(autojump_clock: MockClock) -> None:
    """Failures told to the breaker open it, a success told to it closes it."""
    breaker = CircuitBreaker("payments", TWO_FAILURES, counts=lambda error: error != "not found")

    breaker.record("not found")
    breaker.record(OSError("down"))
    breaker.record("down")
    tripped = breaker.state
    await trio.sleep(10)
    await breaker(fail, RateLimited("api", 1.0))
    breaker.record()

    assert (tripped, breaker.state) == (OPEN, CLOSED)


# --- listeners, statistics, runs


async def test_the_listener_hears_each_change_once(autojump_clock: MockClock) -> None:
    """It is called after the change, so that it finds the new state."""
    heard: list[tuple[CircuitChange, CircuitState]] = []
    breaker = CircuitBreaker(
        "payments", TWO_FAILURES, on_change=lambda change: heard.append((change, breaker.state))
    )

    for _ in range(2):
        await breaker(fail)
    await trio.sleep(10)
    await breaker(succeed)

    assert heard == [
        (CircuitChange("payments", CLOSED, CircuitEvent.TRIPPED, OPEN), OPEN),
        (CircuitChange("payments", OPEN, CircuitEvent.WAIT_OVER, HALF_OPEN), HALF_OPEN),
        (CircuitChange("payments", HALF_OPEN, CircuitEvent.PROBES_PASSED, CLOSED), CLOSED),
    ]


async def test_a_listener_that_raises_changes_nothing(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Its exception is logged and counted, and the call's own result is returned."""

    def broken(change: CircuitChange) -> None:
        raise RuntimeError("disk full")

    breaker = CircuitBreaker("payments", TWO_FAILURES, on_change=broken)

    with caplog.at_level(logging.ERROR, logger="awaitly_trio"):
        results = [await breaker(fail) for _ in range(2)]

    assert results == [Err("down"), Err("down")]
    assert breaker.state is OPEN
    assert breaker.statistics().listener_failures == 1
    assert "disk full" in caplog.text


async def test_statistics_tell_how_it_stands(autojump_clock: MockClock) -> None:
    """The window and the totals are both there."""
    breaker = CircuitBreaker("payments", BreakerSettings(RateOfCalls(calls=2, minimum=2)))
    for function in (succeed, fail, succeed, fail, succeed):
        await breaker(function)

    statistics = breaker.statistics()

    assert (statistics.state, statistics.calls, statistics.failures) == (OPEN, 2, 1)
    assert (statistics.total_successes, statistics.total_failures) == (1, 1)
    assert statistics.total_refused == 3


def test_one_breaker_serves_several_runs() -> None:
    """Made before any run, it stays open into the next, for the rest of its wait."""
    breaker = CircuitBreaker("payments", TWO_FAILURES)
    wrapped = breaker.wrap(fail)

    async def first() -> None:
        await wrapped()
        await wrapped()
        await trio.sleep(4)

    async def second() -> list[Any]:
        refused = await wrapped()
        await trio.sleep(6)
        return [refused, await breaker(succeed)]

    late_clock = MockClock(autojump_threshold=0)
    late_clock.jump(1e5)
    trio.run(first, clock=late_clock)
    results = trio.run(second, clock=MockClock(autojump_threshold=0))

    refused, admitted = results
    assert refused.error.retry_after == pytest.approx(6)
    assert admitted == Ok(1)


def test_it_can_be_looked_at_and_steered_outside_a_run() -> None:
    """Isolating and resetting need no clock."""
    breaker = CircuitBreaker("payments")

    shown = [repr(breaker)]
    breaker.isolate()
    shown.append(repr(breaker))
    breaker.reset()

    assert shown == [
        "<CircuitBreaker 'payments', closed>",
        "<CircuitBreaker 'payments', isolated>",
    ]
    assert breaker.state is CLOSED


async def test_its_repr_tells_how_long_it_refuses(autojump_clock: MockClock) -> None:
    """An open breaker says when it will admit a call."""
    breaker = await opened()
    await trio.sleep(8)

    assert repr(breaker) == "<CircuitBreaker 'payments', open for 2s more>"
