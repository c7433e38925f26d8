"""OpenTelemetry's SDK as a program without any settings of its own needs it.

The variables of OpenTelemetry decide where things go; a provider that the program has
set already is used as it is.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any, final

from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter

from awaitly_trio.otel import _names as names
from awaitly_trio.otel._delivery import CountedExporter, Delivery, Gate

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.sdk.metrics.export import MetricExporter

QUEUE = "OTEL_BSP_MAX_QUEUE_SIZE"
QUEUE_SIZE = 2048
"""What OpenTelemetry has for that variable."""

_PROTOCOLS = {"grpc": "grpc", "http/protobuf": "http"}


@final
class Pipes:
    """The providers made for a program, with what is needed to flush and to close them."""

    def __init__(self, service: str | None) -> None:
        named = {"service.name": service} if service else {}
        self._resource = Resource.create(named)
        self._gate: Gate | None = None
        self.flushes: list[Callable[[], object]] = []
        self.closes: list[Callable[[], object]] = []

    def trace(self) -> trace.TracerProvider:
        """Return the global provider of tracers; make one if there is none."""
        present = trace.get_tracer_provider()
        if not isinstance(present, trace.ProxyTracerProvider):
            return present
        provider = TracerProvider(resource=self._resource, shutdown_on_exit=False)
        exporter = _span_exporter()
        if exporter is not None:
            counted = CountedExporter(exporter)
            most = int(os.environ.get(QUEUE, QUEUE_SIZE))
            queue = BatchSpanProcessor(counted, max_queue_size=most)
            self._gate = Gate(queue, counted, most)
            provider.add_span_processor(self._gate)
        trace.set_tracer_provider(provider)
        self._own(provider)
        return provider

    def measure(self) -> metrics.MeterProvider:
        """Return the global provider of meters; make one if there is none."""
        present = metrics.get_meter_provider()
        if isinstance(present, MeterProvider):
            return present
        exporter = _metric_exporter()
        readers = [] if exporter is None else [PeriodicExportingMetricReader(exporter)]
        provider = MeterProvider(readers, resource=self._resource, shutdown_on_exit=False)
        metrics.set_meter_provider(provider)
        self._own(provider)
        return provider

    def delivery(self) -> Delivery:
        """Return what became of the spans so far."""
        return Delivery() if self._gate is None else self._gate.delivery()

    def _own(self, provider: TracerProvider | MeterProvider) -> None:
        self.flushes.append(provider.force_flush)
        self.closes.append(provider.shutdown)


def _span_exporter() -> SpanExporter | None:
    kind = _kind("TRACES")
    if kind == "console":
        return ConsoleSpanExporter()
    made: SpanExporter | None = _otlp("TRACES", "trace", "OTLPSpanExporter") if kind else None
    return made


def _metric_exporter() -> MetricExporter | None:
    made: MetricExporter | None = None
    if _kind("METRICS") == "otlp":
        made = _otlp("METRICS", "metric", "OTLPMetricExporter")
    return made


def _kind(signal: str) -> str | None:
    variable = f"OTEL_{signal}_EXPORTER"
    kind = os.environ.get(variable, "otlp")
    if kind not in {"otlp", "console", "none"}:
        raise ValueError(f"{variable} is {kind!r}: it may be otlp, console or none")
    return None if kind == "none" else kind


def _otlp(signal: str, noun: str, name: str) -> Any:
    """Make an exporter of OTLP; it reads its address and headers from the environment."""
    variable = "OTEL_EXPORTER_OTLP_PROTOCOL"
    protocol = os.environ.get(f"OTEL_EXPORTER_OTLP_{signal}_PROTOCOL")
    protocol = protocol or os.environ.get(variable, "http/protobuf")
    if protocol not in _PROTOCOLS:
        known = " or ".join(_PROTOCOLS)
        raise ValueError(f"{variable} is {protocol!r}: it may be {known}")
    package = f"opentelemetry.exporter.otlp.proto.{_PROTOCOLS[protocol]}"
    try:
        module = import_module(f"{package}.{noun}_exporter")
    except ImportError as exc:
        raise ImportError(names.MISSING, name=exc.name) from exc
    return getattr(module, name)()
