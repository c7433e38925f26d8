"""A travel booking of eight steps, struck at every point it has: no effect is left in any case."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio
from effects import World

from awaitly_trio import Err, Ok, Result, Step, run, workflow
from awaitly_trio._tasks.sources import chance
from awaitly_trio.saga import CompensationFailed, saga
from awaitly_trio.testing import explore, sweep

if TYPE_CHECKING:
    from awaitly_trio.testing import Ended


@dataclass(frozen=True)
class SoldOut:
    """A planned error of every desk."""

    what: str = "seat"


class Desks:
    """Eight services; each books after a wait, and waits again before it answers."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def book(self, what: str) -> Result[str, SoldOut]:
        await trio.sleep(1)
        self.world.add(what)
        return Ok(what)

    async def book_slowly(self, what: str) -> Result[str, SoldOut]:
        await trio.sleep(1)
        self.world.add(what)
        await trio.sleep(1)
        return Ok(what)

    async def cancel(self, what: str) -> None:
        await trio.sleep(1)
        if what in self.world.effects:
            self.world.remove(what)


EVERYTHING = {"account", "outbound", "return", "room", "breakfast", "car", "insurance", "mail"}


@workflow
async def stay(step: Step[SoldOut], desks: Desks) -> None:
    """Book a room and, inside a block, breakfast and a car."""
    careful = step.options(compensate_unknown=desks.cancel)
    await careful.compensated(desks.book_slowly, desks.cancel, "room")
    async with step.saga("extras"):
        await careful.compensated(desks.book, desks.cancel, "breakfast")
        await careful.compensated(desks.book, desks.cancel, "car")


async def fly(desks: Desks, step: Step[SoldOut], what: str) -> Result[str, SoldOut]:
    """Book a flight, as a branch."""
    careful = step.options(compensate_unknown=desks.cancel)
    return Ok(await careful.compensated(desks.book_slowly, desks.cancel, what))


@saga
async def trip(step: Step[SoldOut], desks: Desks) -> str:
    """Book eight things: one by one, at once, in a sub-workflow and in a block of it."""
    careful = step.options(compensate_unknown=desks.cancel)
    await careful.compensated(desks.book, desks.cancel, "account")
    async with step.parallel("flights") as group:
        group.start_soon(fly, desks, step, "outbound")
        group.start_soon(fly, desks, step, "return")
    await step(stay, desks)
    await careful.compensated(desks.book_slowly, desks.cancel, "insurance")
    await careful.compensated(desks.book, desks.cancel, "mail")
    return "bon voyage"


def all_or_nothing(desks: Desks, ended: Ended) -> None:
    """Hold when everything is booked and the caller knows, or nothing is."""
    if isinstance(ended.value, Ok):
        assert set(desks.world.effects) == EVERYTHING
    else:
        assert desks.world.effects == []


def test_no_effect_is_left_wherever_a_booking_ends(capsys: pytest.CaptureFixture[str]) -> None:
    """Cancelled at every checkpoint; failed, broken, out of time, crashed at every step."""
    report = sweep(trip, make=lambda: Desks(World()), invariant=all_or_nothing)

    cases = sum(report.points.values())
    assert report.points["cancel"] == report.instants
    assert len([path for path in report.steps if "/book" in path]) == len(EVERYTHING)
    assert set(report.points) == {"cancel", "deadline", "error", "raise", "crash"}
    with capsys.disabled():
        listed = ", ".join(f"{count} {kind}" for kind, count in report.points.items())
        print(f"\ntravel booking: {cases} cases ({listed}), no effect left in any")


@pytest.mark.slow
def test_no_effect_is_left_in_any_schedule(capsys: pytest.CaptureFixture[str]) -> None:
    """Cancelled at a random instant, or failing in the end, under a thousand schedules."""
    ended_by: Counter[str] = Counter()

    async def cancelled_anywhere() -> None:
        world = World()
        with trio.move_on_after(chance().uniform(0, 16)) as scope:
            await run(partial(_fail_late, Desks(world)))
        ended_by["cancelled" if scope.cancelled_caught else "failed"] += 1
        assert world.effects == []

    found = explore(cancelled_anywhere, schedules=1000, strategy="random")

    assert min(ended_by["cancelled"], ended_by["failed"]) > 0
    with capsys.disabled():
        print(
            f"\ntravel booking: {found.runs} runs in {found.schedules} schedules "
            f"({ended_by['cancelled']} cancelled), no effect left in any"
        )


async def _fail_late(desks: Desks, step: Step[Any]) -> None:
    await step(trip, desks)
    step.fail(SoldOut("luck"))


async def test_what_cannot_be_undone_is_named_exactly(autojump_clock: object) -> None:
    """Whatever desk is closed when all is given back, the report names just that."""
    for closed in sorted(EVERYTHING):
        world = World()
        desks = Desks(world)
        undo = desks.cancel

        async def cancel(what: str, closed: str = closed, undo: Any = undo) -> None:
            if what == closed:
                raise ConnectionError(what)
            await undo(what)

        desks.cancel = cancel  # type: ignore[method-assign]
        result = await saga.run(partial(_fail_late, desks))

        assert isinstance(result, Err)
        assert isinstance(result.error, CompensationFailed)
        assert [left.value for left in result.error.left] == world.effects == [closed]
