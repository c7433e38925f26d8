"""Traces that go on in another process."""

from __future__ import annotations

from typing import Any

from dependencies import give
from opentelemetry import baggage, trace
from opentelemetry.context import attach, detach
from spans import Spans, attributes

from awaitly_trio import Ok, Step, workflow
from awaitly_trio.otel import Tracing, add_link, carrier, continued_from, linked_to

TRACE = "0af7651916cd43dd8448eb211c80319c"
HEADERS = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}


@workflow
async def job(step: Step[Any]) -> None:
    """Take a step."""
    await step(give, 1)


async def test_a_step_can_send_its_span_along() -> None:
    """What is carried names the span of the step that carries it."""
    spans = Spans()
    sent: list[dict[str, str]] = []

    async def enqueue() -> Any:
        sent.append(carrier())
        return Ok(None)

    @workflow
    async def sends(step: Step[Any]) -> None:
        await step(enqueue)

    await sends.options(observers=[Tracing(spans.provider)])()

    context = spans.named("enqueue").context
    assert context is not None
    assert trace.format_span_id(context.span_id) in sent[0]["traceparent"]


async def test_a_run_goes_on_with_a_trace_from_elsewhere() -> None:
    """Its parent is the span whose strings arrived, whatever the case of their names."""
    spans = Spans()

    with continued_from({"Traceparent": HEADERS["traceparent"]}):
        await job.options(observers=[Tracing(spans.provider)])()

    parent = spans.named("job").parent
    assert parent is not None
    assert trace.format_trace_id(parent.trace_id) == TRACE


async def test_a_job_begins_a_trace_with_a_link() -> None:
    """Nobody waits for it: it is no child, but leads back. Only the run has the link."""
    spans = Spans()

    with (
        spans.provider.get_tracer("worker").start_as_current_span("worker loop"),
        linked_to(HEADERS),
    ):
        await job.options(observers=[Tracing(spans.provider)])()

    run = spans.named("job")
    assert run.parent is None
    assert [trace.format_trace_id(link.context.trace_id) for link in run.links] == [TRACE]
    assert spans.named("give").links == ()


async def test_baggage_travels_with_the_trace() -> None:
    """What was put into the baggage arrives in continued and in linked runs."""
    token = attach(baggage.set_baggage("tenant", "acme"))
    try:
        sent = carrier()
    finally:
        detach(token)

    with continued_from(sent):
        continued = baggage.get_baggage("tenant")
    with linked_to(sent):
        linked = baggage.get_baggage("tenant")

    assert (continued, linked) == ("acme", "acme")
    assert baggage.get_baggage("tenant") is None


async def test_a_carrier_without_a_trace_changes_nothing() -> None:
    """A caller that traces nothing sends nothing, and the run is one like any other."""
    spans = Spans()

    with continued_from({}), linked_to({}):
        await job.options(observers=[Tracing(spans.provider)])()

    assert spans.named("job").parent is None
    assert spans.named("job").links == ()


async def test_a_hedge_can_be_linked_to_what_it_hedges() -> None:
    """The current span gets a link; with nothing to link to it stays as it is."""
    spans = Spans()

    async def hedge() -> Any:
        add_link(HEADERS)
        add_link({})
        return Ok(None)

    @workflow
    async def hedges(step: Step[Any]) -> None:
        await step(hedge)

    await hedges.options(observers=[Tracing(spans.provider)])()

    [link] = spans.named("hedge").links
    assert trace.format_trace_id(link.context.trace_id) == TRACE
    assert attributes(spans.named("hedge"))["awaitly.outcome.status"] == "ok"
