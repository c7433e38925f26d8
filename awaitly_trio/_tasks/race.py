"""Several branches at once, of which one counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeVar

from awaitly_trio._tasks.crew import HELD, Crew
from awaitly_trio._values.exits import check_result
from awaitly_trio._values.result import Ok

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from awaitly_trio._values.result import Result

T = TypeVar("T")
E = TypeVar("E")


async def race(
    branches: Sequence[Callable[[], Awaitable[Result[T, E]]]],
    *,
    first: Literal["success", "finished"] = "success",
    crew: Crew | None = None,
) -> Result[T, E]:
    """Run branches at once and take the first that succeeds, or the first that finishes.

    The others are cancelled with a reason and have ended when this returns.

    Args:
      branches: Functions without arguments that return a Result; at least one.
      first: Whether a planned failure may win.
      crew: A crew of the caller's that tells afterwards who won.

    Returns:
      The winner's result; when all fail, the failure that came first.

    Raises:
      ValueError: There is no branch, so nothing could ever win.
      Exception: What a branch raised, also while it was being cancelled: a
        defect ends the race and is never hidden by a winner.
      TypeError: A branch did not return a Result.
    """
    if not branches:
        msg = "a race needs at least one branch: with none, nothing could ever win"
        raise ValueError(msg)
    if first not in {"success", "finished"}:
        msg = f"first must be 'success' or 'finished', got {first!r}"
        raise ValueError(msg)
    won: list[Result[T, E]] = []
    lost: list[Result[T, E]] = []

    async def compete(index: int, branch: Callable[[], Awaitable[Result[T, E]]]) -> None:
        try:
            result = check_result(await branch())
        except HELD as exc:
            members.fail(exc, index, f"branch {index} of the race raised")
            return
        if type(result) is Ok or first == "finished":
            won.append(result)
            members.end("lost_race", index, f"lost the race to branch {index}")
        else:
            lost.append(result)

    async with crew or Crew() as members:
        for index, branch in enumerate(branches):
            members.nursery.start_soon(compete, index, branch)
    return won[0] if won else lost[0]
