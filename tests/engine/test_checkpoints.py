"""Cancelled at every checkpoint: whatever a workflow is doing, its laws hold."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio
from dependencies import Tally, fail, give
from recorder import Recorder

from awaitly_trio import Err, Ok, Step, workflow
from awaitly_trio._engine.step_cache import StepCache
from awaitly_trio._policies.delays import spaced
from awaitly_trio.testing import cancel_everywhere, sweep

if TYPE_CHECKING:
    from trio.testing import MockClock

    from awaitly_trio.testing import Ended


class World:
    """What one run works on: its record, its resources, and how much of it still runs."""

    def __init__(self) -> None:
        self.recorder = Recorder()
        self.tally = Tally()
        self.cache = StepCache()
        self.open: list[str] = []
        self.hooked: list[str] = []
        self.results: list[Any] = []

    async def acquire(self, name: str) -> Any:
        with self.tally.work(name):
            await trio.lowlevel.checkpoint()
            self.open.append(name)
            return Ok(name)

    async def release(self, name: str) -> None:
        await trio.lowlevel.checkpoint()
        self.open.remove(name)

    async def work(self, value: Any, times: int = 1) -> Any:
        with self.tally.work(value):
            for _ in range(times):
                await trio.sleep(1)
            return Ok(value)

    async def shaky(self, value: Any) -> Any:
        """Fail the first time."""
        result = await self.work(value)
        return result if self.tally.order.count(value) > 1 else Err("busy")

    async def hook(self, *asked: Any) -> None:
        await trio.lowlevel.checkpoint()
        self.hooked.append("asked")

    def check(self, ended: Ended | None = None) -> None:
        """Assert what must be true when the run has ended, whatever struck it."""
        assert self.tally.running == 0
        assert self.open == []
        self.recorder.check_laws()
        assert len(self.results) <= 1


async def one_after_the_other(step: Step[Any], world: World) -> None:
    """Steps in a row."""
    for i in range(3):
        await step(world.work, i)
    await step.sleep(1)
    await step.unwrap(Ok(1))
    await step.when(False, give, 1)


async def with_every_option(step: Step[Any], world: World) -> None:
    """Timeouts, a retry, a fallback."""
    careful = step.options(timeout=5, total_timeout=50, retry=spaced(1, attempts=3), fallback=Ok)
    await careful(world.shaky, "a")
    await careful(fail, "always")
    await step.options(timeout=1, on_timeout=None)(world.work, "slow", 3)


async def in_parallel(step: Step[Any], world: World) -> None:
    """A block in a block."""
    async with step.options(timeout=9).parallel("outer") as group:
        group.start_soon(world.work, 1, 2)
        group.options(retry=spaced(1, attempts=2)).start_soon(world.shaky, "b")
        async with step.parallel("inner") as inner:
            inner.start_soon(world.work, 2)
        await step(world.work, 3)


async def failing_fast(step: Step[Any], world: World) -> None:
    """A branch fails while others work."""
    async with step.parallel() as group:
        group.start_soon(world.work, 1, 5)
        group.start_soon(fail, "planned", after=2)


async def racing(step: Step[Any], world: World) -> None:
    """Winners, losers, and those who were enough."""
    await step.race(partial(world.work, 1, 5), partial(world.work, 2))
    await step.settle(partial(world.work, 3), partial(world.work, 4, 5), min_ok=1)
    await step.all({"a": partial(world.work, 5), "b": partial(world.work, 6, 2)})


async def mapping(step: Step[Any], world: World) -> None:
    """Items of both kinds of iterables, and batches."""

    async def items() -> Any:
        for i in range(3):
            yield i

    await step.map(world.work, range(3), limit=2)
    await step.map(world.work, items(), limit=2)
    await step.batch(
        world.work, range(3), size=2, limit=2, delay=1, after_batch=partial(world.work, "saved")
    )


async def with_resources(step: Step[Any], world: World) -> None:
    """Acquired, used, released."""
    async with step.resources() as resources:
        await resources.acquire(world.acquire, world.release, "a")
        async with step.resources() as inner:
            await inner.acquire(world.acquire, world.release, "b")
            await step(world.work, 1)
        await resources.acquire(world.acquire, world.release, "c")


async def with_keys(step: Step[Any], world: World) -> None:
    """Remembered, and shared while they run."""
    keyed = step.options(key="k")
    async with step.parallel() as group:
        for _ in range(3):
            group.options(key="k").start_soon(world.work, 1, 2)
    await keyed(world.work, 1)
    await step.options(key="other")(world.work, 2)


async def nesting(step: Step[Any], world: World) -> None:
    """Workflows inside workflows, in a nursery of the body's own."""
    inner = workflow(with_resources).options(name="inner")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(step, inner, world)
        nursery.start_soon(step, world.work, 1, 2)
    await step(workflow(failing_fast), world)


