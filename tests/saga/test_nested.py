"""Sagas inside sagas: blocks, branches, sub-workflows, and who answers for what they did."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing
from effects import Refused, World, breaks, hang, refuse

from awaitly_trio import Err, Ok, Step, TimedOut, UnexpectedError, run, spaced, workflow
from awaitly_trio.saga import CompensationFailed, SagaOptions, saga

if TYPE_CHECKING:
    from recorder import Recorder
    from trio.testing import MockClock

    from awaitly_trio import Result

pytestmark = pytest.mark.usefixtures("watched")


@workflow
async def book(step: Step[Refused], world: World, *names: str, fails: bool = False) -> str:
    """Leave effects, as a workflow of its own."""
    for name in names:
        await step.compensated(world.do, world.undo, name)
    if fails:
        step.fail(Refused(names[0]))
    return " ".join(names)


# --- blocks


async def test_a_block_that_succeeded_belongs_to_the_run(world: World) -> None:
    """When the run fails later, what the block did is undone too, in its place in the order."""

    async def body(step: Step[Refused]) -> None:
        await step.compensated(world.do, world.undo, "a")
        async with step.saga("hotel"):
            await step.compensated(world.do, world.undo, "b")
            await step.compensated(world.do, world.undo, "c")
        await step.compensated(world.do, world.undo, "d")
        await step(refuse)

    assert await run(body) == Err(Refused())
    assert world.undone == ["d", "c", "b", "a"]


async def test_a_block_that_fails_is_undone_first(world: World) -> None:
    """What leaves the block goes on leaving, and undoes the run in turn."""

    async def body(step: Step[Refused]) -> None:
        await step.compensated(world.do, world.undo, "a")
        async with step.saga("hotel"):
            await step.compensated(world.do, world.undo, "b")
            await step(refuse)

    assert await run(body) == Err(Refused())
    assert world.undone == ["b", "a"]


async def test_a_body_that_handles_a_defect_of_a_block_keeps_the_rest(world: World) -> None:
    """Exactly the block is undone."""

    async def body(step: Step[Refused]) -> str:
        await step.compensated(world.do, world.undo, "flight")
        try:
            async with step.saga("hotel"):
                await step.compensated(world.do, world.undo, "room")
                await breaks()
        except ValueError:
            await step.compensated(world.do, world.undo, "tent")
        return "camping"

    assert await run(body) == Ok("camping")
    assert world.undone == ["room"]
    assert world.effects == ["flight", "tent"]


async def test_a_body_that_cancels_a_block_keeps_the_rest(
    autojump_clock: MockClock, world: World
) -> None:
    """A time limit of the body's own undoes what was inside it."""

    async def body(step: Step[Refused]) -> None:
        await step.compensated(world.do, world.undo, "flight")
        with trio.move_on_after(2):
            async with step.saga("hotel"):
                await step.compensated(world.do, world.undo, "room")
                await trio.sleep_forever()

    assert await run(body) == Ok(None)
    assert world.undone == ["room"]
    assert world.effects == ["flight"]


async def test_blocks_nest(world: World) -> None:
    """A block that succeeded belongs to the block around it."""

    async def body(step: Step[Refused]) -> None:
        await step.compensated(world.do, world.undo, "a")
        try:
            async with step.saga("outer"):
                await step.compensated(world.do, world.undo, "b")
                async with step.saga("inner"):
                    await step.compensated(world.do, world.undo, "c")
                await step.compensated(world.do, world.undo, "d")
                await breaks()
        except ValueError:
            pass

    assert await run(body) == Ok(None)
    assert world.undone == ["d", "c", "b"]
    assert world.effects == ["a"]


async def test_blocks_at_once_are_undone_by_themselves(
    autojump_clock: MockClock, world: World
) -> None:
    """A block in one branch does not answer for what another branch does."""

    async def body(step: Step[Refused]) -> None:
        async def failing() -> None:
            try:
                async with step.saga("failing"):
                    await step.compensated(world.do, world.undo, "a")
                    await trio.sleep(2)
                    await breaks()
            except ValueError:
                pass

        async def working() -> None:
            async with step.saga("working"):
                await step.compensated(world.do, world.undo, "b", 1)
                await step.compensated(world.do, world.undo, "c", 2)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(failing)
            nursery.start_soon(working)

    assert await run(body) == Ok(None)
    assert world.undone == ["a"]
    assert world.effects == ["b", "c"]


