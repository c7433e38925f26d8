"""Misuses of policies; each marked line must be reported, and no other."""

from __future__ import annotations

from good_policy import breaker, plain, rule
from good_shop import User, UserNotFound, fetch_user

from awaitly_trio import Result, TimedOut, exponential
from awaitly_trio._policies.retry import Retry
from awaitly_trio._tasks.policy import Policy, policy
from awaitly_trio._tasks.retry import retry
from awaitly_trio._tasks.timeout import Timeout


async def misuses() -> None:
    """Errors of a policy cannot be forgotten, and its function keeps its signature."""
    guarded = policy(Timeout(1), breaker).wrap(fetch_user)
    forgotten: Result[User, UserNotFound | TimedOut] = await guarded("u")  # E CircuitOpen
    print(forgotten)
    await guarded(1)  # E wrong argument
    await guarded()  # E missing argument
    narrow: Policy[TimedOut] = policy(Timeout(1), breaker)  # E adds CircuitOpen
    print(narrow)
    policy(5)  # E a number is no layer
    policy(exponential(0.1))  # E a bare schedule is no layer
    Retry(3)  # E attempts are given to the schedule
    Retry(exponential(0.1), exceptions=KeyboardInterrupt)  # E not an Exception
    await retry(fetch_user, rule)(1)  # E wrong argument
    retry(fetch_user, 3)  # E no schedule
    limited = retry(fetch_user, rule, timeout=1)
    cut: Result[User, UserNotFound] = await limited("u")  # E TimedOut
    print(cut)
    retry(plain, rule, timeout=1)  # E a limit needs a result to say that it expired
