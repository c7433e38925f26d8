"""Misuse of breakers, limiters and their like."""

from __future__ import annotations

from awaitly_trio import Ok, Result
from awaitly_trio.reliability import (
    Bulkhead,
    CircuitBreaker,
    ConcurrencyLimiter,
    RateLimiter,
    SlidingWindow,
    TokenBucket,
    cached,
)


async def charge(cents: int) -> Result[str, bytes]:
    """Return a result."""
    return Ok(f"{cents}")


async def weigh(grams: int) -> float:
    """Return no result."""
    return grams / 1000


async def misuse() -> None:
    """Give the wrong function, argument or option."""
    breaker = CircuitBreaker("payments")
    await breaker(charge, "1")  # E
    await breaker(charge, euros=1)  # E
    await breaker(weigh, 1)  # E
    breaker.wrap(weigh)  # E

    limiter = RateLimiter("api", TokenBucket(10, burst=20))
    await limiter.options(max_wait=1)(weigh, 1)  # E
    limiter.options(patience=1)  # E
    TokenBucket(10)  # E
    SlidingWindow(100)  # E

    Bulkhead("db", 10)  # E
    ConcurrencyLimiter("db", 10, max_queue=5)  # E
    cached()(charge)  # E
    await cached(ttl=1)(charge)("1")  # E


async def forget_a_refusal() -> Result[str, bytes]:
    """Return a result whose errors are more than declared."""
    return await CircuitBreaker("payments")(charge, 1)  # E
