"""The names that traces, metrics and logs use: the one table of them.

They follow the conventions of OpenTelemetry: one namespace, no attribute whose
name is also a namespace, ``error.type`` where something went wrong.
"""

from __future__ import annotations

from typing import final

from awaitly_trio._values.plain import tellable

INSTRUMENTATION = "awaitly_trio"
"""What tracers, meters and event loggers are called."""

# What a scope is.
RUN_ID = "awaitly.run.id"
WORKFLOW = "awaitly.workflow.name"
STEP = "awaitly.step.name"
KIND = "awaitly.scope.kind"
PATH = "awaitly.scope.path"
KEY = "awaitly.scope.key"
TAGS = "awaitly.scope.tags"
DESCRIPTION = "awaitly.scope.description"
ATTEMPT = "awaitly.attempt.number"
HEDGED_ATTEMPT = "awaitly.hedge.attempt"
LINK_KIND = "awaitly.link.kind"

# How it ended.
STATUS = "awaitly.outcome.status"
WHY = "awaitly.outcome.why"
BY = "awaitly.outcome.by"
SOURCE = "awaitly.outcome.source"
REASON = "awaitly.outcome.reason"
CACHED = "awaitly.outcome.cached"
NOTES = "awaitly.outcome.notes"
ERROR_TYPE = "error.type"
EXCEPTION = "exception"
EXCEPTION_TYPE = "exception.type"
EXCEPTION_MESSAGE = "exception.message"
EXCEPTION_STACKTRACE = "exception.stacktrace"

# What it worked on, if that may be told.
ARGUMENTS = "awaitly.value.arguments"
RESULT = "awaitly.value.result"
ERROR = "awaitly.value.error"

# What happened in it: events of spans, and their attributes.
RETRY = "awaitly.retry"
RETRY_DELAY = "awaitly.retry.delay"
RETRIES_EXHAUSTED = "awaitly.retries_exhausted"
RETRY_ATTEMPTS = "awaitly.retry.attempts"
RETRY_REASON = "awaitly.retry.reason"
TIMEOUT = "awaitly.timeout"
TIMEOUT_SECONDS = "awaitly.timeout.seconds"
TIMEOUT_TOTAL = "awaitly.timeout.total"
FALLBACK = "awaitly.fallback"
CACHE_HIT = "awaitly.cache_hit"
CACHE_SHARED = "awaitly.cache.shared"
CACHE_MISS = "awaitly.cache_miss"
SKIPPED = "awaitly.skipped"
SKIPPED_REASON = "awaitly.skipped.reason"
DECIDED = "awaitly.decided"
CHOSEN = "awaitly.decided.chosen"
HOOK_FAILED = "awaitly.hook_failed"
HOOK = "awaitly.hook.name"
PIVOT_PASSED = "awaitly.pivot_passed"
UNDOING = "awaitly.undoing"
UNDONE = "awaitly.undone"
LEFT_BEHIND = "awaitly.left_behind"
SAGA = "awaitly.saga.name"
SAGA_STEPS = "awaitly.saga.steps"
SAGA_UNDONE = "awaitly.saga.undone"
SAGA_LEFT = "awaitly.saga.left"
SAGA_WHY = "awaitly.saga.why"

# What protections did.
BREAKER_CHANGED = "awaitly.breaker_changed"
BREAKER_REFUSED = "awaitly.breaker_refused"
BREAKER = "awaitly.breaker.name"
BREAKER_BEFORE = "awaitly.breaker.before"
BREAKER_AFTER = "awaitly.breaker.after"
BREAKER_EVENT = "awaitly.breaker.event"
LIMITER_WAITED = "awaitly.limiter_waited"
LIMITER_REFUSED = "awaitly.limiter_refused"
LIMITER = "awaitly.limiter.name"
LIMITER_SECONDS = "awaitly.limiter.seconds"
ADMITTED = "awaitly.limiter.admitted"

OTHER = "_OTHER"
"""What OpenTelemetry has in place of a name when there are too many."""

MISSING = "telemetry needs an extra: pip install 'awaitly_trio[otel]'"
"""What is said where the SDK or an exporter is not installed."""


@final
class Vocabulary:
    """Names for metrics, of which there are never more than a few.

    A name made of an order's number would be a time series of its own: those that
    come after the first ``limit`` are all called ``_OTHER``.

    Args:
      limit: How many different names there may be, one or more.
    """

    __slots__ = ("_known", "limit")

    def __init__(self, limit: int) -> None:
        if limit < 1:
            raise ValueError(f"limit must be at least 1, not {limit!r}")
        self.limit = limit
        self._known: set[str] = set()

    def __call__(self, name: str) -> str:
        """Return a name, or ``_OTHER`` where there are too many."""
        if name in self._known:
            return name
        name = tellable(name)
        if name in self._known:
            return name
        if len(self._known) >= self.limit:
            return OTHER
        self._known.add(name)
        return name
