"""Spans of runs: what they are called, where they lie, what they say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
from dependencies import Declined, crash, fail, give
from opentelemetry import trace
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import StatusCode
from spans import Spans, attributes, events, id_of

from awaitly_trio import (
    CircuitOpen,
    Err,
    Ok,
    Step,
    TaggedError,
    TimedOut,
    observing,
    spaced,
    workflow,
)
from awaitly_trio._policies.bucket import TokenBucket
from awaitly_trio._policies.circuit import BreakerSettings
from awaitly_trio._policies.trip import ConsecutiveFailures
from awaitly_trio._tasks.breaker import CircuitBreaker
from awaitly_trio._tasks.hedge import Hedge
from awaitly_trio._tasks.limiter import RateLimiter
from awaitly_trio.otel import Tracing, Untraced

if TYPE_CHECKING:
    from trio.testing import MockClock

    from awaitly_trio import Result

VIRTUAL_EPOCH = 946_684_800


class CardDeclined(TaggedError):
    """A planned error with a field that nobody may read."""

    card: str


@workflow
async def inner(step: Step[Any]) -> int:
    """Take one step."""
    return await step(give, 1)


@workflow
async def outer(step: Step[Any]) -> int:
    """Take a step and a workflow."""
    await step(give, 0)
    return await step(inner)


async def test_spans_lie_as_scopes_do() -> None:
    """A workflow that is a step of another lies inside that step."""
    spans = Spans()

    await outer.options(observers=[Tracing(spans.provider)])()

    assert spans.trees() == [
        ("outer", [("give", []), ("inner", [("inner", [("give", [])])])]),
    ]


async def test_a_span_says_what_it_is() -> None:
    """Kind, path, run and workflow, key, tags and description are attributes."""
    spans = Spans()

    @workflow
    async def tagged(step: Step[Any]) -> None:
        await step.options(key="order-1", tags=["slow"], description="Get it")(give, 1)

    await tagged.options(observers=[Tracing(spans.provider)], run_id="run-1")()

    assert attributes(spans.named("give")) == {
        "awaitly.scope.kind": "step",
        "awaitly.scope.path": "tagged/give",
        "awaitly.run.id": "run-1",
        "awaitly.workflow.name": "tagged",
        "awaitly.scope.key": "order-1",
        "awaitly.scope.tags": ("slow",),
        "awaitly.scope.description": "Get it",
        "awaitly.outcome.status": "ok",
    }


async def test_times_are_those_of_the_virtual_clock(autojump_clock: MockClock) -> None:
    """Two equal runs in virtual time have equal traces."""
    spans = Spans()

    @workflow
    async def slow(step: Step[Any]) -> None:
        await step(give, 1, after=2)
        await step.options(name="again")(give, 1, after=3)

    await slow.options(observers=[Tracing(spans.provider)])()

    again = spans.named("again")
    assert again.start_time == (VIRTUAL_EPOCH + 2) * 10**9
    assert again.end_time == (VIRTUAL_EPOCH + 5) * 10**9


async def test_spans_of_libraries_lie_inside_the_step() -> None:
    """The span of a step is current while its dependency runs."""
    spans = Spans()
    tracer = spans.provider.get_tracer("driver")

    async def query() -> Result[int, Any]:
        with tracer.start_as_current_span("SELECT"):
            await trio.lowlevel.checkpoint()
        return Ok(1)

    @workflow
    async def reads(step: Step[Any]) -> None:
        await step(query)

    await reads.options(observers=[Tracing(spans.provider)])()

    assert spans.trees() == [("reads", [("query", [("SELECT", [])])])]


async def test_a_run_lies_inside_the_span_around_it() -> None:
    """The span of a web server's request is the parent of the run."""
    spans = Spans()

    with spans.provider.get_tracer("server").start_as_current_span("GET /"):
        await inner.options(observers=[Tracing(spans.provider)])()

    assert spans.trees() == [("GET /", [("inner", [("give", [])])])]


