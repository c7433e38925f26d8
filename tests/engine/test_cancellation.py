"""Cancellation is never a result: it leaves, and nothing goes on after it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio
from dependencies import Scripted, Tally, fail, forever, give, live_tasks
from recorder import Recorder

from awaitly_trio import Err, Ok, Step, run, workflow
from awaitly_trio._engine.step_cache import StepCache
from awaitly_trio._policies.delays import spaced
from awaitly_trio._policies.retry import Retry

if TYPE_CHECKING:
    from trio.testing import MockClock


async def _in_parallel(step: Step[Any], dependency: Any) -> None:
    async with step.parallel() as group:
        group.start_soon(dependency)
        group.start_soon(dependency)


async def _as_resource(step: Step[Any], dependency: Any) -> None:
    async with step.resources() as resources:
        await resources.acquire(dependency, len)


async def _as_workflow(step: Step[Any], dependency: Any) -> None:
    @workflow
    async def inner(own: Step[Any]) -> None:
        await own(dependency)

    await step(inner)


async def _in_nursery(step: Step[Any], dependency: Any) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(step, dependency)
        await step(dependency)


async def _one(dependency: Any, item: object) -> Any:
    return await dependency()


WAYS: dict[str, Any] = {
    "call": lambda step, d: step(d),
    "call with every option": lambda step, d: step.options(
        key="k", timeout=50, total_timeout=60, retry=spaced(1), fallback=lambda error: Ok(1)
    )(d),
    "catch": lambda step, d: step.catch(d, catch=Exception, error="e"),
    "when": lambda step, d: step.when(True, d),
    "branch": lambda step, d: step.branch("b", 1, {1: d}),
    "all": lambda step, d: step.all(d, d),
    "race": lambda step, d: step.race(d, d),
    "settle": lambda step, d: step.settle(d, d),
    "map": lambda step, d: step.map(partial(_one, d), [1, 2], limit=2),
    "batch": lambda step, d: step.batch(partial(_one, d), [1, 2], size=1, limit=1),
    "sleep": lambda step, d: step.sleep(1000),
    "parallel": _in_parallel,
    "resource": _as_resource,
    "workflow": _as_workflow,
    "nursery": _in_nursery,
}


@pytest.mark.parametrize("watched", [False, True], ids=["unwatched", "watched"])
@pytest.mark.parametrize("way", WAYS)
async def test_a_cancelled_run_has_no_result(
    way: str, watched: bool, autojump_clock: MockClock
) -> None:
    """The caller's scope takes the cancellation; all work has ended, all scopes are closed."""
    recorder, tally = Recorder(), Tally()
    returned: list[object] = []

    @workflow
    async def works(step: Step[Any]) -> None:
        await WAYS[way](step, tally.counting(forever))

    watched_run = works.options(observers=[recorder] if watched else [], cache=StepCache())

    with trio.move_on_after(5) as scope:
        returned.append(await watched_run())

    assert scope.cancelled_caught
    assert returned == []
    assert (tally.running, live_tasks()) == (0, [])
    recorder.check_laws()
    assert {outcome.status for _, outcome in recorder.ended} <= {"cancelled"}


@pytest.mark.parametrize("way", WAYS)
async def test_a_run_that_starts_cancelled_does_nothing(
    way: str, autojump_clock: MockClock
) -> None:
    """The first cancellation point ends it."""
    finished: list[object] = []

    async def finishes() -> Any:
        await trio.lowlevel.checkpoint()
        finished.append(1)
        return Ok(1)

    with trio.CancelScope() as scope:
        scope.cancel(reason="test")
        await run(WAYS[way], finishes)

    assert scope.cancelled_caught
    assert finished == []


async def test_nothing_that_handles_failures_is_asked(autojump_clock: MockClock) -> None:
    """Mapper, fallback, predicate, hook after the step: a cancellation is no failure."""
    asked: list[str] = []

    def ask(name: str) -> Any:
        return lambda *args: asked.append(name)

    rule = Retry(spaced(1), on=ask("predicate"), on_retry=ask("listener"), exceptions=Exception)

    @workflow
    async def works(step: Step[Any]) -> None:
        careful = step.options(retry=rule, fallback=ask("fallback"), timeout=50)
        await careful.catch(forever, catch=Exception, error=ask("error"))

    with trio.move_on_after(5):
        await works.options(on_defect=ask("mapper"), after_step=ask("hook"))()

    assert asked == []


