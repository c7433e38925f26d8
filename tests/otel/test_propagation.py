"""Traces that go on in another process."""

from __future__ import annotations

from email.message import Message
from typing import TYPE_CHECKING, Any

import pytest
from dependencies import give
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import baggage, propagate, trace
from opentelemetry.context import attach, detach
from opentelemetry.propagators.textmap import TextMapPropagator, default_getter, default_setter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased
from spans import Spans, attributes, id_of

from awaitly_trio import Ok, Step, workflow
from awaitly_trio.otel import (
    Tracing,
    add_link,
    carrier,
    continued_from,
    linked_to,
    resumed_from,
)

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{SPAN}-01"
HEADERS = {"traceparent": PARENT}
OTHER = {"traceparent": "00-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-bbbbbbbbbbbbbbbb-01"}
BLOCKS = [continued_from, linked_to, resumed_from]


@workflow
async def job(step: Step[Any]) -> None:
    """Take a step."""
    await step(give, 1)


def links(span: ReadableSpan) -> list[tuple[str, Any]]:
    """Return where the links of a span lead, and of what kind they are."""
    return [
        (
            trace.format_trace_id(link.context.trace_id),
            (link.attributes or {}).get("awaitly.link.kind"),
        )
        for link in span.links
    ]


def arrived(carried: Any) -> tuple[trace.SpanContext, dict[str, object]]:
    """Return the span and the baggage that something carried leads to."""
    with continued_from(carried):
        return trace.get_current_span().get_span_context(), dict(baggage.get_all())


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

    assert trace.format_span_id(id_of(spans.named("enqueue"))) in sent[0]["traceparent"]


async def test_a_run_goes_on_with_a_trace_from_elsewhere() -> None:
    """Its parent is the span whose strings arrived."""
    spans = Spans()

    with continued_from(HEADERS):
        await job.options(observers=[Tracing(spans.provider)])()

    parent = spans.named("job").parent
    assert parent is not None
    assert trace.format_trace_id(parent.trace_id) == TRACE


async def test_a_run_is_not_recorded_where_its_caller_was_not() -> None:
    """A sampler that asks the parent finds the flag of the one elsewhere."""
    spans = Spans(ParentBased(ALWAYS_ON))

    with continued_from({"traceparent": f"00-{TRACE}-{SPAN}-00"}):
        await job.options(observers=[Tracing(spans.provider)])()

    assert spans.names == []


async def test_a_job_begins_a_trace_with_a_link() -> None:
    """Nobody waits for it: it is no child, but leads back. Only the run has the link."""
    spans = Spans()

    with (
        spans.provider.get_tracer("worker").start_as_current_span("worker loop"),
        linked_to(HEADERS),
    ):
        await job.options(observers=[Tracing(spans.provider)])()

    assert spans.named("job").parent is None
    assert links(spans.named("job")) == [(TRACE, "queued")]
    assert spans.named("give").links == ()


async def test_a_batch_has_a_link_for_each_job() -> None:
    """Jobs that carry nothing are left out; the baggage is that of the first."""
    spans = Spans()
    first, second = HEADERS | {"baggage": "tenant=acme"}, OTHER | {"baggage": "tenant=bolt"}

    with linked_to(first, {}, second):
        await job.options(observers=[Tracing(spans.provider)])()
        tenant = baggage.get_baggage("tenant")

    assert links(spans.named("job")) == [(TRACE, "queued"), ("a" * 32, "queued")]
    assert tenant == "acme"


async def test_a_resumed_run_begins_a_trace_with_a_link() -> None:
    """It leads to where it was saved, perhaps days ago, and has the baggage of then."""
    spans = Spans()

    with resumed_from(HEADERS | {"baggage": "tenant=acme"}):
        await job.options(observers=[Tracing(spans.provider)])()
        tenant = baggage.get_baggage("tenant")

    assert spans.named("job").parent is None
    assert links(spans.named("job")) == [(TRACE, "resumed")]
    assert tenant == "acme"


