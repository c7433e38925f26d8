"""What a sweep found: how much was struck and held, or the first point that did not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from awaitly_trio._values.errors import AwaitlyError
from awaitly_trio.testing._failures import said

if TYPE_CHECKING:
    from awaitly_trio.testing._points import Point


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """How one run of a sweep ended; an invariant is asked about it.

    ``point`` is the fault, as text, ``None`` for the run without any.
    ``value`` is what the workflow returned, ``error`` the exception that left
    it, ``cancelled`` tells that it was cancelled.  ``events`` are those of its
    workflows; ``seconds`` is how long it took, in virtual time.
    """

    point: str | None
    value: Any
    error: BaseException | None
    cancelled: bool
    events: tuple[Any, ...]
    seconds: float


class SweepReport(msgspec.Struct, frozen=True, kw_only=True):
    """A sweep in which every point held.

    ``points`` counts the runs with a fault, by kind; ``instants`` the steps of
    its tasks, after each of which it was cancelled; ``steps`` are the paths of
    the workflow's steps.
    """

    points: dict[str, int]
    instants: int
    steps: tuple[str, ...]


class SweepError(AwaitlyError, AssertionError):
    """Raised at the first point at which a workflow does not hold; the failure is its cause.

    ``point`` names it, ``path`` is the step and ``place`` the line it struck.
    """

    def __init__(self, point: Point | None, path: str, place: str, failure: BaseException) -> None:
        super().__init__(point, path, place, failure)
        self.point, self.path, self.place, self.failure = point, path, place, failure

    def __str__(self) -> str:
        what = said(self.failure)
        if self.point is None:
            return f"already without a fault it fails: {what}"
        where = f" in step {self.path!r}" if self.path else ""
        line = f", at {self.place}" if self.place else ""
        return (
            f"fails when struck by {self.point}{where}{line}: {what}\n"
            "this is the smallest such point; "
            f"repeat it with: sweep(..., replay={str(self.point)!r})"
        )
