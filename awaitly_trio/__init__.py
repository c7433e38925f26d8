"""Typed results, structured concurrency and durable steps for Trio programs."""

from awaitly_trio._engine.decorator import run, workflow
from awaitly_trio._engine.opening import observing
from awaitly_trio._engine.parallel import Group, Handle
from awaitly_trio._engine.step import Step
from awaitly_trio._engine.watch import Observer
from awaitly_trio._engine.workflow import Workflow
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
    "Step",
    "TaggedError",
    "TimedOut",
    "UnexpectedError",
    "UnwrapError",
    "Workflow",
    "is_err",
    "is_ok",
    "observing",
    "run",
    "workflow",
]