async def test_steps_in_a_nursery_of_ones_own_lie_in_the_run() -> None:
    """Tasks inherit the span of whoever starts them."""
    spans = Spans()

    @workflow
    async def by_hand(step: Step[Any]) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(step, give, 1)
            nursery.start_soon(step.options(name="other"), give, 2)

    await by_hand.options(observers=[Tracing(spans.provider)])()

    [(name, inside)] = spans.trees()
    assert name == "by_hand"
    assert sorted(inside) == [("give", []), ("other", [])]


async def test_branches_lie_in_their_block() -> None:
    """A block is a span, and so is each of its branches."""
    spans = Spans()

    @workflow
    async def both(step: Step[Any]) -> None:
        async with step.parallel("load") as group:
            group.options(name="a").start_soon(give, 1)
            group.options(name="b").start_soon(give, 2)

    await both.options(observers=[Tracing(spans.provider)])()

    [(name, [(block, branches)])] = spans.trees()
    assert (name, block, sorted(branches)) == ("both", "load", [("a", []), ("b", [])])


async def test_threads_know_the_span_of_their_step() -> None:
    """What runs in a thread of Trio's has the span as its parent, too."""
    spans = Spans()
    tracer = spans.provider.get_tracer("driver")

    def work() -> None:
        with tracer.start_as_current_span("in the thread"):
            pass

    async def threaded() -> Result[None, Any]:
        await trio.to_thread.run_sync(work)
        return Ok(None)

    @workflow
    async def waits(step: Step[Any]) -> None:
        await step(threaded)

    await waits.options(observers=[Tracing(spans.provider)])()

    assert spans.trees() == [("waits", [("threaded", [("in the thread", [])])])]


async def test_a_run_started_from_a_thread_lies_in_the_span_of_the_thread() -> None:
    """Into a thread and back the trace is one."""
    spans = Spans()
    traced = inner.options(observers=[Tracing(spans.provider)])

    def work() -> None:
        trio.from_thread.run(traced)

    with spans.provider.get_tracer("server").start_as_current_span("request"):
        await trio.to_thread.run_sync(work)

    assert spans.trees() == [("request", [("inner", [("give", [])])])]


async def test_a_planned_error_is_no_failure_of_the_span() -> None:
    """The outcome and the type of the error are attributes; the status stays unset."""
    spans = Spans()

    async def charge() -> Result[None, CardDeclined]:
        return Err(CardDeclined("card-number"))

    @workflow
    async def pay(step: Step[CardDeclined]) -> None:
        await step(charge)

    await pay.options(observers=[Tracing(spans.provider)])()

    for span in spans.all:
        assert span.status.status_code is StatusCode.UNSET
        assert attributes(span)["awaitly.outcome.status"] == "error"
        assert attributes(span)["error.type"] == f"{__name__}.CardDeclined"
        assert "card-number" not in str(attributes(span))


async def test_a_planned_error_fails_the_span_if_asked() -> None:
    """Where errors of the business are to be seen in red."""
    spans = Spans()

    @workflow
    async def pay(step: Step[Declined]) -> None:
        await step(fail, Declined())

    await pay.options(observers=[Tracing(spans.provider, errors_fail_spans=True)])()

    assert {span.status.status_code for span in spans.all} == {StatusCode.ERROR}


async def test_an_error_that_is_a_code_is_its_own_type() -> None:
    """A string that could be a name is told; any other may hold anything."""
    spans = Spans()

    @workflow
    async def both(step: Step[Any]) -> None:
        await step.settle(lambda: fail("not_found"), lambda: fail("order 17 is missing"))

    await both.options(observers=[Tracing(spans.provider)])()

    types = [attributes(span).get("error.type") for span in spans.all]
    assert "not_found" in types
    assert "str" in types