async def test_branches_inside_a_block_belong_to_it(world: World) -> None:
    """The block answers for the nurseries inside it."""

    async def body(step: Step[Refused]) -> None:
        try:
            async with step.saga("hotel"):
                async with trio.open_nursery() as nursery:
                    for name in "ab":
                        nursery.start_soon(step.compensated, world.do, world.undo, name)
                await breaks()
        except ValueError:
            pass

    assert await run(body) == Ok(None)
    assert sorted(world.undone) == ["a", "b"]


async def test_completions_of_blocks_at_once_are_undone_in_their_order(
    autojump_clock: MockClock, world: World
) -> None:
    """Blocks that succeeded do not hide which step came first."""

    async def body(step: Step[Refused]) -> None:
        async def booking(first: str, second: str, after: float) -> None:
            async with step.saga(first):
                await step.compensated(world.do, world.undo, first, after)
                await step.compensated(world.do, world.undo, second, 2)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(booking, "a1", "a2", 1)
            nursery.start_soon(booking, "b1", "b2", 2)
        await step(refuse)

    assert await run(body) == Err(Refused())
    assert world.done == ["a1", "b1", "a2", "b2"]
    assert world.undone == ["b2", "a2", "b1", "a1"]


async def test_what_a_block_could_not_undo_is_in_the_report_of_the_saga(world: World) -> None:
    """One report names all that is left, also from the blocks inside."""

    async def body(step: Step[Refused]) -> None:
        async with step.saga("hotel"):
            await step.options(name="room").compensated(world.do, breaks, "b")
            await step(refuse)

    result = await saga.run(body)

    assert isinstance(result, Err)
    assert isinstance(result.error, CompensationFailed)
    assert result.error.error == Refused()
    assert [left.step for left in result.error.left] == ["room"]


async def test_what_a_handled_block_could_not_undo_counts_when_the_saga_fails(
    world: World,
) -> None:
    """The report names exactly what is left, whenever it came to be."""

    async def body(step: Step[Refused]) -> None:
        try:
            async with step.saga("hotel"):
                await step.options(name="room").compensated(world.do, breaks, "b")
                raise OSError
        except OSError:
            pass
        await step.compensated(world.do, world.undo, "c")
        await step(refuse)

    result = await saga.run(body)

    assert isinstance(result, Err)
    assert [left.step for left in result.error.left] == ["room"]  # type: ignore[union-attr]
    assert world.effects == ["b"]


async def test_a_block_has_options_of_its_own(autojump_clock: MockClock, world: World) -> None:
    """Without them it is undone like the saga around it."""

    async def body(step: Step[Refused]) -> None:
        async with step.saga("hotel", SagaOptions(timeout=1)):
            await step.compensated(world.do, hang, "a")
        async with step.saga("car"):
            await step.compensated(world.do, hang, "b")
        step.fail(Refused())

    await saga.options(timeout=5)(body)()

    assert trio.current_time() == pytest.approx(6)


async def test_entering_a_block_is_a_cancellation_point(world: World) -> None:
    """An empty block in a cancelled scope does not go unnoticed."""

    async def body(step: Step[Refused]) -> None:
        async with step.saga("empty"):
            pass

    with trio.CancelScope() as scope:
        scope.cancel(reason="the test wants it")
        await run(body)

    assert scope.cancelled_caught


@pytest.mark.parametrize(("name", "said"), [("", "must not be empty"), (5, "must be a string")])
async def test_the_name_of_a_block_is_checked(name: Any, said: str) -> None:
    """It is what observers show."""

    async def body(step: Step[Refused]) -> None:
        step.saga(name)

    result = await run(body)

    assert isinstance(result, Err)
    assert said in str(result.cause)


# --- sub-workflows


