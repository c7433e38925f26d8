"""Spans where something around them is out of the ordinary: processors, tasks, samplers."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest
import trio
from dependencies import forever, give
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, Decision, Sampler, SamplingResult
from spans import Spans, attributes, id_of

from awaitly_trio import Err, Step, observing, workflow
from awaitly_trio._tasks.hedge import Hedge
from awaitly_trio.otel import Tracing, Untraced

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.context import Context
    from opentelemetry.trace import Link, SpanKind
    from opentelemetry.util.types import Attributes
    from trio.testing import MockClock

    from awaitly_trio import Result


@workflow
async def inner(step: Step[Any]) -> int:
    """Take one step."""
    return await step(give, 1)


@workflow
async def outer(step: Step[Any]) -> int:
    """Take a workflow as a step."""
    return await step(inner)


class Broken(SpanProcessor):
    """Raises whenever a span ends."""

    def on_end(self, span: ReadableSpan) -> None:
        raise RuntimeError("full")


async def test_no_span_stays_current_when_a_processor_raises() -> None:
    """The next run is no child of one that has ended."""
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(Broken())

    await inner.options(observers=[Tracing(provider)])()

    assert trace.get_current_span() is trace.INVALID_SPAN


async def test_what_outlives_its_run_ends_without_a_complaint(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """The end of the run closes the step of a task elsewhere, and leaves its context to it."""
    spans = Spans()

    @workflow
    async def leaves_behind(step: Step[Any], nursery: trio.Nursery) -> None:
        nursery.start_soon(step, forever)
        await trio.sleep(1)

    with caplog.at_level(logging.ERROR):
        async with trio.open_nursery() as nursery:
            await leaves_behind.options(observers=[Tracing(spans.provider)])(nursery)
            nursery.cancel_scope.cancel()

    assert attributes(spans.named("forever"))["awaitly.outcome.why"] == "closed"
    assert caplog.messages == []
    assert trace.get_current_span() is trace.INVALID_SPAN


class Named(Sampler):
    """Takes only spans of one step, and all that is asked for."""

    def __init__(self, wanted: str) -> None:
        self.wanted = wanted
        self.asked: list[dict[str, Any]] = []

    def should_sample(  # noqa: PLR0917  # as its base class has it
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: Any = None,
    ) -> SamplingResult:
        asked = dict(attributes or {})
        self.asked.append(asked)
        if asked.get("awaitly.scope.path") != self.wanted:
            return SamplingResult(Decision.DROP)
        return ALWAYS_ON.should_sample(parent_context, trace_id, name, kind, attributes, links)

    def get_description(self) -> str:
        return "by path"


@pytest.mark.parametrize("wanted", ["inner", "inner/give"])
async def test_a_sampler_can_ask_for_attributes(wanted: str) -> None:
    """Those of the run itself among them, and of a step in a run that is not sampled."""
    sampler = Named(wanted)
    spans = Spans(sampler)

    await inner.options(observers=[Tracing(spans.provider)])()

    assert [attributes(span)["awaitly.scope.path"] for span in spans.all] == [wanted]
    assert [asked["awaitly.scope.kind"] for asked in sampler.asked] == ["workflow", "step"]


async def test_a_step_of_an_outer_run_has_a_span_wherever_it_is_taken() -> None:
    """In the body of a run that goes elsewhere it lies in the innermost span there is."""
    around, own = Spans(), Spans()

    @workflow
    async def taker(_step: Step[Any], outer_step: Step[Any]) -> None:
        await outer_step(give, 1)

    @workflow
    async def lender(step: Step[Any]) -> None:
        await step(taker.options(observers=[Tracing(own.provider)]), step)

    await lender.options(observers=[Tracing(around.provider)])()

    assert around.trees() == [("lender", [("taker", [])]), ("give", [])]
    assert own.names == ["taker"]
    [taken] = own.all
    parent = around.named("give").parent
    assert parent is not None
    assert parent.span_id == id_of(taken)


async def test_a_span_that_could_not_begin_flattens_nothing_below_it() -> None:
    """A processor of the program's that raises costs the one span."""
    spans = Spans()

    class Refuses(SpanProcessor):
        def on_start(self, span: Any, parent_context: Any = None) -> None:
            if span.name == "refused":
                raise RuntimeError("full")

    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(Refuses())
    provider.add_span_processor(SimpleSpanProcessor(spans.memory))

    @workflow
    async def body(step: Step[Any]) -> None:
        async with step.parallel("refused") as group:
            group.start_soon(inner)

    await body.options(observers=[Tracing(provider)])()

    assert spans.trees() == [("body", [("inner", [("inner", [("give", [])])])])]


