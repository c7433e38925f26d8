"""Typed results and structured concurrency for business processes on Trio.

What most programs need is here; ``result``, ``schedule``, ``reliability``,
``events`` and ``testing`` hold the rest.
"""

from __future__ import annotations

import os

from awaitly_trio._engine.audience import Observer
from awaitly_trio._engine.block import Handle
from awaitly_trio._engine.decorator import run, workflow
from awaitly_trio._engine.observing import observing
from awaitly_trio._engine.parallel import Group
from awaitly_trio._engine.step import Step
from awaitly_trio._engine.step_cache import StepCache
from awaitly_trio._engine.workflow import Workflow
from awaitly_trio._policies.retry import Retry
from awaitly_trio._policies.schedule import Schedule
from awaitly_trio._tasks.batch import BatchPosition, BatchProgress
from awaitly_trio._tasks.settle import Abandoned, Settled
from awaitly_trio._values.errors import (
    AwaitlyError,
    CircuitOpen,
    QueueFull,
    RateLimited,
    ReleaseError,
    RunClosedError,
    RunRefusedError,
    TimedOut,
    UndeclaredDependencyError,
    UnexpectedError,
    UnwrapError,
)
from awaitly_trio._values.result import Err, Ok, Result, is_err, is_ok
from awaitly_trio._values.tagged import TaggedError
from awaitly_trio.schedule import (
    exponential,
    fibonacci,
    forever,
    linear,
    once,
    recurs,
    spaced,
    stop,
)

__all__ = [
    "Abandoned",
    "AwaitlyError",
    "BatchPosition",
    "BatchProgress",
    "CircuitOpen",
    "Err",
    "Group",
    "Handle",
    "Observer",
    "Ok",
    "QueueFull",
    "RateLimited",
    "ReleaseError",
    "Result",
    "Retry",
    "RunClosedError",
    "RunRefusedError",
    "Schedule",
    "Settled",
    "Step",
    "StepCache",
    "TaggedError",
    "TimedOut",
    "UndeclaredDependencyError",
    "UnexpectedError",
    "UnwrapError",
    "Workflow",
    "exponential",
    "fibonacci",
    "forever",
    "is_err",
    "is_ok",
    "linear",
    "observing",
    "once",
    "recurs",
    "run",
    "spaced",
    "stop",
    "workflow",
]

if os.environ.get("AWAITLY_TRIO_OTEL"):
    # Telemetry without a line of code; what it imports is loaded only where it is wanted.
    from awaitly_trio._policies.telemetry_switch import is_off

    if not is_off(os.environ["AWAITLY_TRIO_OTEL"]):
        from awaitly_trio.otel._installation import install_from_environment

        install_from_environment()
