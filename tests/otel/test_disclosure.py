"""What telemetry tells of a program's own data."""

from __future__ import annotations

import json
import logging
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import trio
from dependencies import crash, fail, give
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.trace import StatusCode
from spans import Spans, attributes, events

from awaitly_trio import Ok, Step, spaced, workflow
from awaitly_trio._policies.circuit import BreakerSettings
from awaitly_trio._policies.trip import ConsecutiveFailures
from awaitly_trio._tasks.breaker import CircuitBreaker
from awaitly_trio.observe import RunSummary, Summaries
from awaitly_trio.otel import Logs, Metrics, Tracing

if TYPE_CHECKING:
    from collections.abc import Callable

    from awaitly_trio import Result, Workflow

SECRET = "4111-secret"  # noqa: S105  # what a test looks for
CODE = "sk_live_51H8xY2eZvKYlo2C"


@dataclass(frozen=True)
class CardDeclined:
    """A planned error that shows a card's number."""

    card: str


def hide_all(what: str, value: Any) -> Any:
    """Tell nothing, and say what it was."""
    return f"<{what}>"


def hide_errors(what: str, value: Any) -> Any:
    """Tell everything but errors."""
    return "***" if what == "error" else value


class Watched:
    """What all kinds of telemetry told of a run."""

    def __init__(self, caplog: pytest.LogCaptureFixture, **options: Any) -> None:
        caplog.set_level(logging.DEBUG, "awaitly_trio.events")
        self._caplog, self._reader = caplog, InMemoryMetricReader()
        self.spans, self.summaries = Spans(), list[RunSummary]()
        meters = MeterProvider([self._reader], shutdown_on_exit=False)
        metrics = Metrics(meters, redact=options.get("redact", lambda _, value: value))
        tracing = Tracing(self.spans.provider, **options)
        logs = Logs(**options)
        self.observers = [tracing, metrics, logs, Summaries(self.summaries.append)]

    @property
    def text(self) -> str:
        """All that was told, as one text."""
        told = [span.to_json() for span in self.spans.all]
        told += [str(vars(record)) for record in self._caplog.records]
        metrics = self._reader.get_metrics_data()
        told.append(metrics.to_json() if metrics is not None else "")
        return "\n".join([*told, self._caplog.text, *map(str, self.summaries)])

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The fields of the lines of the log."""
        return [vars(record).get("fields", {}) for record in self._caplog.records]


async def insist(error: Any) -> Result[Any, Any]:
    """Fail as planned, whoever cancels it meanwhile."""
    with trio.CancelScope(shield=True):
        await trio.lowlevel.checkpoint()
        return await fail(error)


@workflow
async def several(step: Step[Any]) -> None:
    """Fail with two errors in one block."""
    async with step.parallel("block") as group:
        group.start_soon(fail, CardDeclined("first"))
        group.start_soon(insist, CardDeclined(SECRET))


@workflow
async def crashing_beside(step: Step[Any]) -> None:
    """Raise in the body while a planned error leaves a block inside."""
    async with step.parallel("block") as group:
        group.start_soon(insist, CardDeclined(SECRET))
        raise ValueError("boom")


@workflow
async def cancelled_by_a_nursery(step: Step[Any]) -> None:
    """Cancel a step with an exception, which Trio shows in the reason."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(step, give, 1, 9)
        await trio.testing.wait_all_tasks_blocked()
        raise ValueError(SECRET)


@workflow
async def failing_with_a_code(step: Step[Any]) -> None:
    """Fail with a string that looks like a code, after a retry."""
    await step.options(retry=spaced(0, attempts=2))(fail, CODE)


@workflow
async def deciding(step: Step[Any]) -> None:
    """Choose by a value that is nobody's business."""
    await step.branch("card", SECRET, {SECRET: lambda: give(1)})


@workflow
async def failing_to_undo(step: Step[Any]) -> None:
    """Raise while undoing, so that the traceback has what was failed with before."""
    await step.compensated(give, lambda _: crash(OSError("full")), 1)
    await step(fail, CardDeclined(SECRET))


LEAKS = [several, crashing_beside, failing_with_a_code, deciding, failing_to_undo]


