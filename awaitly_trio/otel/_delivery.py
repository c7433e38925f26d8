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
    """How many sampled spans ended, arrived at the collector, and were given up by the exporter.

    Those that are ``missing`` wait for the next batch, or fell out of a queue that was
    full: after a flush it is the latter.
    """

    ended: int = 0
    delivered: int = 0
    failed: int = 0

    @property
    def missing(self) -> int:
        """How many neither arrived nor were given up."""
        return self.ended - self.delivered - self.failed


@final
class CountedExporter(SpanExporter):
    """An exporter around another, which counts what that one reports."""

    def __init__(self, inner: SpanExporter) -> None:
        self._inner = inner
        self.delivered = self.failed = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export spans; called in the thread of the batches."""
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
class EndCounter(SpanProcessor):
    """Counts the spans that end and are sampled."""

    def __init__(self) -> None:
        self.ended = 0

    def on_end(self, span: ReadableSpan) -> None:
        """Count a span."""
        if span.context is not None and span.context.trace_flags.sampled:
            self.ended += 1
