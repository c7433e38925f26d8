"""The names that traces, metrics and logs use: the one table of them.

They follow the conventions of OpenTelemetry: one namespace, no attribute whose
name is also a namespace, ``error.type`` where something went wrong.
"""

from __future__ import annotations

import re
from typing import final

# Under its own name again, which tells checkers that it may be had from here.
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

_CODE = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")


def error_type(error: object) -> str:
    """Return what kind of error this is, in few enough words to group by.

    An error that is itself a code, such as ``"not_found"``, is its own kind; any
    other is known by its class, with its module unless it is one of Python's.
    """
    if isinstance(error, str) and _CODE.fullmatch(error):
        return error
    kind = type(error)
    module = kind.__module__
    if module == "builtins":
        return kind.__qualname__
    # The folders of this package are no business of whoever reads a trace.
    return f"{module.split('._')[0]}.{kind.__qualname__}"


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