async def test_a_defect_is_recorded_once_where_it_arose() -> None:
    """All spans that it leaves have the status of an error, one has the exception."""
    spans = Spans()

    @workflow
    async def broken(step: Step[Any]) -> None:
        await step(crash, ValueError("boom"))

    @workflow
    async def around(step: Step[Any]) -> None:
        await step(broken)

    await around.options(observers=[Tracing(spans.provider)])()

    assert {span.status.status_code for span in spans.all} == {StatusCode.ERROR}
    assert [span.name for span in spans.all if span.events] == ["crash"]
    recorded = events(spans.named("crash"))["exception"]
    assert (recorded["exception.type"], recorded["exception.message"]) == ("ValueError", "boom")
    assert attributes(spans.named("crash"))["error.type"] == "ValueError"


async def test_a_defect_of_the_body_is_recorded_on_the_run() -> None:
    """A step that went well has nothing to do with it."""
    spans = Spans()

    @workflow
    async def broken(step: Step[Any]) -> None:
        await step(give, 1)
        raise KeyError

    await broken.options(observers=[Tracing(spans.provider)])()

    assert "exception" in events(spans.named("broken"))
    assert spans.named("give").status.status_code is StatusCode.UNSET


async def test_a_cancelled_span_says_who_cancelled_it(autojump_clock: MockClock) -> None:
    """The status stays unset: nothing is wrong with the step."""
    spans = Spans()

    @workflow
    async def slow(step: Step[Any]) -> None:
        await step(give, 1, after=10)

    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(slow.options(observers=[Tracing(spans.provider)]))
            await trio.sleep(1)
            scope.cancel(reason="the shop closes")

    step = spans.named("give")
    assert step.status.status_code is StatusCode.UNSET
    assert attributes(step)["awaitly.outcome.status"] == "cancelled"
    assert attributes(step)["awaitly.outcome.source"] == "explicit"
    assert attributes(step)["awaitly.outcome.reason"] == "the shop closes"
    assert "error.type" not in attributes(step)


async def test_a_loser_of_a_race_names_the_winner(autojump_clock: MockClock) -> None:
    """A cancel of our own says why, and through whom."""
    spans = Spans()

    @workflow
    async def fastest(step: Step[Any]) -> int:
        return await step.race(lambda: give(1, after=1), lambda: give(2, after=9))

    await fastest.options(observers=[Tracing(spans.provider)])()

    lost = [each for each in map(attributes, spans.all) if "awaitly.outcome.why" in each]
    assert [each["awaitly.outcome.why"] for each in lost] == ["lost_race"]
    assert lost[0]["awaitly.outcome.by"].startswith("fastest/")


async def test_retries_are_events_of_the_step(autojump_clock: MockClock) -> None:
    """Each attempt is a span, and the step notes why there was a further one."""
    spans = Spans()
    results: list[Result[str, Any]] = [Err(Declined()), Ok("paid")]

    async def charge() -> Result[str, Declined]:
        return results.pop(0)

    @workflow
    async def pay(step: Step[Declined]) -> str:
        return await step.options(retry=spaced(2, attempts=3))(charge)

    await pay.options(observers=[Tracing(spans.provider)])()

    assert spans.trees() == [("pay", [("charge", [("attempt", []), ("attempt", [])])])]
    assert events(spans.named("charge")) == {
        "awaitly.retry": {
            "awaitly.attempt.number": 1,
            "awaitly.retry.delay": 2.0,
            "error.type": "dependencies.Declined",
        }
    }


async def test_a_time_out_is_an_event_of_the_step(autojump_clock: MockClock) -> None:
    """With the allowance that ran out; the step's outcome says so as well."""
    spans = Spans()

    @workflow
    async def slow(step: Step[TimedOut]) -> None:
        await step.options(timeout=3)(give, 1, after=10)

    await slow.options(observers=[Tracing(spans.provider)])()

    step = spans.named("give")
    assert events(step)["awaitly.timeout"]["awaitly.timeout.seconds"] == 3
    assert attributes(step)["awaitly.outcome.status"] == "timed_out"
    assert attributes(step)["error.type"] == "awaitly_trio.TimedOut"


