"""Measurements of runs."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing
from dependencies import Declined, crash, fail, give
from opentelemetry.sdk.metrics import AlwaysOnExemplarFilter, MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from spans import Spans, id_of

from awaitly_trio import CircuitOpen, Err, Ok, Step, observing, spaced, workflow
from awaitly_trio._policies.bucket import TokenBucket
from awaitly_trio._policies.circuit import BreakerSettings
from awaitly_trio._policies.trip import ConsecutiveFailures
from awaitly_trio._tasks.breaker import CircuitBreaker
from awaitly_trio._tasks.bulkhead import Bulkhead, ConcurrencyLimiter
from awaitly_trio._tasks.hedge import Hedge
from awaitly_trio._tasks.limiter import RateLimiter
from awaitly_trio.otel import Metrics, Tracing

if TYPE_CHECKING:
    from trio.testing import MockClock

    from awaitly_trio import Result

ONE_FAILURE = BreakerSettings(ConsecutiveFailures(1))


class Meters:
    """A provider of meters whose measurements can be looked at."""

    def __init__(self) -> None:
        self._reader = InMemoryMetricReader()
        self.provider = MeterProvider(
            [self._reader], shutdown_on_exit=False, exemplar_filter=AlwaysOnExemplarFilter()
        )

    def points(self, name: str) -> list[Any]:
        """Return the data points of a metric; none if nothing was measured."""
        found = self._reader.get_metrics_data()
        metrics = [
            metric
            for resource in (found.resource_metrics if found else [])
            for scope in resource.scope_metrics
            for metric in scope.metrics
        ]
        return [point for each in metrics if each.name == name for point in each.data.data_points]

    def counts(self, name: str) -> dict[tuple[Any, ...], Any]:
        """Return the values of a counter by the values of its attributes."""
        return {tuple(point.attributes.values()): point.value for point in self.points(name)}


@workflow
async def one_step(step: Step[Any]) -> None:
    """Take a step of two seconds."""
    await step(give, 1, after=2)


async def test_a_run_and_its_steps_are_measured(autojump_clock: MockClock) -> None:
    """In seconds, by workflow, step and outcome."""
    meters = Meters()

    await one_step.options(observers=[Metrics(meters.provider)])()

    [run] = meters.points("awaitly.run.duration")
    [step] = meters.points("awaitly.step.duration")
    assert (run.count, run.sum, step.sum) == (1, 2.0, 2.0)
    assert dict(step.attributes) == {
        "awaitly.workflow.name": "one_step",
        "awaitly.outcome.status": "ok",
        "awaitly.step.name": "give",
    }


async def test_attempts_are_measured_under_the_name_of_their_step(
    autojump_clock: MockClock,
) -> None:
    """Retries are counted; the wait between attempts belongs to the step alone."""
    meters = Meters()
    results: list[Result[str, Any]] = [Err(Declined()), Ok("paid")]

    async def charge() -> Result[str, Any]:
        await trio.sleep(1)
        return results.pop(0)

    @workflow
    async def pay(step: Step[Any]) -> None:
        await step.options(retry=spaced(5, attempts=2))(charge)

    await pay.options(observers=[Metrics(meters.provider)])()

    attempts = meters.points("awaitly.attempt.duration")
    assert sorted(point.attributes["awaitly.outcome.status"] for point in attempts) == [
        "error",
        "ok",
    ]
    assert {point.attributes["awaitly.step.name"] for point in attempts} == {"charge"}
    assert meters.points("awaitly.step.duration")[0].sum == 7.0
    assert meters.counts("awaitly.step.retries") == {("pay", "charge"): 1}


async def test_runs_under_way_are_counted(autojump_clock: MockClock) -> None:
    """Up at the start of a run, down at its end, also of one that is cancelled."""
    meters = Meters()
    measured = one_step.options(observers=[Metrics(meters.provider)])

    with trio.move_on_after(1):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(measured)
            nursery.start_soon(measured)
            await trio.testing.wait_all_tasks_blocked()
            during = meters.counts("awaitly.run.active")
            await trio.sleep_forever()

    assert during == {("one_step",): 2}
    assert meters.counts("awaitly.run.active") == {("one_step",): 0}
    assert meters.counts("awaitly.scope.outcomes")["workflow", "cancelled"] == 2


async def test_time_outs_are_counted(autojump_clock: MockClock) -> None:
    """By workflow and step."""
    meters = Meters()

    @workflow
    async def slow(step: Step[Any]) -> None:
        await step.options(timeout=1)(give, 1, after=9)

    await slow.options(observers=[Metrics(meters.provider)])()

    assert meters.counts("awaitly.step.timeouts") == {("slow", "give"): 1}


async def test_failures_have_the_type_of_their_error() -> None:
    """A defect has that of its exception."""
    meters = Meters()

    @workflow
    async def broken(step: Step[Any]) -> None:
        await step.settle(lambda: fail(Declined()), lambda: crash(ValueError()))

    await broken.options(observers=[Metrics(meters.provider)])()

    types = {point.attributes.get("error.type") for point in meters.points("awaitly.step.duration")}
    assert {"dependencies.Declined", "ValueError"} <= types


async def test_names_are_bounded() -> None:
    """A program that names steps after its orders gets no series for each."""
    meters = Meters()

    @workflow
    async def many(step: Step[Any]) -> None:
        for number in range(10):
            await step.options(name=f"order-{number}")(give, number)

    await many.options(observers=[Metrics(meters.provider, limit=3)])()

    points = meters.points("awaitly.step.duration")
    counts = {point.attributes["awaitly.step.name"]: point.count for point in points}
    assert counts == {"order-0": 1, "order-1": 1, "order-2": 1, "_OTHER": 7}


async def test_a_measurement_knows_its_span() -> None:
    """The exemplar of a step's duration leads to the span of that step."""
    meters, spans = Meters(), Spans()

    await one_step_now.options(observers=[Tracing(spans.provider), Metrics(meters.provider)])()

    [point] = meters.points("awaitly.step.duration")
    assert [each.span_id for each in point.exemplars] == [id_of(spans.named("give"))]


