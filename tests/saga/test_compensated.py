"""A compensated step is undone when its saga fails, whatever ended it, and stays when not."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing
from effects import Refused, World, breaks, hang, refuse

from awaitly_trio import Err, Ok, Step, TimedOut, UnexpectedError, exponential, run, workflow

if TYPE_CHECKING:
    from trio.testing import MockClock

    from awaitly_trio import Result

pytestmark = pytest.mark.usefixtures("watched")


async def three(step: Step[Any], world: World) -> None:
    """Leave three effects, one after the other."""
    for name in ("a", "b", "c"):
        assert await step.compensated(world.do, world.undo, name) == name


async def test_a_saga_that_succeeds_keeps_its_effects(world: World) -> None:
    """No compensation runs on success."""

    async def body(step: Step[Refused]) -> str:
        await three(step, world)
        return "done"

    result = await run(body)

    assert result == Ok("done")
    assert world.effects == ["a", "b", "c"]
    assert world.began == []


async def test_a_planned_error_undoes_the_newest_first(world: World) -> None:
    """The error stays the error; each compensation gets the value of its step."""

    async def body(step: Step[Refused]) -> None:
        await three(step, world)
        await step(refuse, "no seats")

    result = await run(body)

    assert result == Err(Refused("no seats"))
    assert world.undone == ["c", "b", "a"]
    assert world.effects == []


async def test_a_failure_named_by_the_body_undoes(world: World) -> None:
    """``step.fail`` ends a saga like a failing step."""

    async def body(step: Step[Refused]) -> None:
        await three(step, world)
        step.fail(Refused())

    assert await run(body) == Err(Refused())
    assert world.undone == ["c", "b", "a"]


async def test_a_defect_undoes(world: World) -> None:
    """An exception that nobody planned for ends a saga as well."""
    bug = KeyError("typo")

    async def body(step: Step[Refused]) -> None:
        await three(step, world)
        raise bug

    result = await run(body)

    assert result == Err(UnexpectedError(bug), bug)
    assert world.undone == ["c", "b", "a"]


async def test_a_time_limit_of_a_step_undoes(autojump_clock: MockClock, world: World) -> None:
    """A step that ran out of time ends the saga with ``TimedOut``."""

    async def body(step: Step[Refused | TimedOut]) -> None:
        await three(step, world)
        await step.options(timeout=2)(hang)

    result = await run(body)

    assert result == Err(TimedOut("hang", 2))
    assert world.undone == ["c", "b", "a"]
    assert trio.current_time() == pytest.approx(2)


async def test_cancellation_undoes_and_goes_on(autojump_clock: MockClock, world: World) -> None:
    """Compensations run to their end although their surroundings are cancelled."""

    async def body(step: Step[Refused]) -> None:
        for name in ("a", "b"):
            await step.compensated(world.do, world.undoing_after(1), name)
        await trio.sleep_forever()

    with trio.move_on_after(3) as scope:
        await run(body)

    assert scope.cancelled_caught
    assert world.undone == ["b", "a"]
    assert trio.current_time() == pytest.approx(5)


@pytest.mark.parametrize("leaving", [KeyboardInterrupt, SystemExit])
async def test_an_interrupt_undoes_and_goes_on(leaving: Any, world: World) -> None:
    """Ctrl-C never leaves an effect behind that could be undone."""

    async def body(step: Step[Refused]) -> None:
        await three(step, world)
        raise leaving

    with pytest.raises(leaving):
        await run(body)

    assert world.undone == ["c", "b", "a"]


async def test_the_exit_of_an_outer_run_undoes_the_inner_one(world: World) -> None:
    """An inner saga that is left through the step of an outer run is undone on the way."""

    async def outer(step: Step[Refused]) -> None:
        @workflow
        async def inner(inner_step: Step[Refused]) -> None:
            await three(inner_step, world)
            step.fail(Refused("outer"))

        await step(inner)

    assert await run(outer) == Err(Refused("outer"))
    assert world.undone == ["c", "b", "a"]


async def test_a_body_that_returns_a_result_is_undone(world: World) -> None:
    """Misuse raises at the call, and leaves no effect behind either."""

    async def body(step: Step[Refused]) -> Any:
        await three(step, world)
        return Ok(1)

    with pytest.raises(TypeError, match="return the bare value"):
        await run(body)

    assert world.effects == []


async def test_a_swallowed_exit_undoes_all_the_same(world: World) -> None:
    """A body that eats the private exit has failed, and what it did after that is undone too."""

    async def body(step: Step[Refused]) -> str:
        await step.compensated(world.do, world.undo, "a")
        try:
            await step(refuse)
        except BaseException:  # noqa: ASYNC103  # what nobody should write
            await step.compensated(world.do, world.undo, "b")
        return "fine"

    assert await run(body) == Err(Refused())
    assert world.undone == ["b", "a"]


async def test_the_step_that_fails_is_not_undone(world: World) -> None:
    """A planned error says that the step did nothing."""

    async def body(step: Step[Refused]) -> None:
        await step.compensated(world.do, world.undo, "a")
        await step.compensated(refuse, world.undo)

    assert await run(body) == Err(Refused())
    assert world.began == ["a"]


async def test_a_plain_step_is_not_undone(world: World) -> None:
    """Only steps with a compensation take part."""

    async def body(step: Step[Refused]) -> None:
        await step.compensated(world.do, world.undo, "a")
        await step(world.do, "plain")
        await step(refuse)

    assert await run(body) == Err(Refused())
    assert world.effects == ["plain"]


async def test_a_compensation_may_be_a_plain_function(world: World) -> None:
    """Sync compensations are called like async ones."""

    async def body(step: Step[Refused]) -> None:
        await step.compensated(world.do, world.remove, "a")
        await step(refuse)

    assert await run(body) == Err(Refused())
    assert world.undone == ["a"]


async def test_a_compensation_may_return_a_result(world: World) -> None:
    """An ``Ok`` says that the effect is gone."""

    async def cancel(name: str) -> Result[None, Refused]:
        await world.undo(name)
        return Ok(None)

    async def body(step: Step[Refused]) -> None:
        await step.compensated(world.do, cancel, "a")
        await step(refuse)

    assert await run(body) == Err(Refused())
    assert world.effects == []


async def test_a_compensation_may_be_a_workflow(world: World) -> None:
    """A compensation of several steps is a workflow that takes the value."""

    @workflow
    async def cancel(step: Step[Refused], name: str) -> None:
        await step.catch(world.undo, name, catch=OSError, error=Refused())

    async def body(step: Step[Refused]) -> None:
        await step.compensated(world.do, cancel, "a")
        await step(refuse)

    assert await run(body) == Err(Refused())
    assert world.effects == []


async def test_a_compensation_may_use_steps_of_its_run(world: World) -> None:
    """The run is still open while it is undone."""

    async def give_back(name: str) -> Result[None, Refused]:
        await world.undo(name)
        return Ok(None)

    async def body(step: Step[Refused]) -> None:
        async def cancel(name: str) -> None:
            await step.options(name="give back")(give_back, name)

        await step.compensated(world.do, cancel, "a")
        await step(refuse)

    assert await run(body) == Err(Refused())
    assert world.effects == []


async def test_the_order_is_that_of_completion(autojump_clock: MockClock, world: World) -> None:
    """Of steps that run at once the last to complete is undone first."""

    async def body(step: Step[Refused]) -> None:
        async with step.parallel() as group:
            group.start_soon(branch, step, "slow", 2)
            group.start_soon(branch, step, "fast", 1)
        await step(refuse)

    async def branch(step: Step[Refused], name: str, after: float) -> Result[None, Refused]:
        await step.compensated(world.do, world.undo, name, after)
        return Ok(None)

    assert await run(body) == Err(Refused())
    assert world.undone == ["slow", "fast"]


async def test_a_step_that_completes_while_siblings_are_cancelled_is_undone(world: World) -> None:
    """A late success of a branch is no leak: the saga waits for its branches."""
    done = trio.Event()

    async def stubborn(name: str) -> Result[str, Refused]:
        with trio.CancelScope(shield=True):
            await done.wait()
        world.add(name)
        return Ok(name)

    async def failing() -> Result[None, Refused]:
        await trio.testing.wait_all_tasks_blocked()
        done.set()
        return Err(Refused())

    async def body(step: Step[Refused]) -> None:
        async def branch() -> Result[None, Refused]:
            await step.compensated(stubborn, world.undo, "late")
            return Ok(None)

        async with step.parallel() as group:
            group.start_soon(branch)
            group.start_soon(failing)

    assert await run(body) == Err(Refused())
    assert world.undone == ["late"]


async def test_cancellation_right_after_a_step_finds_it_registered(world: World) -> None:
    """Nothing waits between the completion of a step and its entry in the ledger."""

    async def body(step: Step[Refused]) -> None:
        with trio.CancelScope() as scope:

            async def do_and_cancel(name: str) -> Result[str, Refused]:
                world.add(name)
                scope.cancel(reason="the test wants it")
                return Ok(name)

            await step.compensated(do_and_cancel, world.undo, "a")
            await trio.lowlevel.checkpoint()
        await step(refuse)

    assert await run(body) == Err(Refused())
    assert world.undone == ["a"]


async def test_a_hook_that_waits_after_a_step_loses_nothing(
    autojump_clock: MockClock, world: World
) -> None:
    """The entry is made before ``after_step``, which may be cancelled."""

    async def after_step(_scope: object, _outcome: object) -> None:
        await trio.sleep_forever()

    @workflow
    async def saga(step: Step[Refused]) -> None:
        await step.compensated(world.do, world.undo, "a")

    with trio.move_on_after(0.01):
        await saga.options(after_step=after_step)()

    assert world.undone == ["a"]


@pytest.mark.parametrize(
    "options",
    [{"name": "x"}, {"timeout": 5}, {"total_timeout": 5}, {"fallback": lambda _error: Ok("z")}],
    ids=str,
)
async def test_every_option_of_a_step_goes_with_a_compensation(
    options: dict[str, Any], world: World
) -> None:
    """The step is registered once, whatever else it is asked to do."""

    async def body(step: Step[Any]) -> None:
        await step.options(**options).compensated(world.do, world.undo, "a")
        await step(refuse)

    assert await run(body) == Err(Refused())
    assert world.undone == ["a"]


async def test_only_the_attempt_that_succeeds_is_registered(world: World) -> None:
    """Failed attempts are not undone; the last one is, once."""
    attempts = iter([Err(Refused()), Err(Refused()), Ok("a")])

    async def unreliable() -> Result[str, Refused]:
        await trio.lowlevel.checkpoint()
        result = next(attempts)
        if result == Ok("a"):
            world.add("a")
        return result  # type: ignore[return-value]

    async def body(step: Step[Any]) -> None:
        await step.options(retry=exponential(0, attempts=3)).compensated(unreliable, world.undo)
        await step(refuse)

    assert await run(body) == Err(Refused())
    assert world.undone == ["a"]


async def test_what_a_fallback_did_is_undone(world: World) -> None:
    """A step that succeeded through its fallback is undone with the value of that."""

    async def elsewhere(_error: Refused) -> Result[str, Refused]:
        return await world.do("elsewhere")

    async def body(step: Step[Any]) -> None:
        step_or = step.options(fallback=elsewhere)
        assert await step_or.compensated(refuse, world.undo) == "elsewhere"
        await step(refuse)

    assert await run(body) == Err(Refused())
    assert world.undone == ["elsewhere"]


async def test_an_expired_step_whose_value_is_none_is_not_undone(
    autojump_clock: MockClock, world: World
) -> None:
    """Its compensation would get ``None``, which no step returned."""

    async def body(step: Step[Any]) -> None:
        hurried: Any = step.options(timeout=1, on_timeout=None)
        value = await hurried.compensated(hang, world.undo)
        assert value is None
        await step(refuse)

    assert await run(body) == Err(Refused())
    assert world.began == []


async def test_a_dependency_may_be_any_callable(world: World) -> None:
    """Partials and bound methods register like functions."""

    async def body(step: Step[Any]) -> None:
        await step.compensated(partial(world.do, "a"), world.undo)
        await step.compensated(world.do, partial(world.undo), "b")
        await step(refuse)

    assert await run(body) == Err(Refused())
    assert world.undone == ["b", "a"]


async def test_keyword_arguments_reach_the_dependency(world: World) -> None:
    """As with every step."""

    async def body(step: Step[Any]) -> None:
        assert await step.compensated(world.do, world.undo, "a", after=0.0) == "a"

    assert await run(body) == Ok(None)


async def test_a_dependency_that_returns_no_result_is_a_defect(world: World) -> None:
    """As with every step; what was done before is undone."""

    async def no_result() -> Any:
        return "bare"

    async def body(step: Step[Any]) -> None:
        await step.compensated(world.do, world.undo, "a")
        await step.compensated(no_result, world.undo)

    result = await run(body)

    assert isinstance(result, Err)
    assert "expected Ok or Err, got 'bare'" in str(result.cause)
    assert world.undone == ["a"]


async def test_a_compensation_that_is_no_function_is_refused(world: World) -> None:
    """It is refused before the step runs, so that there is nothing to undo."""

    async def body(step: Step[Any]) -> None:
        await step.compensated(world.do, "undo", "a")  # type: ignore[arg-type]

    result = await run(body)

    assert isinstance(result, Err)
    assert str(result.cause) == "a compensation is a function of the step's value, got 'undo'"
    assert world.done == []


async def test_a_defect_of_a_compensated_step_undoes_those_before(world: World) -> None:
    """The step itself did not complete, so it is not undone."""

    async def body(step: Step[Any]) -> None:
        await step.compensated(world.do, world.undo, "a")
        await step.compensated(breaks, world.undo)

    result = await run(body)

    assert isinstance(result, Err)
    assert isinstance(result.cause, ValueError)
    assert world.undone == ["a"]


async def test_replacements_reach_compensations(world: World) -> None:
    """A test that replaces the compensation of a workflow sees it called."""
    refunded: list[str] = []

    @workflow
    async def saga(step: Step[Refused]) -> None:
        await step.compensated(world.do, cancel_for_real, "a")
        await step(refuse)

    async def cancel_for_real(name: str) -> None:
        raise AssertionError(name)

    result = await saga.options(replace={cancel_for_real: refunded.append})()

    assert result == Err(Refused())
    assert refunded == ["a"]


async def test_undone_names_the_effects_that_a_group_of_failures_left(world: World) -> None:
    """Several failures at once end a saga once."""

    async def body(step: Step[Any]) -> None:
        await three(step, world)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(breaks)
            nursery.start_soon(step, refuse)

    result = await run(body)

    assert isinstance(result, Err)
    assert world.undone == ["c", "b", "a"]


async def test_a_cancellation_beside_a_defect_undoes_and_leaves(
    autojump_clock: MockClock, world: World
) -> None:
    """A group that holds a cancellation is raised again when all is undone."""

    async def body(step: Step[Any]) -> None:
        await three(step, world)
        try:
            await trio.sleep_forever()
        finally:
            raise ValueError("clean-up failed")

    async def outer(scope: trio.CancelScope) -> None:
        with scope:
            await run(body)

    scope = trio.CancelScope(deadline=trio.current_time() + 0.01)
    await outer(scope)

    assert world.undone == ["c", "b", "a"]
