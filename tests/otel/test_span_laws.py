"""Whatever a workflow does, its spans are its scopes: one for each, nested alike, all ended."""

from __future__ import annotations

import logging
from collections import Counter
from contextlib import contextmanager, suppress
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
import trio
from dependencies import Declined, fail, give
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry import trace
from recorder import Recorder
from spans import Spans, attributes, id_of

from awaitly_trio import Err, Ok, Step, StepCache, spaced, workflow
from awaitly_trio._tasks.hedge import Hedge
from awaitly_trio._values.errors import RunClosedError
from awaitly_trio.otel import Tracing
from awaitly_trio.testing import Rules, explore

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from opentelemetry.sdk.trace import ReadableSpan

    from awaitly_trio import Result

Plan: TypeAlias = "tuple[str, Any]"

TIMES = st.sampled_from([0.0, 1.0, 2.0])


class World:
    """One execution of a plan: what its steps share, and what is known of it in the end."""

    def __init__(self, elsewhere: trio.Nursery) -> None:
        self.elsewhere = elsewhere
        self.spans, self.recorder = Spans(), Recorder()
        self.tracings = [Tracing(self.spans.provider)]
        self.hedge = Hedge(0.5)
        self.raised: list[str] = []
        self._numbers = count(1)

    async def crash(self, after: float) -> Result[Any, Any]:
        """Raise an exception that is told apart from all others."""
        await trio.sleep(after)
        self.raised.append(f"boom {next(self._numbers)}")
        raise ValueError(self.raised[-1])

    async def query(self, after: float) -> Result[Any, Any]:
        """Do something that a library traces."""
        with self.spans.provider.get_tracer("driver").start_as_current_span("query"):
            return await give(1, after)

    def branch(self, plan: Plan) -> Any:
        """Make a workflow of a plan, which any block can have as a branch."""

        async def body(step: Step[Any]) -> None:
            await self.play(step, plan)

        return workflow(body).options(name=plan[0])

    async def play(self, step: Step[Any], plan: Plan) -> None:
        """Do what a plan says."""
        kind, content = plan
        if kind in LEAVES:
            await LEAVES[kind](self, step, content)
        else:
            await COMPOSITES[kind](self, step, [self.branch(each) for each in content])


async def plain(_world: World, step: Step[Any], after: float) -> None:
    """Succeed."""
    await step(give, 1, after=after)


async def failing(_world: World, step: Step[Any], after: float) -> None:
    """End the run with a planned error."""
    await step(fail, Declined(), after=after)


async def crashing(world: World, step: Step[Any], after: float) -> None:
    """End the run with a defect."""
    await step(world.crash, after)


async def retried(_world: World, step: Step[Any], after: float) -> None:
    """Fail three times."""
    await step.options(retry=spaced(1, attempts=3))(fail, Declined(), after=after)


async def limited(_world: World, step: Step[Any], after: float) -> None:
    """Succeed in time, or not."""
    await step.options(timeout=1.5)(give, 1, after=after)


async def asleep(_world: World, step: Step[Any], after: float) -> None:
    """Sleep."""
    await step.sleep(after)


async def fallen_back(_world: World, step: Step[Any], after: float) -> None:
    """Fail, and have another answer."""
    await step.options(fallback=lambda _: Ok(1))(fail, Declined(), after=after)


async def remembered(_world: World, step: Step[Any], after: float) -> None:
    """Ask twice at once for what is remembered."""
    async with trio.open_nursery() as nursery:
        for _ in range(2):
            nursery.start_soon(partial(step.options(key="same"), give, 1, after=after))


async def hedged(world: World, step: Step[Any], after: float) -> None:
    """Ask once, and once more after half a second."""
    await step(world.hedge.wrap(give), 1, after=after)


async def compensated(_world: World, step: Step[Any], after: float) -> None:
    """Have an effect that is undone if the run fails."""

    async def undo(_value: int) -> None:
        await trio.sleep(0.25)

    await step.compensated(give, undo, 1, after=after)


