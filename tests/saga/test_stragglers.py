"""Tasks that outlive their saga, in a nursery that somebody else opened: they leak nothing.

Structured concurrency makes them rare.  Their scopes end after those around
them, so these tests do not check the laws of events.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
from effects import Refused, World, refuse
from recorder import Recorder

from awaitly_trio import Err, Step, observing, run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trio.testing import MockClock


@pytest.fixture(params=["bare", "watched"], autouse=True)
def ways(request: pytest.FixtureRequest) -> Iterator[None]:
    """Run a test without an observer, and again with one."""
    if request.param == "bare":
        yield
        return
    with observing(Recorder()):
        yield


async def test_a_step_that_completes_after_its_saga_was_undone_is_undone_at_once(
    autojump_clock: MockClock, world: World
) -> None:
    """A task in a nursery of the caller's may be too late; it leaks nothing."""
    raised: list[Exception] = []

    async def straggler(step: Step[Refused]) -> None:
        try:
            await step.compensated(world.do, world.undo, "late", 5)
        except Exception as exc:
            raised.append(exc)

    async with trio.open_nursery() as nursery:

        async def body(step: Step[Refused]) -> None:
            nursery.start_soon(straggler, step)
            await step.compensated(world.do, world.undo, "a")
            await step.sleep(1)
            step.fail(Refused())

        assert await run(body) == Err(Refused())

    assert world.undone == ["a", "late"]
    assert str(raised[0]).startswith("saga 'body' has ended and takes no more work")


async def test_a_step_that_completes_after_its_block_joined_the_run_belongs_to_the_run(
    autojump_clock: MockClock, world: World
) -> None:
    """A task that was started in a block and outlived it is still part of the saga."""

    async def body(step: Step[Refused]) -> None:
        async with trio.open_nursery() as nursery:
            async with step.saga("hotel"):
                nursery.start_soon(step.compensated, world.do, world.undo, "late", 5)
                await trio.sleep(1)
            await trio.sleep(9)
        await step(refuse)

    assert await run(body) == Err(Refused())
    assert world.undone == ["late"]
