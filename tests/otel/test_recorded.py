"""An exception is recorded once in a trace, by the innermost span that it left."""

from __future__ import annotations

import gc
import weakref
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import trio
from dependencies import crash, give
from opentelemetry.sdk.trace import StatusCode
from spans import Spans

from awaitly_trio import Step, workflow
from awaitly_trio.otel import Tracing
from awaitly_trio.reliability import SingleFlight

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

    from awaitly_trio import Result


async def crash_at_once(exception: Exception) -> Result[Any, Any]:
    """Raise without a checkpoint: what a nursery cancels does not see the cancellation."""
    raise exception


def recorded(span: ReadableSpan) -> list[str]:
    """Return the messages of the exceptions that a span has recorded."""
    return [
        str((event.attributes or {})["exception.message"])
        for event in span.events
        if event.name == "exception"
    ]


async def test_two_observers_of_one_trace_record_it_once() -> None:
    """A run inside that traces on its own account has told it; the step around does not."""
    spans = Spans()

    @workflow
    async def inside(step: Step[Any]) -> None:
        await step(crash, ValueError("boom"))

    @workflow
    async def around(step: Step[Any]) -> None:
        await step(inside.options(observers=[Tracing(spans.provider)]))

    await around.options(observers=[Tracing(spans.provider)])()

    told = [(span.name, recorded(span)) for span in spans.all if recorded(span)]
    assert told == [("crash", ["boom"])]
    assert {span.status.status_code for span in spans.all} == {StatusCode.ERROR}


async def test_many_at_once_are_recorded_once_each() -> None:
    """However many tasks of a nursery crash: the group that leaves it has nothing new."""
    spans = Spans()

    @workflow
    async def crowded(step: Step[Any]) -> None:
        async with trio.open_nursery() as nursery:
            for number in range(50):
                nursery.start_soon(step, crash_at_once, ValueError(f"boom {number}"))

    await crowded.options(observers=[Tracing(spans.provider)])()

    told = Counter(message for span in spans.all for message in recorded(span))
    assert told == {f"boom {number}": 1 for number in range(50)}


async def test_of_a_group_only_what_is_new_is_recorded() -> None:
    """One crash in a step has been told by its span, another beside it has not."""
    spans = Spans()

    async def bare_crash() -> None:
        raise KeyError("outside any step")

    @workflow
    async def mixed(step: Step[Any]) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(step, crash_at_once, ValueError("in a step"))
            nursery.start_soon(bare_crash)

    await mixed.options(observers=[Tracing(spans.provider)])()

    assert recorded(spans.named("crash_at_once")) == ["in a step"]
    assert recorded(spans.named("mixed")) == ["'outside any step'"]


async def test_one_exception_raised_in_two_traces_is_recorded_in_both() -> None:
    """The second run knows nothing of the first."""
    spans = Spans()
    same = ValueError("again")

    @workflow
    async def raises(step: Step[Any]) -> None:
        await step(crash, same)

    await raises.options(observers=[Tracing(spans.provider)])()
    await raises.options(observers=[Tracing(spans.provider)])()

    assert [recorded(span) for span in spans.all if span.name == "crash"] == [["again"]] * 2


async def test_an_exception_that_two_traces_share_is_recorded_in_each() -> None:
    """A call that two runs share raises one exception in both, at the same time."""
    spans = Spans()
    flight: SingleFlight[str] = SingleFlight()

    async def shared() -> Any:
        return await flight("key", crash, ValueError("boom"), 1)

    @workflow
    async def page(step: Step[Any]) -> None:
        async with step.parallel() as group:
            group.start_soon(shared)

    run = page.options(observers=[Tracing(spans.provider)])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run)
        nursery.start_soon(run)

    told = [span.name for span in spans.all if recorded(span)]
    assert len(told) == 2
    assert "parallel" not in told


async def test_an_exception_that_takes_no_attributes_is_recorded_once() -> None:
    """A frozen record that is raised refuses to be marked by assignment."""
    spans = Spans()

    @dataclass(frozen=True, eq=False)
    class Frozen(Exception):
        code: int

    @workflow
    async def raises(step: Step[Any]) -> None:
        await step(crash, Frozen(7))

    await raises.options(observers=[Tracing(spans.provider)])()

    assert [len(recorded(span)) for span in spans.all] == [1, 0]


async def test_a_trace_keeps_no_exception_alive() -> None:
    """A body that lives on may catch any number of them."""
    spans = Spans()
    alive: list[bool] = []

    class Boom(Exception):
        pass

    @workflow
    async def survives(step: Step[Any]) -> None:
        boom = Boom()
        gone = weakref.ref(boom)
        with suppress(Boom):
            await step(crash, boom)
        del boom
        await step(give, 1)
        gc.collect()
        alive.append(gone() is not None)

    await survives.options(observers=[Tracing(spans.provider)])()

    assert alive == [False]
