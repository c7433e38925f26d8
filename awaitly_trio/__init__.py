"""Typed results, structured concurrency and durable steps for Trio programs."""

from awaitly_trio._engine.decorator import run, workflow
from awaitly_trio._engine.opening import observing
from awaitly_trio._engine.parallel import Group, Handle
from awaitly_trio._engine.step import Step
from awaitly_trio._engine.watch import Observer
from awaitly_trio._engine.workflow import Workflow
from awaitly_trio._policies.delays import (
    exponential,
    fibonacci,
    forever,
    linear,
    once,
    recurs,
    spaced,
)
from awaitly_trio._policies.retry import Retry
from awaitly_trio._values.errors import (
    AwaitlyError,
    TimedOut,
    UnexpectedError,
    UnwrapError,
)
from awaitly_trio._values.result import Err, Ok, Result, is_err, is_ok
from awaitly_trio._values.tagged import TaggedError

__all__ = [
    "AwaitlyError",
    "Err",
    "Group",
    "Handle",
    "Observer",
    "Ok",
    "Result",
    "Retry",
    "Step",
    "TaggedError",
    "TimedOut",
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
    "workflow",
]
