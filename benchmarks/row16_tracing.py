"""Row 16: a traced step beside a span that is written by hand, with the same attributes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from awaitly_trio import Ok, observing, workflow
from awaitly_trio.otel import Tracing, Untraced
from benchmarks.lines import Line
from benchmarks.subjects import answer, step_to_answers

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from awaitly_trio import Step
    from benchmarks.timer import Timer


def by_hand(provider: trace.TracerProvider) -> Callable[..., Awaitable[None]]:
    """Return a body whose dependency makes the span of a step itself, as its author would."""
    tracer = provider.get_tracer("by hand")

    async def traced(value: int) -> Ok[int]:
        with tracer.start_as_current_span("answer") as span:
            recording = span.is_recording()
            if recording:
                span.set_attribute("awaitly.scope.kind", "step")
                span.set_attribute("awaitly.scope.path", "steps/answer")
                span.set_attribute("awaitly.run.id", "0123456789abcdef")
                span.set_attribute("awaitly.workflow.name", "steps")
            result = await answer(value)
            if recording:
                span.set_attribute("awaitly.outcome.status", "ok")
            return result

    async def steps_by_hand(step: Step[object], repeats: int) -> None:
        # Inside a span of the run: one with a parent costs more than one without.
        with tracer.start_as_current_span("steps"):
            for _ in range(repeats):
                await step(traced, 1)

    return workflow(steps_by_hand)


def by_calls(provider: trace.TracerProvider) -> Callable[..., Awaitable[None]]:
    """Return a body whose dependency makes the same span with the fewest calls of the SDK."""
    tracer = provider.get_tracer("by calls")

    async def traced(value: int) -> Ok[int]:
        attributes = {
            "awaitly.scope.kind": "step",
            "awaitly.scope.path": "steps/answer",
            "awaitly.run.id": "0123456789abcdef",
            "awaitly.workflow.name": "steps",
        }
        around = contexts.get_current()
        span = tracer.start_span("answer", around, attributes=attributes)
        token = contexts.attach(trace.set_span_in_context(span, around))
        result = await answer(value)
        span.set_attribute("awaitly.outcome.status", "ok")
        contexts.detach(token)
        span.end()
        return result

    async def steps_by_calls(step: Step[object], repeats: int) -> None:
        with tracer.start_as_current_span("steps"):
            for _ in range(repeats):
                await step(traced, 1)

    return workflow(steps_by_calls)


def measure(timer: Timer) -> list[Line]:
    """Compare tracing in four states with the same done by hand."""
    steps = workflow(step_to_answers)
    absent = trace.NoOpTracerProvider()
    unsampled = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False)
    recording = TracerProvider(shutdown_on_exit=False)
    # Without a processor the SDK would not take the trouble of a real program.
    recording.add_span_processor(SpanProcessor())

    async def left_out(repeats: int) -> None:
        with observing(Tracing(recording)):
            await steps.options(observers=[Untraced()])(repeats)

    works = {"off": steps, "step": workflow(step_to_answers), "left out": left_out}
    for name, provider in {"api": absent, "unsampled": unsampled, "on": recording}.items():
        works[name] = steps.options(observers=[Tracing(provider)])
        works[f"{name} by hand"] = by_hand(provider)
    works["on by calls"] = by_calls(recording)
    found = timer.compare(works)
    hand = "a span by hand in a step"
    return [
        Line("tracing off", found["off"], "row 1", found["step"], most=1.02),
        Line("tracing, API only", found["api"], hand, found["api by hand"], most=1.2),
        Line("tracing, unsampled", found["unsampled"], hand, found["unsampled by hand"], most=1.1),
        Line("tracing, on", found["on"], hand, found["on by hand"], most=1.05),
        Line("the same", found["on"], "the fewest calls of the SDK", found["on by calls"]),
        Line("a run left out of tracing", found["left out"], "row 1", found["step"]),
    ]
