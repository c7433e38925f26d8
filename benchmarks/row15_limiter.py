"""Row 15: a rate limiter that lets a call through without a wait."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import trio

from awaitly_trio.reliability import ConcurrencyLimiter, RateLimiter, SlidingWindow, TokenBucket
from benchmarks.lines import Line
from benchmarks.peers import peer
from benchmarks.subjects import answer, await_answers

if TYPE_CHECKING:
    from awaitly_trio._policies.rate import RateRule
    from benchmarks.timer import Timer, Work

limits = peer("limits")


async def through_limiter(rule: RateRule, repeats: int) -> None:
    """Call through a limiter that has room for all."""
    limited = RateLimiter("service", rule).wrap(answer)
    for _ in range(repeats):
        await limited(1)


async def through_places(repeats: int) -> None:
    """Call through a concurrency limiter that has a place."""
    limited = ConcurrencyLimiter("service", 2).wrap(answer)
    for _ in range(repeats):
        await limited(1)


async def through_capacity(repeats: int) -> None:
    """Take a place of Trio's own limiter, which is always a checkpoint."""
    limiter = trio.CapacityLimiter(2)
    for _ in range(repeats):
        async with limiter:
            await answer(1)


async def through_limits(repeats: int) -> None:
    """Ask the moving window of limits, and call."""
    window = limits.strategies.MovingWindowRateLimiter(limits.storage.MemoryStorage())
    rate = limits.RateLimitItemPerSecond(10**9)
    for _ in range(repeats):
        assert window.hit(rate, "service")
        await answer(1)


def measure(timer: Timer) -> list[Line]:
    """Compare with a bare await."""
    works: dict[str, Work] = {
        "bucket": partial(through_limiter, TokenBucket(1e9, burst=1e9)),
        "window": partial(through_limiter, SlidingWindow(1e9, per=1e-3)),
        "places": through_places,
        "capacity": through_capacity,
        "bare": await_answers,
    }
    if limits is not None:
        works["limits"] = through_limits
    found = timer.compare(works)
    bare, peers = found["bare"], {"limits": found.get("limits")}
    return [
        Line("token bucket, no wait", found["bucket"], "bare await", bare, most=3.3, peers=peers),
        Line("sliding window, no wait", found["window"], "bare await", bare, peers=peers),
        Line("concurrency limiter, no wait", found["places"], "bare await", bare),
        Line(
            "concurrency limiter, no wait",
            found["places"],
            "`trio.CapacityLimiter`",
            found["capacity"],
        ),
    ]