async def test_a_run_that_is_left_out_leaves_out_the_runs_inside_it() -> None:
    """Whatever is on around them."""
    spans = Spans()

    with observing(Tracing(spans.provider)):
        await outer.options(observers=[Untraced()])()

    assert spans.names == []


async def test_a_trace_is_not_torn_between_two_places() -> None:
    """Runs inside one that has a tracer of its own go where that one goes."""
    around, own = Spans(), Spans()

    with observing(Tracing(around.provider)):
        await outer.options(observers=[Tracing(own.provider)])()

    assert around.names == []
    assert own.trees() == [("outer", [("inner", [("inner", [("give", [])])])])]


async def test_hedges_of_a_block_have_spans_too(autojump_clock: MockClock) -> None:
    """A call that is watched and belongs to no run has one for each of its attempts."""
    spans = Spans()
    tracing = Tracing(spans.provider)

    with observing(tracing):
        await Hedge(1).wrap(give)(1, after=1.5)

    assert spans.names == ["hedged attempt", "hedged attempt"]
    assert tracing.open_spans == 0


@pytest.mark.parametrize("kind", ["race", "settle", "all", "map", "sleep"])
async def test_a_block_of_ours_tells_nothing_of_its_own(kind: str) -> None:
    """With values on, only what a user called with is told: no state of the engine."""
    spans = Spans()

    @workflow
    async def several(step: Step[Any], order: str) -> None:
        calls = (give_order, give_order)
        if kind == "map":
            await step.map(give, ["a", "b"], limit=2)
        elif kind == "sleep":
            await step.sleep(0)
        else:
            await getattr(step, kind)(*calls)

    async def give_order() -> Any:
        return await give("order")

    tracing = Tracing(spans.provider, values=True)
    await several.options(observers=[tracing], context={"token": "secret"})("order-17")

    told = attributes(spans.named("several"))
    assert told["awaitly.value.arguments"] == "('order-17',)"
    assert "awaitly.value.arguments" not in attributes(spans.named(kind))
    assert "secret" not in str([attributes(span) for span in spans.all])


async def test_a_name_that_is_no_text_of_unicode_can_be_sent() -> None:
    """One such name of a step would have cost all spans that are sent with it."""
    spans = Spans()

    @workflow
    async def reads(step: Step[Any]) -> None:
        await step.options(name="file-\udcff")(give, 1)

    await reads.options(observers=[Tracing(spans.provider)])()

    assert spans.names == ["file-\\udcff", "reads"]
    assert attributes(spans.named("file-\\udcff"))["awaitly.scope.path"] == "reads/file-\\udcff"


async def test_the_error_of_a_hedged_attempt_is_redacted(autojump_clock: MockClock) -> None:
    """What is a code may be a secret all the same."""
    spans = Spans()

    async def leaks() -> Result[Any, str]:
        return Err("sk_live_secret")

    @workflow
    async def ask(step: Step[str]) -> None:
        await step(Hedge(1).wrap(leaks))

    tracing = Tracing(spans.provider, redact=lambda what, value: "hidden")
    await ask.options(observers=[tracing])()

    assert "secret" not in str([(span.name, attributes(span)) for span in spans.all])
    assert attributes(spans.named("hedged attempt"))["error.type"] == "hidden"
