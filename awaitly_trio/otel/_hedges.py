"""Spans of hedged attempts: one for each attempt of a call, the later ones linked to the first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final
from weakref import WeakKeyDictionary

from opentelemetry import context as contexts
from opentelemetry import trace

from awaitly_trio.otel import _names as names

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Token

    from opentelemetry.context import Context

    from awaitly_trio._tasks.notices import HedgeEnded, HedgeStarted
    from awaitly_trio.otel._disclosure import Disclosure

_NAME = "hedged attempt"
_TO_FIRST = {names.LINK_KIND: "hedge"}


@final
class HedgeSpans:
    """The spans of hedged attempts under way.

    They are no scopes of the run: they lie in the span of the scope that calls, and the
    spans of clients and drivers lie in them.
    """

    def __init__(self, disclosure: Disclosure) -> None:
        self._disclosure = disclosure
        self._firsts: WeakKeyDictionary[object, trace.SpanContext] = WeakKeyDictionary()
        self._open: dict[tuple[int, int], tuple[trace.Span, Token[Context], Callable[[], int]]] = {}

    @property
    def open_spans(self) -> int:
        """How many have begun and not ended."""
        return len(self._open)

    def start(self, notice: HedgeStarted, tracer: trace.Tracer, now: Callable[[], int]) -> None:
        """Begin the span of an attempt in the current one, and make it current in its task."""
        first = self._firsts.get(notice.call)
        span = tracer.start_span(
            _NAME,
            attributes={names.HEDGED_ATTEMPT: notice.number},
            links=[trace.Link(first, _TO_FIRST)] if first is not None else None,
            start_time=now(),
        )
        if first is None:
            self._firsts[notice.call] = span.get_span_context()
        token = contexts.attach(trace.set_span_in_context(span))
        self._open[id(notice.call), notice.number] = span, token, now

    def end(self, notice: HedgeEnded) -> None:
        """End the span of an attempt, if there is one; it is told in the same task."""
        ended = self._open.pop((id(notice.call), notice.number), None)
        if ended is None:
            return
        span, token, now = ended
        # First of all, as a processor of the program's may raise.
        contexts.detach(token)
        found: dict[str, Any] = {names.STATUS: notice.status}
        if notice.error is not None:
            found[names.ERROR_TYPE] = self._disclosure.error_type(notice.error)
        span.set_attributes(found)
        if notice.status == "defect":
            span.set_status(trace.StatusCode.ERROR, found.get(names.ERROR_TYPE))
        span.end(now())