async def traced_by_a_library(world: World, step: Step[Any], after: float) -> None:
    """Have a span of somebody else's in a step, and one between steps."""
    await step(world.query, after)
    with world.spans.provider.get_tracer("user").start_as_current_span("part of the body"):
        await step(give, 1, after=after)


async def left_behind(world: World, step: Step[Any], after: float) -> None:
    """Take a step in a task that may outlive the run."""

    async def later() -> None:
        with suppress(RunClosedError):
            await step(give, 1, after=after)

    world.elsewhere.start_soon(later)
    await step(give, 1)


async def in_sequence(_world: World, step: Step[Any], branches: list[Any]) -> None:
    """Take one after the other."""
    for each in branches:
        await step(each)


async def in_parallel(_world: World, step: Step[Any], branches: list[Any]) -> None:
    """Take all in a parallel block."""
    async with step.parallel("block") as group:
        for each in branches:
            group.start_soon(each)


async def in_race(_world: World, step: Step[Any], branches: list[Any]) -> None:
    """Take the fastest."""
    await step.race(*branches)


async def settled(_world: World, step: Step[Any], branches: list[Any]) -> None:
    """Take all, whatever becomes of them."""
    await step.settle(*branches)


async def in_all(_world: World, step: Step[Any], branches: list[Any]) -> None:
    """Take all, and all values."""
    await step.all(*branches)


async def called(branch: Any) -> Result[Any, Any]:
    """Call a branch that is an item."""
    result: Result[Any, Any] = await branch()
    return result if isinstance(result, Ok) else Err(Declined())


async def in_map(_world: World, step: Step[Any], branches: list[Any]) -> None:
    """Take two at a time."""
    await step.map(called, branches, limit=2)


async def in_batches(_world: World, step: Step[Any], branches: list[Any]) -> None:
    """Take two, and then the rest."""
    await step.batch(called, branches, size=2, limit=2)


async def in_nursery(_world: World, step: Step[Any], branches: list[Any]) -> None:
    """Take all in a nursery of the body's own."""
    async with trio.open_nursery() as nursery:
        for each in branches:
            nursery.start_soon(step, each)


async def with_resources(_world: World, step: Step[Any], branches: list[Any]) -> None:
    """Acquire one after the other."""
    async with step.resources(release_timeout=1) as resources:
        for each in branches:
            await resources.acquire(each, lambda _: None)


async def in_saga(_world: World, step: Step[Any], branches: list[Any]) -> None:
    """Have an effect in a saga of its own, then take one after the other."""
    async with step.saga("trip"):
        await step.compensated(give, lambda _: None, 1)
        for each in branches:
            await step(each)


async def decided(_world: World, step: Step[Any], branches: list[Any]) -> None:
    """Take the last of several ways, and leave out a step."""
    await step.when(not branches, give, 1)
    arms = {str(number): each for number, each in enumerate(branches)}
    await step.branch("way", str(len(branches) - 1), arms)


async def traced_apart(world: World, step: Step[Any], branches: list[Any]) -> None:
    """Take runs that have a tracer of their own."""
    for each in branches:
        world.tracings.append(Tracing(world.spans.provider))
        await step(each.options(observers=[world.tracings[-1]]))


async def survived(_world: World, step: Step[Any], branches: list[Any]) -> None:
    """Go on after every defect."""
    for each in branches:
        with suppress(Exception):
            await step(each)