async def test_values_are_told_only_if_asked() -> None:
    """Arguments, results and errors appear as text, each behind the redaction."""
    spans = Spans()

    def hide(what: str, value: Any) -> Any:
        return "***" if what == "result" else value

    await inner.options(
        observers=[Tracing(spans.provider, values=True, redact=hide)],
    )()

    told = attributes(spans.named("give"))
    assert told["awaitly.value.arguments"] == "(1,)"
    assert told["awaitly.value.result"] == "***"


async def test_the_message_of_a_defect_can_be_redacted() -> None:
    """An exception may carry a customer's data."""
    spans = Spans()

    @workflow
    async def broken(step: Step[Any]) -> None:
        await step(crash, ValueError("card card-number"))

    await broken.options(
        observers=[Tracing(spans.provider, redact=lambda what, _: f"some {what}")]
    )()

    recorded = events(spans.named("crash"))["exception"]
    assert recorded == {"exception.type": "ValueError", "exception.message": "some exception"}


async def test_a_redaction_that_raises_tells_nothing_and_changes_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The run goes on, the span ends, and the value is not in it."""
    spans = Spans()

    def broken(what: str, value: Any) -> Any:
        raise RuntimeError(what)

    observers = [Tracing(spans.provider, values=True, redact=broken)]

    assert await inner.options(observers=observers)() == Ok(1)
    assert spans.names == ["give", "inner"]
    assert "awaitly.value.result" not in attributes(spans.named("give"))
    assert "RuntimeError" in caplog.text


async def test_what_is_on_twice_makes_one_span() -> None:
    """For the process and for the run; the run's own settings count."""
    around, own = Spans(), Spans()

    with observing(Tracing(around.provider)):
        await inner.options(observers=[Tracing(own.provider)])()

    assert (own.names, around.names) == (["give", "inner"], [])


async def test_a_run_can_be_left_out() -> None:
    """Off for one run inside a traced one, which goes on as it was."""
    spans = Spans()

    @workflow
    async def around(step: Step[Any]) -> None:
        await step(inner.options(observers=[Untraced()]))
        await step.options(name="after")(give, 1)

    with observing(Tracing(spans.provider)):
        await around()

    assert spans.trees() == [("around", [("inner", []), ("after", [])])]


async def test_an_unsampled_run_builds_nothing() -> None:
    """Not even what it would have said: the redaction is never asked."""
    spans = Spans(sampler=ALWAYS_OFF)
    asked: list[str] = []

    def note(what: str, value: Any) -> Any:
        asked.append(what)
        return value

    observers = [Tracing(spans.provider, values=True, redact=note)]

    await outer.options(observers=observers)()

    assert (asked, spans.names) == ([], [])


async def test_spans_of_libraries_are_unsampled_with_the_run() -> None:
    """The decision of the sampler holds for all that lies inside."""
    spans = Spans(sampler=ALWAYS_OFF)
    found: list[trace.SpanContext] = []

    async def look() -> Result[None, Any]:
        found.append(trace.get_current_span().get_span_context())
        return Ok(None)

    @workflow
    async def looks(step: Step[Any]) -> None:
        await step(look)

    await looks.options(observers=[Tracing(spans.provider)])()

    assert found[0].is_valid
    assert not found[0].trace_flags.sampled


async def test_without_an_sdk_nothing_is_done() -> None:
    """The API alone records nothing, so no span is opened."""
    tracing = Tracing(trace.NoOpTracerProvider())
    open_spans: list[int] = []

    async def look() -> Result[None, Any]:
        open_spans.append(tracing.open_spans)
        return Ok(None)

    @workflow
    async def looks(step: Step[Any]) -> None:
        await step(look)

    await looks.options(observers=[tracing])()

    assert open_spans == [0]


