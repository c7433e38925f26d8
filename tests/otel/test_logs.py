"""Lines that are written about runs, and the ids in them."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import trio
from dependencies import Declined, crash, fail, give
from opentelemetry import trace
from spans import Spans

from awaitly_trio import Ok, Step, observing, workflow
from awaitly_trio._policies.circuit import BreakerSettings
from awaitly_trio._policies.trip import ConsecutiveFailures
from awaitly_trio._tasks.breaker import CircuitBreaker
from awaitly_trio.otel import CorrelationFilter, Logs, Tracing, add_ids, current_ids

if TYPE_CHECKING:
    import pytest

    from awaitly_trio import Result


@workflow
async def one_step(step: Step[Any]) -> None:
    """Take a step."""
    await step(give, 1)


@workflow
async def failing(step: Step[Any]) -> None:
    """Fail as planned."""
    await step(fail, Declined("card-number"))


class Structured:
    """Takes fields as keywords, as a logger of structlog does."""

    def __init__(self) -> None:
        self.lines: list[tuple[int, str, dict[str, Any]]] = []

    def log(self, level: int, event: str, /, **fields: Any) -> None:
        self.lines.append((level, event, fields))


async def test_starts_and_ends_are_written(caplog: pytest.LogCaptureFixture) -> None:
    """The run itself at INFO, what is inside it at DEBUG."""
    caplog.set_level(logging.DEBUG, "awaitly_trio.events")

    await one_step.options(observers=[Logs()])()

    assert [(record.levelname, record.message) for record in caplog.records] == [
        ("INFO", "workflow one_step began"),
        ("DEBUG", "step give began"),
        ("DEBUG", "step give ended: ok"),
        ("INFO", "workflow one_step ended: ok"),
    ]


async def test_a_level_that_is_off_writes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """Steps are not written where only INFO is wanted."""
    caplog.set_level(logging.INFO, "awaitly_trio.events")

    await one_step.options(observers=[Logs()])()

    assert len(caplog.records) == 2


async def test_a_planned_error_is_a_warning_and_a_defect_an_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """With its type among the fields, and without its value."""

    @workflow
    async def broken(step: Step[Any]) -> None:
        await step(crash, ValueError("boom"))

    await failing.options(observers=[Logs()])()
    await broken.options(observers=[Logs()])()

    levels = [(record.levelname, vars(record)["fields"]["error.type"]) for record in caplog.records]
    assert levels == [("WARNING", "dependencies.Declined")] * 2 + [("ERROR", "ValueError")] * 2
    assert all("card-number" not in str(vars(record)) for record in caplog.records)


async def test_the_first_line_about_a_defect_has_the_exception(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """With message and traceback, once, as in a trace; the lines that follow name its type."""

    @workflow
    async def broken(step: Step[Any]) -> None:
        await step(crash, ValueError("boom"))

    @workflow
    async def around(step: Step[Any]) -> None:
        await step(broken)

    await around.options(observers=[Logs()])()

    ended = [record for record in caplog.records if record.levelname == "ERROR"]
    assert [record.message for record in ended if record.exc_info] == ["step crash ended: defect"]
    assert len(ended) == 4
    assert ended[0].exc_text is not None
    assert ended[0].exc_text.endswith("ValueError: boom")


async def test_each_defect_that_a_body_outlives_has_its_exception(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Those of one body are told apart, and what it then fails with itself is another."""

    @workflow
    async def broken(step: Step[Any]) -> None:
        for number in range(2):
            with suppress(ValueError):
                await step(crash, ValueError(f"boom {number}"))
        raise ValueError("the end")

    await broken.options(observers=[Logs()])()

    told = [record.exc_info[1] for record in caplog.records if record.exc_info]
    assert list(map(str, told)) == ["boom 0", "boom 1", "the end"]


