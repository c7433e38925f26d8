"""Row 14: a circuit breaker that is closed, and one that is open."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from awaitly_trio import CircuitOpen, Err
from awaitly_trio.reliability import BreakerSettings, CircuitBreaker, RateOverTime
from benchmarks.lines import Line
from benchmarks.peers import peer
from benchmarks.subjects import answer, await_answers

if TYPE_CHECKING:
    from benchmarks.timer import Timer, Work

purgatory = peer("purgatory")


async def through_closed(repeats: int) -> None:
    """Call through a breaker that only counts successes."""
    guarded = CircuitBreaker("service").wrap(answer)
    for _ in range(repeats):
        await guarded(1)


async def through_rates(repeats: int) -> None:
    """Call through a breaker that remembers each call and how long it took."""
    rule = RateOverTime(within=60, minimum=100, slow_after=1)
    guarded = CircuitBreaker("service", BreakerSettings(rule)).wrap(answer)
    for _ in range(repeats):
        await guarded(1)


async def through_open(repeats: int) -> None:
    """Be refused."""
    breaker = CircuitBreaker("service")
    breaker.isolate()
    guarded = breaker.wrap(answer)
    for _ in range(repeats):
        await guarded(1)
    refused = await guarded(1)
    assert isinstance(refused, Err)
    assert isinstance(refused.error, CircuitOpen)


async def look_for_cancellation(repeats: int) -> None:
    """Do what whatever answers without a call owes its caller: be a cancellation point."""
    for _ in range(repeats):
        await trio.lowlevel.checkpoint_if_cancelled()


async def through_purgatory(repeats: int) -> None:
    """Call through the breaker of purgatory."""
    breaker = await purgatory.AsyncCircuitBreakerFactory().get_breaker("service")
    for _ in range(repeats):
        async with breaker:
            await answer(1)


def measure(timer: Timer) -> list[Line]:
    """Compare with a bare await, and a refusal with a call."""
    works: dict[str, Work] = {
        "closed": through_closed,
        "rates": through_rates,
        "open": through_open,
        "bare": await_answers,
        "cancellation": look_for_cancellation,
    }
    if purgatory is not None:
        works["purgatory"] = through_purgatory
    found = timer.compare(works)
    return [
        Line(
            "breaker closed",
            found["closed"],
            "bare await",
            found["bare"],
            most=3.2,
            peers={"purgatory": found.get("purgatory")},
        ),
        Line("breaker closed, rates over time", found["rates"], "bare await", found["bare"]),
        Line("breaker open", found["open"], "breaker closed", found["closed"], most=1.0),
        Line(
            "breaker open",
            found["open"],
            "being a cancellation point",
            found["cancellation"],
        ),
    ]
