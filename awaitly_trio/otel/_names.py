"""The names that traces, metrics and logs use: the one table of them.

They follow the conventions of OpenTelemetry: one namespace, no attribute whose
name is also a namespace, ``error.type`` where something went wrong.
"""

from __future__ import annotations

from typing import final

# Under their own names again, which tells checkers that they may be had from here.
from awaitly_trio._values.kinds import error_type as error_type  # noqa: PLC0414
from awaitly_trio._values.plain import tellable as tellable  # noqa: PLC0414

INSTRUMENTATION = "awaitly_trio"
"""What tracers, meters and event loggers are called."""

RUN_ID = "awaitly.run.id"
WORKFLOW = "awaitly.workflow.name"
STEP = "awaitly.step.name"
KIND = "awaitly.scope.kind"
PATH = "awaitly.scope.path"
KEY = "awaitly.scope.key"
TAGS = "awaitly.scope.tags"
DESCRIPTION = "awaitly.scope.description"
ATTEMPT = "awaitly.attempt.number"

STATUS = "awaitly.outcome.status"
WHY = "awaitly.outcome.why"
BY = "awaitly.outcome.by"
SOURCE = "awaitly.outcome.source"
REASON = "awaitly.outcome.reason"
CACHED = "awaitly.outcome.cached"
NOTES = "awaitly.outcome.notes"

ARGUMENTS = "awaitly.value.arguments"
RESULT = "awaitly.value.result"
ERROR = "awaitly.value.error"

SAGA = "awaitly.saga.name"
BREAKER = "awaitly.breaker.name"
LIMITER = "awaitly.limiter.name"
ADMITTED = "awaitly.limiter.admitted"
HEDGED_ATTEMPT = "awaitly.hedge.attempt"
ERROR_TYPE = "error.type"
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
        if len(self._known) >= self.limit:
            return OTHER
        self._known.add(name)
        return name