async def test_a_cancellation_beside_a_bug_leaves(autojump_clock: MockClock) -> None:
    """The scope takes what is its own; the bug goes on to the caller."""
    bug = ValueError("clean-up")

    async def breaks() -> Any:
        try:
            await trio.sleep_forever()
        finally:
            raise bug

    async def body(step: Step[Any]) -> None:
        async with step.parallel() as group:
            group.start_soon(breaks)
            group.start_soon(forever)

    raised: list[BaseException] = []
    try:
        with trio.move_on_after(1) as scope:
            await run(body)
    except Exception as exc:
        raised.append(exc)

    assert scope.cancelled_caught
    assert [each.exceptions for each in raised] == [(bug,)]  # type: ignore[attr-defined]


async def test_a_step_that_finishes_in_spite_of_it_has_finished(
    autojump_clock: MockClock,
) -> None:
    """A result that was reached is not thrown away; the next cancellation point ends the run."""
    reached: list[object] = []

    async def body(step: Step[Any]) -> None:
        async def shielded() -> Any:
            with trio.CancelScope(shield=True, deadline=100):
                await trio.sleep(5)
            return Ok("saved")

        reached.append(await step(shielded))
        await step(give, 1)
        reached.append("unreachable")

    with trio.move_on_after(1) as scope:
        await run(body)

    assert scope.cancelled_caught
    assert reached == ["saved"]


async def test_a_run_that_ends_in_spite_of_it_has_ended(autojump_clock: MockClock) -> None:
    """Its result is the caller's, success or failure."""

    async def body(step: Step[Any], dependency: Any) -> Any:
        with trio.CancelScope(shield=True, deadline=100):
            return await step(dependency, "x", 5)

    results = []
    for dependency in (give, fail):
        with trio.move_on_after(1) as scope:
            results.append(await run(body, dependency))
        assert scope.cancel_called

    assert results == [Ok("x"), Err("x")]


async def test_a_failure_beside_a_cancellation_in_the_body_is_told(
    autojump_clock: MockClock,
) -> None:
    """The cancellation leaves; observers read what it outweighed."""
    recorder = Recorder()

    @workflow
    async def works(step: Step[Any]) -> None:
        async def late() -> None:
            try:
                await trio.sleep_forever()
            finally:
                step.fail("clean-up")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(late)
            nursery.start_soon(trio.sleep_forever)

    with trio.move_on_after(1):
        await works.options(observers=[recorder])()

    outcome = recorder.outcome("works")
    assert (outcome.status, outcome.source) == ("cancelled", "deadline")


async def test_user_scopes_inside_a_body_are_its_own(autojump_clock: MockClock) -> None:
    """A body may limit parts of itself with Trio's own means."""

    async def body(step: Step[Any]) -> str:
        with trio.move_on_after(2) as scope:
            await step(forever)
        return f"gave up: {scope.cancelled_caught}"

    assert await run(body) == Ok("gave up: True")


async def test_a_user_scope_does_not_take_the_exit_of_a_step(autojump_clock: MockClock) -> None:
    """A failure inside it is a failure."""

    async def body(step: Step[Any]) -> str:
        with trio.move_on_after(2):
            await step(fail, "e", 1)
        return "unreachable"

    assert await run(body) == Err("e")


async def test_a_cancelled_branch_leaves_nothing_behind(autojump_clock: MockClock) -> None:
    """A second run of the same workflow is not touched by the first one's end."""
    tally = Tally()
    dependency = Scripted(Ok(1), after=3)

    async def body(step: Step[Any]) -> Any:
        async with step.parallel() as group:
            group.start_soon(tally.counting(forever))
            group.start_soon(dependency)

    for _ in range(2):
        with trio.move_on_after(5):
            await run(body)

    assert (tally.running, tally.counts) == (0, {"cancelled": 2})
    assert len(dependency.calls) == 2


async def test_a_keyboard_interrupt_ends_blocks_as_a_cancellation_does(
    autojump_clock: MockClock,
) -> None:
    """Branches have ended when it leaves."""
    tally = Tally()

    async def interrupted() -> Any:
        await trio.sleep(1)
        raise KeyboardInterrupt

    async def body(step: Step[Any]) -> None:
        async with step.parallel() as group:
            group.start_soon(tally.counting(forever))
            group.start_soon(interrupted)

    with pytest.raises(BaseException) as raised:  # noqa: PT011  # a group around it or itself
        await run(body)

    assert raised.group_contains(KeyboardInterrupt) or raised.type is KeyboardInterrupt
    assert tally.counts == {"cancelled": 1}
