"""Row 9: a parallel block beside a nursery whose children fill a list."""

from __future__ import annotations

import tracemalloc
from functools import partial
from typing import TYPE_CHECKING, Any

import trio

from awaitly_trio import Err, Ok, Result, Step, StepCache, TimedOut, exponential, workflow
from benchmarks.lines import Line
from benchmarks.observers import Records
from benchmarks.peers import peer
from benchmarks.subjects import answer
from benchmarks.timer import Sample

if TYPE_CHECKING:
    from typing_extensions import Never

    from benchmarks.timer import Timer, Work

SIZES = (2, 10, 100, 10_000)

aioresult = peer("aioresult")


async def keep(results: list[Any], index: int) -> None:
    """Do what a child of the nursery does."""
    results[index] = await answer(index)


async def by_hand(size: int, repeats: int) -> None:
    """Fill a list in a nursery and take the values out of the results."""
    for _ in range(repeats):
        results: list[Any] = [None] * size
        async with trio.open_nursery() as nursery:
            for index in range(size):
                nursery.start_soon(keep, results, index)
        [result.value for result in results]


@workflow
async def blocks(step: Step[Never], size: int, repeats: int) -> None:
    """Run parallel blocks of a size."""
    for _ in range(repeats):
        async with step.parallel() as group:
            handles = [group.start_soon(answer, index) for index in range(size)]
        [handle.value for handle in handles]


@workflow
async def blocks_of_everything(step: Step[str | TimedOut], size: int, repeats: int) -> None:
    """Run parallel blocks in which every option is on."""
    for _ in range(repeats):
        async with step.options(timeout=60, description="a block").parallel("block") as group:
            starter = group.options(
                name="branch",
                timeout=5,
                total_timeout=30,
                retry=exponential(0.1, attempts=3),
                fallback=refusal,
                description="a branch",
                tags=("benchmark",),
            )
            handles = [
                starter.options(key=f"branch {index}").start_soon(answer, index)
                for index in range(size)
            ]
        [handle.value for handle in handles]


async def refusal(error: object) -> Result[int, str]:
    """Answer as the fallback, which is never asked."""
    return Err(f"refused for {error!r}")


async def everything(size: int, repeats: int) -> None:
    """Run the blocks with a cache, which is new each time, and an observer."""
    for _ in range(repeats):
        watched = blocks_of_everything.options(observers=[Records()], cache=StepCache())
        assert isinstance(await watched(size, 1), Ok)


async def captured(size: int, repeats: int) -> None:
    """Let aioresult capture the results."""
    capture = aioresult.ResultCapture.start_soon
    for _ in range(repeats):
        async with trio.open_nursery() as nursery:
            captures = [capture(nursery, answer, index) for index in range(size)]
        [each.result().value for each in captures]


def peak(work: Work) -> Sample:
    """Return the most bytes that were allocated at once while a work ran."""
    tracemalloc.start()
    trio.run(work, 1)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return Sample((float(most),))


def measure(timer: Timer) -> list[Line]:
    """Compare all sizes, then the memory of the largest."""
    lines = []
    for size in SIZES:
        works: dict[str, Work] = {
            "ours": partial(blocks, size),
            "limit": partial(by_hand, size),
            "everything": partial(everything, size),
        }
        if aioresult is not None:
            works["aioresult"] = partial(captured, size)
        found = timer.compare(works)
        limit, peers = found["limit"], {"aioresult": found.get("aioresult")}
        name, hand = f"parallel block of {size:,}", "nursery that fills a list"
        lines += [
            Line(name, found["ours"], hand, limit, most=1.08, peers=peers),
            Line(f"{name}, every option on", found["everything"], hand, limit),
        ]
    ours, limit = (peak(partial(each, SIZES[-1])) for each in (blocks, by_hand))
    name = f"memory of a parallel block of {SIZES[-1]:,}"
    return [*lines, Line(name, ours, "nursery that fills a list", limit, most=1.1, unit="B")]
