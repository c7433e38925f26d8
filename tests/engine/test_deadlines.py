"""What a body and its dependencies see of the time that is left."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import trio
from dependencies import Scripted, forever, give

from awaitly_trio import Err, Ok, Step, TimedOut, run, workflow
from awaitly_trio._policies.delays import spaced

if TYPE_CHECKING:
    from trio.testing import MockClock


@workflow
async def asks(step: Step[Any]) -> tuple[float, float]:
    """Return deadline and time left."""
    return step.deadline, step.time_left


async def test_without_a_limit_there_is_no_deadline() -> None:
    """Unlimited is infinity."""
    assert await asks() == Ok((math.inf, math.inf))


async def test_the_callers_limit_is_the_deadline(autojump_clock: MockClock) -> None:
    """As an instant, and as seconds from now."""
    await trio.sleep(10)

    with trio.move_on_after(5):
        await trio.sleep(1)
        result = await asks()

    assert result == Ok((15, 4))


async def test_the_time_left_is_never_negative(autojump_clock: MockClock) -> None:
    """Past the deadline there is none."""

    async def body(step: Step[Any]) -> float:
        seen: list[float] = []
        with trio.CancelScope(deadline=trio.current_time() - 5):  # noqa: ASYNC100  # it is read
            seen.append(step.time_left)
        return seen[0]

    assert await run(body) == Ok(0)


async def test_a_dependency_sees_the_allowance_of_its_step(autojump_clock: MockClock) -> None:
    """Also of the block and the run around it: the nearest counts."""

    @workflow
    async def outer(step: Step[Any]) -> list[Any]:
        async def left() -> Any:
            return Ok(step.time_left)

        async with step.options(timeout=7).parallel() as group:
            in_block = group.start_soon(left)
            shorter = group.options(timeout=3).start_soon(left)
            longer = group.options(timeout=30).start_soon(left)
        seen = [await step(left), await step.options(timeout=5)(left)]
        return [*seen, in_block.value, shorter.value, longer.value]

    with trio.move_on_after(20):
        result = await outer()

    assert result == Ok([20, 5, 7, 3, 7])


async def test_an_inner_workflow_inherits_the_deadline(autojump_clock: MockClock) -> None:
    """Nothing has to be handed on."""

    async def body(step: Step[Any]) -> Any:
        return await step.options(timeout=5)(asks)

    assert await run(body) == Ok((5, 5))


async def test_an_inner_workflow_is_timed_out_as_a_whole(autojump_clock: MockClock) -> None:
    """The outer step's allowance covers all its steps."""

    @workflow
    async def inner(step: Step[Any]) -> None:
        await step(give, 1, 3)
        await step(forever)

    async def body(step: Step[Any]) -> Any:
        return await step.options(timeout=5)(inner)

    assert await run(body) == Err(TimedOut("inner", 5.0))


async def test_a_retry_inside_keeps_to_the_limit_outside(autojump_clock: MockClock) -> None:
    """An inner retry gives up early enough for the outer step to have its error."""
    dependency = Scripted(Err("busy"))

    @workflow
    async def inner(step: Step[Any]) -> Any:
        return await step.options(retry=spaced(2))(dependency)

    async def body(step: Step[Any]) -> Any:
        return await step.options(timeout=5)(inner)

    assert await run(body) == Err("busy")
    assert dependency.times == [0, 2, 4]


async def test_a_shield_hides_the_deadline(autojump_clock: MockClock) -> None:
    """As Trio has it: what is shielded is not cut off."""

    async def body(step: Step[Any]) -> float:
        seen: list[float] = []
        with trio.CancelScope(shield=True, deadline=100):  # noqa: ASYNC100  # it is read
            seen.append(step.time_left)
        return seen[0]

    with trio.move_on_after(5):
        result = await run(body)

    assert result == Ok(100)