async def test_a_sub_workflow_that_succeeded_belongs_to_its_caller(world: World) -> None:
    """A step that is a workflow is undone when its caller fails."""

    async def body(step: Step[Refused]) -> None:
        await step(book, world, "a", "b")
        await step.compensated(world.do, world.undo, "c")
        await step(refuse)

    assert await run(body) == Err(Refused())
    assert world.undone == ["c", "b", "a"]


@pytest.mark.parametrize("depth", [1, 2, 5])
async def test_sagas_hand_on_through_any_depth(depth: int, world: World) -> None:
    """Every run between passes on what it did not do itself."""

    async def nested(step: Step[Refused], levels: int) -> None:
        if levels:
            await step(partial(run, nested), levels - 1)
        else:
            await step(book, world, "a")

    async def body(step: Step[Refused]) -> None:
        await nested(step, depth)
        await step(refuse)

    assert await run(body) == Err(Refused())
    assert world.undone == ["a"]


async def test_a_sub_workflow_called_directly_belongs_to_the_run_around_it(world: World) -> None:
    """What counts is in which run it was called, not how."""

    async def body(step: Step[Refused]) -> None:
        assert await book(world, "a") == Ok("a")
        await step(refuse)

    assert await run(body) == Err(Refused())
    assert world.undone == ["a"]


async def test_a_body_that_handles_a_sub_workflow_keeps_the_rest(world: World) -> None:
    """A saga whose Result is read as a value undoes itself and nothing else."""

    async def body(step: Step[Refused]) -> str:
        await step.compensated(world.do, world.undo, "flight")

        async def hotel(inner: Step[Refused]) -> str:
            await inner.compensated(world.do, world.undo, "room")
            await inner(refuse, "no breakfast")
            return "room"

        match await saga.run(hotel):
            case Ok(room):
                return room
            case Err(error):
                assert error == Refused("no breakfast")
        return "camping"

    assert await run(body) == Ok("camping")
    assert world.undone == ["room"]
    assert world.effects == ["flight"]


async def test_a_sub_workflow_in_a_block_belongs_to_the_block(world: World) -> None:
    """Hand-over goes to the innermost saga."""

    async def body(step: Step[Refused]) -> None:
        await step.compensated(world.do, world.undo, "flight")
        try:
            async with step.saga("stay"):
                await step(book, world, "room", "car")
                await breaks()
        except ValueError:
            pass

    assert await run(body) == Ok(None)
    assert world.undone == ["car", "room"]
    assert world.effects == ["flight"]


async def test_sub_workflows_in_branches_belong_to_the_run(world: World) -> None:
    """Also those that a parallel block, a map or a nursery started."""

    async def body(step: Step[Refused]) -> None:
        async with step.parallel() as group:
            group.start_soon(book, world, "a")
            group.start_soon(book, world, "b")
        await step.map(partial(book, world), ["c", "d"], limit=2)
        await step.all(partial(book, world, "e"), partial(book, world, "f"))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(step, partial(book, world), "g")
        await step(refuse)

    assert await run(body) == Err(Refused())
    assert sorted(world.undone) == list("abcdefg")
    assert world.undone[0] == "g"


async def test_a_failed_attempt_of_a_sub_workflow_is_undone_at_once(
    autojump_clock: MockClock, world: World
) -> None:
    """A retry begins with nothing left of the attempt before."""
    attempts = iter([True, True, False])

    async def flaky() -> Result[str, Refused | UnexpectedError]:
        assert world.effects == []
        return await book(world, "a", "b", fails=next(attempts))

    async def body(step: Step[Refused]) -> str:
        return await step.options(retry=spaced(1))(flaky)

    assert await run(body) == Ok("a b")
    assert world.undone == ["b", "a", "b", "a"]
    assert world.effects == ["a", "b"]


async def test_a_sub_workflow_that_runs_out_of_time_undoes_itself(
    autojump_clock: MockClock, world: World
) -> None:
    """Its compensations may take longer than the time limit of its step."""

    @workflow
    async def slow(step: Step[Refused]) -> None:
        await step.compensated(world.do, world.undoing_after(3), "a")
        await trio.sleep_forever()

    async def body(step: Step[Refused | TimedOut]) -> None:
        await step.options(timeout=2)(slow)

    assert await run(body) == Err(TimedOut("slow", 2))
    assert world.effects == []
    assert trio.current_time() == pytest.approx(5)