async def test_a_run_that_is_resumed_in_a_job_has_both_links() -> None:
    """Blocks add up, the outer one first, and the baggage of the inner one counts."""
    spans = Spans()

    with (
        linked_to(OTHER | {"baggage": "tenant=bolt,job=7"}),
        resumed_from(HEADERS | {"baggage": "tenant=acme"}),
    ):
        await job.options(observers=[Tracing(spans.provider)])()
        found = baggage.get_all()

    assert links(spans.named("job")) == [("a" * 32, "queued"), (TRACE, "resumed")]
    assert found == {"tenant": "acme", "job": "7"}


async def test_each_run_of_a_block_has_the_links() -> None:
    """One after the other, each in a trace of its own."""
    spans = Spans()

    with linked_to(HEADERS):
        for _ in range(2):
            await job.options(observers=[Tracing(spans.provider)])()

    first, second = [span for span in spans.all if span.name == "job"]
    assert links(first) == links(second) == [(TRACE, "queued")]
    assert first.context is not None
    assert second.context is not None
    assert first.context.trace_id != second.context.trace_id


async def test_a_run_inside_a_run_needs_no_link() -> None:
    """It is a child of the outermost run, which has it."""
    spans = Spans()

    @workflow
    async def outermost(step: Step[Any]) -> None:
        await step(job)

    with resumed_from(HEADERS):
        await outermost.options(observers=[Tracing(spans.provider)])()

    assert [span.name for span in spans.all if span.links] == ["outermost"]
    assert spans.trees() == [("outermost", [("job", [("job", [("give", [])])])])]


@pytest.mark.parametrize("as_step", [True, False])
async def test_a_job_inside_a_run_leads_to_a_trace_of_its_own(as_step: bool) -> None:
    """A worker may be a workflow itself: what it starts for a job is no part of it, but linked."""
    spans = Spans()

    @workflow
    async def worker(step: Step[Any]) -> None:
        with linked_to(HEADERS):
            await (step(job) if as_step else job())

    await worker.options(observers=[Tracing(spans.provider)])()

    roots = {span.name: span for span in spans.all if span.parent is None}
    assert set(roots) == {"worker", "job"}
    [link] = roots["job"].links
    assert trace.format_trace_id(link.context.trace_id) == TRACE
    assert not roots["worker"].links
    assert sum(len(span.links) for span in spans.all) == 1


async def test_after_the_block_all_is_as_before() -> None:
    """Neither links nor baggage are left, and runs are children of the span around it."""
    spans = Spans()

    with spans.provider.get_tracer("worker").start_as_current_span("worker loop"):
        for block in BLOCKS:
            with block(HEADERS | {"baggage": "tenant=acme"}):
                pass
        await job.options(observers=[Tracing(spans.provider)])()
        left = baggage.get_all()

    run = spans.named("job")
    assert run.parent is not None
    assert run.parent.span_id == id_of(spans.named("worker loop"))
    assert (links(run), left) == ([], {})


@pytest.mark.parametrize("block", BLOCKS)
async def test_baggage_travels_with_the_trace(block: Any) -> None:
    """What was put into the baggage arrives, beside what the block has around it."""
    token = attach(baggage.set_baggage("tenant", "acme, München"))
    try:
        sent = carrier()
    finally:
        detach(token)

    token = attach(baggage.set_baggage("region", "north"))
    try:
        with block(sent):
            inside = baggage.get_all()
    finally:
        detach(token)

    assert inside == {"tenant": "acme, München", "region": "north"}
    assert baggage.get_all() == {}


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize(
    "nothing",
    [
        pytest.param({}, id="empty"),
        pytest.param({"order": "17"}, id="other fields"),
        pytest.param({"baggage": "tenant=acme"}, id="baggage"),
        pytest.param({"traceparent": None}, id="None"),
        pytest.param({"traceparent": f"00-{'0' * 32}-{SPAN}-01"}, id="zeros"),
        pytest.param({"traceparent": "\ud800"}, id="surrogate"),
        pytest.param({b"traceparent": b"\xff\xfe"}, id="no ASCII"),
        pytest.param([("traceparent", PARENT), ("traceparent", OTHER["traceparent"])], id="two"),
    ],
)
async def test_where_no_trace_was_carried_nothing_changes(block: Any, nothing: Any) -> None:
    """A caller that traces nothing, or writes nonsense, leaves a run like any other."""
    spans = Spans()

    with spans.provider.get_tracer("worker").start_as_current_span("loop"), block(nothing):
        await job.options(observers=[Tracing(spans.provider)])()

    run = spans.named("job")
    assert run.parent is not None
    assert run.parent.span_id == id_of(spans.named("loop"))
    assert links(run) == []


