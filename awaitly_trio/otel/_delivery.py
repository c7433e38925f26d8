"""What became of spans: how many ended, how many arrived, how many did not."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

import msgspec
from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk.trace import ReadableSpan


@final
class Delivery(msgspec.Struct, frozen=True):
    """How many sampled spans ended, and what became of them.

    Some arrived at the collector, some were given up by the exporter, and some were
    dropped because too many waited already; the others are ``waiting``.
    """

    ended: int = 0
    delivered: int = 0
    failed: int = 0
    dropped: int = 0

    @property
    def waiting(self) -> int:
        """How many are still to be sent, or being sent."""
        return self.ended - self.delivered - self.failed - self.dropped


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
        self.ended = self.dropped = 0

    def on_end(self, span: ReadableSpan) -> None:
        """Pass a span on, if it is sampled and there is room."""
        if span.context is None or not span.context.trace_flags.sampled:
            return
        self.ended += 1
        if self.ended - self.dropped - self._exporter.taken > self._most:
            self.dropped += 1
        else:
            self._inner.on_end(span)

    def shutdown(self) -> None:
        """Shut the processor down."""
        self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Flush the processor."""
        return self._inner.force_flush(timeout_millis)

    def delivery(self) -> Delivery:
        """Return what became of the spans so far."""
        exporter = self._exporter
        return Delivery(self.ended, exporter.delivered, exporter.failed, self.dropped)