async def test_an_exception_that_is_raised_again_is_told_in_each_run(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Some programs make an exception once; a group of what was told tells nothing new."""
    bug = ValueError("boom")

    @workflow
    async def broken(step: Step[Any]) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(step, crash, bug)

    logs = Logs()
    await broken.options(observers=[logs])()
    await broken.options(observers=[logs])()

    assert [record.message for record in caplog.records if record.exc_info] == [
        "step crash ended: defect"
    ] * 2


async def test_the_exception_of_a_defect_can_be_redacted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """As in a span: what stands for it is a field."""

    @workflow
    async def broken(step: Step[Any]) -> None:
        await step(crash, ValueError("card-number"))

    await broken.options(observers=[Logs(redact=lambda what, _: f"some {what}")])()

    record = next(record for record in caplog.records if record.levelname == "ERROR")
    assert record.exc_info is None
    assert vars(record)["fields"]["exception.message"] == "some exception"
    assert vars(record)["fields"]["exception.type"] == "ValueError"
    assert "card-number" not in caplog.text


async def test_what_the_program_puts_on_its_records_stays(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record factory may set the same ids, and costs no line."""
    usual = logging.getLogRecordFactory()

    def with_id(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = usual(*args, **kwargs)
        record.trace_id = "of the program"
        record.run_id = ""
        return record

    monkeypatch.setattr(logging, "_logRecordFactory", with_id)

    await failing.options(observers=[Logs()], run_id="run-1")()

    assert [vars(record)["trace_id"] for record in caplog.records] == ["of the program"] * 2
    assert [vars(record)["run_id"] for record in caplog.records] == ["run-1"] * 2


async def test_an_adapter_adds_what_it_always_adds(caplog: pytest.LogCaptureFixture) -> None:
    """To the line, and to the record; the one inside it does, too."""

    class Prefixed(logging.LoggerAdapter):  # type: ignore[type-arg]  # not in Python 3.10
        def process(self, msg: Any, kwargs: Any) -> tuple[Any, Any]:
            return super().process(f"shop: {msg}", kwargs)

    logger = logging.getLogger("shop.lines")
    inner = Prefixed(logger, {"tenant": "a", "region": "eu"})
    adapter: Any = logging.LoggerAdapter(inner, {"tenant": "b"})

    await failing.options(observers=[Logs(adapter)], run_id="run-1")()

    record = caplog.records[0]
    assert (record.name, record.message) == ("shop.lines", "shop: step fail ended: error")
    assert (vars(record)["tenant"], vars(record)["region"]) == ("b", "eu")
    assert vars(record)["run_id"] == "run-1"
    assert vars(record)["fields"]["error.type"] == "dependencies.Declined"


async def test_a_line_leads_to_its_span(caplog: pytest.LogCaptureFixture) -> None:
    """The line of a step's end has the id of that step's span, and of the run."""
    caplog.set_level(logging.DEBUG, "awaitly_trio.events")
    spans = Spans()

    await one_step.options(observers=[Tracing(spans.provider), Logs()], run_id="run-1")()

    [ended] = [record for record in caplog.records if record.message == "step give ended: ok"]
    context = spans.named("give").context
    assert context is not None
    assert vars(ended)["span_id"] == trace.format_span_id(context.span_id)
    assert vars(ended)["trace_id"] == trace.format_trace_id(context.trace_id)
    assert vars(ended)["run_id"] == "run-1"


async def test_values_are_told_only_if_asked(caplog: pytest.LogCaptureFixture) -> None:
    """And then through the redaction."""
    logs = Logs(values=True, redact=lambda what, value: f"a {what}")

    await failing.options(observers=[logs])()

    fields = vars(caplog.records[0])["fields"]
    assert fields["awaitly.value.error"] == "a error"


async def test_structlog_gets_fields_as_keywords() -> None:
    """Any logger will do that has ``log(level, event, **fields)``."""
    logger = Structured()

    await one_step.options(observers=[Logs(logger)], run_id="run-1")()

    level, event, fields = logger.lines[-1]
    assert (level, event) == (logging.INFO, "workflow one_step ended: ok")
    assert fields["awaitly.run.id"] == "run-1"
    assert fields["awaitly.outcome.status"] == "ok"


async def test_lines_of_ones_own_lead_to_the_run(caplog: pytest.LogCaptureFixture) -> None:
    """A filter of ``logging`` and a processor of structlog add the same ids."""
    found: list[Any] = []

    async def look() -> Result[None, Any]:
        record = logging.LogRecord("shop", logging.INFO, "shop.py", 1, "hello", None, None)
        CorrelationFilter().filter(record)
        found.extend([vars(record), add_ids(None, "info", {"event": "hello"})])
        return Ok(None)

    @workflow
    async def looks(step: Step[Any]) -> None:
        await step(look)

    await looks.options(observers=[Tracing(Spans().provider)], run_id="run-1")()

    record, event = found
    assert record["run_id"] == event["run_id"] == "run-1"
    assert record["trace_id"] == event["trace_id"]
    assert record["span_id"] == event["span_id"]


async def test_every_line_about_a_run_has_the_id_of_that_run(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Its first and its last line, too, also in a run inside another and behind the filter."""
    caplog.handler.addFilter(CorrelationFilter())

    @workflow
    async def outer(step: Step[Any]) -> None:
        await step(one_step.options(run_id="inner"))

    caplog.set_level(logging.INFO, "awaitly_trio.events")
    await outer.options(observers=[Logs()], run_id="outer")()

    found = [(record.message, vars(record)["run_id"]) for record in caplog.records]
    assert found == [
        ("workflow outer began", "outer"),
        ("workflow one_step began", "inner"),
        ("workflow one_step ended: ok", "inner"),
        ("workflow outer ended: ok", "outer"),
    ]


async def test_a_breaker_that_trips_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    """In a run or not; when it closes again, that is mere information."""
    breaker = CircuitBreaker("cards", BreakerSettings(ConsecutiveFailures(1)))
    caplog.set_level(logging.INFO, "awaitly_trio.events")

    with observing(Logs()):
        await breaker(fail, Declined())
        breaker.reset()

    assert [(record.levelname, record.message) for record in caplog.records] == [
        ("WARNING", "breaker cards: open (tripped)"),
        ("INFO", "breaker cards: closed (reset by hand)"),
    ]


def test_outside_a_run_there_are_no_ids() -> None:
    """A format that names them works for any line all the same."""
    record = logging.LogRecord("shop", logging.INFO, "shop.py", 1, "hello", None, None)

    CorrelationFilter().filter(record)

    assert current_ids() == {}
    assert (vars(record)["trace_id"], vars(record)["run_id"]) == ("", "")
