"""A run that has ended is freed at once: it leaves nothing for the garbage collector."""

from __future__ import annotations

import gc
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio
from dependencies import Declined, fail, forever, give

from awaitly_trio import Step, Workflow, workflow

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    Body = Callable[[Step[Any]], Awaitable[object]]


class Silent:
    """An observer that keeps nothing."""

    def on_end(self, scope: object, outcome: object) -> None:
        pass

    def on_event(self, event: object) -> None:
        pass


async def succeeds(step: Step[Any]) -> int:
    """Take one step."""
    return await step(give, 1)


async def fails(step: Step[Any]) -> None:
    """End at the first step."""
    await step(fail, Declined())


async def block(step: Step[Any], *branches: Callable[[], Awaitable[Any]]) -> None:
    """Run branches in a block."""
    async with step.parallel() as group:
        for branch in branches:
            group.start_soon(branch)


async def all_of(step: Step[Any]) -> None:
    """Fail while a sibling waits."""
    await step.all(partial(fail, Declined()), forever)


async def race(step: Step[Any]) -> None:
    """Leave a loser behind."""
    await step.race(partial(give, 1), forever)


async def settle(step: Step[Any]) -> None:
    """Meet a failure that is data."""
    await step.settle(partial(fail, Declined()), partial(give, 1))


async def mapped(step: Step[Any]) -> None:
    """Fail at an item."""
    await step.map(fail, [Declined(), Declined()], limit=2)


async def expires(step: Step[Any]) -> None:
    """Run out of time."""
    await step.options(timeout=0.0)(forever)


async def crashes() -> Any:
    """Raise, with a frame that does not hold the exception itself."""
    raise ValueError


async def defective(step: Step[Any]) -> None:
    """Raise in a branch of a block."""
    await block(step, crashes, forever)


async def compensates(step: Step[Any]) -> None:
    """Take a step that could be undone, and one after which nothing can."""
    await step.compensated(give, give, 1)
    await step.pivot(give, 1)


async def undoes(step: Step[Any]) -> None:
    """Undo a step."""
    await step.compensated(give, give, 1)
    await step(fail, Declined())


BODIES: dict[str, Body] = {
    "a success": succeeds,
    "an early exit": fails,
    "a block": lambda step: block(step, partial(give, 1)),
    "a block that fails": lambda step: block(step, partial(fail, Declined()), forever),
    "all": all_of,
    "a race": race,
    "settled branches": settle,
    "a map": mapped,
    "a timeout": expires,
    "a defect": defective,
    "a saga": compensates,
    "a saga that fails": undoes,
}


@pytest.fixture
def _no_collector() -> Iterator[None]:
    """Keep the collector from running by itself."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("_no_collector")
@pytest.mark.parametrize("is_watched", [False, True], ids=["unwatched", "watched"])
@pytest.mark.parametrize("name", BODIES)
async def test_a_run_leaves_no_garbage(name: str, is_watched: bool) -> None:
    """Thousands of runs that fail need no more memory than one."""
    run = workflow(BODIES[name])
    if is_watched:
        run = run.options(observers=[Silent()])
    await garbage_of(run)

    left = await garbage_of(run)

    assert left < 5


async def garbage_of(run: Workflow[[], Any, Any]) -> int:
    """Run five times and return how many objects only the collector frees."""
    gc.collect()
    for _ in range(5):
        await run()
    # Trio itself holds on to a task that has ended until the next turn.
    await trio.lowlevel.checkpoint()
    return gc.collect()
