"""What a policy adds to the errors of a call."""

from __future__ import annotations

from good_shop import User, UserNotFound, fetch_user
from typing_extensions import Never, assert_type

from awaitly_trio import Err, Ok, TimedOut, exponential
from awaitly_trio._policies.bucket import TokenBucket
from awaitly_trio._policies.layers import Without
from awaitly_trio._policies.retry import Retry
from awaitly_trio._tasks.breaker import CircuitBreaker
from awaitly_trio._tasks.bulkhead import Bulkhead, ConcurrencyLimiter
from awaitly_trio._tasks.limiter import RateLimiter
from awaitly_trio._tasks.policy import Policy, merge, policy
from awaitly_trio._tasks.retry import retry
from awaitly_trio._tasks.timeout import Timeout
from awaitly_trio._values.errors import CircuitOpen, QueueFull, RateLimited

breaker = CircuitBreaker("api")
limiter = RateLimiter("api", TokenBucket(10, burst=1))
rule = Retry(exponential(0.1, attempts=3))


async def plain(count: int, *, unit: str = "s") -> str:
    """Return no result."""
    return f"{count}{unit}"


def layers() -> None:
    """Each layer brings its own errors; some bring none."""
    assert_type(policy(rule), Policy[Never])
    assert_type(policy(rule, limiter, ConcurrencyLimiter("api", 4)), Policy[Never])
    assert_type(policy(breaker), Policy[CircuitOpen])
    assert_type(policy(Timeout(1), rule, breaker), Policy[TimedOut | CircuitOpen])
    assert_type(policy(limiter.options(max_wait=1)), Policy[RateLimited])
    assert_type(policy(Bulkhead("api", 4, max_queue=0)), Policy[QueueFull])


def nesting_and_merging() -> None:
    """Policies within policies and merged ones have the errors of all."""
    assert_type(policy(Timeout(9), policy(breaker, rule)), Policy[TimedOut | CircuitOpen])
    assert_type(merge(policy(breaker), Timeout(1)), Policy[CircuitOpen | TimedOut])
    assert_type(merge(policy(breaker), Without("breaker")), Policy[CircuitOpen])


async def wrapping(user: User) -> None:
    """A wrapped function has its own signature, and the errors of the policy beside its own."""
    guarded = policy(Timeout(1), breaker).wrap(fetch_user)
    assert_type(await guarded("u"), Ok[User] | Err[UserNotFound | TimedOut | CircuitOpen])
    assert_type(await guarded(user_id="u"), Ok[User] | Err[UserNotFound | TimedOut | CircuitOpen])
    assert_type(await policy(rule).wrap(fetch_user)("u"), Ok[User] | Err[UserNotFound])
    assert_type(await policy(Timeout(1)).wrap(plain)(3, unit="m"), Ok[str] | Err[TimedOut])


async def narrower(guarded: Policy[CircuitOpen]) -> None:
    """A policy that adds less is accepted where more was expected."""
    await with_limits(guarded)


async def with_limits(guarded: Policy[CircuitOpen | TimedOut]) -> None:
    """Expect a policy that may add two errors."""
    found = await guarded.wrap(fetch_user)("u")
    assert_type(found, Ok[User] | Err[UserNotFound | CircuitOpen | TimedOut])


async def retrying() -> None:
    """A retry keeps the signature; a limit adds its error."""
    assert_type(await retry(fetch_user, rule)("u"), Ok[User] | Err[UserNotFound])
    limited = retry(fetch_user, exponential(0.1), timeout=5)
    assert_type(await limited("u"), Ok[User] | Err[UserNotFound | TimedOut])
    in_total = retry(fetch_user, rule, total_timeout="1m")
    assert_type(await in_total("u"), Ok[User] | Err[UserNotFound | TimedOut])
    assert_type(await retry(plain, rule, exceptions=OSError)(1), str)
