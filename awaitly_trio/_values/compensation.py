"""What a saga could not undo, as a value, and as an exception for those who ask for one."""

from __future__ import annotations

from typing import Any, Generic, Literal, TypeAlias, final

import msgspec
from typing_extensions import TypeVar

from awaitly_trio._values.errors import AwaitlyError, UnexpectedError

E_co = TypeVar("E_co", covariant=True, default=object)

WhyLeft: TypeAlias = Literal["failed", "timed_out", "interrupted", "not_started"]


@final
class Uncompensated(msgspec.Struct, frozen=True):
    """The effect of one step that is still there after its saga was undone.

    ``step`` is the name of the step, ``key`` its key, ``value`` what it
    returned, for whoever repairs by hand; a step cut off midway has its
    positional arguments there.  ``why`` tells whether its compensation
    failed, ran out of time, was interrupted, or was never started.  ``error``
    is what the compensation raised, or the error of the ``Err`` it returned,
    or the ``TimedOut`` of its allowance; ``traceback`` is where, as text.
    """

    step: str
    why: WhyLeft
    error: Any = None
    value: Any = None
    traceback: str = ""
    key: str | None = None

    def __str__(self) -> str:
        said = "" if self.error is None else f": {self.error!r}"
        return f"{self.step} ({self.why}{said})"


@final
class CompensationFailed(msgspec.Struct, Generic[E_co], frozen=True):
    """A saga failed, and some of what it had done could not be undone.

    ``error`` is why the saga failed, and ``cause`` what its ``Err`` had beside
    it.  For a saga that was cancelled or interrupted, which observers and the
    hook are told of, ``error`` is the exception that left.  ``left`` names each
    effect that is still there; ``undone`` the steps whose compensation worked,
    in that order.
    """

    error: E_co | UnexpectedError
    left: tuple[Uncompensated, ...]
    undone: tuple[str, ...] = ()
    cause: Any = None

    @property
    def failed(self) -> tuple[Uncompensated, ...]:
        """Those of ``left`` whose compensation ran and failed."""
        return tuple(each for each in self.left if each.why == "failed")

    @property
    def unfinished(self) -> tuple[Uncompensated, ...]:
        """Those of ``left`` whose compensation was cut off or never started."""
        return tuple(each for each in self.left if each.why != "failed")

    def __str__(self) -> str:
        listed = ", ".join(map(str, self.left))
        return f"after {self.error!r} could not undo {listed}"


class CompensationError(AwaitlyError):
    """Raised in place of a ``CompensationFailed`` by a saga with ``raises=True``.

    ``failure`` is that record.
    """

    def __init__(self, failure: CompensationFailed[Any]) -> None:
        super().__init__(failure)
        self.failure = failure

    def __str__(self) -> str:
        return f"{self.failure}: repair by hand what is left, then run it again"
