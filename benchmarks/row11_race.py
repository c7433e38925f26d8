"""Row 11: a race of two beside two children of which one cancels the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from awaitly_trio import Ok, Result, Step, TimedOut, exponential, workflow
from benchmarks.lines import Line
from benchmarks.observers import Records
from benchmarks.peers import peer
from benchmarks.subjects import answer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from typing_extensions import Never

    from benchmarks.timer import Timer, Work

trio_util = peer("trio_util")


async def win() -> Result[int, Never]:
    """Finish at once."""
    return await answer(1)


async def lose() -> Result[int, Never]:
    """Never finish."""
    await trio.sleep_forever()
    return Ok(2)


async def by_hand(repeats: int) -> None:
    """Start two children; the first that ends cancels the nursery."""
    for _ in range(repeats):
        results: list[Result[int, Never]] = []
        async with trio.open_nursery() as nursery:
            for branch in (win, lose):
                nursery.start_soon(compete, nursery, results, branch)
        assert results[0].unwrap() == 1


async def compete(
    nursery: trio.Nursery,
    results: list[Result[int, Never]],
    branch: Callable[[], Awaitable[Result[int, Never]]],
) -> None:
    """Do what a child does."""
    results.append(await branch())
    nursery.cancel_scope.cancel()


@workflow
async def races(step: Step[Never], repeats: int) -> None:
    """Race in a workflow."""
    for _ in range(repeats):
        await step.race(win, lose)


@workflow
async def races_with_everything(step: Step[TimedOut], repeats: int) -> None:
    """Race with every option that a race takes."""
    guarded = step.options(
        name="a race",
        key="a race",
        timeout=5,
        total_timeout=5,
        retry=exponential(0.1, attempts=3),
        description="a race",
        tags=("benchmark",),
    )
    for _ in range(repeats):
        await guarded.race(win, lose)


async def with_trio_util(repeats: int) -> None:
    """Let trio_util cancel the loser."""
    for _ in range(repeats):
        await trio_util.wait_any(win, lose)


def measure(timer: Timer) -> list[Line]:
    """Compare the two."""
    works: dict[str, Work] = {
        "ours": races,
        "limit": by_hand,
        "everything": races_with_everything.options(observers=[Records()]),
    }
    if trio_util is not None:
        works["trio_util"] = with_trio_util
    found = timer.compare(works)
    limit, peers = found["limit"], {"trio_util": found.get("trio_util")}
    hand = "two children and a cancel by hand"
    return [
        Line("race of two", found["ours"], hand, limit, most=1.15, peers=peers),
        Line("race of two, every option on", found["everything"], hand, limit),
    ]
