"""In which order a saga is undone, and what of it at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
from effects import Refused, World, hang

from awaitly_trio import Err, Step, run
from awaitly_trio.saga import CompensationFailed, SagaOptions, saga

if TYPE_CHECKING:
    from trio.testing import MockClock

pytestmark = pytest.mark.usefixtures("watched")


async def fan(step: Step[Refused], world: World, undo: Any) -> None:
    """Do one step, two at once, one step; then fail."""
    await step.options(name="first").compensated(world.do, undo, "first", 1)
    async with trio.open_nursery() as nursery:
        for name in ("left", "right"):
            nursery.start_soon(step.options(name=name).compensated, world.do, undo, name, 1)
    await step.options(name="last").compensated(world.do, undo, "last", 1)
    step.fail(Refused())


async def test_overlap_undoes_at_once_what_was_done_at_once(
    autojump_clock: MockClock, world: World
) -> None:
    """The whole takes as long as the longest way through it, not the sum."""
    result = await saga.options(order="overlap")(fan)(world, world.undoing_after(2))

    assert result == Err(Refused())
    assert world.undone[0] == "last"
    assert sorted(world.undone[1:3]) == ["left", "right"]
    assert world.undone[3] == "first"
    assert trio.current_time() == pytest.approx(3 + 6)


async def test_newest_first_undoes_one_after_the_other(
    autojump_clock: MockClock, world: World
) -> None:
    """That is the default."""
    await run(fan, world, world.undoing_after(2))

    assert trio.current_time() == pytest.approx(3 + 8)


async def test_overlap_sees_through_blocks_and_sub_workflows(
    autojump_clock: MockClock, world: World
) -> None:
    """What overlapped inside a saga that joined this one still did."""

    async def part(step: Step[Refused], name: str) -> None:
        async with step.saga(name):
            await step.compensated(world.do, world.undoing_after(2), f"{name}1", 1)
            await step.compensated(world.do, world.undoing_after(2), f"{name}2", 1)

    async def body(step: Step[Refused]) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(run, part, "a")
            nursery.start_soon(run, part, "b")
        step.fail(Refused())

    await saga.options(order="overlap")(body)()

    assert sorted(world.undone[:2]) == ["a2", "b2"]
    assert trio.current_time() == pytest.approx(2 + 4)


async def test_a_stuck_compensation_holds_up_only_what_waits_for_it(
    autojump_clock: MockClock, world: World
) -> None:
    """Then that goes on as well."""

    async def undo(name: str) -> None:
        if name == "left":
            await hang()
        await world.undo(name)

    result = await saga.options(order="overlap", timeout=5)(fan)(world, undo)

    assert isinstance(result, Err)
    assert isinstance(result.error, CompensationFailed)
    assert [(left.step, left.why) for left in result.error.left] == [("left", "timed_out")]
    assert world.effects == ["left"]
    assert trio.current_time() == pytest.approx(3 + 5)


async def test_the_allowance_of_all_bounds_those_at_once(
    autojump_clock: MockClock, world: World
) -> None:
    """What runs then is cut off, what waits is not begun."""
    result = await saga.options(order="overlap", timeout=9, total_timeout=4)(fan)(
        world, world.undoing_after(3)
    )

    assert isinstance(result, Err)
    assert isinstance(result.error, CompensationFailed)
    assert sorted((left.step, left.why) for left in result.error.left) == [
        ("first", "not_started"),
        ("left", "timed_out"),
        ("right", "timed_out"),
    ]
    assert trio.current_time() == pytest.approx(3 + 4)


async def test_an_interrupt_ends_those_that_run_and_not_the_rest(
    autojump_clock: MockClock, world: World
) -> None:
    """What runs at that moment is cut off; what has not begun gets the grace."""
    told: list[CompensationFailed[Any]] = []

    async def undo(name: str) -> None:
        await trio.sleep(1)
        if name == "left":
            raise KeyboardInterrupt
        await trio.sleep(1)
        world.remove(name)

    with pytest.raises(KeyboardInterrupt):
        await saga.options(order="overlap", on_uncompensated=told.append)(fan)(world, undo)

    assert sorted((left.step, left.why) for left in told[0].left) == [
        ("left", "interrupted"),
        ("right", "interrupted"),
    ]
    assert world.undone == ["last", "first"]


async def test_a_failure_stops_those_that_have_not_begun_on_request(
    autojump_clock: MockClock, world: World
) -> None:
    """What runs already may end."""

    async def undo(name: str) -> None:
        await trio.sleep(1)
        if name == "left":
            raise ValueError(name)
        await trio.sleep(1)
        world.remove(name)

    result = await saga.options(order="overlap", on_failure="stop")(fan)(world, undo)

    assert isinstance(result, Err)
    assert isinstance(result.error, CompensationFailed)
    assert [(left.step, left.why) for left in result.error.left] == [
        ("left", "failed"),
        ("first", "not_started"),
    ]
    assert world.undone == ["last", "right"]


# --- by dependency


async def test_dependency_undoes_at_once_what_is_independent(
    autojump_clock: MockClock, world: World
) -> None:
    """A seat is given back before its flight; the hotel waits for neither."""
    undo = world.undoing_after(2)

    async def body(step: Step[Refused]) -> None:
        await step.options(name="flight").compensated(world.do, undo, "flight")
        await step.options(name="hotel").compensated(world.do, undo, "hotel")
        seat = step.options(name="seat", depends_on=["flight"])
        await seat.compensated(world.do, undo, "seat")
        step.fail(Refused())

    result = await saga.options(order="dependency")(body)()

    assert result == Err(Refused())
    assert sorted(world.undone[:2]) == ["hotel", "seat"]
    assert world.undone[2] == "flight"
    assert trio.current_time() == pytest.approx(4)


async def test_a_dependency_may_be_named_by_key(world: World) -> None:
    """Where several steps share a name."""

    async def body(step: Step[Refused]) -> None:
        await step.options(key="f-1").compensated(world.do, world.undo, "a")
        await step.options(key="f-2").compensated(world.do, world.undo, "b")
        await step.options(depends_on=["f-1"]).compensated(world.do, world.undo, "c")
        step.fail(Refused())

    await saga.options(order="dependency")(body)()

    assert world.undone.index("c") < world.undone.index("a")
    assert world.effects == []


async def test_a_dependency_that_is_not_there_is_refused(world: World) -> None:
    """Before the step runs: it would be undone in the wrong order."""

    async def body(step: Step[Refused]) -> None:
        await step.options(name="flight").compensated(world.do, world.undo, "a")
        await step.options(depends_on=["fligth"]).compensated(world.do, world.undo, "b")

    result = await run(body)

    assert isinstance(result, Err)
    assert str(result.cause) == (
        "depends_on names 'fligth', but saga 'body' has completed 'flight': "
        "name an earlier step of the same saga, by its name or key"
    )
    assert world.done == ["a"]


async def test_options_of_compensations_are_refused_elsewhere(world: World) -> None:
    """An option that would do nothing is an error."""

    async def body(step: Step[Refused]) -> None:
        await step.options(depends_on=["a"])(world.do, "a")

    result = await run(body)

    assert isinstance(result, Err)
    assert "they belong to step.compensated" in str(result.cause)
    assert world.done == []


async def test_options_of_compensations_are_refused_for_blocks(world: World) -> None:
    """A block is no step."""

    async def body(step: Step[Refused]) -> None:
        async with step.options(compensate_unknown=world.undo).parallel():
            pass

    result = await run(body)

    assert isinstance(result, Err)
    assert "a block cannot honour compensate_unknown, depends_on" in str(result.cause)


async def test_a_block_may_have_another_order(autojump_clock: MockClock, world: World) -> None:
    """When the block fails it is undone in its own order."""
    options = SagaOptions(order="overlap")

    async def body(step: Step[Refused]) -> None:
        async with step.saga("block", options):
            await fan(step, world, world.undoing_after(2))

    await run(body)

    assert trio.current_time() == pytest.approx(3 + 6)
