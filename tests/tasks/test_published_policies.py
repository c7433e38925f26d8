"""What failsafe-go publishes of composed policies, as a table, done with ours.

Cases are written anew from the behaviour that failsafe-go's composition tests pin: how many
attempts a policy makes, how many of them run the call, and what comes out.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import pytest
import trio

from awaitly_trio._policies.circuit import BreakerSettings
from awaitly_trio._policies.delays import recurs
from awaitly_trio._policies.retry import Retry
from awaitly_trio._policies.trip import FailureCount
from awaitly_trio._tasks.breaker import CircuitBreaker
from awaitly_trio._tasks.budget import budget
from awaitly_trio._tasks.bulkhead import Bulkhead
from awaitly_trio._tasks.fallback import fallback_value
from awaitly_trio._tasks.hedge import Hedge
from awaitly_trio._tasks.policy import policy
from awaitly_trio._tasks.timeout import Timeout
from awaitly_trio._values.errors import CircuitOpen, QueueFull, TimedOut
from awaitly_trio._values.result import Err, Ok, Result

if TYPE_CHECKING:
    from trio.testing import MockClock

Call = Callable[[], Awaitable[Result[str, str]]]
THREE = Retry(recurs(2))
BAD = Err("bad")


def attempts_of(failures: float, takes: float = 0) -> tuple[list[float], Call]:
    """Return a call that fails so often and then succeeds, and the times at which it ran."""
    ran: list[float] = []

    async def call() -> Result[str, str]:
        ran.append(trio.current_time())
        failed = len(ran) <= failures
        await trio.sleep(takes)
        return BAD if failed else Ok("good")

    return ran, call


def breaker(failures: int) -> CircuitBreaker:
    """Return a breaker that stays open for ten minutes."""
    return CircuitBreaker("cb", BreakerSettings(FailureCount(failures), open_for="10m"))


def never_hinting(attempts: int) -> Retry:
    """Return a retry without delays that does not care when a breaker says to come back."""
    return Retry(recurs(attempts - 1), delay_hint=lambda _: None)


Case = tuple[str, Callable[[], list[Any]], float, float, Any, int]
CASES: list[Case] = [
    # (claim, layers, failures of the call, its duration, result, executions)
    ("Retry -> Breaker, success after failures", lambda: [THREE, breaker(3)], 2, 0, Ok("good"), 3),
    (
        "Retry -> Breaker, open after one failure",
        lambda: [never_hinting(3), breaker(1)],
        9,
        0,
        Err(CircuitOpen("cb", 600)),
        1,
    ),
    ("Retry -> Fallback", lambda: [THREE, fallback_value("test")], 9, 0, Ok("test"), 1),
    ("Fallback -> Retry", lambda: [fallback_value("test"), THREE], 9, 0, Ok("test"), 3),
    ("Breaker -> Retry counts one failure", lambda: [breaker(3), THREE], 9, 0, BAD, 3),
    ("Breaker -> Timeout", lambda: [breaker(1), Timeout(1)], 0, 2, Err(TimedOut("call", 1)), 1),
    ("Fallback -> Breaker", lambda: [fallback_value("test"), breaker(1)], 9, 0, Ok("test"), 1),
    ("Fallback -> Timeout", lambda: [fallback_value("test"), Timeout(1)], 0, 2, Ok("test"), 1),
    (
        "Fallback -> Retry -> Breaker",
        lambda: [fallback_value("test"), THREE, breaker(5)],
        9,
        0,
        Ok("test"),
        3,
    ),
    # A call that fails before it is hedged has failed, there as here.
    ("Retry -> Hedge, fast failures", lambda: [THREE, Hedge(1)], 9, 0, BAD, 3),
    ("Retry -> Hedge, slow failures", lambda: [THREE, Hedge(1)], 9, 2, BAD, 6),
    ("Fallback -> Hedge", lambda: [fallback_value("test"), Hedge(1)], 9, 5, Ok("test"), 2),
    (
        "Hedge -> Timeout",
        lambda: [Hedge(1, most=2), Timeout(10)],
        0,
        99,
        Err(TimedOut("call", 10)),
        3,
    ),
    # Theirs counts the retries of an inner policy over all outer attempts (6 and 5 runs); ours
    # begins anew with each, as a function that retries does when it is called again.
    ("Retry(10) -> Retry(1)", lambda: [Retry(recurs(10)), Retry(recurs(1))], 5, 0, Ok("good"), 6),
    ("Retry(2) -> Retry(2)", lambda: [THREE, THREE], 99, 0, BAD, 9),
]


@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
async def test_compositions_of_failsafe(autojump_clock: MockClock, case: Case) -> None:
    """Source: failsafe-go's policy composition tests, as attempts, executions and outcome."""
    _, layers, failures, takes, expected, executions = case
    ran, call = attempts_of(failures, takes)
    stack: Any = policy
    guarded: Callable[[], Awaitable[Any]] = stack(*layers()).wrap(call)

    result = await guarded()

    assert result == expected
    assert len(ran) == executions


async def test_a_full_bulkhead_of_failsafe_is_asked_for_each_attempt(
    autojump_clock: MockClock,
) -> None:
    """Seven attempts at a full bulkhead run nothing.  Source: as above, Retry -> Bulkhead."""
    bulkhead = Bulkhead("b", 2, max_queue=0)
    ran, call = attempts_of(0)
    refused: list[Any] = []
    rule = Retry(recurs(6), on_retry=lambda error, _: refused.append(error))

    with bulkhead.acquire_nowait(), bulkhead.acquire_nowait():
        result = await policy(rule, bulkhead).wrap(call)()

    assert result == Err(QueueFull("b", 0))
    assert len(refused) == 6
    assert ran == []


async def test_a_breaker_of_failsafe_counts_a_retried_call_once(autojump_clock: MockClock) -> None:
    """Outside the retry the breaker saw one failure.  Source: as above, Breaker -> Retry."""
    outer = breaker(3)
    _, call = attempts_of(9)

    await policy(outer, THREE).wrap(call)()

    assert outer.statistics().failures == 1


@pytest.mark.parametrize(
    ("share", "minimum", "calls", "retries"),
    [
        # Theirs is a share of what is in flight now, ours of the recent calls, as Finagle's is: a
        # client that has just failed has nothing in flight that would pay for its retry.
        (0.5, 1, 1, 1),
        (0.5, 1, 2, 2),
        (0.5, 0, 1, 0),
        (0.5, 0, 4, 2),
        (0.2, 3, 0, 3),
        (0.2, 3, 10, 5),
    ],
)
async def test_budgets_of_failsafe(
    autojump_clock: MockClock, share: float, minimum: int, calls: int, retries: int
) -> None:
    """A budget allows its rate of the calls, and its minimum besides.

    Source: failsafe-go's budget, of which 0.2 and 3 are the defaults.
    """
    _, call = attempts_of(float("inf"))
    guarded = policy(Retry(recurs(9))).wrap(call)

    with budget(retries=share, minimum=minimum) as purse:
        for _ in range(calls):
            await guarded()
        # A purse that has seen no call is asked directly.
        for _ in range(0 if calls else 9):
            if purse.can_afford("retry", None, trio.current_time()):
                purse.pay("retry", None, trio.current_time())

    assert purse.statistics().retries == retries


DIFFERENCES = [
    (
        "failsafe-go",
        "A budget is a share of the calls in flight now.",
        "It is a share of the recent calls: what has just failed is no longer in flight.",
    ),
]
