"""Settle: what became of every branch, and when enough is enough."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio
from dependencies import Declined, Tally, crash, fail, forever, give

from awaitly_trio import Err, Ok, Step, UnexpectedError, workflow
from awaitly_trio._tasks.settle import Abandoned

if TYPE_CHECKING:
    from recorder import Recorder
    from trio.testing import MockClock

    from awaitly_trio._tasks.settle import Settled


@workflow
async def settles(
    step: Step[Any], *branches: Any, min_ok: Any = None, max_errors: Any = None
) -> Settled[Any, Any]:
    """Return what became of every branch."""
    return await step.settle(*branches, min_ok=min_ok, max_errors=max_errors)


@pytest.fixture
def settle(observers: list[Recorder]) -> Any:
    """Settle branches, watched or not, and return the record."""

    async def one(*branches: Any, **limits: Any) -> Any:
        result = await settles.options(observers=observers)(*branches, **limits)
        assert isinstance(result, Ok), result
        return result.value

    return one


def good(after: float) -> Any:
    """Return a branch that succeeds with its duration."""
    return partial(give, after, after=after)


def bad(after: float) -> Any:
    """Return a branch that fails with its duration."""
    return partial(fail, after, after=after)


async def test_every_outcome_is_reported_in_order(settle: Any, autojump_clock: MockClock) -> None:
    """Failures are data, and nothing ends early."""
    settled = await settle(good(3), bad(1), good(2))

    assert settled.results == (Ok(3), Err(1), Ok(2))
    assert (settled.ended, settled.is_ok) == ("all finished", True)
    assert trio.current_time() == 3


async def test_values_and_errors_can_be_taken_alone(settle: Any, autojump_clock: MockClock) -> None:
    """Each in the order of the branches."""
    settled = await settle(good(3), bad(2), good(1), bad(1))

    assert (settled.values, settled.errors) == ([3, 1], [2, 1])


async def test_causes_are_kept(settle: Any) -> None:
    """The result of a failed branch is the very result."""

    async def failing() -> Any:
        return Err("e", "why")

    assert (await settle(failing)).results == (Err("e", "why"),)


async def test_nothing_settles_as_nothing(settle: Any) -> None:
    """Without a branch nothing can fail."""
    settled = await settle()

    assert (settled.results, settled.ended, settled.is_ok) == ((), "all finished", True)


async def test_a_defect_counts_as_a_failure(settle: Any, autojump_clock: MockClock) -> None:
    """Its exception is in the entry, and the other branches go on."""
    bug = ValueError("a bug")

    settled = await settle(partial(crash, bug, after=1), good(2))

    assert settled.results == (Err(UnexpectedError(bug), bug), Ok(2))


async def test_a_branch_that_returns_no_result_has_a_defect(settle: Any) -> None:
    """It is neither a value nor abandoned."""

    async def bare() -> Any:
        return "bare"

    settled = await settle(bare)

    assert isinstance(settled.errors[0], UnexpectedError)
    assert isinstance(settled.errors[0].cause, TypeError)


# --- enough successes


@pytest.mark.parametrize("min_ok", [2, 0.5, 0.34])
async def test_enough_successes_end_it(
    settle: Any, min_ok: float, autojump_clock: MockClock
) -> None:
    """A count, or a share that is rounded up; the rest is cancelled and has ended."""
    tally = Tally()
    slow = tally.counting(forever)

    settled = await settle(slow, good(1), good(2), slow, min_ok=min_ok)

    abandoned = Abandoned("enough succeeded")
    assert settled.results == (abandoned, Ok(1), Ok(2), abandoned)
    assert (settled.ended, settled.is_ok) == ("enough succeeded", True)
    assert (tally.running, tally.counts) == (0, {"cancelled": 2})
    assert trio.current_time() == 2


async def test_failures_do_not_count_as_successes(settle: Any, autojump_clock: MockClock) -> None:
    """It goes on until enough have succeeded."""
    settled = await settle(bad(1), good(2), good(3), good(9), min_ok=2)

    assert settled.results == (Err(1), Ok(2), Ok(3), Abandoned("enough succeeded"))


async def test_it_ends_when_enough_can_no_longer_succeed(
    settle: Any, autojump_clock: MockClock
) -> None:
    """Waiting for the rest would be of no use."""
    settled = await settle(bad(1), bad(2), good(9), min_ok=2)

    assert settled.results == (Err(1), Err(2), Abandoned("too many errors"))
    assert (settled.ended, settled.is_ok) == ("too many errors", False)
    assert trio.current_time() == 2


async def test_all_may_be_needed(settle: Any, autojump_clock: MockClock) -> None:
    """Then the first failure ends it."""
    settled = await settle(good(2), bad(1), min_ok=1.0)

    assert settled.results == (Abandoned("too many errors"), Err(1))
    assert not settled.is_ok


# --- too many failures


@pytest.mark.parametrize("max_errors", [1, 0.25, 0.49])
async def test_too_many_failures_end_it(
    settle: Any, max_errors: float, autojump_clock: MockClock
) -> None:
    """More than the count, or than the share that is rounded down."""
    settled = await settle(bad(1), good(2), bad(3), good(9), max_errors=max_errors)

    assert settled.results == (Err(1), Ok(2), Err(3), Abandoned("too many errors"))
    assert (settled.ended, settled.is_ok) == ("too many errors", False)
    assert trio.current_time() == 3


async def test_as_many_failures_as_allowed_are_fine(settle: Any, autojump_clock: MockClock) -> None:
    """Only one more would end it."""
    settled = await settle(bad(1), good(2), bad(3), max_errors=2)

    assert (settled.ended, settled.is_ok) == ("all finished", True)


async def test_no_failure_may_be_allowed(settle: Any, autojump_clock: MockClock) -> None:
    """Then the first one ends it."""
    settled = await settle(good(9), bad(1), max_errors=0)

    assert settled.results == (Abandoned("too many errors"), Err(1))


async def test_both_limits_may_be_set(settle: Any, autojump_clock: MockClock) -> None:
    """Whichever is reached first counts."""
    enough = await settle(bad(1), good(2), good(9), min_ok=1, max_errors=1)
    too_many = await settle(bad(1), bad(2), good(9), min_ok=1, max_errors=1)

    assert (enough.ended, too_many.ended) == ("enough succeeded", "too many errors")


@pytest.mark.parametrize(("share", "count"), [(0.1, 3), (0.7, 21), (1 / 3, 10), (0.0, 0)])
async def test_a_share_means_the_count_that_a_reader_expects(share: float, count: int) -> None:
    """A share of thirty branches is not one more because of how floats round."""
    failed = 0

    async def failing() -> Any:
        nonlocal failed
        failed += 1
        return Err(failed)

    branches: list[Any] = [failing] * 30

    result = await settles(*branches, max_errors=share)

    assert isinstance(result, Ok)
    assert (result.value.ended == "all finished") is (count == 30)
    by_count = await settles(*branches, max_errors=count)
    assert isinstance(by_count, Ok)
    assert result.value.ended == by_count.value.ended


@pytest.mark.parametrize("limit", ["min_ok", "max_errors"])
@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (3, ValueError),
        (-1, ValueError),
        (1.5, ValueError),
        (-0.1, ValueError),
        (float("nan"), ValueError),
        (True, TypeError),
        ("1", TypeError),
    ],
)
async def test_a_limit_out_of_range_is_refused(
    limit: str, value: Any, kind: type[Exception]
) -> None:
    """The value is shown, and nothing is started."""
    started: list[int] = []

    async def branch() -> Any:
        started.append(1)
        return Ok(1)

    limits: Any = {limit: value}
    result = await settles(branch, branch, **limits)

    assert isinstance(result, Err)
    assert isinstance(result.cause, kind)
    assert str(value) in str(result.cause)
    assert started == []


# --- what leaves


async def test_cancellation_from_outside_leaves(autojump_clock: MockClock) -> None:
    """It is not an outcome of a branch."""
    tally = Tally()

    with trio.move_on_after(3) as scope:
        await settles(tally.counting(forever), good(1))

    assert scope.cancelled_caught
    assert tally.counts == {"cancelled": 1}


async def test_the_exit_of_a_step_in_a_branch_ends_the_run(autojump_clock: MockClock) -> None:
    """A step that fails inside a branch is the failure of the run."""

    @workflow
    async def outer(step: Step[Any]) -> Any:
        async def inner() -> Any:
            return Ok(await step(fail, Declined("inner"), after=1))

        return await step.settle(inner, good(9))

    assert await outer() == Err(Declined("inner"))
    assert trio.current_time() == 1


async def test_a_branch_that_beats_its_cancellation_is_reported(
    settle: Any, autojump_clock: MockClock
) -> None:
    """A result that came after the end is still a result."""

    async def stubborn() -> Any:
        try:
            await trio.sleep_forever()
        except trio.Cancelled:
            return Ok("late")

    settled = await settle(stubborn, good(1), min_ok=1)

    assert settled.results == (Ok("late"), Ok(1))
