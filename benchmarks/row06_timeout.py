"""Row 6: a step with a timeout beside a cancel scope with a deadline."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from awaitly_trio import Step, TimedOut, workflow
from benchmarks.lines import Line
from benchmarks.subjects import answer

if TYPE_CHECKING:
    from benchmarks.timer import Timer


@workflow
async def limited_steps(step: Step[TimedOut], repeats: int) -> None:
    """Take steps with a timeout."""
    limited = step.options(timeout=5)
    for _ in range(repeats):
        await limited(answer, 1)


async def by_hand(repeats: int) -> None:
    """Await in a scope with a deadline."""
    for _ in range(repeats):
        with trio.move_on_after(5):
            await answer(1)


def measure(timer: Timer) -> list[Line]:
    """Compare the two."""
    found = timer.compare({"ours": limited_steps, "limit": by_hand})
    return [
        Line(
            "a step with a timeout",
            found["ours"],
            "`move_on_after` around a bare await",
            found["limit"],
            most=1.05,
        )
    ]