def message() -> Message:
    """Return headers as ``http.server`` has them."""
    headers = Message()
    headers["Traceparent"] = PARENT
    return headers


@pytest.mark.parametrize(
    "carried",
    [
        pytest.param({"Traceparent": PARENT}, id="any case"),
        pytest.param({"order": 17, "traceparent": PARENT}, id="a job with fields of its own"),
        pytest.param({b"traceparent": PARENT.encode()}, id="Redis"),
        pytest.param([(b"host", b"\xe9"), (b"traceparent", PARENT.encode())], id="ASGI"),
        pytest.param([["TRACEPARENT", PARENT]], id="lists from JSON"),
        pytest.param(message(), id="http.server"),
        pytest.param([("traceparent", PARENT), ("traceparent", PARENT)], id="twice the same"),
    ],
)
def test_headers_are_taken_as_they_come(carried: Any) -> None:
    """Mappings and pairs, of strings or bytes, in any case."""
    span, _ = arrived(carried)

    assert trace.format_span_id(span.span_id) == SPAN


def test_pairs_may_be_an_iterator() -> None:
    """It is read once, for the link as well as for the baggage."""
    pairs = iter([("traceparent", PARENT), ("baggage", "tenant=acme")])

    with linked_to(pairs):
        assert baggage.get_baggage("tenant") == "acme"


def test_several_lines_of_a_header_are_one_list() -> None:
    """As in HTTP: a proxy may add a line of its own to either."""
    span, found = arrived(
        [
            *HEADERS.items(),
            ("Baggage", "tenant=acme"),
            ("baggage", "region=north,job=7"),
            (b"tracestate", b"ours=1"),
            (b"tracestate", b"theirs=2"),
        ]
    )

    assert found == {"tenant": "acme", "region": "north", "job": "7"}
    assert dict(span.trace_state) == {"ours": "1", "theirs": "2"}


class OwnHeader(TextMapPropagator):
    """Writes a header of its own, in mixed case, as those of some clouds are."""

    def inject(self, carrier: Any, context: Any = None, setter: Any = default_setter) -> None:
        span = trace.get_current_span(context).get_span_context()
        setter.set(carrier, "X-Own-Trace", f"{span.trace_id:032x}-{span.span_id:016x}")

    def extract(self, carrier: Any, context: Any = None, getter: Any = default_getter) -> Any:
        found = getter.get(carrier, "X-Own-Trace")
        if not found:
            return context
        trace_id, span_id = (int(part, 16) for part in found[0].split("-"))
        span = trace.SpanContext(trace_id, span_id, is_remote=True)
        return trace.set_span_in_context(trace.NonRecordingSpan(span), context)

    @property
    def fields(self) -> set[str]:
        return {"X-Own-Trace"}


def test_what_cannot_be_read_costs_nothing_else() -> None:
    """A trace goes on beside a baggage that is no text, and baggage beside what is no trace."""
    span, found = arrived({**HEADERS, "baggage": "tenant=\udcff"})
    nothing, kept = arrived({"traceparent": "\udcff", "baggage": "tenant=acme"})

    assert trace.format_span_id(span.span_id) == SPAN
    assert found == {}
    assert not nothing.is_valid
    assert kept == {"tenant": "acme"}


class Broken(OwnHeader):
    """A propagator that refuses with an exception."""

    def extract(self, carrier: Any, context: Any = None, getter: Any = default_getter) -> Any:
        raise ValueError(carrier)