async def test_a_compensation_beside_a_workflow_takes_the_place_of_those_inside(
    world: World,
) -> None:
    """What undoes the whole is called, and what would undo its parts is not."""
    cancelled: list[str] = []

    async def body(step: Step[Refused]) -> None:
        await step.compensated(world.do, world.undo, "a")
        await step.compensated(book, cancelled.append, world, "b", "c")
        await step(refuse)

    assert await run(body) == Err(Refused())
    assert cancelled == ["b c"]
    assert world.undone == ["a"]


async def test_a_compensated_workflow_that_fails_undoes_itself(world: World) -> None:
    """Then there is no whole to undo."""
    cancelled: list[str] = []

    async def body(step: Step[Refused]) -> None:
        await step.compensated(book, cancelled.append, world, "b", "c", fails=True)

    assert await run(body) == Err(Refused("b"))
    assert cancelled == []
    assert world.undone == ["c", "b"]


async def test_what_a_sub_workflow_could_not_undo_is_in_the_report_of_its_caller(
    world: World,
) -> None:
    """A plain sub-workflow that failed hands up what is left."""

    async def hotel(step: Step[Refused]) -> None:
        await step.options(name="room").compensated(world.do, breaks, "b")
        await step(refuse)

    async def trip(step: Step[Refused]) -> None:
        await step.options(name="flight").compensated(world.do, breaks, "a")
        await step(workflow(hotel))

    result = await saga.run(trip)

    assert isinstance(result, Err)
    assert isinstance(result.error, CompensationFailed)
    assert result.error.error == Refused()
    assert [left.step for left in result.error.left] == ["room", "flight"]


async def test_reports_of_sagas_inside_sagas_are_one(world: World) -> None:
    """No report is wrapped in another one, and nothing is named twice."""

    async def hotel(step: Step[Refused]) -> None:
        await step.options(name="room").compensated(world.do, breaks, "b")
        await step(refuse)

    async def trip(step: Step[Refused | CompensationFailed[Refused]]) -> None:
        await step.options(name="flight").compensated(world.do, breaks, "a")
        await step(saga(hotel))

    result = await saga.run(trip)

    assert isinstance(result, Err)
    assert isinstance(result.error, CompensationFailed)
    assert result.error.error == Refused()
    assert [left.step for left in result.error.left] == ["room", "flight"]


async def test_the_effects_of_a_compensation_are_final(world: World) -> None:
    """What a compensation does by a workflow of its own is nobody's to undo."""

    async def trip(step: Step[Refused]) -> None:
        async def apologise(name: str) -> None:
            world.remove(name)
            await book(world, "voucher")

        await step.compensated(world.do, apologise, "a")
        step.fail(Refused())

    async def outer(step: Step[Refused]) -> None:
        await run(trip)
        step.fail(Refused())

    assert await run(outer) == Err(Refused())
    assert world.effects == ["voucher"]


# --- branches of which only some count


async def test_the_loser_of_a_race_is_undone(autojump_clock: MockClock, world: World) -> None:
    """What a branch did that lost nobody wants."""

    async def body(step: Step[Refused]) -> str:
        async def offer(name: str, seconds: float) -> Result[str, Refused]:
            await step.compensated(world.do, world.undo, name)
            await trio.sleep(seconds)
            return Ok(name)

        return await step.race(partial(offer, "slow", 2), partial(offer, "fast", 1))

    assert await run(body) == Ok("fast")
    assert world.undone == ["slow"]
    assert world.effects == ["fast"]


async def test_a_branch_that_wins_too_late_is_undone(world: World) -> None:
    """Of two that succeed in one instant only one is kept."""

    async def body(step: Step[Refused]) -> str:
        gate = trio.Event()

        async def offer(name: str) -> Result[str, Refused | UnexpectedError]:
            result = await book(world, name)
            if len(world.effects) == 2:
                gate.set()
            with trio.CancelScope(shield=True):
                await gate.wait()
            return result

        return await step.race(partial(offer, "a"), partial(offer, "b"))

    result = await run(body)

    assert isinstance(result, Ok)
    assert world.effects == [result.value]


