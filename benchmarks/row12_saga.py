"""Row 12: a saga of ten steps beside plain steps, and beside undoing them by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from awaitly_trio import Step, workflow
from benchmarks.lines import Line
from benchmarks.row02_workflow import TEN, ten_steps
from benchmarks.subjects import answer, refuse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from typing_extensions import Never

    from benchmarks.timer import Timer


async def undo(value: int) -> None:
    """Stand for what takes an effect away."""


@workflow
async def succeeds(step: Step[Never], value: int) -> int:
    """Take ten steps that could be undone."""
    for _ in TEN:
        value = await step.compensated(answer, undo, value)
    return value


@workflow
async def fails(step: Step[str], value: int) -> int:
    """Take ten steps, fail, and have them undone."""
    for _ in TEN:
        value = await step.compensated(answer, undo, value)
    return await step(refuse, value)


@workflow
async def fails_by_hand(step: Step[str], value: int) -> int:
    """Take ten steps, fail, and undo them: newest first, in a shield, each tried."""
    done: list[tuple[Callable[[int], Awaitable[None]], int]] = []
    left: list[Exception] = []
    try:
        for _ in TEN:
            value = await step(answer, value)
            done.append((undo, value))
        return await step(refuse, value)
    except BaseException:
        with trio.move_on_after(30, shield=True):
            for compensate, effect in reversed(done):
                try:
                    await compensate(effect)
                except Exception as exc:
                    left.append(exc)
        raise


@workflow
async def fails_by_hand_each(step: Step[str], value: int) -> int:
    """Do the same, with an allowance for each compensation, as the saga has it."""
    done: list[tuple[Callable[[int], Awaitable[None]], int]] = []
    left: list[Exception] = []
    try:
        for _ in TEN:
            value = await step(answer, value)
            done.append((undo, value))
        return await step(refuse, value)
    except BaseException:
        for compensate, effect in reversed(done):
            with trio.move_on_after(10, shield=True):
                try:
                    await compensate(effect)
                except Exception as exc:
                    left.append(exc)
        raise


async def plain(repeats: int) -> None:
    """Run row 2."""
    for _ in range(repeats):
        await ten_steps(1)


async def successes(repeats: int) -> None:
    """Run the saga that succeeds."""
    for _ in range(repeats):
        await succeeds(1)


async def failures(repeats: int) -> None:
    """Run the saga that fails."""
    for _ in range(repeats):
        await fails(1)


async def by_hand(repeats: int) -> None:
    """Run the workflow that undoes by hand."""
    for _ in range(repeats):
        await fails_by_hand(1)


async def by_hand_each(repeats: int) -> None:
    """Run the workflow that undoes by hand, each compensation in its own allowance."""
    for _ in range(repeats):
        await fails_by_hand_each(1)


def measure(timer: Timer) -> list[Line]:
    """Compare both ends of a saga."""
    found = timer.compare(
        {
            "plain": plain,
            "success": successes,
            "undone": failures,
            "by hand": by_hand,
            "each": by_hand_each,
        }
    )
    return [
        Line("saga of 10, success", found["success"], "row 2", found["plain"], most=1.4),
        Line(
            "saga of 10, 10 compensations",
            found["undone"],
            "the same steps, undone by hand in a shield",
            found["by hand"],
            most=1.3,
        ),
        Line(
            "the same",
            found["undone"],
            "by hand, with an allowance for each compensation, as a saga gives it",
            found["each"],
            most=0.5,
        ),
    ]
