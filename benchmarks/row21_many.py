"""Row 21: thousands of workflows at once, ten steps of one checkpoint each."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import trio

from awaitly_trio import Ok, Result, Step, workflow
from benchmarks.lines import Line
from benchmarks.subjects import answer_after_a_turn

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from typing_extensions import Never

    from benchmarks.timer import Timer

NUMBERS = (1_000, 10_000)
TEN = tuple(range(10))


@workflow
async def ten_steps(step: Step[Never], value: int) -> int:
    """Take ten steps."""
    for _ in TEN:
        value = await step(answer_after_a_turn, value)
    return value


async def ten_awaits(value: int) -> Result[int, Never]:
    """Await ten times and check."""
    for _ in TEN:
        result = await answer_after_a_turn(value)
        if not isinstance(result, Ok):
            return result
        value = result.value
    return Ok(value)


async def at_once(run: Callable[[int], Awaitable[object]], number: int) -> None:
    """Run a function in as many tasks."""
    async with trio.open_nursery() as nursery:
        for _ in range(number):
            nursery.start_soon(run, 1)


def measure(timer: Timer) -> list[Line]:
    """Compare each number of runs with the same without us, and the larger with the smaller."""
    lines, costs = [], {}
    for number in NUMBERS:
        found = timer.compare_runs(
            {
                "ours": partial(trio.run, at_once, ten_steps, number),
                "limit": partial(trio.run, at_once, ten_awaits, number),
            },
            max(3, timer.rounds // 5),
        )
        costs[number] = found["ours"].divided_by(number * len(TEN))
        name = f"{number:,} workflows at once, 10 steps of one checkpoint"
        hand = "the same without us"
        lines.append(Line(name, found["ours"], hand, found["limit"], most=1.15))
    few, many = NUMBERS
    name, limit = f"one step among {many:,} workflows", f"one step among {few:,}"
    return [*lines, Line(name, costs[many], limit, costs[few])]
