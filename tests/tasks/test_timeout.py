"""Time limits whose expiry is a value."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio

from awaitly_trio._tasks.timeout import Timeout, timeout
from awaitly_trio._values.errors import TimedOut
from awaitly_trio._values.result import Err, Ok, Result

if TYPE_CHECKING:
    from trio.testing import MockClock


async def work(seconds: float) -> Result[str, str]:
    """Take a time."""
    await trio.sleep(seconds)
    return Ok("done")


async def test_in_time_is_the_result(autojump_clock: MockClock) -> None:
    """A call that ends in time gives what it gives."""
    assert await timeout(work, 5)(4.9) == Ok("done")


async def test_too_late_is_an_error_value(autojump_clock: MockClock) -> None:
    """A call that takes too long is cut off at its limit, and the error names it."""
    result = await timeout(work, "5s")(60)

    assert result == Err(TimedOut("work", 5))
    assert trio.current_time() == 5


async def test_the_work_has_ended_when_the_error_comes(autojump_clock: MockClock) -> None:
    """The limit cancels and waits: nothing of the call runs on."""
    running = True

    async def tidy() -> Result[str, str]:
        nonlocal running
        try:
            await trio.sleep(60)
        finally:
            # The tidying takes a second of its own, which the limit has to wait for.
            with trio.move_on_after(1, shield=True):
                await trio.sleep_forever()
            running = False
        return Ok("never")

    await timeout(tidy, 5)()

    assert not running
    assert trio.current_time() == 6


async def test_what_a_call_makes_of_its_cancellation_counts(autojump_clock: MockClock) -> None:
    """A call that fails with an error of its own while it is cut off has failed with that."""

    async def stubborn() -> Result[str, str]:
        with trio.CancelScope() as scope:
            try:
                await trio.sleep(60)
            finally:
                scope.shield = True
                raise ValueError("tidying failed")
        return Ok("never")

    with pytest.raises(ValueError, match="tidying failed"):
        await timeout(stubborn, 5)()


async def test_a_deadline_from_outside_is_no_timeout(autojump_clock: MockClock) -> None:
    """Somebody else's limit cancels the call as it would without this one."""
    with trio.move_on_after(1) as outer:
        await timeout(work, 5)(60)

    assert outer.cancelled_caught


async def test_no_limit_is_infinite(autojump_clock: MockClock) -> None:
    """An infinite allowance never expires."""
    assert await timeout(work, "inf")(1e6) == Ok("done")


def test_a_layer_knows_whether_it_is_for_all_attempts() -> None:
    """The two kinds of limit are told apart, and durations are in seconds."""
    assert Timeout("1m").layer.text == "timeout: 1m"
    assert Timeout(60, total=True).layer.text == "total timeout: 1m"
    assert Timeout("1m") == Timeout(60.0)


async def test_a_total_limit_says_so_in_its_error(autojump_clock: MockClock) -> None:
    """The error of a limit for all attempts has ``total`` set."""
    assert await Timeout(5, total=True).wrap(work)(9) == Err(TimedOut("work", 5, total=True))


@pytest.mark.parametrize("allowance", [-1, float("nan"), "soon"])
def test_what_is_no_duration_is_refused(allowance: float) -> None:
    """A limit has to be a duration, and is refused when it is made."""
    with pytest.raises(ValueError, match="allowance is"):
        timeout(work, allowance)
    with pytest.raises(ValueError, match="allowance is"):
        Timeout(allowance)
