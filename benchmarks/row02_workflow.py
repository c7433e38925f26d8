"""Row 2: a workflow of ten steps beside ten awaits whose results are checked by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from awaitly_trio import Ok, Result, Step, workflow
from benchmarks.lines import Line
from benchmarks.subjects import answer

if TYPE_CHECKING:
    from typing_extensions import Never

    from benchmarks.timer import Timer

TEN = tuple(range(10))


@workflow
async def ten_steps(step: Step[Never], value: int) -> int:
    """Take ten steps."""
    for _ in TEN:
        value = await step(answer, value)
    return value


async def ten_awaits(value: int) -> Result[int, Never]:
    """Await ten times and check."""
    for _ in TEN:
        result = await answer(value)
        if not isinstance(result, Ok):
            return result
        value = result.value
    return Ok(value)


async def workflows(repeats: int) -> None:
    """Run the workflow."""
    for _ in range(repeats):
        await ten_steps(1)


async def by_hand(repeats: int) -> None:
    """Run the function."""
    for _ in range(repeats):
        await ten_awaits(1)


def measure(timer: Timer) -> list[Line]:
    """Compare the two."""
    found = timer.compare({"ours": workflows, "limit": by_hand})
    return [
        Line("workflow of 10 steps", found["ours"], "by hand, checked", found["limit"], most=2.5)
    ]
