"""All of several branches at once, stopping at the first failure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import trio

from awaitly_trio._tasks.crew import HELD, Crew
from awaitly_trio._values.exits import check_result
from awaitly_trio._values.result import Err, Ok

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from awaitly_trio._values.result import Result

T = TypeVar("T")
E = TypeVar("E")


async def gather(
    branches: Sequence[Callable[[], Awaitable[Result[T, E]]]], *, crew: Crew | None = None
) -> Result[list[T], E]:
    """Run branches at once and collect their values.

    Args:
      branches: Functions without arguments that return a Result.
      crew: A crew of the caller's that tells afterwards who ended it.

    Returns:
      The values in the order of the branches, or the failure that came first;
      the other branches are then cancelled and have ended.

    Raises:
      TypeError: A branch did not return a Result.
      Exception: What a branch raised; several at once come as a group.
    """
    values: list[Any] = [None] * len(branches)
    failures: list[Err[E]] = []
    if not branches:
        await trio.lowlevel.checkpoint_if_cancelled()

    async def work(index: int, branch: Callable[[], Awaitable[Result[T, E]]]) -> None:
        try:
            result = await branch()
            if type(result) is not Ok:
                check_result(result)
        except HELD as exc:
            members.fail(exc, index, f"branch {index} failed")
            return
        if type(result) is Ok:
            values[index] = result.value
        else:
            failures.append(result)
            members.end("sibling_failed", index, f"branch {index} failed")

    async with crew or Crew() as members:
        for index, branch in enumerate(branches):
            members.nursery.start_soon(work, index, branch)
    return failures[0] if failures else Ok(values)
