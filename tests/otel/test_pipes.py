"""What a flush and an end do to a provider, whoever made it, and what they say of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    MetricExporter,
    MetricExportResult,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import NoOpTracerProvider

from awaitly_trio.otel._delivery import CountedExporter, CountedMetrics, Delivery, Gate
from awaitly_trio.otel._pipes import Pipe, all_done

if TYPE_CHECKING:
    from collections.abc import Callable

NEVER = 3_600_000.0
"""Milliseconds after which a queue would send by itself."""


class Collector(SpanExporter):
    """Takes spans unless it is down; ``meanwhile`` happens while it is asked to."""

    def __init__(self) -> None:
        self.is_down = False
        self.meanwhile: Callable[[], None] | None = None

    def export(self, spans: Any) -> SpanExportResult:
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            meanwhile()
        return SpanExportResult.FAILURE if self.is_down else SpanExportResult.SUCCESS


class Provider:
    """A provider that keeps what it is told, and answers as a test wants it to."""

    def __init__(self, answer: object = None) -> None:
        self.told: list[str] = []
        self.answer = answer

    def force_flush(self) -> object:
        self.told.append("flush")
        return self.answer

    def shutdown(self) -> None:
        self.told.append("shutdown")
        if isinstance(self.answer, Exception):
            raise self.answer


class Losses:
    """Counts as a test wants it to."""

    lost = waiting = 0

    def begin_anew(self) -> None:
        self.lost = self.waiting = 0


def batches(exporter: SpanExporter, most: int = 8) -> BatchSpanProcessor:
    """Return a queue that sends only when it is told to, or full."""
    return BatchSpanProcessor(
        exporter, max_queue_size=most, max_export_batch_size=most, schedule_delay_millis=NEVER
    )


def own(collector: Collector, most: int = 8) -> Pipe:
    """Return what ``install`` makes for traces."""
    counted = CountedExporter(collector)
    gate = Gate(batches(counted, most), counted, most)
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(gate)
    return Pipe(provider, (gate,), gate.delivery)


def end_spans(provider: TracerProvider, count: int) -> None:
    """Begin and end spans."""
    for _ in range(count):
        provider.get_tracer("test").start_span("work").end()


def test_a_provider_of_the_program_is_flushed_and_stays_open() -> None:
    """Also at the end: the program may have more to say, and closes it itself."""
    memory = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(batches(memory))
    pipe = Pipe(provider)

    end_spans(provider, 1)
    flushed = pipe.flush()
    seen = len(memory.get_finished_spans())
    end_spans(provider, 1)
    closed = pipe.close()
    end_spans(provider, 1)
    pipe.flush()
    provider.shutdown()

    assert (flushed, seen, closed) == (True, 1, True)
    assert len(memory.get_finished_spans()) == 3
    assert pipe.delivery() is None


def test_what_a_provider_of_the_program_says_is_handed_on() -> None:
    """Its losses are known to nobody else."""
    assert not Pipe(Provider(answer=False)).flush()
    assert Pipe(Provider(answer=None)).flush()


def test_a_provider_that_has_nothing_to_flush_is_done() -> None:
    """Such as one of OpenTelemetry's API alone."""
    assert Pipe(NoOpTracerProvider()).flush()


def test_a_flush_that_loses_spans_is_not_done() -> None:
    """The exporter gave them up; the next flush is judged by itself."""
    collector = Collector()
    pipe = own(collector)

    end_spans(pipe.provider, 2)
    collector.is_down = True
    lost = pipe.flush()
    collector.is_down = False
    end_spans(pipe.provider, 1)
    sent = pipe.flush()
    pipe.close()

    assert (lost, sent) == (False, True)
    assert pipe.delivery() == Delivery(ended=3, delivered=1, failed=2)


def test_a_flush_during_which_spans_are_dropped_is_not_done() -> None:
    """They ended while the queue was full."""
    collector = Collector()
    pipe = own(collector, most=3)
    collector.meanwhile = lambda: end_spans(pipe.provider, 5)

    end_spans(pipe.provider, 1)
    done = pipe.flush()
    pipe.close()

    assert not done
    assert pipe.delivery() == Delivery(ended=6, delivered=4, dropped=2)


@pytest.mark.parametrize("is_down", [False, True])
def test_a_flush_that_loses_metrics_is_not_done(is_down: bool) -> None:
    """OpenTelemetry's reader keeps to itself what the exporter answered."""

    class Metrics(MetricExporter):
        def export(self, *data: Any, **options: Any) -> MetricExportResult:
            return MetricExportResult.FAILURE if is_down else MetricExportResult.SUCCESS

        def force_flush(self, timeout_millis: float = 0) -> bool:
            return True

        def shutdown(self, timeout_millis: float = 0, **options: Any) -> None:
            pass

    counted = CountedMetrics(Metrics())
    provider = MeterProvider([PeriodicExportingMetricReader(counted)], shutdown_on_exit=False)
    pipe = Pipe(provider, (counted,))

    provider.get_meter("test").create_counter("runs").add(1)
    flushed, closed = pipe.flush(), pipe.close()

    assert (flushed, closed) == (not is_down, not is_down)
    assert counted.lost == 2 * is_down


def test_a_provider_is_closed_once() -> None:
    """The second to ask hears what became of the first; then nothing can be sent."""
    provider = Provider()
    pipe = Pipe(provider, ())

    closed = pipe.close(), pipe.close()
    flushed = pipe.flush()

    assert closed == (True, True)
    assert not flushed
    assert provider.told == ["shutdown"]


def test_a_provider_that_fails_to_close_is_not_asked_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What it raised is logged, and the others are closed all the same."""
    broken, sound = Provider(OSError("no network")), Provider()
    pipes = [Pipe(broken, ()), Pipe(sound, ())]

    first = all_done([pipe.close for pipe in pipes])
    second = all_done([pipe.close for pipe in pipes])

    assert (first, second) == (False, False)
    assert (broken.told, sound.told) == (["shutdown"], ["shutdown"])
    assert caplog.text.count("OSError: no network") == 1


def test_an_end_that_leaves_spans_behind_is_not_done() -> None:
    """The SDK gives up after its own time, and says nothing."""
    losses = Losses()
    losses.waiting = 3

    assert not Pipe(Provider(), (losses,)).close()


def test_spans_after_the_end_are_dropped() -> None:
    """They are counted as such, and wait for nothing."""
    pipe = own(Collector())

    end_spans(pipe.provider, 1)
    pipe.close()
    end_spans(pipe.provider, 2)

    assert pipe.delivery() == Delivery(ended=3, delivered=1, dropped=2)


def test_a_forked_child_counts_from_zero() -> None:
    """Its queue is empty: what waited is the parent's to send."""
    losses = Losses()
    losses.lost, losses.waiting = 2, 3
    pipe, collected = own(Collector()), Pipe(Provider(), (losses,))
    end_spans(pipe.provider, 2)

    pipe.begin_anew()
    collected.begin_anew()

    assert pipe.delivery() == Delivery()
    assert (losses.lost, losses.waiting) == (0, 0)