async def cleaning_up(step: Step[Any], world: World) -> None:
    """Clean-up that waits, in the body and in a branch."""

    async def careful() -> Any:
        try:
            return await world.work("careful", 3)
        finally:
            with trio.CancelScope(shield=True, deadline=1000):
                await trio.sleep(1)

    try:
        async with step.parallel() as group:
            group.start_soon(careful)
            await step(world.work, 1)
    finally:
        with trio.CancelScope(shield=True, deadline=1000):
            await step(world.work, "last")


async def swallowing(step: Step[Any], world: World) -> None:
    """A body that handles every error that it can."""
    for dependency in (world.work, fail, world.shaky):
        try:
            await step.catch(_value_of, dependency, "x", catch=KeyError, error="e")
        except Exception:
            await step(give, 1)


async def _value_of(dependency: Any, argument: Any) -> Any:
    result = await dependency(argument)
    if isinstance(result, Ok):
        return result.value
    raise LookupError(result.error)


async def hooked(step: Step[Any], world: World) -> None:
    """Hooks that wait, before and after each step."""
    await step(world.work, 1)
    await step.all(partial(world.work, 2), partial(world.work, 3, 2))


BODIES = [
    one_after_the_other,
    with_every_option,
    in_parallel,
    failing_fast,
    racing,
    mapping,
    with_resources,
    with_keys,
    nesting,
    cleaning_up,
    swallowing,
    hooked,
]


def configured(body: Any, *, watched: bool = True) -> Any:
    """Return a function that runs a body in a world, as a workflow with all it can have."""

    async def run(world: World) -> Any:
        options: dict[str, Any] = {"observers": [world.recorder]} if watched else {}
        if body is hooked:
            options |= dict.fromkeys(
                ("should_run", "before_start", "before_step", "after_step"), world.hook
            )
        result = await workflow(body).options(cache=world.cache, **options)(world)
        world.results.append(result)
        return result

    return run


@pytest.mark.parametrize("watched", [True, False], ids=["watched", "unwatched"])
@pytest.mark.parametrize("body", BODIES, ids=lambda body: body.__name__)
def test_a_run_may_be_cancelled_at_any_checkpoint(body: Any, watched: bool) -> None:
    """Nothing runs on, nothing is left open, every scope ends, and there is at most one result."""
    report = cancel_everywhere(
        configured(body, watched=watched),
        make=World,
        invariant=lambda world, ended: world.check(ended),
    )

    assert report.instants >= 4


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body.__name__)
def test_a_run_may_break_at_any_step(body: Any) -> None:
    """A defect, and a call that never returns, strike each step in turn."""
    sweep(
        configured(body),
        make=World,
        invariant=lambda world, ended: world.check(ended),
        faults=("raise", "deadline"),
    )


async def test_what_is_struck_works_when_nothing_strikes(autojump_clock: MockClock) -> None:
    """Each workflow ends as it should if it is left alone."""
    ends: dict[str, Any] = {}

    for body in BODIES:
        world = World()
        result = await configured(body)(world)
        world.check()
        ends[body.__name__] = result.error if isinstance(result, Err) else "ok"

    planned = {"failing_fast": "planned", "nesting": "planned"}
    assert ends == dict.fromkeys(ends, "ok") | planned
