"""All of several branches, without a workflow around them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio
from dependencies import Tally, crash, fail, forever, give

from awaitly_trio import Err, Ok
from awaitly_trio._tasks.gather import gather

if TYPE_CHECKING:
    from trio.testing import MockClock


async def test_values_come_in_the_order_of_the_branches(autojump_clock: MockClock) -> None:
    """As a list."""
    assert await gather([partial(give, 1, after=2), partial(give, 2)]) == Ok([1, 2])


async def test_the_first_failure_ends_the_others(autojump_clock: MockClock) -> None:
    """It is the result, cause included, when all have ended."""
    tally = Tally()

    async def failing() -> Any:
        await trio.sleep(1)
        return Err("e", "why")

    assert await gather([tally.counting(forever), failing]) == Err("e", "why")
    assert tally.counts == {"cancelled": 1}


async def test_a_defect_is_raised(autojump_clock: MockClock) -> None:
    """As it was raised."""
    branches: list[Any] = [forever, partial(crash, KeyError("a bug"), after=1)]

    with pytest.raises(KeyError):
        await gather(branches)


async def test_a_branch_must_return_a_result() -> None:
    """A bare value is refused, also when another branch fails."""

    async def bare() -> Any:
        return 5

    alone: list[Any] = [bare]
    both: list[Any] = [bare, partial(fail, "e")]
    with pytest.raises(TypeError, match="expected Ok or Err, got 5"):
        await gather(alone)
    with pytest.raises(TypeError, match="expected Ok or Err, got 5"):
        await gather(both)


async def test_nothing_gathers_as_nothing() -> None:
    """It is a cancellation point all the same."""
    assert await gather([]) == Ok([])
    with trio.CancelScope() as scope:
        scope.cancel(reason="test")
        await gather([])
    assert scope.cancelled_caught
