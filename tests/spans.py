"""Finished spans as tests look at them: kept in memory, found by name, drawn as a tree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.sampling import Sampler

Tree: TypeAlias = "tuple[str, list[Tree]]"


class Spans:
    """A provider of tracers whose finished spans can be looked at."""

    def __init__(self, sampler: Sampler | None = None) -> None:
        self.memory = InMemorySpanExporter()
        self.provider = TracerProvider(sampler=sampler, shutdown_on_exit=False)
        self.provider.add_span_processor(SimpleSpanProcessor(self.memory))

    @property
    def all(self) -> Sequence[ReadableSpan]:
        """The finished spans in order of their end."""
        return self.memory.get_finished_spans()

    @property
    def names(self) -> list[str]:
        """Their names."""
        return [span.name for span in self.all]

    def named(self, name: str) -> ReadableSpan:
        """Return the one span of a name."""
        found = [span for span in self.all if span.name == name]
        assert len(found) == 1, f"{len(found)} spans are called {name!r}; there are {self.names}"
        return found[0]

    def trees(self) -> list[Tree]:
        """Return the spans as trees of names, siblings in order of their start."""
        return trees_of(self.all)


def trees_of(spans: Sequence[ReadableSpan]) -> list[Tree]:
    """Return spans as trees of names, siblings in order of their start."""
    known = {span.context.span_id for span in spans if span.context is not None}
    children: dict[int | None, list[ReadableSpan]] = {}
    for span in spans:
        above = span.parent.span_id if span.parent is not None else None
        children.setdefault(above if above in known else None, []).append(span)

    def grown(above: int | None) -> list[Tree]:
        ordered = sorted(children.get(above, []), key=lambda span: span.start_time or 0)
        return [(span.name, grown(id_of(span))) for span in ordered]

    return grown(None)


def id_of(span: ReadableSpan) -> int:
    """Return the id of a span."""
    assert span.context is not None
    return span.context.span_id


def attributes(span: ReadableSpan) -> dict[str, Any]:
    """Return the attributes of a span."""
    return dict(span.attributes or {})


def events(span: ReadableSpan) -> dict[str, dict[str, Any]]:
    """Return the events of a span by name, each with its attributes."""
    return {event.name: dict(event.attributes or {}) for event in span.events}
