"""Repetition and ticks: doing again what went well."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import trio

from awaitly_trio._policies.delays import delays_of, forever, recurs, spaced, stop
from awaitly_trio._policies.fixed_times import cron
from awaitly_trio._tasks.repeat import repeat, ticks
from awaitly_trio._tasks.sources import seeded
from awaitly_trio._values.result import Err, Ok, Result

if TYPE_CHECKING:
    from trio.testing import MockClock


async def test_ticks_come_after_their_delays(autojump_clock: MockClock) -> None:
    """Each turn of the loop waits first; the schedule's end ends the loop."""
    seen = [
        (trio.current_time(), tick.output, tick.attempt)
        async for tick in ticks(delays_of([1, 2, 3]))
    ]

    assert seen == [(1, 0, 1), (3, 1, 2), (6, 2, 3)]


async def test_delays_begin_when_the_loop_asks(autojump_clock: MockClock) -> None:
    """The time that the body takes is not subtracted from the delay."""
    seen: list[float] = []

    async for _ in ticks(spaced(5).up_to(2)):
        seen.append(trio.current_time())
        await trio.sleep(2)

    assert seen == [5, 12]


async def test_elapsed_limits_hold_for_ticks(autojump_clock: MockClock) -> None:
    """A limit of the elapsed time includes the time that the body took."""
    seen: list[float] = []

    async for _ in ticks(spaced(3).up_to_elapsed(10)):
        seen.append(trio.current_time())
        await trio.sleep(3)

    assert seen == [3, 9]


async def test_ticks_follow_the_wall_clock(autojump_clock: MockClock) -> None:
    """Under a ``MockClock`` fixed times come in virtual time, which starts at midnight."""
    schedule = cron("30 6 * * *").up_to(2)

    seen = [(trio.current_time(), tick.output.isoformat()) async for tick in ticks(schedule)]

    assert seen == [
        (6.5 * 3600, "2000-01-01T06:30:00+00:00"),
        (30.5 * 3600, "2000-01-02T06:30:00+00:00"),
    ]


@pytest.mark.parametrize("schedule", [forever(), stop()], ids=repr)
async def test_every_turn_is_a_cancellation_point(schedule: Any) -> None:
    """A loop without delays can be cancelled, and so can the end of one."""
    with trio.CancelScope() as scope:
        scope.cancel(reason="a test")
        async for _ in ticks(schedule):
            pass

    assert scope.cancelled_caught


async def test_jitter_of_ticks_is_seeded(autojump_clock: MockClock) -> None:
    """One seed gives one sequence of delays."""
    schedule = spaced(1).jitter("full").up_to(5)
    runs: list[list[float]] = []

    for _ in range(2):
        with seeded(3):
            runs.append([tick.delay async for tick in ticks(schedule)])

    assert runs[0] == runs[1]
    assert len(set(runs[0])) == 5


async def test_a_success_is_repeated(autojump_clock: MockClock) -> None:
    """The function is called once and then as often as the schedule says."""
    calls: list[float] = []

    async def beat(name: str) -> str:
        calls.append(trio.current_time())
        return f"{name}{len(calls)}"

    assert await repeat(beat, spaced(timedelta(seconds=2)).up_to(3))("n") == "n4"
    assert calls == [0, 2, 4, 6]


async def test_repetition_waits_for_the_right_value(autojump_clock: MockClock) -> None:
    """``until_input`` sees the values, unwrapped, and ends the repetition at the right one."""
    states = ["pending", "pending", "done", "never"]

    async def poll() -> Result[str, str]:
        return Ok(states.pop(0))

    result = await repeat(poll, spaced(5).until_input(lambda state: state == "done"))()

    assert result == Ok("done")
    assert trio.current_time() == 10


async def test_a_failure_ends_the_repetition(autojump_clock: MockClock) -> None:
    """An error is returned at once, an exception leaves at once."""
    results: list[Any] = [Ok(1), Err("lost"), Ok(2)]

    async def poll() -> Result[int, str]:
        found: Result[int, str] = results.pop(0)
        return found

    async def broken() -> None:
        raise ValueError("bug")

    assert await repeat(poll, spaced(1))() == Err("lost")
    with pytest.raises(ValueError, match="bug"):
        await repeat(broken, recurs(3))()


async def test_repetition_without_delay_lets_others_run() -> None:
    """A repetition of something instant is cancelled from outside, not a busy loop."""

    async def instant() -> None:
        pass

    with trio.move_on_after(0.01) as scope:
        await repeat(instant, forever())()

    assert scope.cancelled_caught
