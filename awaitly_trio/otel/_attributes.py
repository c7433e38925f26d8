"""Attributes of a span: what it was when it began, and how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
from awaitly_trio.otel import _names as names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from awaitly_trio._values.events import Event
    from awaitly_trio._values.outcomes import Outcome
    from awaitly_trio._values.scopes import Scope
    from awaitly_trio.otel._disclosure import Disclosure


def of_scope(scope: Scope, path: str | None = None) -> dict[str, Any]:
    """Return what is known of a scope when it begins; ``path`` is its path, if known."""
    found: dict[str, Any] = {
        names.KIND: scope.kind,
        names.PATH: path or scope.path,
        names.RUN_ID: scope.run.run_id,
        names.WORKFLOW: scope.run.workflow,
    }
    if scope.attempt is not None:
        found[names.ATTEMPT] = scope.attempt
    if scope.key is not None:
        found[names.KEY] = scope.key
    if scope.tags:
        found[names.TAGS] = scope.tags
    if scope.description is not None:
        found[names.DESCRIPTION] = scope.description
    return found


_OPTIONAL = (
    ("why", names.WHY),
    ("by", names.BY),
    ("source", names.SOURCE),
    ("reason", names.REASON),
    ("notes", names.NOTES),
)


def of_outcome(outcome: Outcome) -> dict[str, Any]:
    """Return how a scope ended, without its values."""
    found: dict[str, Any] = {names.STATUS: outcome.status}
    if outcome.cached:
        found[names.CACHED] = True
    if outcome.status == "ok":
        return found
    for field, name in _OPTIONAL:
        value = getattr(outcome, field)
        if value:
            found[name] = value
    kind = failure_type(outcome)
    if kind is not None:
        found[names.ERROR_TYPE] = kind
    return found


def failure_type(outcome: Outcome) -> str | None:
    """Return the kind of error that a scope ended with, if that was what ended it."""
    if outcome.status == "defect":
        return names.error_type(outcome.cause)
    if outcome.status in {"error", "timed_out"}:
        return names.error_type(outcome.error)
    return None


def of_values(disclosure: Disclosure, scope: Scope, outcome: Outcome) -> dict[str, str]:
    """Return the values of a scope as far as they may be told."""
    found: dict[str, str] = {}
    if scope.arguments or scope.keywords:
        found[names.ARGUMENTS] = disclosure.arguments(scope)
    if outcome.status == "ok":
        found[names.RESULT] = disclosure.text("result", outcome.value)
    elif outcome.status in {"error", "timed_out"}:
        found[names.ERROR] = disclosure.text("error", outcome.error)
    return found


_EVENTS: Mapping[type, tuple[str, Mapping[str, str]]] = {
    Retrying: (
        "awaitly.retry",
        {"attempt": names.ATTEMPT, "delay": "awaitly.retry.delay"},
    ),
    RetriesExhausted: (
        "awaitly.retries_exhausted",
        {"attempts": "awaitly.retry.attempts", "reason": "awaitly.retry.reason"},
    ),
    StepTimedOut: (
        "awaitly.timeout",
        {
            "seconds": "awaitly.timeout.seconds",
            "total": "awaitly.timeout.total",
            "attempt": names.ATTEMPT,
        },
    ),
    FellBack: ("awaitly.fallback", {}),
    CacheHit: ("awaitly.cache_hit", {"shared": "awaitly.cache.shared"}),
    CacheMiss: ("awaitly.cache_miss", {}),
    StepSkipped: ("awaitly.skipped", {"name": names.STEP, "reason": "awaitly.skipped.reason"}),
    Decided: (
        "awaitly.decided",
        {"name": names.STEP, "chosen": "awaitly.decided.chosen"},
    ),
    HookFailed: ("awaitly.hook_failed", {"hook": "awaitly.hook.name"}),
    PivotPassed: ("awaitly.pivot_passed", {"steps": "awaitly.saga.steps"}),
    Undoing: ("awaitly.undoing", {"saga": names.SAGA, "steps": "awaitly.saga.steps"}),
    Undone: (
        "awaitly.undone",
        {"saga": names.SAGA, "undone": "awaitly.saga.undone", "left": "awaitly.saga.left"},
    ),
    LeftBehind: ("awaitly.left_behind", {"step": names.STEP, "why": "awaitly.saga.why"}),
}


def of_change(change: CircuitChange) -> dict[str, str]:
    """Return the attributes of a change of a breaker."""
    return {
        names.BREAKER: change.name,
        "awaitly.breaker.before": change.before.value,
        "awaitly.breaker.after": change.after.value,
        "awaitly.breaker.event": change.event.value,
    }


def of_notice(notice: object) -> tuple[str, dict[str, Any]] | None:
    """Return the name and the attributes of a notice that is an event of a span, if it is one."""
    if isinstance(notice, CircuitChange):
        return "awaitly.breaker_changed", dict(of_change(notice))
    if isinstance(notice, Waited):
        waited = {"awaitly.limiter.seconds": notice.seconds, names.ADMITTED: notice.admitted}
        return "awaitly.limiter_waited", {names.LIMITER: notice.name, **waited}
    if isinstance(notice, Refused):
        by_breaker = notice.by == "breaker"
        name = names.BREAKER if by_breaker else names.LIMITER
        return f"awaitly.{notice.by}_refused", {name: notice.name}
    return None


SPAN_EVENTS = tuple(_EVENTS)
"""The events of a run that become events of a span; the others are its start and end."""


def of_event(event: Event) -> tuple[str, dict[str, Any]]:
    """Return the name and the attributes of an event of a span."""
    name, fields = _EVENTS[type(event)]
    found = {key: getattr(event, field) for field, key in fields.items()}
    error = getattr(event, "error", None)
    if error is not None:
        found[names.ERROR_TYPE] = names.error_type(error)
    return name, {key: value for key, value in found.items() if value is not None}
