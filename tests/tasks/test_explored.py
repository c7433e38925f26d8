"""Primitives under many schedules, and cancelled at every step they take."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio

from awaitly_trio._policies.adaptive import Aimd
from awaitly_trio._policies.bucket import TokenBucket
from awaitly_trio._policies.circuit import BreakerSettings
from awaitly_trio._policies.circuit_states import CircuitState
from awaitly_trio._policies.trip import FailureCount
from awaitly_trio._tasks.adaptive import AdaptiveLimiter
from awaitly_trio._tasks.breaker import CircuitBreaker
from awaitly_trio._tasks.bulkhead import Bulkhead
from awaitly_trio._tasks.cached import cached
from awaitly_trio._tasks.hedge import Hedge
from awaitly_trio._tasks.limiter import RateLimiter
from awaitly_trio._tasks.loader import Loader
from awaitly_trio._tasks.single_flight import SingleFlight
from awaitly_trio._tasks.sources import chance
from awaitly_trio._values.errors import CircuitOpen
from awaitly_trio._values.result import Err, Ok, Result
from awaitly_trio.testing import Rules, cancel_everywhere, explore

if TYPE_CHECKING:
    from collections.abc import Mapping

ONCE = Rules(twice=False)


class Rush:
    """Twenty tasks that find a half-open breaker, and what became of them."""

    def __init__(self, probes: int) -> None:
        self.probes = probes
        self.breaker = CircuitBreaker(
            "service", BreakerSettings(FailureCount(1), open_for=1, probes=probes)
        )
        self.scopes = [trio.CancelScope() for _ in range(20)]
        self.called = 0
        self.all_have_called = trio.Event()
        self.ran: set[int] = set()
        self.gone: set[int] = set()
        self.refused: set[int] = set()

    async def probe(self, i: int) -> Result[None, str]:
        self.ran.add(i)
        assert len(self.ran - self.gone) <= self.probes
        try:
            await self.all_have_called.wait()
        except trio.Cancelled:
            self.gone.add(i)
            raise
        return Ok(None)

    async def caller(self, i: int) -> None:
        self.called += 1
        if self.called == len(self.scopes):
            self.all_have_called.set()
        with self.scopes[i]:
            result = await self.breaker(self.probe, i)
            if result == Err(CircuitOpen("service", 0.0)):
                self.refused.add(i)

    async def saboteur(self, victims: int) -> None:
        for i in chance().sample(range(20), victims):
            for _ in range(chance().randrange(6)):
                await trio.lowlevel.checkpoint()
            self.scopes[i].cancel(reason="test")


async def twenty_callers(probes: int, cancelled: int) -> None:
    """Let twenty tasks find a half-open breaker, and cancel some of them at any moment."""
    rush = Rush(probes)
    rush.breaker.open()
    await trio.sleep(1)

    async with trio.open_nursery() as nursery:
        for i in range(20):
            nursery.start_soon(rush.caller, i)
        nursery.start_soon(rush.saboteur, cancelled)

    assert rush.breaker.statistics().probes_running == 0
    if not cancelled:
        assert (len(rush.ran), len(rush.refused)) == (probes, 20 - probes)
        assert rush.breaker.state is CircuitState.CLOSED


@pytest.mark.parametrize("probes", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("cancelled", [0, 6])
def test_probes_are_counted_under_any_schedule(probes: int, cancelled: int) -> None:
    """No schedule and no cancellation lets more callers through than permitted."""
    explore(partial(twenty_callers, probes, cancelled), schedules=100, rules=ONCE)


@pytest.mark.slow
@pytest.mark.parametrize("probes", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("cancelled", [0, 6])
def test_probes_are_counted_under_thousands_of_schedules(probes: int, cancelled: int) -> None:
    """The same, ten thousand times in all."""
    explore(partial(twenty_callers, probes, cancelled), schedules=1000, rules=ONCE)


async def use(call: Any) -> None:
    """Make four calls at once, each of which takes a second."""
    async with trio.open_nursery() as nursery:
        for i in range(4):
            nursery.start_soon(call, i)


async def work(i: int) -> Result[int, str]:
    """Stand for a service."""
    await trio.sleep(1)
    return Ok(i)


async def load(keys: list[int]) -> Result[Mapping[int, int], str]:
    """Stand for a table."""
    await trio.sleep(1)
    return Ok({key: key for key in keys})


async def probe_late(breaker: CircuitBreaker, i: int) -> None:
    """Open a breaker, and call through it when it probes."""
    breaker.open()
    await trio.sleep(30)
    await breaker(work, i)


AT_REST: dict[str, tuple[Any, Any, Any]] = {
    # primitive: (how it is made, how it is called, what is left of its calls)
    "breaker": (
        lambda: CircuitBreaker("service", BreakerSettings(FailureCount(1), probes=2)),
        lambda breaker: partial(probe_late, breaker),
        lambda breaker: breaker.statistics().probes_running,
    ),
    "rate limiter": (
        lambda: RateLimiter("api", TokenBucket(1, burst=1)),
        lambda limiter: limiter.wrap(work),
        lambda limiter: limiter.statistics().waiting,
    ),
    "bulkhead": (
        lambda: Bulkhead("db", 1, max_queue=2),
        lambda bulkhead: bulkhead.wrap(work),
        lambda bulkhead: bulkhead.statistics().running + bulkhead.statistics().waiting,
    ),
    "adaptive limiter": (
        lambda: AdaptiveLimiter("db", Aimd(initial=1), max_queue=2),
        lambda limiter: limiter.wrap(work),
        lambda limiter: limiter.statistics().running + limiter.statistics().waiting,
    ),
    "single flight": (
        SingleFlight,
        lambda flight: lambda i: flight(0, work, i),
        lambda flight: flight.statistics().flying,
    ),
    "cached": (
        lambda: cached(ttl=60)(work),
        lambda function: lambda i: function(0),
        lambda function: function.statistics().size not in {0, 1},
    ),
    "loader": (
        lambda: Loader(load, max_batch=3),
        lambda loader: loader.load,
        lambda loader: loader._open is not None,
    ),
    "hedge": (lambda: Hedge(0.5), lambda hedge: hedge.wrap(work), lambda hedge: 0),
}


@pytest.mark.parametrize("primitive", AT_REST)
def test_a_primitive_is_at_rest_after_any_cancellation(primitive: str) -> None:
    """Four tasks use it and are cancelled at one step after another: nothing is left behind.

    And it works afterwards as it did before.
    """
    make, call_of, left_of = AT_REST[primitive]

    async def check(made: Any, ended: object) -> None:
        assert not left_of(made)
        await trio.sleep(60)
        with trio.fail_after(60):
            await use(call_of(made))
        assert not left_of(made)

    report = cancel_everywhere(lambda made: use(call_of(made)), make=make, invariant=check)

    assert report.points["cancel"] > 5