@workflow
async def one_step_now(step: Step[Any]) -> None:
    """Take a step that takes no time."""
    await step(give, 1)


async def test_changes_of_a_breaker_are_counted() -> None:
    """By breaker and states."""
    meters = Meters()
    metrics = Metrics(meters.provider)
    breaker = CircuitBreaker("cards", on_change=metrics.on_circuit_change)

    @workflow
    async def pay(step: Step[Declined | CircuitOpen]) -> None:
        await step(breaker.wrap(fail), Declined())

    for _ in range(20):
        await pay()

    assert meters.counts("awaitly.breaker.transitions") == {("cards", "closed", "open"): 1}


async def test_a_change_of_a_breaker_is_counted_once(autojump_clock: MockClock) -> None:
    """By itself where runs or blocks are watched; a callback given as well adds nothing."""
    meters = Meters()
    metrics = Metrics(meters.provider)
    silent = CircuitBreaker("silent", ONE_FAILURE)
    told = CircuitBreaker("told", ONE_FAILURE, on_change=metrics.on_circuit_change)

    with observing(metrics):
        await silent(fail, Declined())
        await told(fail, Declined())
        await told(fail, Declined())
    silent.reset()
    told.reset()

    assert meters.counts("awaitly.breaker.transitions") == {
        ("silent", "closed", "open"): 1,
        ("told", "closed", "open"): 1,
        ("told", "open", "closed"): 1,
    }
    assert meters.counts("awaitly.breaker.refused") == {("told",): 1}


async def test_waits_for_limiters_are_measured(autojump_clock: MockClock) -> None:
    """In seconds, by limiter, apart for those who gave up; who need not wait is not measured."""
    meters = Meters()
    rate = RateLimiter("rate", TokenBucket(1, burst=1))
    places = ConcurrencyLimiter("places", 1)
    bulkhead = Bulkhead("bulkhead", 1, max_queue=1, max_wait=2)

    with observing(Metrics(meters.provider)):
        async with trio.open_nursery() as nursery:
            for limiter in (rate, rate, places, places, bulkhead, bulkhead, bulkhead):
                nursery.start_soon(partial(limiter, give, 1, after=3))
                await trio.testing.wait_all_tasks_blocked()

    waits = {
        tuple(point.attributes.values()): (point.count, pytest.approx(point.sum))
        for point in meters.points("awaitly.limiter.wait.duration")
    }
    assert waits == {
        ("rate", True): (1, 1.0),
        ("places", True): (1, 3.0),
        ("bulkhead", False): (1, 2.0),
    }
    assert meters.counts("awaitly.limiter.refused") == {("bulkhead",): 2}


async def test_a_run_measures_its_waits_and_its_neighbour_does_not(
    autojump_clock: MockClock,
) -> None:
    """Metrics that are given to one run hear of the calls of that run alone."""
    meters = Meters()
    limiter = RateLimiter("api", TokenBucket(1, burst=1))

    @workflow
    async def call(step: Step[Any]) -> None:
        await step(limiter.wrap(give), 1)

    limiter.acquire_nowait()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(call)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(call.options(observers=[Metrics(meters.provider)]))

    [waited] = meters.points("awaitly.limiter.wait.duration")
    assert (waited.count, waited.sum) == (1, pytest.approx(2))


async def test_names_of_limiters_are_bounded(autojump_clock: MockClock) -> None:
    """A program with a limiter for each customer gets no series for each."""
    meters = Meters()

    with observing(Metrics(meters.provider, limit=2)):
        for number in range(4):
            limiter = RateLimiter(f"customer-{number}", TokenBucket(1, burst=1))
            await limiter.acquire()
            await limiter.acquire()

    points = meters.points("awaitly.limiter.wait.duration")
    counts = {point.attributes["awaitly.limiter.name"]: point.count for point in points}
    assert counts == {"customer-0": 1, "customer-1": 1, "_OTHER": 2}


async def test_hedges_are_counted(autojump_clock: MockClock) -> None:
    """By workflow, step, and how they ended."""
    meters = Meters()
    delays = [9, 1]

    async def fetch() -> Result[int, Any]:
        return await give(1, after=delays.pop(0))

    @workflow
    async def ask(step: Step[Any]) -> None:
        await step(Hedge(2).wrap(fetch))

    await ask.options(observers=[Metrics(meters.provider)])()

    assert meters.counts("awaitly.step.hedges") == {("ok", "ask", "fetch"): 1}


async def test_the_line_of_a_limiter_is_reported(autojump_clock: MockClock) -> None:
    """How many wait now, asked when the metrics are read."""
    meters = Meters()
    metrics = Metrics(meters.provider)
    limiter = RateLimiter("api", TokenBucket(1, burst=1))
    metrics.watch_limiter(limiter)

    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(limiter.acquire)
        await trio.testing.wait_all_tasks_blocked()
        waiting = meters.counts("awaitly.limiter.waiting")

    assert waiting == {("api",): 2}


def test_a_vocabulary_needs_a_word() -> None:
    """A limit below one is refused."""
    with pytest.raises(ValueError, match="limit must be at least 1, not 0"):
        Metrics(limit=0)
