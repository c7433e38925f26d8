"""The system's own errors: values that go in ``Err``, and exceptions for misuse.

Error values are frozen records named for what happened; a caller plans for
them.  Exceptions end in ``Error``, derive from ``AwaitlyError`` and mean a
wrong program.  Their fields go to ``args`` so that copy and pickle rebuild them.
"""

from __future__ import annotations

from typing import Any, final

import msgspec


@final
class UnexpectedError(msgspec.Struct, frozen=True):
    """A defect: an exception that nobody declared left a workflow.

    ``cause`` is that exception, with its traceback.
    """

    cause: Exception


@final
class TimedOut(msgspec.Struct, frozen=True):
    """An allowance ran out; the work was cancelled and has ended.

    ``name`` is the step or block, ``seconds`` its allowance; ``total`` tells
    whether that allowance was for all attempts together.
    """

    name: str
    seconds: float
    total: bool = False


@final
class CircuitOpen(msgspec.Struct, frozen=True):
    """A circuit breaker refused the call.

    ``retry_after`` is how many seconds remain until it admits a probe;
    ``math.inf`` where only a person closes it again.
    """

    name: str
    retry_after: float


@final
class RateLimited(msgspec.Struct, frozen=True):
    """A limiter refused the call; ``retry_after`` seconds from now it would not."""

    name: str
    retry_after: float


@final
class QueueFull(msgspec.Struct, frozen=True):
    """A bulkhead refused the call: no place was free, nor came free in the time allowed.

    ``capacity`` is how many callers may wait for one.
    """

    name: str
    capacity: float


@final
class MissingKey(msgspec.Struct, frozen=True):
    """A batch had no value for ``key``."""

    key: Any


@final
class EmptyInput(msgspec.Struct, frozen=True):
    """``operation`` needs at least one result to choose from and got none."""

    operation: str


class AwaitlyError(Exception):
    """Base of the exceptions that mean a wrong program or a wrong saved run."""


class UnwrapError(AwaitlyError):
    """Raised when a value is demanded of an ``Err``.

    ``error`` and ``cause`` are those of the ``Err``.
    """

    def __init__(self, error: Any, cause: Any = None, message: str | None = None) -> None:
        super().__init__(error, cause, message)
        self.error, self.cause, self.message = error, cause, message

    def __str__(self) -> str:
        said = self.message or "called unwrap on an Err"
        return f"{said}: {self.error!r}; check with is_ok, or use unwrap_or"


class UnhandledError(AwaitlyError):
    """Raised when no case of a match takes an error; ``handled`` names the cases there are."""

    def __init__(self, error: Any, handled: tuple[str, ...]) -> None:
        super().__init__(error, handled)
        self.error, self.handled = error, handled

    def __str__(self) -> str:
        return (
            f"no case for {type(self.error).__qualname__}, which is {self.error!r}: there are "
            f"cases for {', '.join(self.handled) or 'nothing'}; add .on(...) or .otherwise(...)"
        )


class WireWriteError(AwaitlyError):
    """Raised when a value has no exact JSON form.

    ``path`` is where in the value it stands, ``shown`` its repr, cut short.
    """

    def __init__(self, path: str, shown: str, reason: str) -> None:
        super().__init__(path, shown, reason)
        self.path, self.shown, self.reason = path, shown, reason

    def __str__(self) -> str:
        return f"cannot write {self.path}, which is {self.shown}: {self.reason}"


class WireReadError(AwaitlyError):
    """Raised when data is not the JSON form of a result; ``problems`` lists every reason."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        return f"the data has {len(self.problems)} problem(s): {'; '.join(self.problems)}"


class RemoteError(AwaitlyError):
    """Stands in for an exception that was written in another process or an earlier run.

    ``kind`` and ``module`` name its class, ``said`` is its sentence and
    ``traceback`` its traceback as text.  ``exceptions`` are those of a group.
    """

    def __init__(
        self,
        kind: str,
        module: str,
        said: str,
        traceback: str = "",
        exceptions: tuple[Exception, ...] = (),
    ) -> None:
        super().__init__(kind, module, said, traceback, exceptions)
        self.kind, self.module, self.said = kind, module, said
        self.traceback, self.exceptions = traceback, exceptions

    def __str__(self) -> str:
        name = self.kind if self.module == "builtins" else f"{self.module}.{self.kind}"
        return f"{name}: {self.said}" if self.said else name


class RunClosedError(AwaitlyError):
    """Raised when a step, group or scope is used after its run or block ended, or before."""

    def __init__(self, what: str, name: str, has_begun: bool = True) -> None:  # noqa: FBT001, FBT002
        super().__init__(what, name, has_begun)
        self.what, self.name, self.has_begun = what, name, has_begun

    def __str__(self) -> str:
        if not self.has_begun:
            return (
                f"{self.what} {self.name!r} has not begun: "
                "enter it with async with, and use it inside that block"
            )
        return (
            f"{self.what} {self.name!r} has ended and takes no more work: "
            "use its step only inside the body, and start tasks in a nursery of the body"
        )


class UndeclaredDependencyError(AwaitlyError):
    """Raised when a checked run steps into a dependency that its workflow did not declare."""

    def __init__(self, workflow: str, dependency: str) -> None:
        super().__init__(workflow, dependency)
        self.workflow, self.dependency = workflow, dependency

    def __str__(self) -> str:
        return (
            f"workflow {self.workflow!r} does not declare {self.dependency!r}: "
            "add it to workflow.of(...), or run without declared_only"
        )


class RunRefusedError(AwaitlyError):
    """The cause of the ``UnexpectedError`` of a run that a hook refused."""

    def __init__(self, workflow: str, hook: str) -> None:
        super().__init__(workflow, hook)
        self.workflow, self.hook = workflow, hook

    def __str__(self) -> str:
        return f"hook {self.hook!r} refused to run workflow {self.workflow!r}: it returned False"


class ReleaseError(AwaitlyError):
    """Raised when a block succeeded but some of its resources could not be released.

    ``errors`` are the exceptions of the releases, in the order of release.
    """

    def __init__(self, errors: list[Exception]) -> None:
        super().__init__(errors)
        self.errors = errors

    def __str__(self) -> str:
        listed = "; ".join(repr(each) for each in self.errors)
        return f"{len(self.errors)} resource(s) could not be released: {listed}"
