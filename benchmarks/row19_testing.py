"""Row 19: schedules explored beside bare runs of the same test; the sweep of a saga."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import trio

from awaitly_trio import Ok, Result, Step, workflow
from awaitly_trio.testing import Rules, explore, sweep
from benchmarks.lines import Line

if TYPE_CHECKING:
    from awaitly_trio.testing import Exploration
    from benchmarks.timer import Timer

SCHEDULES, ROUNDS = 500, 15


async def three_tasks() -> None:
    """Let three tasks of two steps interleave."""
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(trio.lowlevel.checkpoint)


class Stock:
    """What the saga changes and puts back."""

    def __init__(self) -> None:
        self.taken = 0


async def take(stock: Stock) -> Result[int, str]:
    """Take one."""
    await trio.lowlevel.checkpoint()
    stock.taken += 1
    return Ok(stock.taken)


@workflow
async def saga(step: Step[str], stock: Stock) -> int:
    """Take five steps, each of which can be undone."""

    def put_back(_: int) -> None:
        stock.taken -= 1

    for _ in range(5):
        await step.compensated(take, put_back, stock)
    return stock.taken


def bare() -> None:
    """Run the test as often as it is explored."""
    for _ in range(SCHEDULES):
        trio.run(three_tasks)


def explored(rules: Rules) -> Exploration:
    """Explore the test."""
    return explore(three_tasks, schedules=SCHEDULES, strategy="random", rules=rules)


def bare_saga() -> None:
    """Run the saga once."""
    trio.run(saga, Stock())


def measure(timer: Timer) -> list[Line]:
    """Compare them."""
    rounds = ROUNDS if timer.is_thorough else 3
    assert explored(Rules()).runs == 2 * SCHEDULES
    assert sum(sweep(saga, make=Stock).points.values()) >= 6 * 5
    found = timer.compare_runs(
        {
            "twice": partial(explored, Rules()),
            "once": partial(explored, Rules(twice=False)),
            "bare": bare,
            "sweep": partial(sweep, saga, make=Stock),
            "saga": bare_saga,
        },
        rounds,
    )
    limit = found["bare"].divided_by(SCHEDULES)
    return [
        Line(
            "a schedule explored, run twice and compared",
            found["twice"].divided_by(SCHEDULES),
            "one bare `trio.run` of the test",
            limit,
            # At least 0.8 times as many a second.
            most=1 / 0.8,
        ),
        Line(
            "a schedule explored, run once",
            found["once"].divided_by(SCHEDULES),
            "likewise",
            limit,
            most=1 / 0.8,
        ),
        Line(
            "sweep of a saga of 5 steps, all five faults",
            found["sweep"],
            "one bare `trio.run` of it",
            found["saga"],
            seconds=0.010,
        ),
    ]
