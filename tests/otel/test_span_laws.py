"""Whatever a workflow does, its spans are its scopes: one for each, nested alike, all ended."""

from __future__ import annotations

from functools import partial
from typing import Any, TypeAlias

import pytest
import trio
from dependencies import Declined, crash, fail, give
from hypothesis import given, settings
from hypothesis import strategies as st
from recorder import Recorder
from spans import Spans, attributes, id_of

from awaitly_trio import Step, spaced, workflow
from awaitly_trio.otel import Tracing
from awaitly_trio.testing import Rules, explore

Plan: TypeAlias = "tuple[str, Any]"

TIMES = st.sampled_from([0.0, 1.0, 2.0])
LEAVES = st.tuples(st.sampled_from(["give", "fail", "crash", "retry", "timeout", "sleep"]), TIMES)
PLANS: st.SearchStrategy[Plan] = st.recursive(
    LEAVES,
    lambda inside: st.tuples(
        st.sampled_from(["sequence", "parallel", "race", "settle", "nursery", "resources"]),
        st.lists(inside, min_size=1, max_size=3),
    ),
    max_leaves=8,
)


async def play(step: Step[Any], plan: Plan) -> None:
    """Do what a plan says."""
    kind, content = plan
    if kind == "give":
        await step(give, 1, after=content)
    elif kind == "fail":
        await step(fail, Declined(), after=content)
    elif kind == "crash":
        await step(crash, ValueError("boom"), after=content)
    elif kind == "retry":
        await step.options(retry=spaced(1, attempts=3))(fail, Declined(), after=content)
    elif kind == "timeout":
        await step.options(timeout=1.5)(give, 1, after=content)
    elif kind == "sleep":
        await step.sleep(content)
    else:
        await COMPOSITES[kind](step, [branch(each) for each in content])


def branch(plan: Plan) -> Any:
    """Make a workflow of a plan, which any block can have as a branch."""

    async def body(step: Step[Any]) -> None:
        await play(step, plan)

    return workflow(body).options(name=plan[0])


async def in_sequence(step: Step[Any], branches: list[Any]) -> None:
    """Take one after the other."""
    for each in branches:
        await step(each)


async def in_parallel(step: Step[Any], branches: list[Any]) -> None:
    """Take all in a parallel block."""
    async with step.parallel("block") as group:
        for each in branches:
            group.start_soon(each)


async def in_race(step: Step[Any], branches: list[Any]) -> None:
    """Take the fastest."""
    await step.race(*branches)


async def settled(step: Step[Any], branches: list[Any]) -> None:
    """Take all, whatever becomes of them."""
    await step.settle(*branches)


async def in_nursery(step: Step[Any], branches: list[Any]) -> None:
    """Take all in a nursery of the body's own."""
    async with trio.open_nursery() as nursery:
        for each in branches:
            nursery.start_soon(step, each)


async def with_resources(step: Step[Any], branches: list[Any]) -> None:
    """Acquire one after the other."""
    async with step.resources(release_timeout=1) as resources:
        for each in branches:
            await resources.acquire(each, lambda _: None)


COMPOSITES: dict[str, Any] = {
    "sequence": in_sequence,
    "parallel": in_parallel,
    "race": in_race,
    "settle": settled,
    "nursery": in_nursery,
    "resources": with_resources,
}


async def spans_are_scopes(plan: Plan, cancelled_after: float) -> None:
    """Run a plan and compare what both observers saw."""
    spans, recorder = Spans(), Recorder()
    tracing = Tracing(spans.provider)

    with trio.move_on_after(cancelled_after):
        await branch(plan).options(observers=[recorder, tracing])()

    paths = {id_of(span): attributes(span)["awaitly.scope.path"] for span in spans.all}
    seen = {
        paths[id_of(span)]: None if span.parent is None else paths[span.parent.span_id]
        for span in spans.all
    }
    outcomes = {
        attributes(span)["awaitly.scope.path"]: attributes(span)["awaitly.outcome.status"]
        for span in spans.all
    }
    assert tracing.open_spans == 0
    assert len(spans.all) == len(recorder.started)
    assert seen == {
        scope.path: None if scope.parent is None else scope.parent.path
        for scope in recorder.started
    }
    assert outcomes == {scope.path: outcome.status for scope, outcome in recorder.ended}
    assert all((span.start_time or 0) <= (span.end_time or 0) for span in spans.all)


@given(plan=PLANS, cancelled_after=st.sampled_from([0.0, 0.5, 1.5, 99.0]))
def test_spans_are_scopes_under_any_schedule(plan: Plan, cancelled_after: float) -> None:
    """Also when the run is cancelled from outside, in each of a few interleavings."""
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
    explore(
        partial(spans_are_scopes, plan, cancelled_after),
        schedules=25,
        rules=Rules(twice=False, shrink_runs=20),
    )
