"""A step that was cut off midway may have done its work: ``compensate_unknown`` is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
from effects import Refused, World, refuse

from awaitly_trio import Err, Ok, Step, TimedOut, run, spaced
from awaitly_trio._values.events import Compensable
from awaitly_trio.saga import CompensationFailed, saga

if TYPE_CHECKING:
    from recorder import Recorder
    from trio.testing import MockClock

    from awaitly_trio import Result

pytestmark = pytest.mark.usefixtures("watched")


class Desk:
    """A service whose answers get lost: it books and then says nothing."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.undone_by: list[Any] = []

    async def book(self, name: str, *, answers: bool = False) -> Result[str, Refused]:
        self._world.add(name)
        if not answers:
            await trio.sleep_forever()
        return Ok(f"{name}-ref")

    async def cancel(self, reference: str) -> None:
        await trio.lowlevel.checkpoint()
        self.undone_by.append(reference)
        self._world.remove(reference.removesuffix("-ref"))

    async def cancel_if_there(self, name: str, **keywords: Any) -> None:
        await trio.lowlevel.checkpoint()
        self.undone_by.append((name, keywords))
        if name in self._world.effects:
            self._world.remove(name)


async def test_a_cancelled_step_is_undone_by_its_arguments(
    autojump_clock: MockClock, world: World
) -> None:
    """There is no value, so the arguments must do."""
    desk = Desk(world)

    async def body(step: Step[Refused]) -> None:
        careful = step.options(compensate_unknown=desk.cancel_if_there)
        await careful.compensated(desk.book, desk.cancel, "a", answers=False)

    with trio.move_on_after(1):
        await run(body)

    assert desk.undone_by == [("a", {"answers": False})]
    assert world.effects == []


async def test_without_it_a_cancelled_step_is_not_undone(
    autojump_clock: MockClock, world: World
) -> None:
    """To undo what was never done may be worse than to leave it: it is opt-in."""
    desk = Desk(world)

    async def body(step: Step[Refused]) -> None:
        await step.compensated(desk.book, desk.cancel, "a")

    with trio.move_on_after(1):
        await run(body)

    assert world.effects == ["a"]


async def test_a_step_that_completed_is_undone_by_its_value(world: World) -> None:
    """Then everything is known."""
    desk = Desk(world)

    async def body(step: Step[Refused]) -> None:
        careful = step.options(compensate_unknown=desk.cancel_if_there)
        await careful.compensated(desk.book, desk.cancel, "a", answers=True)
        await step(refuse)

    assert await run(body) == Err(Refused())
    assert desk.undone_by == ["a-ref"]


async def test_a_step_that_ran_out_of_time_is_unknown(
    autojump_clock: MockClock, world: World
) -> None:
    """The time limit cancelled it midway."""
    desk = Desk(world)

    async def body(step: Step[Refused | TimedOut]) -> None:
        careful = step.options(timeout=1, compensate_unknown=desk.cancel_if_there)
        await careful.compensated(desk.book, desk.cancel, "a")

    assert await run(body) == Err(TimedOut("book", 1))
    assert world.effects == []


async def test_a_step_that_broke_is_unknown(world: World) -> None:
    """A crash after the effect and before the return leaks nothing."""
    desk = Desk(world)

    async def book_and_break(name: str) -> Result[str, Refused]:
        world.add(name)
        await trio.lowlevel.checkpoint()
        raise ConnectionError

    async def body(step: Step[Refused]) -> None:
        careful = step.options(compensate_unknown=desk.cancel_if_there)
        await careful.compensated(book_and_break, desk.cancel, "a")

    result = await run(body)

    assert isinstance(result, Err)
    assert isinstance(result.cause, ConnectionError)
    assert world.effects == []


async def test_a_planned_error_is_known(world: World) -> None:
    """A step that says that it failed did nothing."""
    desk = Desk(world)

    async def body(step: Step[Refused]) -> None:
        careful = step.options(compensate_unknown=desk.cancel_if_there)
        await careful.compensated(refuse, desk.cancel)

    assert await run(body) == Err(Refused())
    assert desk.undone_by == []


async def test_an_attempt_that_was_cut_off_before_others_failed_is_unknown(
    autojump_clock: MockClock, world: World
) -> None:
    """The first attempt may have worked, whatever the last one said."""
    desk = Desk(world)
    attempts = iter([True, False])

    async def book(name: str) -> Result[str, Refused]:
        if next(attempts):
            world.add(name)
            await trio.sleep_forever()
        return Err(Refused())

    async def body(step: Step[Any]) -> None:
        careful = step.options(timeout=1, retry=spaced(1), total_timeout=2.5)
        once_more = careful.options(retry=spaced(1), compensate_unknown=desk.cancel_if_there)
        await once_more.compensated(book, desk.cancel, "a")

    result = await run(body)

    assert isinstance(result, Err)
    assert world.effects == []


async def test_an_attempt_that_was_cut_off_before_one_succeeded_is_known(
    autojump_clock: MockClock, world: World
) -> None:
    """One step is undone once, by its value."""
    desk = Desk(world)
    attempts = iter([True, False])

    async def book(name: str) -> Result[str, Refused]:
        if next(attempts):
            await trio.sleep_forever()
        return await desk.book(name, answers=True)

    async def body(step: Step[Any]) -> None:
        careful = step.options(timeout=1, retry=spaced(1), compensate_unknown=desk.cancel_if_there)
        await careful.compensated(book, desk.cancel, "a")
        await step(refuse)

    assert await run(body) == Err(Refused())
    assert desk.undone_by == ["a-ref"]


async def test_an_unknown_effect_is_undone_in_its_turn(
    autojump_clock: MockClock, world: World
) -> None:
    """It is the newest, so it goes first."""
    desk = Desk(world)

    async def body(step: Step[Refused]) -> None:
        await step.compensated(world.do, world.undo, "first")
        careful = step.options(compensate_unknown=desk.cancel_if_there)
        await careful.compensated(desk.book, desk.cancel, "second")

    with trio.move_on_after(1):
        await run(body)

    assert world.undone == ["second", "first"]


async def test_an_unknown_effect_that_could_not_be_undone_is_reported(
    autojump_clock: MockClock, world: World
) -> None:
    """With the arguments of its step, for whoever looks into it."""
    desk = Desk(world)

    def cannot(name: str) -> None:
        raise ValueError(name)

    async def body(step: Step[Refused | TimedOut]) -> None:
        careful = step.options(timeout=1, compensate_unknown=cannot, key="booking")
        await careful.compensated(desk.book, desk.cancel, "a")

    result = await saga.run(body)

    assert isinstance(result, Err)
    assert isinstance(result.error, CompensationFailed)
    left = result.error.left[0]
    assert (left.step, left.key, left.value) == ("book", "booking", ("a",))


async def test_observers_are_told_what_can_be_undone(
    autojump_clock: MockClock, world: World, watched: Recorder | None
) -> None:
    """And whether it is known."""
    desk = Desk(world)

    async def body(step: Step[Refused]) -> None:
        careful = step.options(compensate_unknown=desk.cancel_if_there)
        await careful.compensated(desk.book, desk.cancel, "a", answers=True)
        await careful.compensated(desk.book, desk.cancel, "b")

    with trio.move_on_after(1):
        await run(body)

    if watched is not None:
        told = [(event.path, event.step, event.unknown) for event in watched.of(Compensable)]
        assert told == [("body/book", "book", False), ("body", "book", True)]