@pytest.mark.parametrize("subject", [several, crashing_beside, deciding, failing_to_undo])
async def test_values_off_tells_types_only(
    subject: Workflow[[], Any, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Neither spans nor lines nor metrics nor summaries have what an error or a choice holds."""
    watched = Watched(caplog)
    logging.getLogger("awaitly_trio").setLevel(logging.CRITICAL)

    try:
        await subject.options(observers=watched.observers)()
    finally:
        logging.getLogger("awaitly_trio").setLevel(logging.NOTSET)

    assert SECRET not in watched.text
    assert subject.name in watched.text


@pytest.mark.parametrize("values", [False, True])
@pytest.mark.parametrize("subject", LEAKS)
async def test_redact_has_the_last_word(
    subject: Workflow[[], Any, Any], values: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Whether values are told or not, and whatever it is that comes from the program."""
    watched = Watched(caplog, values=values, redact=hide_all)
    logging.getLogger("awaitly_trio").setLevel(logging.CRITICAL)

    try:
        await subject.options(observers=watched.observers[:3])()
    finally:
        logging.getLogger("awaitly_trio").setLevel(logging.NOTSET)

    assert SECRET not in watched.text
    assert CODE not in watched.text


async def test_errors_that_did_not_win_are_told_by_type(caplog: pytest.LogCaptureFixture) -> None:
    """And as what they are where values are told."""
    discreet, open_ = Watched(caplog), Watched(caplog, values=True)
    redacted = Watched(caplog, values=True, redact=hide_errors)

    for watched in (discreet, open_, redacted):
        await several.options(observers=watched.observers)()

    found = [
        attributes(watched.spans.named("block"))["awaitly.outcome.notes"]
        for watched in (discreet, open_, redacted)
    ]
    assert found == [
        (f"also failed: {__name__}.CardDeclined",),
        (f"also failed: CardDeclined(card='{SECRET}')",),
        ("also failed: ***",),
    ]
    assert discreet.lines[-1]["awaitly.outcome.notes"] == ("also failed: ***",)


async def test_the_traceback_of_a_defect_shows_no_planned_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A traceback shows the notes of its exception; the defect itself is told all the same."""
    watched = Watched(caplog)

    await crashing_beside.options(observers=watched.observers)()

    [recorded] = [
        event.attributes
        for span in watched.spans.all
        for event in span.events
        if event.name == "exception" and event.attributes is not None
    ]
    [line] = [fields for fields in watched.lines if "exception.stacktrace" in fields]
    for told in (str(recorded["exception.stacktrace"]), line["exception.stacktrace"]):
        assert "ValueError: boom" in told
        assert SECRET not in told


async def test_notes_of_the_program_are_told_with_the_values() -> None:
    """They are texts of which nobody knows what is in them."""
    discreet, open_ = Spans(), Spans()

    @workflow
    async def broken(step: Step[Any]) -> None:
        bug = ValueError("boom")
        bug.__notes__ = ["order 17"]  # type: ignore[attr-defined,unused-ignore]
        await step(crash, bug)

    await broken.options(observers=[Tracing(discreet.provider)])()
    await broken.options(observers=[Tracing(open_.provider, values=True)])()

    assert "awaitly.outcome.notes" not in attributes(discreet.named("crash"))
    assert attributes(open_.named("crash"))["awaitly.outcome.notes"] == ("order 17",)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({}, "Code block inside nursery contextmanager raised exception ValueError"),
        (
            {"values": True},
            f"Code block inside nursery contextmanager raised exception ValueError('{SECRET}')",
        ),
        ({"redact": hide_all}, "<reason>"),
    ],
    ids=["types", "values", "redacted"],
)
async def test_an_exception_in_a_reason_is_told_by_type(
    options: dict[str, Any], reason: str
) -> None:
    """Trio shows there the exception of a task that failed."""
    spans = Spans()

    await cancelled_by_a_nursery.options(observers=[Tracing(spans.provider, **options)])()

    assert attributes(spans.named("give"))["awaitly.outcome.reason"] == reason


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("the shop closes (at six)", "the shop closes (at six)"),
        (f"gave up after {ValueError(SECRET)!r}", "gave up after ValueError"),
        (f"child task raised exception <{SECRET}>", "child task raised exception"),
    ],
)
async def test_a_reason_of_ones_own_is_told_without_reprs(given: str, told: str) -> None:
    """It was written to be read, up to the exception that somebody put into it."""
    spans = Spans()

    @workflow
    async def slow(step: Step[Any]) -> None:
        await step(give, 1, after=9)

    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(slow.options(observers=[Tracing(spans.provider)]))
            await trio.testing.wait_all_tasks_blocked()
            scope.cancel(reason=given)

    assert attributes(spans.named("give"))["awaitly.outcome.reason"] == told


async def test_an_error_that_is_a_code_is_told_unless_redacted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """In spans, their status and their events, in lines and in metrics."""
    plain = Watched(caplog)
    redacted = Watched(caplog, redact=hide_errors)
    failed = Spans()

    await failing_with_a_code.options(observers=plain.observers)()
    assert plain.lines[-1]["error.type"] == CODE
    caplog.clear()
    await failing_with_a_code.options(observers=redacted.observers[:3])()
    await failing_with_a_code.options(
        observers=[Tracing(failed.provider, errors_fail_spans=True, redact=hide_errors)]
    )()

    assert attributes(plain.spans.named("fail"))["error.type"] == CODE
    assert attributes(redacted.spans.named("fail"))["error.type"] == "str"
    assert events(redacted.spans.named("fail"))["awaitly.retry"]["error.type"] == "str"
    assert failed.named("fail").status.description == "str"
    assert CODE not in redacted.text


async def test_a_choice_is_told_if_it_is_a_code() -> None:
    """Its key matters to people, but it may also be a value."""

    @workflow
    async def ships(step: Step[Any]) -> None:
        await step.branch("way", "express", {"express": lambda: give(1)})

    async def told(subject: Workflow[[], Any, Any], name: str, **options: Any) -> Any:
        spans = Spans()
        await subject.options(observers=[Tracing(spans.provider, **options)])()
        return events(spans.named(name))["awaitly.decided"].get("awaitly.decided.chosen")

    assert await told(ships, "way") == "express"
    assert await told(ships, "way", redact=hide_all) == "<choice>"
    assert await told(deciding, "card") is None
    assert await told(deciding, "card", values=True) == SECRET


@pytest.mark.parametrize("what", ["arguments", "result", "error", "exception"])
async def test_a_redaction_that_raises_costs_one_value(
    what: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The span keeps its status, its exception and its other values; all lines are written."""

    def broken(asked: str, value: Any) -> Any:
        if asked == what:
            raise RuntimeError("a bug in redact")
        return value

    @workflow
    async def shop(step: Step[Any], order: str) -> None:
        await step(give, order)
        await step.settle(lambda: fail(CardDeclined("x")))
        await step(crash, ValueError("boom"))

    watched = Watched(caplog, values=True, redact=broken)
    observers = watched.observers[:1]
    await shop.options(observers=observers)("order-17")
    complaints = [record for record in caplog.records if record.name == "awaitly_trio"]
    await shop.options(observers=[Logs(values=True, redact=broken)])("order-17")

    ended = [record for record in caplog.records if " ended: " in record.getMessage()]
    crashed = watched.spans.named("crash")
    assert len(complaints) == 1
    assert complaints[0].exc_info is not None
    assert isinstance(complaints[0].exc_info[1], RuntimeError)
    assert len(ended) == len(watched.spans.all)
    assert crashed.status.status_code is StatusCode.ERROR
    assert events(crashed)["exception"]["exception.type"] == "ValueError"
    assert ("exception.message" in events(crashed)["exception"]) is (what != "exception")
    told = {name for span in watched.spans.all for name in attributes(span)}
    values = {f"awaitly.value.{each}" for each in ("arguments", "result", "error")}
    assert values - told == ({f"awaitly.value.{what}"} & values)


class Mute(Exception):
    """Has neither ``repr`` nor ``str``."""

    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __str__


async def test_an_exception_that_cannot_be_shown_is_recorded(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The span has its status and its type, and says what is wrong with it."""
    watched = Watched(caplog, values=True)

    @workflow
    async def broken(step: Step[Any]) -> None:
        await step(crash, Mute())

    with suppress(RuntimeError):
        await broken.options(observers=watched.observers[:1])()

    span = watched.spans.named("crash")
    recorded = events(span)["exception"]
    assert span.status.status_code is StatusCode.ERROR
    assert recorded["exception.type"] == f"{__name__}.Mute"
    assert recorded["exception.message"] == f"<{__name__}.Mute whose str raises RuntimeError>"


async def test_no_more_of_a_value_is_made_than_is_told() -> None:
    """A thousand characters, however much there is."""
    spans, asked = Spans(), list[int]()

    class Counted:
        def __repr__(self) -> str:
            asked.append(1)
            return "x"

    @workflow
    async def loads(step: Step[Any]) -> None:
        await step(give, [Counted()] * 100_000)

    await loads.options(observers=[Tracing(spans.provider, values=True)])()

    told = attributes(spans.named("give"))
    assert len(told["awaitly.value.arguments"]) == 1001
    assert told["awaitly.value.result"].startswith("[x, x, x")
    assert len(asked) < 1000


async def test_whatever_comes_from_file_names_can_be_sent(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Python reads a name that is no UTF-8 with lone surrogates, which no exporter can encode."""
    odd = "file-\udcff"
    breaker = CircuitBreaker(odd, BreakerSettings(ConsecutiveFailures(1)))

    @workflow
    async def copies(step: Step[Any]) -> None:
        named = step.options(name=odd, key=odd, description=odd, tags=[odd])
        await named(give, odd)
        await step.branch(odd, odd, {odd: lambda: give(1)})
        await step.options(description=odd).when(False, give, 1)
        for _ in range(2):
            await step.settle(lambda: breaker(fail, odd))
        await step(crash, ValueError(odd))

    def tell(what: str, value: Any) -> Any:
        return value if isinstance(value, BaseException) else odd

    spans = Spans()
    observers = [
        Tracing(spans.provider, values=True, redact=tell),
        Logs(values=True, redact=tell),
        Metrics(MeterProvider([InMemoryMetricReader()], shutdown_on_exit=False)),
    ]
    caplog.set_level(logging.DEBUG, "awaitly_trio.events")
    await copies.options(name=odd, run_id=odd, observers=observers)()

    for span in spans.all:
        # Their names are those of scopes, which say it in their path as well.
        for told in (span.attributes, *(event.attributes for event in span.events)):
            json.dumps(dict(told or {}), ensure_ascii=False).encode()
    for record in caplog.records:
        logging.Formatter().format(record).encode()
        json.dumps(vars(record)["fields"], ensure_ascii=False).encode()
        assert vars(record)["run_id"] == r"file-\udcff"
    assert {event.name for span in spans.all for event in span.events} >= {
        "awaitly.decided",
        "awaitly.skipped",
        "awaitly.breaker_changed",
        "awaitly.breaker_refused",
        "exception",
    }


async def test_metrics_of_one_name_that_is_escaped_are_one_series() -> None:
    """Its second call is counted with its first, and takes no place in the bound."""
    reader = InMemoryMetricReader()
    metrics = Metrics(MeterProvider([reader], shutdown_on_exit=False), limit=1)

    @workflow
    async def copies(step: Step[Any]) -> None:
        for _ in range(2):
            await step.options(name="file-\udcff")(give, 1)

    await copies.options(observers=[metrics])()

    found = reader.get_metrics_data()
    assert found is not None
    [counted] = [
        point
        for metric in found.resource_metrics[0].scope_metrics[0].metrics
        if metric.name == "awaitly.step.duration"
        for point in metric.data.data_points
    ]
    assert (counted.attributes or {})["awaitly.step.name"] == r"file-\udcff"
    assert counted.count == 2  # type: ignore[union-attr]


def asks_of(told: list[str]) -> Callable[[str, Any], Any]:
    """Make a hook that notes what it is asked about."""

    def redact(what: str, value: Any) -> Any:
        told.append(what)
        return value

    return redact


async def test_redact_is_not_asked_about_what_is_not_told() -> None:
    """Types are no data of the program; a step that went well has nothing to tell."""
    asked: list[str] = []
    tracing = Tracing(Spans().provider, redact=asks_of(asked))

    @workflow
    async def shop(step: Step[Any]) -> None:
        await step(give, 1)
        await step(fail, CardDeclined("x"))

    assert await shop.options(observers=[tracing])() != Ok(None)
    assert asked == []
