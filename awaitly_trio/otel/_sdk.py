"""OpenTelemetry's SDK as a program without any settings of its own needs it.

The variables of OpenTelemetry decide where things go; a provider that the program has
set already is used as it is.  There is one provider of each kind in a process, so what
is made here is kept here, for whoever asks next.
"""

from __future__ import annotations

import logging
import os
import threading
from contextlib import ExitStack, contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any, final

from opentelemetry import metrics, trace
from opentelemetry.metrics._internal import (
    _ProxyMeterProvider,  # pyright: ignore[reportPrivateUsage]  # the API has no name for "none yet"
)
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    ConsoleMetricExporter,
    MetricExporter,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter

from awaitly_trio.otel import _names as names
from awaitly_trio.otel import _variables as variables
from awaitly_trio.otel._closing import Closing
from awaitly_trio.otel._delivery import CountedExporter, CountedMetrics, Gate
from awaitly_trio.otel._pipes import Pipe, all_done
from awaitly_trio.otel._service import NamedResource

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Mapping

logger = logging.getLogger("awaitly_trio")

_PACKAGES = {"grpc": "grpc", "http/protobuf": "http"}


@final
class _Process:
    """What was made in this process."""

    def __init__(self) -> None:
        # Two threads that install at once would each make providers.
        self.lock = threading.Lock()
        self.resource: NamedResource | None = None
        self.pipes: dict[str, Pipe] = {}
        self.closing: Closing | None = None

    def keep(self, resource: NamedResource, made: Mapping[str, Pipe]) -> None:
        """Make providers the global ones, and close them when the process ends."""
        self.resource = resource
        self.pipes.update(made)
        if "traces" in made:
            trace.set_tracer_provider(made["traces"].provider)
        if "metrics" in made:
            metrics.set_meter_provider(made["metrics"].provider)
        if self.closing is None:
            self.closing = Closing(lambda: all_done([each.close for each in self.pipes.values()]))

    def begin_anew(self) -> None:
        """Have threads and counts of its own, in a child that was forked."""
        self.lock = threading.Lock()
        for pipe in self.pipes.values():
            pipe.begin_anew()
        if self.closing is not None:
            self.closing.begin_anew()


_process = _Process()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_process.begin_anew)


@contextmanager
def connected(signals: Collection[str], service: str | None) -> Generator[dict[str, Pipe]]:
    """Find or make the provider of each signal; those made become global after the block.

    Where making one fails, or the block, nothing was set and nothing is left running.

    Args:
      signals: ``"traces"``, ``"metrics"`` or both.
      service: What providers of ours call the program, unless they know already.
    """
    with _process.lock, variables.empty_is_unset(), ExitStack() as refused:
        resource = _process.resource or NamedResource(Resource.create(), [])
        found = {signal: pipe for signal in signals if (pipe := _present(signal)) is not None}
        made = _made([signal for signal in signals if signal not in found], resource)
        for pipe in made.values():
            refused.callback(pipe.close)
        yield found | made
        refused.pop_all()
        if made:
            _process.keep(resource, made)
        if service and any(pipe.is_ours for pipe in (found | made).values()):
            resource.name(service)


def _present(signal: str) -> Pipe | None:
    """Return the global provider of a signal, if one was set: by us, or by the program."""
    is_traces = signal == "traces"
    provider = trace.get_tracer_provider() if is_traces else metrics.get_meter_provider()
    if isinstance(provider, (trace.ProxyTracerProvider, _ProxyMeterProvider)):
        return None
    kept = _process.pipes.get(signal)
    if kept is None or kept.provider is not provider:
        return Pipe(provider)
    if kept.is_closed:
        logger.warning("%s go nowhere: their provider was shut down before", signal)
    return kept


def _made(signals: Collection[str], resource: Resource) -> dict[str, Pipe]:
    with ExitStack() as unused:
        exporters = {signal: _exporters(signal, unused) for signal in signals}
        for signal in signals:
            # Made in vain: what the SDK refuses of its variables is known before a thread runs.
            _PROVIDERS[signal](resource=resource, shutdown_on_exit=False)
        unused.pop_all()
    return {signal: _PIPES[signal](exporters[signal], resource) for signal in signals}


def _tracers(exporters: list[SpanExporter], resource: Resource) -> Pipe:
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    gates = tuple(_gate(each) for each in exporters)
    for gate in gates:
        provider.add_span_processor(gate)
    return Pipe(provider, gates, gates[0].delivery if gates else None)


def _gate(exporter: SpanExporter) -> Gate:
    counted = CountedExporter(exporter)
    most = variables.number("OTEL_BSP_MAX_QUEUE_SIZE", 2048)
    queue = BatchSpanProcessor(
        counted,
        max_queue_size=most,
        # The SDK refuses a batch that is larger than its queue, also one that nobody asked for.
        max_export_batch_size=min(most, variables.number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 512)),
        schedule_delay_millis=variables.number("OTEL_BSP_SCHEDULE_DELAY", 5000),
        export_timeout_millis=variables.number("OTEL_BSP_EXPORT_TIMEOUT", 30000),
    )
    return Gate(queue, counted, most)


def _meters(exporters: list[MetricExporter], resource: Resource) -> Pipe:
    counted = tuple(CountedMetrics(each) for each in exporters)
    readers = [
        PeriodicExportingMetricReader(
            each,
            export_interval_millis=variables.number("OTEL_METRIC_EXPORT_INTERVAL", 60000),
            export_timeout_millis=variables.number("OTEL_METRIC_EXPORT_TIMEOUT", 30000),
        )
        for each in counted
    ]
    return Pipe(MeterProvider(readers, resource=resource, shutdown_on_exit=False), counted)


_PROVIDERS: dict[str, Any] = {"traces": TracerProvider, "metrics": MeterProvider}
_PIPES: dict[str, Any] = {"traces": _tracers, "metrics": _meters}
_CONSOLES: dict[str, Any] = {"traces": ConsoleSpanExporter, "metrics": ConsoleMetricExporter}
_OTLP = {
    "traces": ("trace_exporter", "OTLPSpanExporter"),
    "metrics": ("metric_exporter", "OTLPMetricExporter"),
}


def _exporters(signal: str, unused: ExitStack) -> list[Any]:
    found: list[Any] = []
    for name in variables.exporters(signal):
        exporter = _otlp(signal) if name == "otlp" else _CONSOLES[signal]()
        unused.callback(exporter.shutdown)
        found.append(exporter)
    return found


def _otlp(signal: str) -> Any:
    """Make an exporter of OTLP; it reads its address and headers from the environment."""
    module, name = _OTLP[signal]
    package = f"opentelemetry.exporter.otlp.proto.{_PACKAGES[variables.protocol(signal)]}"
    try:
        found = import_module(f"{package}.{module}")
    except ImportError as exc:
        raise ImportError(names.MISSING, name=exc.name) from exc
    return getattr(found, name)()