async def test_the_winner_of_a_race_belongs_to_the_run(world: World) -> None:
    """It is undone when the run fails later."""

    async def body(step: Step[Refused]) -> None:
        await step.race(partial(book, world, "a"), hang)
        await step(refuse)

    assert await run(body) == Err(Refused())
    assert world.undone == ["a"]


async def test_a_cancelled_race_is_undone(autojump_clock: MockClock, world: World) -> None:
    """All of its branches are."""

    async def body(step: Step[Refused]) -> None:
        async def offer(name: str) -> Result[str, Refused]:
            await step.compensated(world.do, world.undo, name)
            return await hang()

        await step.race(partial(offer, "a"), partial(offer, "b"))

    with trio.move_on_after(1):
        await run(body)

    assert sorted(world.undone) == ["a", "b"]


async def test_a_branch_of_a_settle_that_failed_is_undone(world: World) -> None:
    """Its failure is data for the body; what it did before is gone."""

    async def body(step: Step[Refused]) -> None:
        async def half(name: str) -> Result[str, Refused]:
            await step.compensated(world.do, world.undo, name)
            return Err(Refused(name))

        settled = await step.settle(partial(half, "a"), partial(book, world, "b"))
        assert settled.errors == [Refused("a")]

    assert await run(body) == Ok(None)
    assert world.undone == ["a"]
    assert world.effects == ["b"]


async def test_laggards_of_a_settle_are_undone(autojump_clock: MockClock, world: World) -> None:
    """Enough succeeded: what the others had begun is given back."""

    async def body(step: Step[Refused]) -> None:
        async def hold(name: str, seconds: float) -> Result[str, Refused]:
            await step.compensated(world.do, world.undo, name)
            await trio.sleep(seconds)
            return Ok(name)

        await step.settle(partial(hold, "a", 1), partial(hold, "b", 9), min_ok=1)
        assert world.effects == ["a"]
        await step(refuse)

    assert await run(body) == Err(Refused())
    assert world.undone == ["b", "a"]


# --- sagas that have ended


async def test_a_step_after_the_run_has_ended_is_refused(world: World) -> None:
    """It is not run at all."""
    steps: list[Step[Refused]] = []

    async def body(step: Step[Refused]) -> None:
        steps.append(step)

    await run(body)

    with pytest.raises(Exception, match="run 'body' has ended"):
        await steps[0].compensated(world.do, world.undo, "a")
    assert world.done == []


async def test_a_compensation_cannot_add_to_the_saga_it_undoes(world: World) -> None:
    """A compensated step inside a compensation is refused, and reported."""

    async def body(step: Step[Refused]) -> None:
        async def cancel(name: str) -> None:
            world.remove(name)
            await step.compensated(world.do, world.undo, "again")

        await step.compensated(world.do, cancel, "a")
        await step(refuse)

    result = await saga.run(body)

    assert isinstance(result, Err)
    assert "saga 'body' has ended" in str(result.error.left[0].error)  # type: ignore[union-attr]
    assert world.effects == []


async def test_scopes_show_sagas_and_compensations(world: World, watched: Recorder | None) -> None:
    """Observers see the block, and each compensation where it ran."""

    async def body(step: Step[Refused]) -> None:
        await step.options(name="flight").compensated(world.do, world.undo, "a")
        async with step.saga("stay"):
            await step.options(name="room").compensated(world.do, world.undo, "b")
            await step(refuse)

    await run(body)

    if watched is not None:
        shown = [(scope.kind, scope.path) for scope in watched.started]
        assert shown == [
            ("workflow", "body"),
            ("step", "body/flight"),
            ("saga", "body/stay"),
            ("step", "body/stay/room"),
            ("step", "body/stay/refuse"),
            ("compensation", "body/stay/room#2"),
            ("compensation", "body/flight#2"),
        ]
        assert watched.outcome("body/stay").status == "error"
