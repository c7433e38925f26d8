"""Row 3: a workflow that ends at its first step beside an exception that is caught."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from awaitly_trio import Err, Result, Step, workflow
from benchmarks.lines import Line
from benchmarks.subjects import refuse

if TYPE_CHECKING:
    from benchmarks.timer import Timer


class RefusedError(Exception):
    """What a program without results raises."""


@workflow
async def ends(step: Step[str], value: int) -> int:
    """End at the first step."""
    return await step(refuse, value)


async def raise_refusal(value: int) -> NoReturn:  # noqa: ARG001  # called as ``refuse`` is
    """Fail as ``refuse`` does, by raising."""
    raise RefusedError


async def body(value: int) -> int:
    """Stand for the body of the workflow."""
    return await raise_refusal(value)


async def caught(value: int) -> Result[int, RefusedError]:
    """Stand for the workflow: what its body raises becomes an ``Err``."""
    try:
        await body(value)
    except RefusedError as exc:
        return Err(exc)
    raise AssertionError


async def workflows(repeats: int) -> None:
    """Run the workflow."""
    for _ in range(repeats):
        await ends(1)


async def by_hand(repeats: int) -> None:
    """Raise and catch."""
    for _ in range(repeats):
        await caught(1)


def measure(timer: Timer) -> list[Line]:
    """Compare the two."""
    found = timer.compare({"ours": workflows, "limit": by_hand})
    return [
        Line(
            "exit at the first step",
            found["ours"],
            "raise in the dependency, catch around the body",
            found["limit"],
            most=2.5,
        )
    ]