async def test_the_span_before_is_current_again_afterwards() -> None:
    """Nothing of a run is left behind in the task that called it."""
    spans = Spans()

    with spans.provider.get_tracer("server").start_as_current_span("request") as request:
        await outer.options(observers=[Tracing(spans.provider)])()

        assert trace.get_current_span() is request


async def test_a_breaker_that_trips_is_noted_on_the_step() -> None:
    """Its changes of state are events of the span in which they happen."""
    spans = Spans()
    tracing = Tracing(spans.provider)
    breaker = CircuitBreaker("cards", on_change=tracing.on_circuit_change)

    @workflow
    async def pay(step: Step[Declined | CircuitOpen]) -> None:
        await step(breaker.wrap(fail), Declined())

    for _ in range(20):
        await pay.options(observers=[tracing])()

    [(step, changed)] = [
        (span.name, event.attributes)
        for span in spans.all
        for event in span.events
        if event.name == "awaitly.breaker_changed"
    ]
    assert step == "fail"
    assert changed is not None
    assert (changed["awaitly.breaker.name"], changed["awaitly.breaker.after"]) == ("cards", "open")


async def test_protections_are_noted_without_being_told_to(autojump_clock: MockClock) -> None:
    """A breaker that trips and refuses, and a limiter that lets wait, need no callback."""
    spans = Spans()
    breaker = CircuitBreaker("cards", BreakerSettings(ConsecutiveFailures(1)))
    limiter = RateLimiter("api", TokenBucket(1, burst=1))

    @workflow
    async def pay(step: Step[Any]) -> None:
        await breaker(fail, Declined())
        await step(limiter.wrap(give), 1)
        await step(limiter.wrap(give), 2)
        await step(breaker.wrap(fail), Declined())

    await pay.options(observers=[Tracing(spans.provider)])()

    noted = {name: fields for span in spans.all for name, fields in events(span).items()}
    assert list(events(spans.named("pay"))) == ["awaitly.breaker_changed"]
    assert noted["awaitly.breaker_changed"]["awaitly.breaker.after"] == "open"
    assert noted["awaitly.breaker_refused"] == {"awaitly.breaker.name": "cards"}
    assert noted["awaitly.limiter_waited"] == {
        "awaitly.limiter.name": "api",
        "awaitly.limiter.seconds": pytest.approx(1),
        "awaitly.limiter.admitted": True,
    }


async def fetch_slowly(calls: list[int]) -> Result[int, Any]:
    """Take nine seconds the first time, and one from then on."""
    calls.append(len(calls) + 1)
    return await give(calls[-1], after=9 if len(calls) == 1 else 1)


async def test_a_hedge_is_linked_to_what_it_hedges(autojump_clock: MockClock) -> None:
    """Each attempt is a span in that of the step; the one that lost was cancelled."""
    spans = Spans()
    tracing = Tracing(spans.provider)

    @workflow
    async def ask(step: Step[Any]) -> int:
        return await step(Hedge(2).wrap(fetch_slowly), [])

    result = await ask.options(observers=[tracing])()

    by_number = {
        attributes(span)["awaitly.hedge.attempt"]: span
        for span in spans.all
        if span.name == "hedged attempt"
    }
    first, hedge = by_number[1], by_number[2]
    assert result == Ok(2)
    [link] = hedge.links
    assert link.context.span_id == id_of(first)
    assert link.attributes == {"awaitly.link.kind": "hedge"}
    assert not first.links
    assert [attributes(span)["awaitly.outcome.status"] for span in (first, hedge)] == [
        "cancelled",
        "ok",
    ]
    step = id_of(spans.named("fetch_slowly"))
    assert {span.parent.span_id for span in (first, hedge) if span.parent} == {step}
    assert tracing.open_spans == 0


async def test_hedged_attempts_end_when_their_run_is_cancelled(
    autojump_clock: MockClock,
) -> None:
    """Both are cancelled, and no span stays open."""
    spans = Spans()
    tracing = Tracing(spans.provider)

    @workflow
    async def ask(step: Step[Any]) -> None:
        await step(Hedge(1).wrap(give), 1, after=9)

    with trio.move_on_after(2):
        await ask.options(observers=[tracing])()

    assert sorted(spans.names) == ["ask", "give", "hedged attempt", "hedged attempt"]
    assert tracing.open_spans == 0


