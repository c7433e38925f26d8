"""The providers of a process: found or made, shared, named, and closed once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable


def test_a_second_install_shares_what_the_first_made(
    fresh_python: Callable[..., subprocess.CompletedProcess[str]],
    environment: pytest.MonkeyPatch,
) -> None:
    """The first is the environment's; the service that the program names is not too late."""
    environment.setenv("AWAITLY_TRIO_OTEL", "traces,metrics")
    environment.setenv("OTEL_TRACES_EXPORTER", "console")
    environment.setenv("OTEL_METRICS_EXPORTER", "console")
    script = """
import trio
from awaitly_trio import Ok, otel, workflow

async def give():
    return Ok(1)

@workflow
async def one_step(step):
    await step(give)

telemetry = otel.install(service="shop")

async def main():
    await one_step()
    print("flushed", await telemetry.flush())
    print(telemetry.delivery())

trio.run(main)
"""

    run = fresh_python("-c", script)
    before, _, after = run.stdout.partition("flushed True\n")

    assert run.stderr == ""
    assert before.count('"awaitly.scope.path": "one_step/give"') == 1
    assert '"name": "awaitly.run.duration"' in before
    assert before.count('"service.name": "shop"') == 3, before
    assert after.startswith("Delivery(ended=2, delivered=2, failed=0, dropped=0)\n")


@pytest.mark.parametrize(
    ("variable", "said", "name", "complaint"),
    [
        ("", [None, "shop"], "shop", ""),
        ("", ["shop", "shop"], "shop", ""),
        ("", ["shop", "till"], "shop", "service='till' comes too late"),
        ("OTEL_SERVICE_NAME=depot", ["shop", "till"], "depot", ""),
        ("OTEL_RESOURCE_ATTRIBUTES=service.name=depot", ["shop"], "depot", ""),
    ],
)
def test_a_service_has_one_name(
    fresh_python: Callable[..., subprocess.CompletedProcess[str]],
    environment: pytest.MonkeyPatch,
    *,
    variable: str,
    said: list[str | None],
    name: str,
    complaint: str,
) -> None:
    """OpenTelemetry's variables go first, then who says it first; another one is logged."""
    environment.setenv("OTEL_TRACES_EXPORTER", "none")
    if variable:
        environment.setenv(*variable.split("=", 1))
    script = f"""
from awaitly_trio import otel
from opentelemetry import trace

for service in {said}:
    otel.install("traces", service=service)
print(trace.get_tracer_provider().resource.attributes["service.name"])
"""

    run = fresh_python("-c", script)

    assert run.stdout == f"{name}\n"
    assert (complaint in run.stderr) if complaint else (run.stderr == "")


def test_what_the_program_has_set_is_flushed_and_not_closed(
    fresh_python: Callable[..., subprocess.CompletedProcess[str]],
    environment: pytest.MonkeyPatch,
) -> None:
    """Its tracers and its meters; what became of its spans is not ours to say."""
    script = """
import trio
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import ConsoleMetricExporter, PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter
from awaitly_trio import otel

tracers = TracerProvider()
tracers.add_span_processor(BatchSpanProcessor(ConsoleSpanExporter()))
trace.set_tracer_provider(tracers)
metrics.set_meter_provider(
    MeterProvider([PeriodicExportingMetricReader(ConsoleMetricExporter())])
)
telemetry = otel.install(service="shop")
with trace.get_tracer("test").start_as_current_span("first span"):
    metrics.get_meter("test").create_counter("counted").add(1)

async def main():
    print(telemetry.delivery(), await telemetry.flush(), await telemetry.shutdown())
    with trace.get_tracer("test").start_as_current_span("a later span"):
        pass

trio.run(main)
"""

    run = fresh_python("-c", script)
    before, _, after = run.stdout.partition("None True True\n")

    assert run.stderr == ""
    assert '"name": "first span"' in before
    assert '"name": "counted"' in before
    assert '"name": "a later span"' in after


def test_a_refused_install_leaves_nothing_behind(
    fresh_python: Callable[..., subprocess.CompletedProcess[str]],
    environment: pytest.MonkeyPatch,
) -> None:
    """No provider is set and no thread runs: the program may try again, or set its own."""
    environment.setenv("OTEL_TRACES_EXPORTER", "console")
    script = """
import os, threading
from awaitly_trio import otel
from opentelemetry import trace

for variable in ("OTEL_METRICS_EXPORTER", "OTEL_METRICS_EXEMPLAR_FILTER"):
    os.environ |= {"OTEL_METRICS_EXPORTER": "console", variable: "prometheus"}
    try:
        otel.install()
    except ValueError as refusal:
        print(variable in str(refusal), type(trace.get_tracer_provider()).__name__)
    print(threading.active_count())
del os.environ[variable]
print(len(otel.install().observers), type(trace.get_tracer_provider()).__name__)
"""

    run = fresh_python("-c", script)

    assert run.stderr == ""
    assert run.stdout.splitlines() == [
        *("True ProxyTracerProvider", "1"),
        *("False ProxyTracerProvider", "1"),
        "2 TracerProvider",
    ]


@pytest.mark.usefixtures("sent_nowhere")
def test_a_process_has_one_thread_that_closes(
    fresh_python: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    """However often telemetry is turned on and off."""
    script = """
import threading
from awaitly_trio import otel

for _ in range(30):
    with otel.install("traces") as telemetry:
        assert telemetry.delivery() is None
    with otel.install("metrics"):
        pass
print(threading.active_count())
"""

    run = fresh_python("-c", script)

    assert (run.stdout, run.stderr) == ("2\n", "")


@pytest.mark.usefixtures("sent_nowhere")
def test_a_program_that_shut_telemetry_down_ends_in_silence(
    fresh_python: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    """Nothing is closed twice; who turns it on again is told that nothing is sent."""
    script = """
import trio
from awaitly_trio import otel

telemetry = otel.install()

async def main():
    print(*[await telemetry.shutdown(), await telemetry.shutdown(), await telemetry.flush()])

trio.run(main)
"""

    run = fresh_python("-c", script)
    again = fresh_python("-c", script + 'otel.install("traces")')

    assert (run.stdout, run.stderr) == ("True True False\n", "")
    assert again.stderr == "traces go nowhere: their provider was shut down before\n"
