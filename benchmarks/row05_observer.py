"""Row 5: a step that somebody watches beside one that nobody watches."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

import trio

from awaitly_trio import workflow
from awaitly_trio.events import Outcome, RunInfo, Scope
from benchmarks.lines import Line
from benchmarks.observers import Records, Spans
from benchmarks.subjects import answer, step_to_answers

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from typing_extensions import Never

    from awaitly_trio import Result, Step
    from benchmarks.timer import Timer

CURRENT: ContextVar[Scope | None] = ContextVar("current", default=None)
OBSERVER = Spans()


def told_by_hand(now: Callable[[], float]) -> Callable[[int], Awaitable[Result[int, Never]]]:
    """Return a dependency that tells the observer itself, and does no more for it than it must."""
    run = RunInfo("run", "steps")

    async def answer_and_tell(value: int) -> Result[int, Never]:
        around = CURRENT.get()
        scope = Scope(1, "step", "answer", run, around, 1, now())
        OBSERVER.on_start(scope)
        CURRENT.set(scope)
        result = await answer(value)
        CURRENT.set(around)
        scope.ended = now()
        OBSERVER.on_end(scope, Outcome("ok", result.value))
        return result

    return answer_and_tell


async def steps_told_by_hand(step: Step[Never], repeats: int) -> None:
    """Take steps that tell the observer themselves."""
    told = told_by_hand(trio.lowlevel.current_clock().current_time)
    for _ in range(repeats):
        await step(told, 1)


def measure(timer: Timer) -> list[Line]:
    """Compare both kinds of observers with none, and one with the same done by hand."""
    steps = workflow(step_to_answers)
    found = timer.compare(
        {
            "limit": steps,
            "by hand": workflow(steps_told_by_hand),
            "spans": steps.options(observers=[OBSERVER]),
            "records": steps.options(observers=[Records()]),
        }
    )
    limit = found["limit"]
    return [
        Line("a step with one observer of scopes", found["spans"], "row 1", limit, most=2.2),
        Line(
            "the same",
            found["spans"],
            "a step that makes the records, reads the clock and sets the variable itself",
            found["by hand"],
        ),
        Line("a step with one observer of event records", found["records"], "row 1", limit),
    ]
