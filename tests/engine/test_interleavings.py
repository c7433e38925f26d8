"""Small workflows under every order in which their tasks can run, ties included."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio
from dependencies import Tally, live_tasks
from recorder import Recorder

from awaitly_trio import Err, Ok, Step, UnexpectedError, workflow
from awaitly_trio._engine.step_cache import StepCache
from awaitly_trio._values.exits import leaves
from awaitly_trio.testing import explore

if TYPE_CHECKING:
    from collections.abc import Callable

BUG = ValueError("a bug")


class World:
    """One run: its record, its work, and how its dependencies end."""

    def __init__(self) -> None:
        self.recorder = Recorder()
        self.tally = Tally()
        self.cache = StepCache()

    async def good(self, value: Any) -> Any:
        with self.tally.work(value):
            await trio.lowlevel.checkpoint()
            return Ok(value)

    async def bad(self, error: Any) -> Any:
        with self.tally.work(error):
            await trio.lowlevel.checkpoint()
            return Err(error)

    async def broken(self) -> Any:
        with self.tally.work("broken"):
            await trio.lowlevel.checkpoint()
            raise BUG


async def two_failures(step: Step[Any], world: World) -> None:
    """Two branches fail in one instant."""
    async with step.parallel() as group:
        group.start_soon(world.bad, "a")
        group.start_soon(world.bad, "b")


async def a_failure_and_a_defect(step: Step[Any], world: World) -> None:
    """One branch fails as planned, the other one does not, in one instant."""
    async with step.parallel() as group:
        group.start_soon(world.bad, "a")
        group.start_soon(world.broken)


async def a_body_and_a_branch(step: Step[Any], world: World) -> None:
    """The body of a block and its branch fail in one instant."""
    async with step.parallel() as group:
        group.start_soon(world.bad, "a")
        await step(world.bad, "b")


async def a_tied_race(step: Step[Any], world: World) -> Any:
    """Two win in one instant, one fails."""
    return await step.race(
        partial(world.good, "a"), partial(world.good, "b"), partial(world.bad, "c")
    )


async def a_tied_settle(step: Step[Any], world: World) -> Any:
    """One success is enough, and one failure too many, in one instant."""
    settled: Any = await step.settle(
        partial(world.good, "a"), partial(world.bad, "b"), min_ok=1, max_errors=0
    )
    return settled.ended


async def a_tied_map(step: Step[Any], world: World) -> Any:
    """Items end in one instant."""
    return await step.map(world.good, range(3), limit=2)


async def a_nursery(step: Step[Any], world: World) -> None:
    """Exits of two tasks of the body's own nursery."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(step, world.bad, "a")
        nursery.start_soon(step, world.bad, "b")


async def one_key(step: Step[Any], world: World) -> Any:
    """Two steps of one key."""
    async with step.parallel() as group:
        handles = [group.options(key="k").start_soon(world.good, "v") for _ in range(2)]
    assert len(world.tally.order) == 1
    return [handle.value for handle in handles]


async def two_runs(step: Step[Any], world: World) -> Any:
    """Two inner runs fail in one instant, each on its own."""
    inner = workflow(two_failures)
    return (await step.settle(partial(inner, world), partial(inner, world))).errors


CASES: list[tuple[Callable[..., Any], list[Any]]] = [
    (two_failures, [Err("a"), Err("b")]),
    (a_failure_and_a_defect, [Err("a"), Err(UnexpectedError(BUG), BUG)]),
    (a_body_and_a_branch, [Err("a"), Err("b")]),
    (a_tied_race, [Ok("a"), Ok("b")]),
    (a_tied_settle, [Ok("enough succeeded"), Ok("too many errors")]),
    (a_tied_map, [Ok([0, 1, 2])]),
    (a_nursery, [Err("a"), Err("b")]),
    (one_key, [Ok(["v", "v"])]),
    (two_runs, [Ok([x, y]) for x in "ab" for y in "ab"]),
]


@pytest.mark.parametrize(("body", "ends"), CASES, ids=[body.__name__ for body, _ in CASES])
def test_every_interleaving_keeps_the_laws(body: Any, ends: list[Any]) -> None:
    """The result is one of those that the ties allow, and agrees with what observers saw."""
    seen: list[Any] = []

    async def test() -> None:
        world = World()
        watched = workflow(body).options(observers=[world.recorder], cache=world.cache)
        result = await watched(world)
        world.recorder.check_laws()
        outcome = world.recorder.outcome(body.__name__)
        assert (outcome.value, outcome.error) == (
            (result.value, None) if isinstance(result, Ok) else (None, result.error)
        )
        assert (world.tally.running, live_tasks()) == (0, [])
        assert result in ends
        seen.append(result)

    explore(test, schedules=150)

    assert len({repr(each) for each in seen}) == len(ends)


@pytest.mark.parametrize("body", [body for body, _ in CASES], ids=lambda body: body.__name__)
def test_a_cancellation_at_any_moment_keeps_the_laws(body: Any) -> None:
    """Also one that comes in the instant in which things end."""

    async def test() -> None:
        world = World()
        results: list[Any] = []
        watched = workflow(body).options(observers=[world.recorder], cache=world.cache)
        left: list[BaseException] = []
        try:
            with trio.CancelScope() as scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(_cancel, scope)
                    results.append(await watched(world))
        except Exception as exc:  # a defect beside the cancellation leaves with it
            left = leaves([exc])
        world.recorder.check_laws()
        assert (world.tally.running, live_tasks()) == (0, [])
        assert results or scope.cancelled_caught
        assert left in ([], [BUG])

    explore(test, schedules=100)


async def _cancel(scope: trio.CancelScope) -> None:
    await trio.lowlevel.checkpoint()
    scope.cancel(reason="test")