def test_a_propagator_that_raises_is_logged_and_no_more(caplog: pytest.LogCaptureFixture) -> None:
    """The work goes on without the trace."""
    before = propagate.get_global_textmap()
    propagate.set_global_textmap(Broken())
    try:
        with continued_from(HEADERS), linked_to(HEADERS):
            assert trace.get_current_span() is trace.INVALID_SPAN
    finally:
        propagate.set_global_textmap(before)

    assert caplog.messages
    assert set(caplog.messages) == {
        "what is carried cannot be read, so the trace does not go on here"
    }


async def test_what_another_propagator_carries_is_read_again() -> None:
    """Names of headers have no case, however the propagator spells its own."""
    spans = Spans()
    before = propagate.get_global_textmap()
    propagate.set_global_textmap(OwnHeader())
    try:
        with spans.provider.get_tracer("shop").start_as_current_span("request") as request:
            carried = carrier()
        with linked_to(carried):
            await job.options(observers=[Tracing(spans.provider)])()
    finally:
        propagate.set_global_textmap(before)

    [link] = spans.named("job").links
    assert set(carried) == {"X-Own-Trace"}
    assert link.context.span_id == request.get_span_context().span_id


@pytest.mark.parametrize("block", [*BLOCKS, add_link])
@pytest.mark.parametrize("wrong", [None, 7, PARENT, b"traceparent", ["traceparent"], dict])
def test_what_can_carry_nothing_is_refused(block: Any, wrong: Any) -> None:
    """The value is shown, and what to give in its place."""
    with pytest.raises(TypeError) as refused:
        block(wrong).__enter__()

    assert str(refused.value) == (
        f"what is carried must be a mapping or pairs, of strings or bytes, not {wrong!r}: give "
        "what carrier() returned, the headers that arrived, or {} where nothing was carried"
    )


async def test_a_step_can_be_linked_to_what_it_takes_up() -> None:
    """The current span gets a link; with nothing to link to it stays as it is."""
    spans = Spans()

    async def takes_up() -> Any:
        add_link(HEADERS)
        add_link({})
        return Ok(None)

    @workflow
    async def takes(step: Step[Any]) -> None:
        await step(takes_up)

    await takes.options(observers=[Tracing(spans.provider)])()

    assert links(spans.named("takes_up")) == [(TRACE, None)]
    assert attributes(spans.named("takes_up"))["awaitly.outcome.status"] == "ok"


NAMES = st.sampled_from(["traceparent", "TraceState", "baggage"]) | st.text()
TEXTS = st.text() | st.from_regex(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}.?")
JUNK = st.none() | st.integers() | TEXTS | st.binary()
KEYS = NAMES | NAMES.map(lambda name: name.encode(errors="replace"))


@given(st.dictionaries(KEYS, JUNK) | st.lists(st.tuples(KEYS | JUNK, JUNK)))
def test_whatever_arrives_does_no_harm(carried: Any) -> None:
    """What a stranger sends in the place of a trace never raises."""
    for block in BLOCKS:
        with block(carried):
            pass


BAGGAGE = st.dictionaries(
    st.from_regex(r"[a-z][a-z0-9_.-]{0,20}", fullmatch=True),
    # OpenTelemetry strips the values that it reads.
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20).filter(
        lambda value: value == value.strip()
    ),
    max_size=5,
)


@given(st.integers(1, 2**128 - 1), st.integers(1, 2**64 - 1), st.booleans(), BAGGAGE)
def test_what_is_carried_arrives_through_every_transport(
    trace_id: int, span_id: int, is_sampled: bool, entries: dict[str, str]
) -> None:
    """Span and baggage are the same after a trip as strings, as bytes, and in pairs."""
    state = trace.TraceState([("ours", "1")])
    sent = trace.SpanContext(trace_id, span_id, True, trace.TraceFlags(is_sampled), state)
    context = trace.set_span_in_context(trace.NonRecordingSpan(sent))
    for name, value in entries.items():
        context = baggage.set_baggage(name, value, context)
    token = attach(context)
    try:
        strings = carrier()
    finally:
        detach(token)

    fields = {name.encode(): value.encode() for name, value in strings.items()}
    for carried in (strings, fields, [(name.title(), fields[name]) for name in fields]):
        assert arrived(carried) == (sent, entries)
