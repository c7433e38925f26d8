"""After a pivot a failure leads forward, not back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
from effects import Refused, World, hang, refuse

from awaitly_trio import Err, Ok, Step, TimedOut, run, spaced, workflow
from awaitly_trio._values.events import PivotPassed
from awaitly_trio.saga import saga

if TYPE_CHECKING:
    from recorder import Recorder
    from trio.testing import MockClock

    from awaitly_trio import Result

pytestmark = pytest.mark.usefixtures("watched")


async def test_nothing_before_a_pivot_is_undone_after_it(world: World) -> None:
    """The saga fails, and what it did stays."""

    async def body(step: Step[Refused]) -> None:
        await step.compensated(world.do, world.undo, "a")
        await step.pivot(world.do, "pivot")
        await step(refuse)

    assert await run(body) == Err(Refused())
    assert world.effects == ["a", "pivot"]


async def test_a_pivot_that_fails_leads_back(world: World) -> None:
    """It is the last step that may."""

    async def body(step: Step[Refused]) -> None:
        await step.compensated(world.do, world.undo, "a")
        await step.pivot(refuse)

    assert await run(body) == Err(Refused())
    assert world.effects == []


async def test_what_comes_after_a_pivot_is_undone_down_to_it(world: World) -> None:
    """A pivot is a floor."""

    async def body(step: Step[Refused]) -> None:
        await step.compensated(world.do, world.undo, "a")
        await step.pivot(world.do, "pivot")
        await step.compensated(world.do, world.undo, "b")
        await step(refuse)

    assert await run(body) == Err(Refused())
    assert world.effects == ["a", "pivot"]


async def test_cancellation_after_a_pivot_undoes_nothing(
    autojump_clock: MockClock, world: World
) -> None:
    """There is no way back, whatever ends the saga."""

    async def body(step: Step[Refused]) -> None:
        await step.compensated(world.do, world.undo, "a")
        await step.pivot(world.do, "pivot")
        await trio.sleep_forever()

    with trio.move_on_after(1):
        await run(body)

    assert world.effects == ["a", "pivot"]


async def test_a_pivot_counts_for_the_sagas_around_it(world: World) -> None:
    """A point of no return inside a sub-workflow is one for its callers too."""

    @workflow
    async def pay(step: Step[Refused]) -> None:
        async with step.saga("payment"):
            await step.pivot(world.do, "pivot")

    async def body(step: Step[Refused]) -> None:
        await step.compensated(world.do, world.undo, "a")
        async with step.saga("block"):
            await step.compensated(world.do, world.undo, "b")
            await step(pay)
            await step(refuse)

    assert await run(body) == Err(Refused())
    assert world.effects == ["a", "b", "pivot"]


async def test_a_saga_that_is_still_open_beside_a_pivot_is_undone(
    autojump_clock: MockClock, world: World
) -> None:
    """What another branch has only begun can still be given back as a unit."""

    async def body(step: Step[Refused]) -> None:
        async def pivoting() -> None:
            await step.pivot(world.do, "pivot", 2)

        async def beginning() -> None:
            async with step.saga("beginning"):
                await step.compensated(world.do, world.undo, "a", 1)
                await step(refuse, "a", 3)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(pivoting)
            nursery.start_soon(beginning)

    assert await run(body) == Err(Refused("a"))
    assert world.effects == ["pivot"]


async def test_a_pivot_takes_options(world: World) -> None:
    """It is a step like any other."""

    async def body(step: Step[Any]) -> None:
        await step.compensated(world.do, world.undo, "a")
        pivot = step.options(name="pay", fallback=lambda _error: Ok("cash"))
        assert await pivot.pivot(refuse) == "cash"
        await step(refuse)

    assert await run(body) == Err(Refused())
    assert world.effects == ["a"]


async def test_a_pivot_that_ran_out_of_time_has_not_passed(
    autojump_clock: MockClock, world: World
) -> None:
    """Nobody knows what it did; the saga leads back."""

    async def body(step: Step[Refused | TimedOut]) -> None:
        await step.compensated(world.do, world.undo, "a")
        await step.options(timeout=1).pivot(hang)

    assert await run(body) == Err(TimedOut("hang", 1))
    assert world.effects == []


async def test_observers_are_told_of_a_pivot(world: World, watched: Recorder | None) -> None:
    """With the number of steps that will not be undone any more."""

    async def body(step: Step[Refused]) -> None:
        await step.compensated(world.do, world.undo, "a")
        await step.compensated(world.do, world.undo, "b")
        await step.pivot(world.do, "pivot")

    await run(body)

    if watched is not None:
        assert [(event.path, event.steps) for event in watched.of(PivotPassed)] == [
            ("body/do#3", 2)
        ]


async def test_a_retriable_step_is_tried_until_it_succeeds(
    autojump_clock: MockClock, world: World
) -> None:
    """By default with growing delays and without end."""
    attempts = iter([*[Err(Refused())] * 9, Ok("sent")])

    async def send() -> Result[str, Refused]:
        await trio.lowlevel.checkpoint()
        return next(attempts)

    async def body(step: Step[Refused]) -> str:
        await step.pivot(world.do, "pivot")
        return await step.retriable(send)

    assert await run(body) == Ok("sent")
    assert trio.current_time() == pytest.approx(0.1 * (2**9 - 1))


@pytest.mark.parametrize("where", ["saga", "step"])
async def test_the_schedule_of_a_retriable_step_is_an_option(
    autojump_clock: MockClock, where: str
) -> None:
    """Of the saga, or of the step itself."""
    attempts = iter([Err(Refused()), Err(Refused()), Ok("sent")])

    async def send() -> Result[str, Refused]:
        await trio.lowlevel.checkpoint()
        return next(attempts)

    async def body(step: Step[Refused]) -> str:
        if where == "step":
            return await step.options(retry=spaced(3)).retriable(send)
        return await step.retriable(send)

    options = saga.options(forward=spaced(3)) if where == "saga" else saga
    assert await options(body)() == Ok("sent")
    assert trio.current_time() == pytest.approx(6)


async def test_a_deadline_ends_a_retriable_step(autojump_clock: MockClock, world: World) -> None:
    """Nothing in a program may be endless against the will of its caller."""

    async def body(step: Step[Refused | TimedOut]) -> None:
        await step.options(total_timeout=60).retriable(refuse)

    result = await run(body)

    assert isinstance(result, Err)
    assert trio.current_time() <= 60