async def test_what_a_hedged_attempt_does_lies_in_its_span(autojump_clock: MockClock) -> None:
    """Spans of libraries, and of workflows that are hedged, are told apart by attempt."""
    spans = Spans()

    @workflow
    async def asked(step: Step[Any], calls: list[int]) -> int:
        return await step(fetch_slowly, calls)

    @workflow
    async def ask(step: Step[Any]) -> int:
        return await step(Hedge(2).wrap(asked), [])

    await ask.options(observers=[Tracing(spans.provider)])()

    attempt = ("hedged attempt", [("asked", [("fetch_slowly", [])])])
    assert spans.trees() == [("ask", [("asked", [attempt, attempt])])]


async def test_a_hedged_attempt_that_raises_has_the_status_of_an_error() -> None:
    """A defect fails every span that it leaves; a planned error fails none."""
    spans = Spans()
    hedge = Hedge(2)

    @workflow
    async def ask(step: Step[Any]) -> None:
        await step.catch(
            hedge, crash, ValueError("card-number"), catch=ValueError, error=Declined()
        )

    @workflow
    async def decline(step: Step[Any]) -> None:
        await step(hedge.wrap(fail), Declined())

    await ask.options(observers=[Tracing(spans.provider)])()
    await decline.options(observers=[Tracing(spans.provider)])()

    crashed, declined = (span for span in spans.all if span.name == "hedged attempt")
    assert attributes(crashed)["error.type"] == "ValueError"
    assert crashed.status.status_code is StatusCode.ERROR
    assert attributes(declined)["error.type"] == "dependencies.Declined"
    assert declined.status.status_code is StatusCode.UNSET


async def test_nothing_is_noted_for_a_span_that_is_not_sampled(
    autojump_clock: MockClock,
) -> None:
    """Hedged attempts of an unsampled run are no spans either."""
    spans = Spans(ALWAYS_OFF)
    tracing = Tracing(spans.provider)
    during: list[int] = []

    async def look(calls: list[int]) -> Result[int, Any]:
        during.append(tracing.open_spans)
        return await fetch_slowly(calls)

    @workflow
    async def ask(step: Step[Any]) -> int:
        return await step(Hedge(2).wrap(look), [])

    await ask.options(observers=[tracing])()

    assert during == [2, 2]
    assert not spans.all


async def test_what_undoes_a_step_lies_in_the_run() -> None:
    """The run notes what it is about to undo; each undoing is a span of its own kind."""
    spans = Spans()

    @workflow
    async def book(step: Step[Declined]) -> None:
        await step.compensated(give, lambda _: None, "seat")
        await step(fail, Declined())

    await book.options(observers=[Tracing(spans.provider)])()

    run = spans.named("book")
    kinds = [
        attributes(span)["awaitly.scope.kind"]
        for span in spans.all
        if span.parent is not None and span.parent.span_id == id_of(run)
    ]
    assert kinds == ["step", "step", "compensation"]
    assert events(run)["awaitly.undone"]["awaitly.saga.undone"] == ("give",)


async def test_no_span_stays_open_after_a_run_that_is_cancelled(
    autojump_clock: MockClock,
) -> None:
    """Every scope ends, so every span does."""
    spans = Spans()
    tracing = Tracing(spans.provider)

    @workflow
    async def wide(step: Step[Any]) -> None:
        async with step.parallel("all") as group:
            for number in range(5):
                group.options(name=f"branch-{number}").start_soon(give, 1, after=9)

    with trio.move_on_after(1):
        await wide.options(observers=[tracing])()

    assert tracing.open_spans == 0
    assert len({id_of(span) for span in spans.all}) == len(spans.all) == 7
