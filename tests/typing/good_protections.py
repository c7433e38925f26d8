"""Breakers, limiters and their like: each adds its own error to the type of what it guards."""

from __future__ import annotations

from collections.abc import Mapping

from typing_extensions import assert_type

from awaitly_trio import CircuitOpen, Err, Ok, QueueFull, RateLimited, Result
from awaitly_trio.reliability import (
    AdaptiveLimiter,
    Aimd,
    Bulkhead,
    CircuitBreaker,
    CombinedLimiter,
    ConcurrencyLimiter,
    Fallback,
    Hedge,
    Loader,
    MissingKey,
    RateLimiter,
    SingleFlight,
    Throttle,
    TokenBucket,
    cached,
    fallback_value,
    faulty,
)


async def charge(cents: int, *, currency: str = "EUR") -> Result[str, bytes]:
    """Return a result."""
    return Ok(f"{cents} {currency}")


async def weigh(grams: int) -> float:
    """Return no result."""
    return grams / 1000


async def read_back(cents: int, *, currency: str = "EUR") -> Result[str, int]:
    """Return a result of another error."""
    return Err(cents)


async def load(keys: list[int]) -> Result[Mapping[int, str], bytes]:
    """Return the values of keys."""
    return Ok({key: str(key) for key in keys})


async def refusing() -> None:
    """What may refuse takes functions that return results."""
    breaker = CircuitBreaker("payments")
    assert_type(await breaker(charge, 1, currency="USD"), Ok[str] | Err[bytes | CircuitOpen])
    assert_type(await breaker.wrap(charge)(1), Ok[str] | Err[bytes | CircuitOpen])

    impatient = RateLimiter("api", TokenBucket(10, burst=20)).options(max_wait="2s")
    assert_type(await impatient(charge, 1), Ok[str] | Err[bytes | RateLimited])
    assert_type(await Throttle("api")(charge, 1), Ok[str] | Err[bytes | RateLimited])

    bulkhead = Bulkhead("db", 10, max_queue=5)
    assert_type(await bulkhead(charge, 1), Ok[str] | Err[bytes | QueueFull])
    adaptive = AdaptiveLimiter("db", Aimd(), max_queue=5)
    assert_type(await adaptive(charge, 1), Ok[str] | Err[bytes | QueueFull])
    both = CombinedLimiter(impatient, bulkhead)
    assert_type(await both(charge, 1), Ok[str] | Err[bytes | RateLimited | QueueFull])


async def patient() -> None:
    """What never refuses takes any function and adds nothing."""
    limiter = RateLimiter("api", TokenBucket(10, burst=20))
    assert_type(await limiter(weigh, 1), float)
    assert_type(await limiter.options(cost=2).wrap(weigh)(grams=1), float)
    assert_type(await ConcurrencyLimiter("db", 10)(weigh, 1), float)
    assert_type(await Hedge("1s")(weigh, 1), float)
    assert_type(await SingleFlight[str]()("key", weigh, 1), float)
    assert_type(await faulty("point")(weigh)(1), float)
    remembered = cached(ttl="1m")(charge)
    assert_type(await remembered(1, currency="USD"), Ok[str] | Err[bytes])


async def falling_back() -> None:
    """A fallback may answer with what it falls back on."""
    nothing = bytearray()
    assert_type(await Fallback(read_back)(charge, 1), Ok[str] | Err[bytes | int])
    assert_type(await fallback_value(nothing)(charge, 1), Ok[str | bytearray] | Err[bytes])


async def loading() -> None:
    """A loader adds the key that was not found."""
    loader = Loader(load)
    assert_type(await loader.load(1), Ok[str] | Err[bytes | MissingKey])
    assert_type(await loader.load_many([1, 2]), Ok[list[str]] | Err[bytes | MissingKey])
