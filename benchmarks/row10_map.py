"""Row 10: ``map`` with a limit of ten beside ten workers that share an iterator."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import trio

from awaitly_trio import Ok, Step, TimedOut, workflow
from benchmarks.lines import Line
from benchmarks.observers import Records
from benchmarks.peers import peer
from benchmarks.subjects import answer, answer_after_a_turn

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from typing_extensions import Never

    from awaitly_trio import Result
    from benchmarks.timer import Timer, Work

    Subject = Callable[[int], Awaitable[Result[int, Never]]]

ITEMS = range(10_000)
LIMIT = 10

aiometer = peer("aiometer")


async def by_hand(subject: Subject, repeats: int) -> None:
    """Let ten workers take items, and put the values in order."""
    for _ in range(repeats):
        values: dict[int, int] = {}
        items = iter(enumerate(ITEMS))
        async with trio.open_nursery() as nursery:
            for _ in range(LIMIT):
                nursery.start_soon(work, subject, items, values)
        [values[index] for index in range(len(ITEMS))]


async def work(subject: Subject, items: enumerate[int], values: dict[int, int]) -> None:
    """Do what a worker does."""
    for index, item in items:
        result = await subject(item)
        if not isinstance(result, Ok):
            raise TypeError(result)
        values[index] = result.value


@workflow
async def maps(step: Step[Never], subject: Subject, repeats: int) -> None:
    """Map in a workflow."""
    for _ in range(repeats):
        await step.map(subject, ITEMS, limit=LIMIT)


@workflow
async def limited_maps(step: Step[TimedOut], subject: Subject, repeats: int) -> None:
    """Map with the options that a map takes."""
    limited = step.options(
        name="a map", timeout=60, total_timeout=60, description="a map", tags=("benchmark",)
    )
    for _ in range(repeats):
        await limited.map(subject, ITEMS, limit=LIMIT)


async def metered(subject: Subject, repeats: int) -> None:
    """Let aiometer run the calls."""
    for _ in range(repeats):
        await aiometer.run_on_each(subject, ITEMS, max_at_once=LIMIT)


def measure(timer: Timer) -> list[Line]:
    """Compare for items that take a turn and for items that take nothing."""
    lines = []
    for subject, kind in ((answer_after_a_turn, "of one checkpoint"), (answer, "of nothing")):
        works: dict[str, Work] = {
            "ours": partial(maps, subject),
            "limit": partial(by_hand, subject),
            "everything": partial(limited_maps.options(observers=[Records()]), subject),
        }
        if aiometer is not None:
            works["aiometer"] = partial(metered, subject)
        found = timer.compare(works)
        limit, peers = found["limit"], {"aiometer": found.get("aiometer")}
        name, hand = f"`map(limit=10)` over 10,000 items {kind}", "ten workers, one iterator"
        lines += [
            Line(name, found["ours"], hand, limit, most=1.1, peers=peers),
            Line(f"{name}, every option on", found["everything"], hand, limit),
        ]
    return lines
