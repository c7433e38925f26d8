"""The functions that the benchmarks call: as small as a dependency can be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from awaitly_trio import Err, Ok, Result

if TYPE_CHECKING:
    from typing_extensions import Never

    from awaitly_trio import Step


async def answer(value: int) -> Result[int, Never]:
    """Succeed at once."""
    return Ok(value)


async def refuse(value: int) -> Result[int, str]:  # noqa: ARG001  # called as ``answer`` is
    """Fail at once."""
    return Err("refused")


async def answer_after_a_turn(value: int) -> Result[int, Never]:
    """Succeed after one checkpoint."""
    await trio.lowlevel.checkpoint()
    return Ok(value)


async def await_answers(repeats: int) -> None:
    """Await the function and nothing else: the limit of row 1."""
    for _ in range(repeats):
        await answer(1)


async def step_to_answers(step: Step[Never], repeats: int) -> None:
    """Take steps without options: row 1 as the body of a workflow."""
    for _ in range(repeats):
        await step(answer, 1)
