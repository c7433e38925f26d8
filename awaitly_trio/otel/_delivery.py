"""What became of spans and metrics: how much ended, how much arrived, how much did not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

import msgspec
from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult
from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk.metrics.export import MetricsData
    from opentelemetry.sdk.trace import ReadableSpan


@final
class Delivery(msgspec.Struct, frozen=True):
    """How many sampled spans ended in this process, and what became of them.

    Some arrived at the collector, some were given up by the exporter, and some were
    dropped because too many waited already, or because they ended after the end; the
    others are ``waiting``.
    """

    ended: int = 0
    delivered: int = 0
    failed: int = 0
    dropped: int = 0

    @property
    def waiting(self) -> int:
        """How many are still to be sent, or being sent."""
        return self.ended - self.delivered - self.failed - self.dropped

    @property
    def lost(self) -> int:
        """How many will never arrive."""
        return self.failed + self.dropped


@final
class CountedExporter(SpanExporter):
    """An exporter around another, which counts what that one reports."""

    def __init__(self, inner: SpanExporter) -> None:
        self._inner = inner
        self.taken = self.delivered = self.failed = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export spans; called in the thread of the batches."""
        self.taken += len(spans)
        result = SpanExportResult.FAILURE
        try:
            result = self._inner.export(spans)
        finally:
            if result is SpanExportResult.SUCCESS:
                self.delivered += len(spans)
            else:
                self.failed += len(spans)
        return result

    def shutdown(self) -> None:
        """Shut the other exporter down."""
        self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Flush the other exporter."""
        return self._inner.force_flush(timeout_millis)


@final
class Gate(SpanProcessor):
    """Lets spans through to a queue as long as there is room, and counts them.

    The queue itself complains of each span that it has to drop, which costs the run half
    of what its span did.

    Args:
      inner: The processor with the queue.
      exporter: The one that it exports to.
      most: How many spans may wait.
    """

    def __init__(self, inner: SpanProcessor, exporter: CountedExporter, most: int) -> None:
        self._inner = inner
        self._exporter = exporter
        self._most = most
        self._open = True
        self.ended = self.dropped = 0

    def on_end(self, span: ReadableSpan) -> None:
        """Pass a span on, if it is sampled and there is room."""
        if span.context is None or not span.context.trace_flags.sampled:
            return
        self.ended += 1
        waiting = self.ended - self.dropped - self._exporter.taken
        if waiting > self._most or not self._open:
            self.dropped += 1
        else:
            self._inner.on_end(span)

    def shutdown(self) -> None:
        """Shut the processor down; spans that end later are dropped."""
        self._open = False
        self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Flush the processor."""
        return self._inner.force_flush(timeout_millis)

    def delivery(self) -> Delivery:
        """Return what became of the spans so far."""
        exporter = self._exporter
        return Delivery(self.ended, exporter.delivered, exporter.failed, self.dropped)

    @property
    def lost(self) -> int:
        """How many spans will never arrive."""
        return self.delivery().lost

    @property
    def waiting(self) -> int:
        """How many spans are still to be sent."""
        return self.delivery().waiting

    def begin_anew(self) -> None:
        """Count from zero: what waited before a fork is the parent's to send."""
        exporter = self._exporter
        self.ended = self.dropped = 0
        exporter.taken = exporter.delivered = exporter.failed = 0


@final
class CountedMetrics(MetricExporter):
    """An exporter of metrics around another, which counts how often that one failed.

    The reader that calls it tells nobody.
    """

    waiting = 0
    """Nothing does: what could not be sent is in the next sum."""

    def __init__(self, inner: MetricExporter) -> None:
        # The reader has no other way to ask for these either.
        super().__init__(inner._preferred_temporality, inner._preferred_aggregation)  # noqa: SLF001
        # Its methods take keywords of no known type.
        self._inner: Any = inner
        self.lost = 0

    def export(
        self, metrics_data: MetricsData, timeout_millis: float = 10_000, **options: Any
    ) -> MetricExportResult:
        """Export what was measured; called in the thread of the reader, or of a flush."""
        result: MetricExportResult = MetricExportResult.FAILURE
        try:
            result = self._inner.export(metrics_data, timeout_millis=timeout_millis, **options)
        finally:
            self.lost += result is not MetricExportResult.SUCCESS
        return result

    def shutdown(self, timeout_millis: float = 30_000, **options: Any) -> None:
        """Shut the other exporter down."""
        self._inner.shutdown(timeout_millis, **options)

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Flush the other exporter."""
        return bool(self._inner.force_flush(timeout_millis))

    def begin_anew(self) -> None:
        """Count from zero, in a child that was forked."""
        self.lost = 0
