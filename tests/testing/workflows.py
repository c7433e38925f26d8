"""Workflows of every kind, on a ledger of effects that each run begins anew."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import trio

from awaitly_trio import Err, Ok, Result, Step, TimedOut, exponential, workflow

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


@dataclass(frozen=True)
class Refused:
    """The one planned failure."""

    what: str


class World:
    """What the dependencies do, and undo."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.undone: list[str] = []
        self.busy = 0
        self.most_busy = 0

    @property
    def kept(self) -> list[str]:
        """Effects that were not undone."""
        rest = list(self.done)
        for name in self.undone:
            rest.remove(name)
        return rest


async def act(world: World, name: str) -> Result[str, Refused]:
    """Take a while, then have an effect."""
    world.busy += 1
    world.most_busy = max(world.most_busy, world.busy)
    try:
        await trio.sleep(1)
        await trio.lowlevel.checkpoint()
    finally:
        world.busy -= 1
    world.done.append(name)
    return Ok(name)


async def refuse(world: World, name: str) -> Result[str, Refused]:
    """Fail as planned."""
    await trio.sleep(0.5)
    return Err(Refused(name))


def undo(world: World) -> Callable[[str], Awaitable[None]]:
    """Return what undoes an effect."""

    async def take_back(name: str) -> None:
        await trio.lowlevel.checkpoint()
        world.undone.append(name)

    return take_back


@workflow
async def sequence(step: Step[Refused], world: World) -> str:
    """One step after the other."""
    first = await step(act, world, "a")
    return first + await step(act, world, "b")


@workflow
async def retried(step: Step[Refused | TimedOut], world: World) -> str:
    """A step with every limit, a retry and a fallback."""
    return await step.options(
        timeout=5,
        total_timeout=30,
        retry=exponential(1, attempts=3, jitter="full"),
        fallback=lambda _error: Ok("instead"),
    )(refuse, world, "r")


@workflow
async def fail_fast(step: Step[Refused], world: World) -> None:
    """A block of which one branch fails."""
    async with step.parallel("both") as group:
        group.start_soon(act, world, "a")
        group.start_soon(refuse, world, "b")
        group.start_soon(act, world, "c")


@workflow
async def mapped(step: Step[Refused], world: World) -> list[str]:
    """Items, two at once."""

    async def one(item: int) -> Result[str, Refused]:
        return await act(world, f"item {item}")

    return await step.map(one, range(4), limit=2)


@workflow
async def raced(step: Step[Refused], world: World) -> str:
    """Two that race; one of them cannot win."""

    async def quick() -> Result[str, Refused]:
        return await act(world, "quick")

    async def hopeless() -> Result[str, Refused]:
        return await refuse(world, "hopeless")

    return await step.race(quick, hopeless)


@workflow
async def saga(step: Step[Refused], world: World) -> None:
    """Three effects, then a failure that undoes them."""
    for name in ("a", "b", "c"):
        await step.compensated(act, undo(world), world, name)
    await step(refuse, world, "d")


@workflow
async def saga_that_succeeds(step: Step[Refused], world: World) -> None:
    """Three effects that stay unless something strikes."""
    for name in ("a", "b", "c"):
        await step.compensated(act, undo(world), world, name)


@workflow
async def parallel_saga(step: Step[Refused], world: World) -> None:
    """Two effects at once, and a third branch that fails."""

    async def branch(name: str) -> Result[None, Refused]:
        return await one_effect(world, name)

    async with step.parallel("effects") as group:
        group.start_soon(branch, "a")
        group.start_soon(branch, "b")
        group.start_soon(refuse, world, "c")


@workflow
async def one_effect(step: Step[Refused], world: World, name: str) -> None:
    """One effect, which its caller's saga answers for."""
    await step.compensated(act, undo(world), world, name)


@workflow
async def nested(step: Step[Refused], world: World) -> None:
    """A workflow in a workflow, with a compensation beside its own."""
    await step.compensated(saga_that_succeeds, lambda _none: None, world)
    await step(refuse, world, "outer")


@workflow
async def with_resources(step: Step[Refused], world: World) -> str:
    """Something acquired and released around a step."""

    async def release(name: str) -> None:
        world.undone.append(name)

    async with step.resources() as resources:
        await resources.acquire(act, release, world, "open")
        return await step(refuse, world, "use")


ALL = {
    flow.name: flow
    for flow in (
        sequence,
        retried,
        fail_fast,
        mapped,
        raced,
        saga,
        saga_that_succeeds,
        parallel_saga,
        nested,
        with_resources,
    )
}
SAGAS = ("saga", "saga_that_succeeds", "parallel_saga")
