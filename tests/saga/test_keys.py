"""Keyed steps that are remembered: undone once, and not remembered as done after that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
from effects import Refused, World, refuse

from awaitly_trio import Err, Ok, Step, run, workflow
from awaitly_trio._engine.run import RunSettings
from awaitly_trio._engine.step_cache import StepCache
from awaitly_trio._engine.workflow import Workflow

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from awaitly_trio import Result

pytestmark = pytest.mark.usefixtures("watched")


async def test_a_remembered_step_is_registered_once(world: World) -> None:
    """Its effect happened once, so it is undone once."""

    @workflow
    async def saga(step: Step[Refused]) -> None:
        keyed = step.options(key="a")
        for _ in range(3):
            assert await keyed.compensated(world.do, world.undo, "a") == "a"
        await step(refuse)

    assert await saga.options(cache=StepCache())() == Err(Refused())
    assert world.undone == ["a"]


async def test_concurrent_steps_of_one_key_are_registered_once(world: World) -> None:
    """Those that share the result share the effect."""

    @workflow
    async def saga(step: Step[Refused]) -> None:
        keyed = step.options(key="a")
        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(keyed.compensated, world.do, world.undo, "a")
        await step(refuse)

    assert await saga.options(cache=StepCache())() == Err(Refused())
    assert world.undone == ["a"]


async def test_an_undone_step_is_forgotten(world: World) -> None:
    """A remembered value would vouch for an effect that is no longer there."""
    cache = StepCache()
    fails = iter([True, False])

    @workflow
    async def saga(step: Step[Refused]) -> str:
        booked = await step.options(key="a").compensated(world.do, world.undo, "a")
        if next(fails):
            await step(refuse)
        return booked

    async def twice(step: Step[Refused]) -> str:
        remembering = saga.options(cache=cache)
        assert await remembering() == Err(Refused())
        return await step(remembering)

    assert await run(twice) == Ok("a")
    assert world.done == ["a", "a"]
    assert world.effects == ["a"]


async def test_an_effect_of_another_run_is_not_undone(world: World) -> None:
    """What an earlier run did and kept is not this one's to take away."""
    cache = StepCache()

    @workflow
    async def saga(step: Step[Refused], *, fails: bool) -> None:
        await step.options(key="a").compensated(world.do, world.undo, "a")
        if fails:
            await step(refuse)

    async def twice(_step: Step[Refused]) -> None:
        remembering = saga.options(cache=cache)
        assert await remembering(fails=False) == Ok(None)
        assert await remembering(fails=True) == Err(Refused())

    assert await run(twice) == Ok(None)
    assert world.effects == ["a"]


async def test_without_a_cache_a_key_means_nothing(world: World) -> None:
    """Each call has an effect, and each is undone."""
    names = iter("abc")

    async def body(step: Step[Refused]) -> None:
        keyed = step.options(key="same")
        for _ in range(3):
            await keyed.compensated(world.do, world.undo, next(names))
        await step(refuse)

    assert await run(body) == Err(Refused())
    assert world.undone == ["c", "b", "a"]


class Record:
    """A stand-in for the record of a resumed run: it answers for steps that ran before."""

    replays = True

    def __init__(self, kept: dict[str, Any]) -> None:
        self.kept = kept

    async def once(
        self, call: Any, work: Callable[[], Awaitable[Result[Any, Any]]]
    ) -> Result[Any, Any]:
        """Answer from the record, or run and record."""
        key = call.options.key
        if key in self.kept:
            await trio.lowlevel.checkpoint()
            call.cached = True
            return Ok(self.kept[key])
        result = await work(call)
        if isinstance(result, Ok):
            self.kept[key] = result.value
        return result

    def forget(self, _workflow: str, key: str) -> None:
        """Drop a step that was undone."""
        del self.kept[key]


async def test_a_replayed_step_is_registered_once(world: World) -> None:
    """A resumed run answers for what it did before the crash, once for each key."""
    world.add("a")
    record = Record({"a": "a"})

    async def saga(step: Step[Refused]) -> None:
        for _ in range(3):
            await step.options(key="a").compensated(world.do, world.undo, "a")
        await step.options(key="b").compensated(world.do, world.undo, "b")
        await step(refuse)

    any_cache: Any = record
    resumed: Workflow[[], None, Refused] = Workflow(saga, (), RunSettings(cache=any_cache))

    assert await resumed() == Err(Refused())
    assert world.undone == ["b", "a"]
    assert record.kept == {}
