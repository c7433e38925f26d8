"""Attributes of a span: what it was when it began, and how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from awaitly_trio._policies.circuit_states import CircuitChange
from awaitly_trio._tasks.notices import Refused, Waited
from awaitly_trio._values.events import (
    CacheHit,
    CacheMiss,
    Decided,
    FellBack,
    HookFailed,
    LeftBehind,
    PivotPassed,
    RetriesExhausted,
    Retrying,
    StepSkipped,
    StepTimedOut,
    Undoing,
    Undone,
)
from awaitly_trio._values.plain import tellable
from awaitly_trio._values.scopes import path_of
from awaitly_trio.otel import _names as names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from awaitly_trio._values.events import Event
    from awaitly_trio._values.outcomes import Outcome
    from awaitly_trio._values.scopes import Scope
    from awaitly_trio.otel._disclosure import Disclosure


def of_scope(scope: Scope) -> dict[str, Any]:
    """Return what is known of a scope when it begins."""
    run, path = scope.run, path_of(scope)
    found: dict[str, Any] = {
        names.KIND: scope.kind,
        names.PATH: path,
        names.RUN_ID: run.run_id,
        names.WORKFLOW: run.workflow,
    }
    if scope.attempt is not None:
        found[names.ATTEMPT] = scope.attempt
    if scope.key is not None:
        found[names.KEY] = _tellable(scope.key)
    if scope.tags:
        found[names.TAGS] = _tellable(scope.tags)
    if scope.description is not None:
        found[names.DESCRIPTION] = _tellable(scope.description)
    # Nearly all are, and the name of the workflow is part of the path.
    if path.isascii() and run.run_id.isascii():
        return found
    return {name: _tellable(value) for name, value in found.items()}


def _tellable(value: Any) -> Any:
    """Return the value of an attribute in a form that every exporter can send."""
    if isinstance(value, str):
        return tellable(value)
    if isinstance(value, tuple):
        texts = cast("tuple[str, ...]", value)
        return tuple(map(tellable, texts))
    return value


def of_outcome(outcome: Outcome, disclosure: Disclosure) -> dict[str, Any]:
    """Return how a scope ended, without its values."""
    found: dict[str, Any] = {names.STATUS: outcome.status}
    if outcome.cached:
        found[names.CACHED] = True
    if outcome.status == "ok":
        return found
    if outcome.why:
        found[names.WHY] = outcome.why
    if outcome.by:
        found[names.BY] = tellable(outcome.by)
    if outcome.source:
        found[names.SOURCE] = tellable(outcome.source)
    if outcome.reason and (reason := disclosure.reason(outcome.reason)):
        found[names.REASON] = reason
    if outcome.notes and (notes := disclosure.notes(outcome.notes)):
        found[names.NOTES] = notes
    kind = failure_type(outcome, disclosure)
    if kind is not None:
        found[names.ERROR_TYPE] = kind
    return found


def failure_type(outcome: Outcome, disclosure: Disclosure) -> str | None:
    """Return the kind of error that a scope ended with, if that was what ended it."""
    if outcome.status == "defect":
        return disclosure.error_type(outcome.cause)
    if outcome.status in {"error", "timed_out"}:
        return disclosure.error_type(outcome.error)
    return None


def of_values(disclosure: Disclosure, scope: Scope, outcome: Outcome) -> dict[str, str]:
    """Return the values of a scope as far as they may be told."""
    found: dict[str, str | None] = {}
    if scope.arguments or scope.keywords:
        found[names.ARGUMENTS] = disclosure.arguments(scope)
    if outcome.status == "ok":
        found[names.RESULT] = disclosure.text("result", outcome.value)
    elif outcome.status in {"error", "timed_out"}:
        found[names.ERROR] = disclosure.text("error", outcome.error)
    return {name: told for name, told in found.items() if told is not None}


_EVENTS: Mapping[type, tuple[str, Mapping[str, str]]] = {
    Retrying: (names.RETRY, {"attempt": names.ATTEMPT, "delay": names.RETRY_DELAY}),
    RetriesExhausted: (
        names.RETRIES_EXHAUSTED,
        {"attempts": names.RETRY_ATTEMPTS, "reason": names.RETRY_REASON},
    ),
    StepTimedOut: (
        names.TIMEOUT,
        {
            "seconds": names.TIMEOUT_SECONDS,
            "total": names.TIMEOUT_TOTAL,
            "attempt": names.ATTEMPT,
        },
    ),
    FellBack: (names.FALLBACK, {}),
    CacheHit: (names.CACHE_HIT, {"shared": names.CACHE_SHARED}),
    CacheMiss: (names.CACHE_MISS, {}),
    StepSkipped: (names.SKIPPED, {"name": names.STEP, "reason": names.SKIPPED_REASON}),
    Decided: (names.DECIDED, {"name": names.STEP, "chosen": names.CHOSEN}),
    HookFailed: (names.HOOK_FAILED, {"hook": names.HOOK}),
    PivotPassed: (names.PIVOT_PASSED, {"steps": names.SAGA_STEPS}),
    Undoing: (names.UNDOING, {"saga": names.SAGA, "steps": names.SAGA_STEPS}),
    Undone: (
        names.UNDONE,
        {"saga": names.SAGA, "undone": names.SAGA_UNDONE, "left": names.SAGA_LEFT},
    ),
    LeftBehind: (names.LEFT_BEHIND, {"step": names.STEP, "why": names.SAGA_WHY}),
}

SPAN_EVENTS = tuple(_EVENTS)
"""The events of a run that become events of a span; the others are its start and end."""

_REFUSED = {
    "breaker": (names.BREAKER_REFUSED, names.BREAKER),
    "limiter": (names.LIMITER_REFUSED, names.LIMITER),
}


def of_change(change: CircuitChange) -> dict[str, str]:
    """Return the attributes of a change of a breaker."""
    return {
        names.BREAKER: tellable(change.name),
        names.BREAKER_BEFORE: change.before.value,
        names.BREAKER_AFTER: change.after.value,
        names.BREAKER_EVENT: change.event.value,
    }


def of_notice(notice: object) -> tuple[str, dict[str, Any]] | None:
    """Return the name and the attributes of a notice that is an event of a span, if it is one."""
    if isinstance(notice, CircuitChange):
        return names.BREAKER_CHANGED, dict(of_change(notice))
    if isinstance(notice, Waited):
        waited = {names.LIMITER_SECONDS: notice.seconds, names.ADMITTED: notice.admitted}
        return names.LIMITER_WAITED, {names.LIMITER: tellable(notice.name), **waited}
    if isinstance(notice, Refused):
        event, name = _REFUSED[notice.by]
        return event, {name: tellable(notice.name)}
    return None


def of_event(event: Event, disclosure: Disclosure) -> tuple[str, dict[str, Any]]:
    """Return the name and the attributes of an event of a span."""
    name, fields = _EVENTS[type(event)]
    found = {key: _tellable(getattr(event, field)) for field, key in fields.items()}
    if isinstance(event, Decided):
        # What was chosen is a value of the program, unlike what was to be decided.
        found[names.CHOSEN] = disclosure.choice(event.chosen)
    error = getattr(event, "error", None)
    if error is not None:
        found[names.ERROR_TYPE] = disclosure.error_type(error)
    return name, {key: value for key, value in found.items() if value is not None}
