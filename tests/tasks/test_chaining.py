"""Continuing from a result with a function that waits.  Cases C28 and C30."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from awaitly_trio._tasks.chaining import and_then_async, or_else_async, recover_async
from awaitly_trio._values.result import Err, Ok, Result

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

OK: Result[str, str] = Ok("fine")
ERR: Result[str, str] = Err("gone", cause="c")


async def size(text: str) -> int:
    """Wait for a value."""
    await trio.lowlevel.checkpoint()
    return len(text)


async def sized(text: str) -> Result[int, str]:
    """Wait for a success."""
    return Ok(await size(text))


async def refused(text: str) -> Result[int, str]:
    """Wait for a failure."""
    return Err(f"no {text}") if await size(text) else Ok(0)


async def must_not_run(given: object) -> Any:
    """Stand for a function that belongs to the other kind."""
    pytest.fail(f"called with {given!r}")


async def test_a_value_goes_on() -> None:
    """The next result counts, whichever it is."""
    assert await and_then_async(OK, sized) == Ok(4)
    assert await and_then_async(OK, refused) == Err("no fine")


async def test_an_error_is_rescued() -> None:
    """The next result counts, whichever it is."""
    assert await or_else_async(ERR, sized) == Ok(4)
    assert await or_else_async(ERR, refused) == Err("no gone")


async def test_an_error_is_replaced_by_a_value() -> None:
    """The outcome is always a success."""
    assert await recover_async(ERR, size) == Ok(4)


@pytest.mark.parametrize(
    ("function", "result"), [(and_then_async, ERR), (or_else_async, OK), (recover_async, OK)]
)
async def test_what_does_not_apply_passes_the_same_object_at_a_checkpoint(
    function: Callable[..., Awaitable[object]], result: Result[str, str]
) -> None:
    """The function is not called, and a loop over such results can still be cancelled."""
    with trio.testing.assert_checkpoints():
        passed = await function(result, must_not_run)

    assert passed is result


@pytest.mark.parametrize(("function", "result"), [(and_then_async, OK), (or_else_async, ERR)])
async def test_a_function_has_to_return_a_result(
    function: Callable[..., Awaitable[object]], result: Result[str, str]
) -> None:
    """A bare value is a mistake, told with the value."""
    with pytest.raises(TypeError, match=f"{function.__name__} needs a Result, got 4"):
        await function(result, size)


@pytest.mark.parametrize(
    ("function", "result"), [(and_then_async, OK), (or_else_async, ERR), (recover_async, ERR)]
)
async def test_cancellation_leaves(
    function: Callable[..., Awaitable[object]], result: Result[str, str], autojump_clock: object
) -> None:
    """A time limit takes effect while the function waits."""

    async def forever(_: str) -> None:
        await trio.sleep_forever()

    with trio.move_on_after(1) as scope:
        await function(result, forever)

    assert scope.cancelled_caught
