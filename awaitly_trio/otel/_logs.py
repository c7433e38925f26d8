"""Structured logs of runs, and the ids that lead from any log line to its trace."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, final

from opentelemetry import trace

from awaitly_trio._engine.watch import current_scope
from awaitly_trio._policies.circuit_states import CircuitChange, CircuitState
from awaitly_trio._values.plain import tellable
from awaitly_trio.otel import _names as names
from awaitly_trio.otel._attributes import (
    SPAN_EVENTS,
    of_change,
    of_event,
    of_outcome,
    of_scope,
    of_values,
)
from awaitly_trio.otel._disclosure import Disclosure, as_it_is
from awaitly_trio.otel._exceptions import ask, may_be_formatted, of_exception
from awaitly_trio.otel._lines import NO_IDS, Line, Lines
from awaitly_trio.otel._place import scope_of
from awaitly_trio.otel._recorded import WRITTEN, take_unrecorded

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from awaitly_trio._values.events import Event
    from awaitly_trio._values.outcomes import Outcome
    from awaitly_trio._values.scopes import Scope
    from awaitly_trio.otel._disclosure import Redact
    from awaitly_trio.otel._lines import BoundLogger

LOGGER = "awaitly_trio.events"

_LEVELS = {
    "error": logging.WARNING,
    "timed_out": logging.WARNING,
    "defect": logging.ERROR,
}


def current_ids() -> dict[str, str]:
    """Return ``trace_id``, ``span_id`` and ``run_id`` of where the program is, if anywhere."""
    found: dict[str, str] = {}
    span = trace.get_current_span().get_span_context()
    if span.is_valid:
        found["trace_id"] = trace.format_trace_id(span.trace_id)
        found["span_id"] = trace.format_span_id(span.span_id)
    scope = current_scope.get()
    if scope is not None:
        found["run_id"] = tellable(scope.run.run_id)
    return found


@final
class CorrelationFilter(logging.Filter):
    """Puts ``trace_id``, ``span_id`` and ``run_id`` on every record of ``logging``.

    Add it to a handler, and name them in its format; they are empty outside a run.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Add the ids; the record is always kept."""
        # Empty at least: a format that names them must work for a line of any library.
        ids = {**NO_IDS, **current_ids()}
        record.__dict__.update({key: vars(record).get(key) or found for key, found in ids.items()})
        return True


def add_ids(
    logger: Any,  # noqa: ARG001
    method: str,  # noqa: ARG001
    event_dict: MutableMapping[str, Any],
) -> MutableMapping[str, Any]:
    """Add the ids to an event of structlog: one of its processors."""
    # A line about the start of a run is written before the task is in that run.
    for key, found in current_ids().items():
        event_dict.setdefault(key, found)
    return event_dict


@final
class Logs:
    """An observer that writes a line for each start, end, retry, time-out and so on.

    The lines go to the logger ``awaitly_trio.events`` of ``logging``, with the fields in
    the attribute ``fields`` of each record; or to a logger of structlog, with the fields
    as keywords.  The first line about a defect has its exception, as ``exc_info``.
    Starts, good ends and cancelled ones are of the level DEBUG inside a run and INFO for
    the run itself; planned errors, what came before them and breakers that trip are
    warnings, defects errors.  Where somebody traces, too, the ids of a line are those of
    its own span.

    Args:
      logger: Where the lines go: a logger of ``logging``, an adapter of one, or one of structlog.
      values: Tell arguments, results and errors, and not only their types.
      redact: As for ``Tracing``.
    """

    role = "awaitly_trio.otel.logs"
    event_types = SPAN_EVENTS

    def __init__(
        self,
        logger: logging.Logger | logging.LoggerAdapter[Any] | BoundLogger | None = None,
        *,
        values: bool = False,
        redact: Redact = as_it_is,
    ) -> None:
        self._lines = Lines(logging.getLogger(LOGGER) if logger is None else logger)
        self._disclosure = Disclosure(values=values, redact=redact)

    def on_start(self, scope: Scope) -> None:
        """Write that a scope began."""
        level = logging.INFO if scope.kind == "workflow" else logging.DEBUG
        if self._lines.is_on(level):
            self._write(level, f"{scope.kind} {scope.name} began", of_scope(scope))

    def on_end(self, scope: Scope, outcome: Outcome) -> None:
        """Write how a scope ended."""
        usual = logging.INFO if scope.kind == "workflow" else logging.DEBUG
        level = _LEVELS.get(outcome.status, usual)
        if not self._lines.is_on(level):
            return
        fields = of_scope(scope) | of_outcome(outcome, self._disclosure)
        if scope.ended is not None:
            fields["duration"] = scope.ended - scope.started
        if self._disclosure.values:
            fields |= of_values(self._disclosure, scope, outcome)
        exception = None
        if outcome.status == "defect" and self._is_new(scope, outcome.cause):
            told = ask(outcome.cause, self._disclosure)
            if may_be_formatted(told):
                exception = told.whole
            else:
                fields |= of_exception(outcome.cause, told, self._disclosure)
        self._write(level, f"{scope.kind} {scope.name} ended: {outcome.status}", fields, exception)

    def on_event(self, event: Event) -> None:
        """Write that something happened in a scope."""
        scope = scope_of(event)
        name, fields = of_event(event, self._disclosure)
        level = logging.WARNING if names.ERROR_TYPE in fields else logging.DEBUG
        if scope is not None and self._lines.is_on(level):
            told = name.removeprefix("awaitly.").replace("_", " ")
            self._write(level, f"{scope.kind} {scope.name}: {told}", of_scope(scope) | fields)

    def on_notice(self, notice: object) -> None:
        """Write that a breaker changed, as a warning unless it closed."""
        if not isinstance(notice, CircuitChange):
            return
        level = logging.INFO if notice.after is CircuitState.CLOSED else logging.WARNING
        if self._lines.is_on(level):
            line = f"breaker {notice.name}: {notice.after.value} ({notice.event.value})"
            self._write(level, line, dict(of_change(notice)))

    def _is_new(self, scope: Scope, cause: BaseException) -> bool:
        """Tell whether no line about a scope inside has told of a defect."""
        top = scope
        while top.parent is not None:
            top = top.parent
        # Another log, or another run that meets the same exception, tells of it as well.
        return bool(take_unrecorded(cause, (id(self), top.run.run_id), WRITTEN))

    def _write(
        self,
        level: int,
        line: str,
        fields: dict[str, Any],
        exception: BaseException | None = None,
    ) -> None:
        ids = current_ids()
        if names.RUN_ID in fields:
            # That of the scope: at its start and its end the task is not in it.
            ids["run_id"] = fields[names.RUN_ID]
        self._lines.write(Line(level, tellable(line), ids, fields, exception))
