"""The first of several branches, without a workflow around them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio
from dependencies import Tally, crash, fail, forever, give

from awaitly_trio import Err, Ok
from awaitly_trio._tasks.race import race

if TYPE_CHECKING:
    from trio.testing import MockClock


async def test_the_first_success_wins(autojump_clock: MockClock) -> None:
    """The losers have ended."""
    tally = Tally()

    branches: list[Any] = [
        tally.counting(forever),
        partial(fail, "e"),
        partial(give, 1, after=1),
    ]

    result: Any = await race(branches)

    assert result == Ok(1)
    assert tally.counts == {"cancelled": 1}


async def test_the_first_to_finish_may_win(autojump_clock: MockClock) -> None:
    """Failed or not."""
    branches: list[Any] = [partial(fail, "e"), partial(give, 1, after=1)]

    assert await race(branches, first="finished") == Err("e")


async def test_the_earliest_of_all_failures_counts(autojump_clock: MockClock) -> None:
    """With its cause."""

    async def early() -> Any:
        return Err("early", "why")

    branches: list[Any] = [partial(fail, "late", after=1), early]

    assert await race(branches) == Err("early", "why")


async def test_a_defect_is_raised(autojump_clock: MockClock) -> None:
    """It ends the race."""
    with pytest.raises(KeyError):
        await race([partial(crash, KeyError("a bug")), partial(give, 1, after=1)])


async def test_a_race_of_nobody_is_refused() -> None:
    """Nothing could win."""
    with pytest.raises(ValueError, match="at least one branch"):
        await race([])


async def test_the_end_that_counts_must_be_known() -> None:
    """The value is shown."""
    with pytest.raises(ValueError, match="got 'last'"):
        await race([forever], first="last")  # type: ignore[arg-type]


async def test_a_cancellation_leaves(autojump_clock: MockClock) -> None:
    """It is nobody's victory."""
    with trio.move_on_after(1) as scope:
        await race([forever, forever])

    assert scope.cancelled_caught