LEAVES: dict[str, Any] = {
    "give": plain,
    "fail": failing,
    "crash": crashing,
    "retry": retried,
    "timeout": limited,
    "sleep": asleep,
    "fallback": fallen_back,
    "cached": remembered,
    "hedge": hedged,
    "compensated": compensated,
    "library": traced_by_a_library,
    "left behind": left_behind,
}
COMPOSITES: dict[str, Any] = {
    "sequence": in_sequence,
    "parallel": in_parallel,
    "race": in_race,
    "settle": settled,
    "all": in_all,
    "map": in_map,
    "batch": in_batches,
    "nursery": in_nursery,
    "resources": with_resources,
    "saga": in_saga,
    "decision": decided,
    "traced apart": traced_apart,
    "survived": survived,
}
PLANS: st.SearchStrategy[Plan] = st.recursive(
    # Crashes are what most laws are about.
    st.tuples(st.sampled_from([*sorted(LEAVES), "crash", "crash"]), TIMES),
    lambda inside: st.tuples(
        st.sampled_from(sorted(COMPOSITES)), st.lists(inside, min_size=1, max_size=3)
    ),
    max_leaves=8,
)


async def run_in_world(plan: Plan, cancelled_after: float) -> World:
    """Run a plan until it ends, or its caller gives up, or a task elsewhere is done with."""
    async with trio.open_nursery() as elsewhere:
        world = World(elsewhere)
        observers = [world.recorder, world.tracings[0]]
        with trio.move_on_after(cancelled_after):
            await world.branch(plan).options(observers=observers, cache=StepCache())()
        elsewhere.cancel_scope.cancel()
    return world


def path_of(span: ReadableSpan) -> str | None:
    """Return the path of the scope that a span is of; ``None`` if it is somebody else's."""
    path: str | None = attributes(span).get("awaitly.scope.path")
    return path


def exceptions_in(spans: Iterable[ReadableSpan]) -> Counter[str]:
    """Count the messages of all exceptions that were recorded."""
    return Counter(
        str((event.attributes or {})["exception.message"])
        for span in spans
        for event in span.events
        if event.name == "exception"
    )


async def spans_are_scopes(plan: Plan, cancelled_after: float) -> None:
    """Run a plan and compare what both observers saw."""
    world = await run_in_world(plan, cancelled_after)

    by_id = {id_of(span): span for span in world.spans.all}

    def above(span: ReadableSpan) -> str | None:
        """Return the path of the scope around a span, which may lie in spans of others."""
        found = None if span.parent is None else by_id[span.parent.span_id]
        return None if found is None else path_of(found) or above(found)

    ours = [span for span in world.spans.all if path_of(span) is not None]
    started, ended = world.recorder.started, world.recorder.ended
    assert [tracing.open_spans for tracing in world.tracings] == [0] * len(world.tracings)
    assert trace.get_current_span() is trace.INVALID_SPAN
    assert len(ours) == len(started)
    assert {path_of(span): above(span) for span in ours} == {
        scope.path: None if scope.parent is None else scope.parent.path for scope in started
    }
    assert {path_of(span): attributes(span)["awaitly.outcome.status"] for span in ours} == {
        scope.path: outcome.status for scope, outcome in ended
    }
    assert all((span.start_time or 0) <= (span.end_time or 0) for span in world.spans.all)
    assert exceptions_in(ours) == Counter(world.raised)


@contextmanager
def nothing_said() -> Generator[None]:
    """Fail where OpenTelemetry or an observer had to complain."""
    said: list[str] = []
    handler = logging.Handler(logging.ERROR)
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)
    assert said == []


@given(plan=PLANS, cancelled_after=st.sampled_from([0.0, 0.5, 1.5, 99.0]))
def test_spans_are_scopes_under_any_schedule(plan: Plan, cancelled_after: float) -> None:
    """Also when the run is cancelled from outside, in each of a few interleavings."""
    with nothing_said():
        explore(
            partial(spans_are_scopes, plan, cancelled_after),
            schedules=4,
            rules=Rules(twice=False, shrink_runs=20),
        )


@pytest.mark.slow
@settings(max_examples=150)
@given(plan=PLANS, cancelled_after=st.floats(0, 8))
def test_spans_are_scopes_under_many_schedules(plan: Plan, cancelled_after: float) -> None:
    """The same, more thoroughly."""
    with nothing_said():
        explore(
            partial(spans_are_scopes, plan, cancelled_after),
            schedules=25,
            rules=Rules(twice=False, shrink_runs=20),
        )
