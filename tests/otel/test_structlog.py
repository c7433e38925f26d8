"""Lines of runs through structlog itself, in the two ways in which programs set it up."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from dependencies import Declined, crash, fail, give
from spans import Spans

from awaitly_trio import Step, workflow
from awaitly_trio.otel import Logs, Tracing, add_ids

structlog = pytest.importorskip("structlog")


@workflow
async def shop(step: Step[Any]) -> None:
    """Take a step, and fail as planned in another."""
    await step(give, 1)
    await step(fail, Declined())


async def test_its_own_loggers_write_what_they_let_through() -> None:
    """Fields are keywords with dots in them; a level that is off writes nothing."""
    output = structlog.testing.CapturingLogger()
    logger = structlog.wrap_logger(
        output,
        processors=[structlog.processors.add_log_level, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    )
    spans = Spans()

    await shop.options(observers=[Tracing(spans.provider), Logs(logger)], run_id="run-1")()

    lines = [json.loads(call.args[0]) for call in output.calls]
    assert [(line["level"], line["event"]) for line in lines] == [
        ("info", "workflow shop began"),
        ("warning", "step fail ended: error"),
        ("warning", "workflow shop ended: error"),
    ]
    assert lines[1]["error.type"] == "dependencies.Declined"
    assert lines[1]["awaitly.scope.path"] == "shop/fail"
    context = spans.named("fail").context
    assert context is not None
    assert lines[1]["span_id"] == f"{context.span_id:016x}"
    assert {line["run_id"] for line in lines} == {"run-1"}


async def test_fields_are_not_built_for_a_level_that_is_off() -> None:
    """What a value looks like is not asked where nobody would read it."""
    asked: list[str] = []
    logger = structlog.wrap_logger(
        structlog.testing.CapturingLogger(),
        processors=[structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
    )

    await shop.options(
        observers=[Logs(logger, values=True, redact=lambda what, _: asked.append(what))]
    )()

    assert asked == []


async def test_its_generic_loggers_write_by_level() -> None:
    """They have no method of their own, and hand on those of what they wrap."""
    output = structlog.testing.CapturingLogger()
    logger = structlog.wrap_logger(
        output,
        processors=[structlog.processors.add_log_level, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.BoundLogger,
    )

    await shop.options(observers=[Logs(logger)])()
    await shop.options(observers=[Logs(logger.bind(tenant="a"))])()

    first, bound = output.calls[:6], [json.loads(call.args[0]) for call in output.calls[6:]]
    assert [call.method_name for call in first] == [
        "info", "debug", "debug", "debug", "warning", "warning",
    ]  # fmt: skip
    assert {(line["tenant"], line["awaitly.workflow.name"]) for line in bound} == {("a", "shop")}


async def test_it_is_given_the_exception_of_a_defect() -> None:
    """As ``exc_info``, of which its processors make what the program wants."""
    output = structlog.testing.CapturingLogger()
    logger = structlog.wrap_logger(
        output,
        processors=[structlog.processors.format_exc_info, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
    )

    @workflow
    async def broken(step: Step[Any]) -> None:
        await step(crash, ValueError("boom"))

    await broken.options(observers=[Logs(logger)])()

    first, second = (json.loads(call.args[0]) for call in output.calls)
    assert first["exception"].endswith("ValueError: boom")
    assert "exception" not in second


async def test_its_loggers_over_logging_reach_the_handlers(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Programs that render structlog's events through ``logging`` see the same lines."""
    caplog.set_level(logging.INFO, "shop.lines")
    logger = structlog.wrap_logger(
        logging.getLogger("shop.lines"),
        processors=[add_ids, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.stdlib.BoundLogger,
    )

    await shop.options(observers=[Logs(logger)], run_id="run-1")()

    assert [record.levelname for record in caplog.records] == ["INFO", "WARNING", "WARNING"]
    assert json.loads(caplog.records[0].message)["event"] == "workflow shop began"
