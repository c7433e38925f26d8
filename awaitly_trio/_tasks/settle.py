"""Several branches at once, with the outcome of every one."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeAlias, final

import msgspec
import trio
from typing_extensions import TypeVar

from awaitly_trio._tasks.crew import Crew
from awaitly_trio._values.errors import UnexpectedError
from awaitly_trio._values.exits import Exit, check_result
from awaitly_trio._values.result import Err, Ok

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from awaitly_trio._values.result import Result

T = TypeVar("T")
E = TypeVar("E")
T_co = TypeVar("T_co", covariant=True)
E_co = TypeVar("E_co", covariant=True)

Ending: TypeAlias = Literal["all finished", "enough succeeded", "too many errors"]


@final
class Abandoned(msgspec.Struct, frozen=True):
    """Stands in place of the result of a branch that was cancelled, with the reason."""

    reason: Ending


@final
class Settled(msgspec.Struct, Generic[T_co, E_co], frozen=True):
    """What became of several branches.

    ``results`` has one entry a branch, in the order of the branches; ``ended``
    is the reason it ended.  ``is_ok`` tells whether what was asked for was reached.
    """

    results: tuple[Ok[T_co] | Err[E_co] | Abandoned, ...]
    ended: Ending
    is_ok: bool

    @property
    def values(self) -> list[T_co]:
        """The values of the branches that succeeded, in their order."""
        return [each.value for each in self.results if isinstance(each, Ok)]

    @property
    def errors(self) -> list[E_co]:
        """The errors of the branches that failed, in their order."""
        return [each.error for each in self.results if isinstance(each, Err)]


async def settle(
    branches: Sequence[Callable[[], Awaitable[Result[T, E]]]],
    *,
    min_ok: float | None = None,
    max_errors: float | None = None,
    crew: Crew | None = None,
) -> Settled[T, E | UnexpectedError]:
    """Run branches at once and report every outcome; failures are data here.

    A defect of a branch counts as a failure with an ``UnexpectedError``.

    Args:
      branches: Functions without arguments that return a Result.
      min_ok: End as soon as so many succeeded: a count if an ``int``, a share
        of the branches (0 to 1, rounded up) if a ``float``.
      max_errors: End as soon as more than so many failed: a count, or a share
        (rounded down).
      crew: A crew of the caller's that tells afterwards why it ended.

    Raises:
      ValueError: A count or share is out of range.
    """
    wanted = _threshold("min_ok", min_ok, len(branches), math.ceil)
    allowed = _threshold("max_errors", max_errors, len(branches), math.floor)
    needed = 0 if wanted is None else wanted
    tolerated = len(branches) - needed
    if allowed is not None:
        tolerated = min(tolerated, allowed)
    stops_early = wanted is not None or allowed is not None
    tally = _Tally(len(branches))
    if not branches:
        await trio.lowlevel.checkpoint_if_cancelled()

    async def work(index: int, branch: Callable[[], Awaitable[Result[T, E]]]) -> None:
        try:
            tally.add(index, check_result(await branch()))
        except Exit as exc:
            members.fail(exc, index, f"branch {index} left its run")
            return
        except Exception as exc:  # every outcome is data here
            tally.add(index, Err(UnexpectedError(exc), exc))
        if wanted is not None and tally.ok >= wanted and tally.ended is None:
            tally.ended = "enough succeeded"
            members.end("enough_succeeded", index, f"enough succeeded with branch {index}")
        elif stops_early and tally.errors > tolerated and tally.ended is None:
            tally.ended = "too many errors"
            members.end("too_many_errors", index, f"too many errors with branch {index}")

    async with crew or Crew() as members:
        for index, branch in enumerate(branches):
            members.nursery.start_soon(work, index, branch)
    return tally.settled()


class _Tally:
    """Outcomes as they come in."""

    __slots__ = ("_results", "ended", "errors", "ok")

    def __init__(self, size: int) -> None:
        self._results: list[Any] = [None] * size
        self.ok = self.errors = 0
        self.ended: Ending | None = None

    def add(self, index: int, result: Result[Any, Any]) -> None:
        self._results[index] = result
        if type(result) is Ok:
            self.ok += 1
        else:
            self.errors += 1

    def settled(self) -> Settled[Any, Any]:
        ended: Ending = self.ended or "all finished"
        results = tuple(Abandoned(ended) if each is None else each for each in self._results)
        return Settled(results, ended, ended != "too many errors")


def _threshold(
    name: str, value: float | None, size: int, rounded: Callable[[float], int]
) -> int | None:
    """Read a count or a share of ``size`` as a count."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        msg = f"{name} must be a count (int) or a share (float from 0 to 1), got {value!r}"
        raise TypeError(msg)
    if isinstance(value, int):
        if not 0 <= value <= size:
            msg = f"{name}={value} is out of range: there are {size} branches"
            raise ValueError(msg)
        return value
    if not 0 <= value <= 1:
        msg = f"{name}={value} is out of range: a float is a share from 0 to 1, a count is an int"
        raise ValueError(msg)
    # Shares such as 0.1 * 30 are a hair above the whole number they mean.
    return rounded(round(value * size, 9))
