"""Spans: one for each scope, open and current while its work is done."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import Token
from typing import TYPE_CHECKING, Any, final

import msgspec
from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.context import Context

from awaitly_trio._engine.watch import current_scope
from awaitly_trio._tasks.clocks import wall_clock_ns
from awaitly_trio._tasks.notices import HedgeEnded, HedgeStarted, is_told
from awaitly_trio._values.plain import tellable
from awaitly_trio.otel import _attributes as attributes
from awaitly_trio.otel import _names as names
from awaitly_trio.otel._described import Described
from awaitly_trio.otel._disclosure import Disclosure, as_it_is
from awaitly_trio.otel._exceptions import record
from awaitly_trio.otel._hedges import HedgeSpans
from awaitly_trio.otel._place import scope_of
from awaitly_trio.otel._propagation import PENDING_LINKS
from awaitly_trio.otel._recorded import take_unrecorded

if TYPE_CHECKING:
    from awaitly_trio._policies.circuit_states import CircuitChange
    from awaitly_trio._values.events import Event
    from awaitly_trio._values.outcomes import Outcome
    from awaitly_trio._values.scopes import Scope
    from awaitly_trio.otel._disclosure import Redact

_NANOSECONDS = 1_000_000_000
_INTERNAL = trace.SpanKind.INTERNAL
_NO_TRACERS = (trace.ProxyTracerProvider, trace.NoOpTracerProvider)
ROLE = "awaitly_trio.otel.tracing"


@final
class _Open(msgspec.Struct, eq=False):
    """A span under way, and what the spans inside it need to know.

    ``now`` gives the wall-clock time in nanoseconds since 1970.
    """

    span: trace.Span
    token: Token[Context]
    tracer: trace.Tracer
    now: Callable[[], int]


@final
class Tracing:
    """An observer that makes a span of every scope: workflow, step, attempt, branch, undoing.

    A span is current while its scope runs, so that spans of HTTP clients and database
    drivers lie inside it, also in nurseries of one's own and in threads of
    ``trio.to_thread``.  Its times are those of the wall clock, which follows a virtual
    clock.  Of several such observers for one run only the innermost makes spans.

    A planned error is no failure of a span unless ``errors_fail_spans``.  A defect is:
    the span in which it arose has recorded the exception, all that it left have the status
    of an error.  A cancelled span has neither; its attributes say who cancelled it, and why.

    Where no SDK is set up nothing is done.  For a span that is not sampled nothing but
    its context is made.

    Args:
      provider: Where spans go, OpenTelemetry's global one unless given.
      errors_fail_spans: Give the status of an error to planned errors and time-outs, too.
      values: Tell arguments, results and errors, and not only their types.
      redact: Called with what it is (``"arguments"``, ``"result"``, ``"error"``,
        ``"exception"``, ``"note"``, ``"reason"``, ``"choice"``) and the thing; returns what
        is told in its place.
    """

    role = ROLE
    encloses = True
    event_types = attributes.SPAN_EVENTS

    def __init__(
        self,
        provider: trace.TracerProvider | None = None,
        *,
        errors_fail_spans: bool = False,
        values: bool = False,
        redact: Redact = as_it_is,
    ) -> None:
        self._provider = provider
        self._errors_fail_spans = errors_fail_spans
        self._disclosure = Disclosure(values=values, redact=redact)
        self._is_brief = not values
        self._open: dict[Scope, _Open] = {}
        self._hedges = HedgeSpans(self._disclosure)
        self._tracer: tuple[trace.TracerProvider, trace.Tracer] | None = None

    @property
    def open_spans(self) -> int:
        """How many spans have begun and not ended."""
        return len(self._open) + self._hedges.open_spans

    def on_start(self, scope: Scope) -> None:
        """Begin a span and make it the current one."""
        parent = scope.parent
        above = None if parent is None else self._open.get(parent) or self._around(parent)
        if above is not None:
            tracer, now = above.tracer, above.now
        elif scope.kind == "workflow":
            found = self._current_tracer()
            if found is None:
                return
            tracer, now = found, wall_clock_ns()
        else:  # the run it belongs to began when nobody traced
            return
        # Asked once and handed on, since each look at the current one has a price of its own.
        context = contexts.get_current()
        links: Any = context.get(PENDING_LINKS)
        if links:
            context = contexts.set_value(PENDING_LINKS, None, context)
        # Given at the start they cost half, and samplers can ask for them.
        is_recorded = above is not None and above.span.is_recording()
        described = attributes.of_scope(scope) if is_recorded else Described(scope)
        name = scope.name if scope.name.isascii() else tellable(scope.name)
        span = tracer.start_span(name, context, _INTERNAL, described, links, now())
        token = contexts.attach(trace.set_span_in_context(span, context))
        self._open[scope] = _Open(span, token, tracer, now)

    def on_end(self, scope: Scope, outcome: Outcome) -> None:
        """End the span of a scope; the one around it is current again."""
        ended = self._open.pop(scope, None)
        if ended is None:
            return
        try:
            if outcome.status == "ok" and self._is_brief and not outcome.cached:
                # Nearly every end; a span that does not record takes nothing.
                ended.span.set_attribute(names.STATUS, "ok")
            elif ended.span.is_recording():
                self._describe(ended, scope, outcome)
        finally:
            # First of all: a processor of the program's may raise, and what the end of a run
            # closes for a task that outlives it is still current there, and nowhere else.
            if outcome.why != "closed":
                contexts.detach(ended.token)
            ended.span.end(ended.now())

    def on_event(self, event: Event) -> None:
        """Note a retry, a time-out and the like on the span of their scope."""
        scope = scope_of(event)
        found = None if scope is None else self._open.get(scope)
        if found is not None and found.span.is_recording():
            name, fields = attributes.of_event(event, self._disclosure)
            found.span.add_event(name, fields, timestamp=int(event.time * _NANOSECONDS))

    def on_circuit_change(self, change: CircuitChange) -> None:
        """Note that a breaker changed: for its ``on_change``, where no run is watched.

        A breaker called in a watched run or block needs no such thing; given all the same,
        the change is noted once.
        """
        if not is_told(self.on_notice):
            self.on_notice(change)

    def on_notice(self, notice: object) -> None:
        """Note what a breaker or a limiter did; begin or end the span of a hedged attempt."""
        if isinstance(notice, HedgeEnded):
            self._hedges.end(notice)
            return
        scope = current_scope.get()
        found = None if scope is None else self._open.get(scope)
        if isinstance(notice, HedgeStarted):
            self._start_hedge(notice, scope, found)
        elif found is not None and found.span.is_recording():
            told = attributes.of_notice(notice)
            if told is not None:
                found.span.add_event(*told, timestamp=found.now())

    def _start_hedge(self, notice: HedgeStarted, scope: Scope | None, around: _Open | None) -> None:
        if around is not None:
            if around.span.is_recording():
                self._hedges.start(notice, around.tracer, around.now)
        elif scope is None or scope.kind == "ambient":
            # A call of a block that is watched, and of no run.
            tracer = self._current_tracer()
            if tracer is not None:
                self._hedges.start(notice, tracer, wall_clock_ns())

    def _around(self, scope: Scope | None) -> _Open | None:
        """Return the innermost span of a scope and those around it; some may have none."""
        while scope is not None:
            found = self._open.get(scope)
            if found is not None:
                return found
            scope = scope.parent
        return None

    def _current_tracer(self) -> trace.Tracer | None:
        """Return the tracer of a run that begins, ``None`` where none would record it."""
        provider = self._provider or trace.get_tracer_provider()
        if isinstance(provider, _NO_TRACERS):
            return None
        if self._tracer is None or self._tracer[0] is not provider:
            self._tracer = provider, provider.get_tracer(names.INSTRUMENTATION)
        return self._tracer[1]

    def _describe(self, ended: _Open, scope: Scope, outcome: Outcome) -> None:
        ended.span.set_attributes(attributes.of_outcome(outcome, self._disclosure))
        if outcome.status == "defect":
            kind = self._disclosure.error_type(outcome.cause)
            ended.span.set_status(trace.StatusCode.ERROR, kind)
            self._record(ended, outcome.cause)
        elif self._errors_fail_spans and outcome.status in {"error", "timed_out"}:
            kind = self._disclosure.error_type(outcome.error)
            ended.span.set_status(trace.StatusCode.ERROR, kind)
        if self._disclosure.values:
            # Last, since a hook of the user's has the word: what it does costs the values only.
            told = attributes.of_values(self._disclosure, scope, outcome)
            ended.span.set_attributes(told)

    def _record(self, ended: _Open, cause: BaseException) -> None:
        """Record what of an exception no span inside has recorded."""
        for each in take_unrecorded(cause, ended.span.get_span_context().trace_id):
            record(ended.span, each, self._disclosure, ended.now())


@final
class Untraced:
    """An observer that does nothing in the place of one that traces: give it to a run.

    The run, and those inside it, then make no spans, whatever is on around them.
    """

    role = ROLE
    event_types: tuple[type, ...] = ()

    def on_event(self, event: Event) -> None:
        """Do nothing; it is never called."""
