"""All of several branches, and the first of several branches."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio
from dependencies import Declined, Scripted, Tally, crash, fail, forever, give
from recorder import Recorder

from awaitly_trio import Err, Ok, Step, TimedOut, UnexpectedError, workflow

if TYPE_CHECKING:
    from trio.testing import MockClock


@workflow
async def take_all(step: Step[Any], *branches: Any) -> Any:
    """Return all values."""
    return await step.all(*branches)


@workflow
async def take_first(step: Step[Any], *branches: Any, first: Any = "success") -> Any:
    """Return the value of the winner."""
    return await step.race(*branches, first=first)


# --- all


async def test_all_values_come_in_the_order_of_the_branches(
    observers: list[Recorder], autojump_clock: MockClock
) -> None:
    """However long each takes."""
    branches = [partial(give, after, after=after) for after in (3, 1, 2)]

    assert await take_all.options(observers=observers)(*branches) == Ok((3, 1, 2))
    assert trio.current_time() == 3


async def test_all_values_of_a_mapping_come_under_its_keys(
    observers: list[Recorder], autojump_clock: MockClock
) -> None:
    """In the order in which the mapping has them."""
    branches = {"a": partial(give, 1, after=2), "b": partial(give, 2, after=1), 3: partial(give, 3)}

    result = await take_all.options(observers=observers)(branches)

    assert result == Ok({"a": 1, "b": 2, 3: 3})
    assert list(result.value) == ["a", "b", 3]


@pytest.mark.parametrize(("branches", "value"), [((), ()), (({},), {})])
async def test_all_of_nothing_is_nothing(
    branches: Any, value: Any, observers: list[Recorder]
) -> None:
    """Without a branch there is nothing to wait for."""
    assert await take_all.options(observers=observers)(*branches) == Ok(value)


async def test_one_branch_is_enough(observers: list[Recorder]) -> None:
    """The value is a tuple of one."""
    assert await take_all.options(observers=observers)(partial(give, 1)) == Ok((1,))


async def test_the_first_failure_ends_all(
    observers: list[Recorder], autojump_clock: MockClock
) -> None:
    """By time, not by position; the others are cancelled and have ended."""
    tally = Tally()
    branches = [
        partial(tally.counting(fail), "slow", 9),
        tally.counting(forever),
        partial(fail, "fast", after=1),
    ]

    assert await take_all.options(observers=observers)(*branches) == Err("fast")
    assert trio.current_time() == 1
    assert (tally.running, tally.counts) == (0, {"cancelled": 2})


async def test_the_failure_of_all_keeps_its_cause(observers: list[Recorder]) -> None:
    """What led to it is not lost on the way."""
    assert await take_all.options(observers=observers)(Scripted(Err("e", "why"))) == Err("e", "why")


async def test_a_defect_in_all_is_a_defect(
    observers: list[Recorder], autojump_clock: MockClock
) -> None:
    """It arrives as it was raised."""
    bug = ValueError("a bug")

    result = await take_all.options(observers=observers)(forever, partial(crash, bug, after=1))

    assert result == Err(UnexpectedError(bug), bug)


async def test_branches_of_a_mapping_are_named_by_its_keys(autojump_clock: MockClock) -> None:
    """Observers see the names that the values come under."""
    recorder = Recorder()

    await take_all.options(observers=[recorder])({"user": partial(give, 1), 2: partial(give, 2)})

    recorder.check_laws()
    assert sorted(recorder.paths) == [
        "take_all",
        "take_all/all",
        "take_all/all/2",
        "take_all/all/user",
    ]


# --- race


async def test_the_first_success_wins(observers: list[Recorder], autojump_clock: MockClock) -> None:
    """The losers are cancelled and have ended."""
    tally = Tally()
    branches = [
        partial(tally.counting(give), "slow", 5),
        partial(tally.counting(give), "fast", 2),
        tally.counting(forever),
    ]

    assert await take_first.options(observers=observers)(*branches) == Ok("fast")
    assert trio.current_time() == 2
    assert (tally.running, tally.counts) == (0, {"finished": 1, "cancelled": 2})


async def test_a_failure_does_not_win(observers: list[Recorder], autojump_clock: MockClock) -> None:
    """A later success does."""
    branches = [partial(fail, "early", after=1), partial(give, "late", after=2)]

    assert await take_first.options(observers=observers)(*branches) == Ok("late")


async def test_a_failure_wins_where_the_first_to_finish_counts(
    observers: list[Recorder], autojump_clock: MockClock
) -> None:
    """Who asks for that gets it."""
    branches = [partial(fail, "early", after=1), partial(give, "late", after=2)]

    result = await take_first.options(observers=observers)(*branches, first="finished")

    assert result == Err("early")
    assert trio.current_time() == 1


async def test_when_all_fail_the_earliest_failure_counts(
    observers: list[Recorder], autojump_clock: MockClock
) -> None:
    """By time, not by position."""
    branches = [partial(fail, "late", after=2), partial(fail, "early", after=1)]

    assert await take_first.options(observers=observers)(*branches) == Err("early")
    assert trio.current_time() == 2


async def test_a_defect_ends_the_race(observers: list[Recorder], autojump_clock: MockClock) -> None:
    """A bug is never hidden by a winner who comes later."""
    bug = ValueError("a bug")
    branches = [partial(crash, bug, after=1), partial(give, 1, after=2)]

    result = await take_first.options(observers=observers)(*branches)

    assert result == Err(UnexpectedError(bug), bug)


async def test_a_bug_in_the_clean_up_of_a_loser_is_not_hidden(
    observers: list[Recorder], autojump_clock: MockClock
) -> None:
    """The winner does not outweigh it: something was left in an unknown state."""
    bug = ValueError("clean-up")

    async def breaks_when_cancelled() -> Any:
        try:
            await trio.sleep_forever()
        finally:
            raise bug

    branches = [breaks_when_cancelled, partial(give, 1, after=1)]

    result = await take_first.options(observers=observers)(*branches)

    assert result == Err(UnexpectedError(bug), bug)


async def test_a_loser_that_fails_while_it_is_cancelled_changes_nothing(
    observers: list[Recorder], autojump_clock: MockClock
) -> None:
    """A planned failure loses."""

    async def fails_when_cancelled() -> Any:
        try:
            await trio.sleep_forever()
        except trio.Cancelled:
            return Err("lost")

    branches = [fails_when_cancelled, partial(give, 1, after=1)]

    assert await take_first.options(observers=observers)(*branches) == Ok(1)


async def test_a_race_of_nobody_is_refused(observers: list[Recorder]) -> None:
    """Nothing could ever win it."""
    result = await take_first.options(observers=observers)()

    assert isinstance(result, Err)
    assert "a race needs at least one branch" in str(result.cause)


async def test_the_end_that_counts_must_be_known(observers: list[Recorder]) -> None:
    """The value is shown."""
    result = await take_first.options(observers=observers)(partial(give, 1), first="fastest")

    assert isinstance(result, Err)
    assert "'fastest'" in str(result.cause)


async def test_a_race_of_one_is_that_one(observers: list[Recorder]) -> None:
    """Failing included."""
    assert await take_first.options(observers=observers)(partial(give, 1)) == Ok(1)
    assert await take_first.options(observers=observers)(partial(fail, 1)) == Err(1)


# --- both


@pytest.fixture(params=[take_all, take_first], ids=["all", "race"])
def block(request: pytest.FixtureRequest) -> Any:
    """Return one of the two."""
    return request.param


async def test_a_branch_must_return_a_result(block: Any, observers: list[Recorder]) -> None:
    """A bare value is neither success nor failure, whatever the other branches do."""

    async def bare() -> Any:
        return "bare"

    result = await block.options(observers=observers)(bare, partial(give, 1, after=0))

    assert isinstance(result, Err)
    assert isinstance(result.cause, TypeError)
    assert "expected Ok or Err, got 'bare'" in str(result.cause)


async def test_the_exit_of_a_step_in_a_branch_ends_the_run(
    block: Any, observers: list[Recorder], autojump_clock: MockClock
) -> None:
    """A step that fails inside a branch is the failure of the run, not one more branch."""

    @workflow
    async def outer(step: Step[Any]) -> Any:
        async def inner() -> Any:
            return Ok(await step(fail, Declined("inner"), after=1))

        method = step.all if block is take_all else step.race
        return await method(inner, partial(give, 1, after=2))

    assert await outer.options(observers=observers)() == Err(Declined("inner"))
    assert trio.current_time() == 1


async def test_cancellation_from_outside_leaves(
    block: Any, observers: list[Recorder], autojump_clock: MockClock
) -> None:
    """It is no result, and every branch has ended."""
    tally = Tally()

    with trio.move_on_after(3) as scope:
        await block.options(observers=observers)(tally.counting(forever), tally.counting(forever))

    assert scope.cancelled_caught
    assert (tally.running, tally.counts) == (0, {"cancelled": 2})


async def test_a_block_as_a_whole_may_be_limited(block: Any, autojump_clock: MockClock) -> None:
    """Options hold for all branches together."""
    name = "all" if block is take_all else "race"

    @workflow
    async def outer(step: Step[Any]) -> Any:
        return await getattr(step.options(timeout=3), name)(forever, forever)

    assert await outer() == Err(TimedOut(name, 3.0))


async def test_a_workflow_may_be_a_branch(block: Any, observers: list[Recorder]) -> None:
    """It is a dependency like any other."""

    @workflow
    async def inner(step: Step[Any]) -> int:
        return await step(give, 7)

    result = await block.options(observers=observers)(inner)

    assert result == Ok((7,) if block is take_all else 7)
