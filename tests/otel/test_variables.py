"""OpenTelemetry's variables: what is empty, what is listed, what is refused."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import pytest

from awaitly_trio.otel import _variables as variables

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

TRACES = "OTEL_TRACES_EXPORTER"
PROTOCOL = "OTEL_EXPORTER_OTLP_PROTOCOL"
QUEUE = "OTEL_BSP_MAX_QUEUE_SIZE"
BLANK = """
TRACES_EXPORTER METRICS_EXPORTER EXPORTER_OTLP_PROTOCOL EXPORTER_OTLP_TRACES_PROTOCOL
EXPORTER_OTLP_ENDPOINT EXPORTER_OTLP_TIMEOUT EXPORTER_OTLP_HEADERS SERVICE_NAME
BSP_MAX_QUEUE_SIZE BSP_MAX_EXPORT_BATCH_SIZE BSP_SCHEDULE_DELAY BSP_EXPORT_TIMEOUT
METRIC_EXPORT_INTERVAL METRIC_EXPORT_TIMEOUT METRICS_EXEMPLAR_FILTER TRACES_SAMPLER
PYTHON_TRACER_PROVIDER PYTHON_METER_PROVIDER RESOURCE_ATTRIBUTES
"""


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (None, ("otlp",)),
        ("", ("otlp",)),
        (" ", ("otlp",)),
        ("otlp", ("otlp",)),
        ("console", ("console",)),
        ("none", ()),
        ("console, OTLP,", ("otlp", "console")),
        ("none,console", ("console",)),
    ],
)
def test_exporters_are_listed(
    monkeypatch: pytest.MonkeyPatch, text: str | None, found: tuple[str, ...]
) -> None:
    """An empty variable is as good as none; the collector's, which is counted, comes first."""
    monkeypatch.delenv(TRACES, raising=False)
    if text is not None:
        monkeypatch.setenv(TRACES, text)

    assert variables.exporters("traces") == found


def test_an_unknown_exporter_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message shows the variable, its value, and what it may be."""
    monkeypatch.setenv("OTEL_METRICS_EXPORTER", "otlp,prometheus")

    message = "OTEL_METRICS_EXPORTER is 'otlp,prometheus': it may be one of otlp, console, none"
    with pytest.raises(ValueError, match=re.escape(message)):
        variables.exporters("metrics")


@pytest.mark.parametrize(
    ("general", "special", "found"),
    [
        ("", "", "http/protobuf"),
        ("grpc", "", "grpc"),
        ("grpc", "HTTP/protobuf", "http/protobuf"),
    ],
)
def test_a_protocol_is_that_of_the_signal_or_of_all(
    monkeypatch: pytest.MonkeyPatch, general: str, special: str, found: str
) -> None:
    """What is empty says nothing."""
    monkeypatch.setenv(PROTOCOL, general)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", special)

    assert variables.protocol("traces") == found


@pytest.mark.parametrize("variable", [PROTOCOL, "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"])
def test_an_unknown_protocol_is_refused(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    """The message names the variable that has to be mended."""
    monkeypatch.setenv(variable, "http/json")

    with pytest.raises(ValueError, match=f"{variable} is 'http/json': it may be grpc or http"):
        variables.protocol("traces")


@pytest.mark.parametrize(
    ("text", "found", "logged"),
    [("", 2048, ""), (" 256 ", 256, ""), ("abc", 2048, "'abc'"), ("0", 2048, "'0'")],
)
def test_a_number_that_is_none_is_left_at_its_default(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    text: str,
    found: int,
    logged: str,
) -> None:
    """What an operator mistypes is logged, as OpenTelemetry does it."""
    monkeypatch.setenv(QUEUE, text)

    assert variables.number(QUEUE, 2048) == found
    assert (f"{QUEUE}={logged} is no number above zero: 2048 is used" in caplog.text) == bool(
        logged
    )


def test_empty_variables_are_hidden_and_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of others are left alone, and those that say something."""
    monkeypatch.setenv(PROTOCOL, "")
    monkeypatch.setenv(QUEUE, "256")
    monkeypatch.setenv("OTHER", "")

    with variables.empty_is_unset():
        inside = [name in os.environ for name in (PROTOCOL, QUEUE, "OTHER")]

    assert inside == [False, True, True]
    assert os.environ[PROTOCOL] == ""


def test_no_empty_variable_stops_a_program(
    fresh_python: Callable[..., subprocess.CompletedProcess[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever of those that a deployment may leave blank."""
    for name in BLANK.split():
        monkeypatch.setenv(f"OTEL_{name}", "")
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http")

    run = fresh_python("-c", "from awaitly_trio import otel; print(otel.install().delivery())")

    assert run.stderr == ""
    assert run.stdout == "Delivery(ended=0, delivered=0, failed=0, dropped=0)\n"
