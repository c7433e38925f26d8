"""Sparing an overloaded service the calls that it would only refuse."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
import trio

from awaitly_trio._tasks.sources import seeded
from awaitly_trio._tasks.throttle import Throttle, refusal_chance
from awaitly_trio._values.errors import RateLimited, TimedOut
from awaitly_trio._values.result import Err, Ok, Result

if TYPE_CHECKING:
    from trio.testing import MockClock

BUSY: Result[int, Any] = Err(TimedOut("call", 1.0))


async def answer(result: Any) -> Result[int, Any]:
    """Stand for a service that answers as told."""
    if isinstance(result, Exception):
        raise result
    return result  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("wanted", "accepted", "multiplier", "expected"),
    [
        (0, 0, 2, 0),
        (100, 100, 2, 0),
        (100, 50, 2, 0),
        (100, 49, 2, 2 / 101),
        (100, 0, 2, 100 / 101),
        (100, 50, 1.1, 45 / 101),
    ],
)
def test_the_chance_of_a_refusal_is_that_of_the_book(
    wanted: int, accepted: int, multiplier: float, expected: float
) -> None:
    """While the service takes one of K calls nothing is refused; beyond that, ever more.

    Source: Site Reliability Engineering, chapter 21, "client request rejection probability".
    """
    assert refusal_chance(wanted, accepted, multiplier) == pytest.approx(expected)


async def test_a_healthy_service_gets_every_call(autojump_clock: MockClock) -> None:
    """Errors that are no sign of overload are answers."""
    throttle = Throttle("api")

    results = [await throttle(answer, each) for each in [Ok(1), Err("not found")] * 100]

    assert results == [Ok(1), Err("not found")] * 100


@pytest.mark.parametrize("multiplier", [1.1, 2.0])
async def test_an_overloaded_service_gets_k_times_what_it_takes(
    multiplier: float, autojump_clock: MockClock
) -> None:
    """With K = 2 the service refuses about as many calls as it takes.

    Source: Site Reliability Engineering, chapter 21, "client-side throttling".
    """
    throttle = Throttle("api", multiplier=multiplier, within=60)
    sent = taken = 0

    async def service() -> Result[int, Any]:
        nonlocal sent, taken
        sent += 1
        if taken < trio.current_time() - origin:  # it bears one call a second
            taken += 1
            return Ok(1)
        return BUSY

    origin = trio.current_time()
    with seeded(1):
        for _ in range(8000):
            await trio.sleep(0.05)
            await throttle(service)

    assert sent / taken == pytest.approx(multiplier, rel=0.15)


async def test_exceptions_are_signs_too(autojump_clock: MockClock) -> None:
    """A call that was too slow was not taken; one that failed otherwise was."""
    throttle = Throttle("api")

    for error in [OSError("down"), trio.TooSlowError()]:
        with pytest.raises(type(error)):
            await throttle(answer, error)

    assert (throttle.statistics().wanted, throttle.statistics().accepted) == (2, 1)


async def test_a_cancelled_call_counts_as_nothing(autojump_clock: MockClock) -> None:
    """It says nothing of the service."""
    throttle = Throttle("api")

    with trio.move_on_after(1):
        await throttle(trio.sleep_forever)

    assert throttle.statistics().wanted == 0


async def test_the_past_is_forgotten(autojump_clock: MockClock) -> None:
    """After the time of its memory every call is made again."""
    throttle = Throttle("api", within="12s")
    with seeded(1):
        for _ in range(100):
            await throttle(answer, BUSY)
    refused = throttle.statistics().total_refused

    await trio.sleep(12)

    assert refused > 50
    assert throttle.statistics().refusal_chance == 0
    assert await throttle.wrap(answer)(Ok(1)) == Ok(1)


async def test_a_refusal_is_an_error_and_a_cancellation_point(autojump_clock: MockClock) -> None:
    """Nobody knows when to come back: the next call has its own chance."""
    throttle = Throttle("api")
    for _ in range(300):
        throttle._count(accepted=False)

    with seeded(1):
        refused = await throttle(answer, Ok(1))
        with trio.CancelScope() as scope:
            scope.cancel(reason="test")
            await throttle(answer, Ok(1))

    assert refused == Err(RateLimited("api", 0.0))
    assert scope.cancelled_caught
    assert repr(throttle) == "<Throttle 'api', 100% refused>"
    assert throttle.fresh().statistics().refusal_chance == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"multiplier": 0.9}, "multiplier must be at least 1, not 0.9"),
        ({"multiplier": math.nan}, "multiplier must be at least 1, not nan"),
        ({"within": 0}, "within must be above 0 seconds and finite, not 0"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(options: Any, message: str) -> None:
    """The message shows the value."""
    with pytest.raises(ValueError, match=message):
        Throttle("api", **options)
