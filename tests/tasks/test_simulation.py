"""Policies tried out in virtual time against a modelled server."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
import trio

from awaitly_trio._policies.bucket import TokenBucket
from awaitly_trio._policies.circuit import BreakerSettings
from awaitly_trio._policies.delays import exponential, recurs, spaced
from awaitly_trio._policies.retry import Retry
from awaitly_trio._policies.trip import FailureCount
from awaitly_trio._tasks.breaker import CircuitBreaker
from awaitly_trio._tasks.budget import budget
from awaitly_trio._tasks.bulkhead import Bulkhead
from awaitly_trio._tasks.hedge import Hedge
from awaitly_trio._tasks.limiter import RateLimiter
from awaitly_trio._tasks.policy import policy
from awaitly_trio._tasks.simulation import Load, ServerModel
from awaitly_trio._tasks.timeout import Timeout
from awaitly_trio._values.result import Err, Ok, Result

if TYPE_CHECKING:
    from collections.abc import Callable

HEALTHY = ServerModel(latency=0.1)
DOWN = ServerModel(failures=1)
THREE = Retry(exponential(1, attempts=3, jitter="full"))


def test_a_healthy_server_is_called_once_for_each_call() -> None:
    """Without failures a policy makes no extra load, and calls take what the server takes."""
    report = policy(THREE).simulate(HEALTHY, Load(calls=100, rate=50))

    assert (report.succeeded, report.executions, report.amplification) == (100, 100, 1)
    assert report.median == pytest.approx(0.1)
    assert report.completion_time == pytest.approx(99 / 50 + 0.1)
    assert report.peak_rate == 50


def test_one_seed_gives_one_report() -> None:
    """The same seed gives the same report in every detail, another seed another."""
    flaky = ServerModel(spread=0.5, failures=0.4, capacity=20)
    guarded = policy(THREE, Timeout(0.5))

    reports = [guarded.simulate(flaky, Load(calls=200, rate=100), seed=n) for n in (1, 1, 2)]

    assert reports[0] == reports[1]
    assert reports[0] != reports[2]


def test_retries_amplify_an_outage() -> None:
    """While the server is down, three attempts are three times the load."""
    report = policy(THREE).simulate(DOWN, Load(calls=50, rate=10))

    assert report.amplification == 3
    assert report.errors == {"SimulatedFailure": 50}


def test_a_breaker_spares_a_server_that_is_down() -> None:
    """With a breaker inside the retry only a handful of calls get through."""
    breaker = CircuitBreaker("api", BreakerSettings(FailureCount(5), open_for=60))

    report = policy(THREE, breaker).simulate(DOWN, Load(calls=50, rate=10))

    assert report.executions < 15
    assert report.errors["CircuitOpen"] > 30


def test_a_budget_bounds_the_amplification() -> None:
    """A budget around a simulation is kept to as it would be around the real calls."""
    with budget(retries=0.1, minimum=0, window=math.inf):
        report = policy(THREE).simulate(DOWN, Load(calls=100, rate=10))

    assert 1 < report.amplification <= 1.1


def test_an_outage_that_ends_is_bridged() -> None:
    """A retry that is patient enough carries all calls over a short outage."""
    server = ServerModel(outages=((0, 5),))

    report = policy(Retry(spaced(2, attempts=5))).simulate(server, Load(calls=20))

    assert report.succeeded == 20
    assert report.executions == 80
    assert report.completion_time == pytest.approx(6.1)


def test_a_limiter_bounds_the_rate() -> None:
    """The peak rate of a burst is that of the limiter."""
    limiter = RateLimiter("api", TokenBucket(10, burst=1))

    report = policy(limiter).simulate(HEALTHY, Load(calls=40))

    assert report.peak_rate == 10
    assert report.completion_time == pytest.approx(3.9 + 0.1)


def test_a_bulkhead_sheds_what_is_too_much() -> None:
    """Refusals are counted by their kind of error."""
    report = policy(Bulkhead("api", 5, max_queue=3)).simulate(HEALTHY, Load(calls=20))

    assert report.succeeded == 8
    assert report.errors == {"QueueFull": 12}


def test_abandoned_calls_are_worked_on_all_the_same() -> None:
    """A server does not notice that a caller gave up, so impatience makes a queue worse."""
    server = ServerModel(latency=1, capacity=1)

    patient = policy(Timeout(100)).simulate(server, Load(calls=5, rate=2))
    hasty = policy(Retry(recurs(3)), Timeout(1.5)).simulate(server, Load(calls=5, rate=2))

    assert patient.succeeded == 5
    assert hasty.succeeded < 5


def test_a_hedge_shortens_the_tail() -> None:
    """Doubling the slowest calls costs little and takes the tail off."""
    server = ServerModel(latency=1, spread=0.9)
    load = Load(calls=200, rate=20)

    plain = policy(THREE).simulate(server, load)
    hedged = policy(Hedge(1.5)).simulate(server, load)

    assert hedged.slowest < plain.slowest
    assert 1 < hedged.amplification < 1.4


def test_the_real_breaker_is_left_alone() -> None:
    """A simulation trips a copy; the breaker that guards the service stays as it was."""
    told: list[object] = []
    breaker = CircuitBreaker(
        "api", BreakerSettings(FailureCount(1), open_for=60), on_change=told.append
    )
    guarded = policy(Retry(recurs(1), on_retry=lambda *event: told.append(event)), breaker)

    guarded.simulate(DOWN, Load(calls=5))

    assert breaker.statistics().total_failures == 0
    assert told == []


def test_a_server_may_be_a_function() -> None:
    """What the model cannot do, an async function does."""
    asked = 0

    async def third_time_lucky() -> Result[str, str]:
        nonlocal asked
        await trio.sleep(1)
        asked += 1
        return Ok("done") if asked % 3 == 0 else Err("not yet")

    report = policy(Retry(recurs(2))).simulate(third_time_lucky, Load(calls=1))

    assert (report.succeeded, report.executions) == (1, 3)
    assert str(report) == (
        "1 of 1 calls succeeded (failed: none); 3 executions, at most 1 in a second; "
        "half took up to 3s, nearly all up to 3s; done after 3s"
    )


async def test_a_simulation_is_a_run_of_its_own() -> None:
    """Inside a run it says where it can be called instead."""
    with pytest.raises(RuntimeError, match="call it outside of one, or in a thread"):
        policy(THREE).simulate(HEALTHY, Load(calls=1))

    report = await trio.to_thread.run_sync(lambda: policy(THREE).simulate(HEALTHY, Load(calls=1)))

    assert report.succeeded == 1


def test_a_layer_that_cannot_be_copied_is_refused() -> None:
    """A layer of one's own needs ``fresh``, or a simulation would touch what is real."""

    class Own:
        layer = THREE.layer

        def wrap(self, fn: Any) -> Any:
            return fn

    with pytest.raises(TypeError, match="give it a method fresh"):
        policy(Own()).simulate(HEALTHY, Load(calls=1))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: ServerModel(failures=1.5), "failures is 1.5: write a share"),
        (lambda: ServerModel(spread=-1), "spread is -1"),
        (lambda: ServerModel(latency=-1), "latency is -1"),
        (lambda: ServerModel(capacity=0), "capacity is 0"),
        (lambda: Load(calls=0), "calls is 0"),
        (lambda: Load(calls=1, rate=0), "rate is 0: it must be above zero"),
    ],
)
def test_impossible_models_are_refused(build: Callable[[], object], message: str) -> None:
    """Numbers out of range are refused with the value shown."""
    with pytest.raises(ValueError, match=message):
        build()
