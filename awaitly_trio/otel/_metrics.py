"""Metrics: how long runs, steps and attempts took, and how often what happened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, final

from opentelemetry import metrics

from awaitly_trio._engine.watch import current_scope
from awaitly_trio._policies.circuit_states import CircuitChange
from awaitly_trio._tasks.notices import HedgeEnded, Refused, Waited, is_told
from awaitly_trio._values.events import (
    CacheHit,
    CacheMiss,
    FellBack,
    LeftBehind,
    Retrying,
    StepTimedOut,
)
from awaitly_trio.otel import _names as names
from awaitly_trio.otel._attributes import failure_type
from awaitly_trio.otel._disclosure import Disclosure, as_it_is
from awaitly_trio.otel._place import scope_of, step_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from awaitly_trio._values.events import Event
    from awaitly_trio._values.outcomes import Outcome
    from awaitly_trio._values.scopes import Scope, ScopeKind
    from awaitly_trio.otel._disclosure import Redact

BOUNDARIES = (
    0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5,
    1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0, 86400.0,
)  # fmt: skip
"""Seconds that separate the buckets of durations: from a look-up to a day of waiting."""

_COUNTED: Mapping[type, tuple[str, str, str]] = {
    Retrying: ("awaitly.step.retries", "{retry}", "Attempts after the first one"),
    StepTimedOut: ("awaitly.step.timeouts", "{timeout}", "Allowances that ran out"),
    FellBack: ("awaitly.step.fallbacks", "{fallback}", "Steps whose fallback ran"),
    CacheHit: ("awaitly.step.cache_hits", "{hit}", "Keyed steps answered from a cache"),
    CacheMiss: ("awaitly.step.cache_misses", "{miss}", "Keyed steps that had to run"),
    LeftBehind: ("awaitly.saga.left_behind", "{step}", "Effects that were not undone"),
}

_REFUSED = {"breaker": "awaitly.breaker.refused", "limiter": "awaitly.limiter.refused"}

_TIMED: Mapping[ScopeKind, tuple[str, str]] = {
    "workflow": ("awaitly.run.duration", "Time from the call of a workflow to its result"),
    "step": ("awaitly.step.duration", "Time of a step with all its attempts"),
    "attempt": ("awaitly.attempt.duration", "Time of one attempt of a step with a retry rule"),
    "compensation": ("awaitly.compensation.duration", "Time of undoing a step"),
}


class Limits(Protocol):
    """A limiter that can be asked how it stands."""

    name: str

    def statistics(self) -> Any:
        """Return a record with ``waiting``."""


@final
class Metrics:
    """An observer that counts and measures.

    Attributes are few: workflow, step, outcome and type of error, and of each no more
    than ``limit`` different ones; the rest are called ``_OTHER``.  Where somebody traces, too,
    the SDK keeps with a measurement the span it was made in.

    Args:
      provider: Where measurements go, OpenTelemetry's global one unless given.
      limit: How many names of workflows, of steps and of errors there may be.
      redact: As for ``Tracing``; asked about errors that are codes, which are types of errors.
    """

    role = "awaitly_trio.otel.metrics"
    event_types = tuple(_COUNTED)

    def __init__(
        self,
        provider: metrics.MeterProvider | None = None,
        *,
        limit: int = 200,
        redact: Redact = as_it_is,
    ) -> None:
        self._disclosure = Disclosure(redact=redact)
        meter = metrics.get_meter(names.INSTRUMENTATION, meter_provider=provider)
        self._workflows, self._steps, self._errors, self._shared = (
            names.Vocabulary(limit) for _ in range(4)
        )
        self._durations = {
            kind: meter.create_histogram(
                name, "s", description, explicit_bucket_boundaries_advisory=BOUNDARIES
            )
            for kind, (name, description) in _TIMED.items()
        }
        self._counters = {
            record: meter.create_counter(name, unit, description)
            for record, (name, unit, description) in _COUNTED.items()
        }
        self._active = meter.create_up_down_counter("awaitly.run.active", "{run}", "Runs under way")
        self._outcomes = meter.create_counter(
            "awaitly.scope.outcomes", "{scope}", "Scopes that ended, by kind and outcome"
        )
        self._transitions = meter.create_counter(
            "awaitly.breaker.transitions", "{transition}", "Changes of state of circuit breakers"
        )
        self._waits = meter.create_histogram(
            "awaitly.limiter.wait.duration",
            "s",
            "Time in the line of a limiter, of those who had to wait",
            explicit_bucket_boundaries_advisory=BOUNDARIES,
        )
        self._refusals = {
            by: meter.create_counter(name, "{call}", "Calls sent away")
            for by, name in _REFUSED.items()
        }
        self._hedges = meter.create_counter(
            "awaitly.step.hedges", "{attempt}", "Hedges of slow calls, by how they ended"
        )
        self._limiters: list[Limits] = []
        self._watch_limiters(meter)

    def on_start(self, scope: Scope) -> None:
        """Count a run as under way."""
        if scope.kind == "workflow":
            self._active.add(1, {names.WORKFLOW: self._workflows(scope.run.workflow)})

    def on_end(self, scope: Scope, outcome: Outcome) -> None:
        """Measure how long a scope took, and count how it ended."""
        workflow = self._workflows(scope.run.workflow)
        if scope.kind == "workflow":
            self._active.add(-1, {names.WORKFLOW: workflow})
        self._outcomes.add(1, {names.KIND: scope.kind, names.STATUS: outcome.status})
        durations = self._durations.get(scope.kind)
        if durations is None or scope.ended is None:
            return
        found = {names.WORKFLOW: workflow, names.STATUS: outcome.status}
        if scope.kind != "workflow":
            found[names.STEP] = self._steps(step_name(scope))
        kind = failure_type(outcome, self._disclosure)
        if kind is not None:
            found[names.ERROR_TYPE] = self._errors(kind)
        durations.record(scope.ended - scope.started, found)

    def on_event(self, event: Event) -> None:
        """Count a retry, a time-out and the like."""
        scope = scope_of(event)
        if scope is None:
            return
        workflow, step = self._workflows(scope.run.workflow), self._steps(step_name(scope))
        self._counters[type(event)].add(1, {names.WORKFLOW: workflow, names.STEP: step})

    def on_circuit_change(self, change: CircuitChange) -> None:
        """Count that a breaker changed: for the ``on_change`` of one that no run calls.

        Where these metrics watch, all breakers are counted, and this adds nothing.
        """
        if not is_told(self.on_notice):
            self._count_change(change)

    def on_notice(self, notice: object) -> None:
        """Count what breakers, limiters and hedges do, and measure how long calls waited."""
        if isinstance(notice, Waited):
            limiter, admitted = self._shared(notice.name), notice.admitted
            self._waits.record(notice.seconds, {names.LIMITER: limiter, names.ADMITTED: admitted})
        elif isinstance(notice, Refused):
            name = names.BREAKER if notice.by == "breaker" else names.LIMITER
            self._refusals[notice.by].add(1, {name: self._shared(notice.name)})
        elif isinstance(notice, CircuitChange):
            self._count_change(notice)
        elif isinstance(notice, HedgeEnded) and notice.number > 1:
            self._hedges.add(1, {names.STATUS: notice.status, **self._place()})

    def _place(self) -> dict[str, str]:
        """Return the workflow and the step that this task works on, if it does."""
        scope = current_scope.get()
        if scope is None or scope.kind == "ambient":
            return {}
        workflow, step = self._workflows(scope.run.workflow), self._steps(step_name(scope))
        return {names.WORKFLOW: workflow, names.STEP: step}

    def _count_change(self, change: CircuitChange) -> None:
        found = {
            names.BREAKER: self._shared(change.name),
            names.BREAKER_BEFORE: change.before.value,
            names.BREAKER_AFTER: change.after.value,
        }
        self._transitions.add(1, found)

    def watch_limiter(self, limiter: Limits) -> None:
        """Report how many wait for a limiter whenever the metrics are read.

        It is kept for as long as these metrics are: meant for limiters of a whole program.
        """
        self._limiters.append(limiter)

    def _watch_limiters(self, meter: metrics.Meter) -> None:
        def each(_: metrics.CallbackOptions) -> Iterable[metrics.Observation]:
            for limiter in tuple(self._limiters):
                found = {names.LIMITER: self._shared(limiter.name)}
                yield metrics.Observation(limiter.statistics().waiting, found)

        meter.create_observable_gauge(
            "awaitly.limiter.waiting", [each], "{call}", "Calls that wait for their turn"
        )
