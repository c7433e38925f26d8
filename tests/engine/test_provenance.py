"""Why something was cancelled: told by the scope that did it, and by Trio."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing
from dependencies import Declined, crash, fail, forever, give
from recorder import Recorder

from awaitly_trio import Ok, Step, workflow
from awaitly_trio._values.exits import leaves

if TYPE_CHECKING:
    from trio.testing import MockClock

    from awaitly_trio._values.outcomes import Outcome


async def cancelled_branch(body: Any) -> Outcome:
    """Run a body and return the outcome of its one scope named ``forever``."""
    recorder = Recorder()

    async def named(step: Step[Any]) -> None:
        await body(step)

    await workflow(named).options(observers=[recorder], name="run")()
    recorder.check_laws()
    return recorder.named("forever")


async def test_a_timed_out_step_says_so(autojump_clock: MockClock) -> None:
    """It is no mere error: its allowance ran out."""
    outcome = await cancelled_branch(lambda step: step.options(timeout=3)(forever))

    assert (outcome.status, outcome.why) == ("timed_out", "deadline")


async def test_what_runs_inside_a_timed_out_step_was_cancelled_by_a_deadline(
    autojump_clock: MockClock,
) -> None:
    """Trio's own record says so."""

    async def body(step: Step[Any]) -> None:
        async def inner() -> Any:
            return Ok(await step(forever))

        await step.options(timeout=3)(inner)

    outcome = await cancelled_branch(body)

    assert (outcome.status, outcome.source) == ("cancelled", "deadline")


async def test_a_sibling_that_failed_is_named(autojump_clock: MockClock) -> None:
    """By its path."""

    async def body(step: Step[Any]) -> None:
        async with step.parallel("block") as group:
            group.start_soon(forever)
            group.start_soon(give, 1)
            group.start_soon(fail, Declined(), after=1)

    outcome = await cancelled_branch(body)

    assert (outcome.status, outcome.why, outcome.by) == (
        "cancelled",
        "sibling_failed",
        "run/block/fail",
    )
    assert outcome.reason == "branch 'fail' of block 'block' failed"


@pytest.mark.parametrize("dependency", [partial(fail, "e"), partial(crash, ValueError())])
@pytest.mark.parametrize("kind", ["all", "race", "map"])
async def test_the_sibling_that_ended_a_block_is_named(
    kind: str, dependency: Any, autojump_clock: MockClock
) -> None:
    """Whether it failed as planned or not."""

    async def later() -> Any:
        await trio.sleep(1)
        return await dependency()

    async def either(branch: Any) -> Any:
        return await branch()

    async def body(step: Step[Any]) -> None:
        if kind == "map":
            await step.map(either, [forever, later], limit=2)
        elif kind == "all":
            await step.all(forever, later)
        else:
            await step.race(forever, later, first="finished")

    if kind == "map":
        recorder = Recorder()
        await workflow(body).options(observers=[recorder], name="run")()
        outcome = recorder.outcome("run/map/either")
        assert (outcome.why, outcome.by) == ("sibling_failed", "run/map/either#2")
        return
    outcome = await cancelled_branch(body)

    planned = dependency.func is fail
    why = "lost_race" if kind == "race" and planned else "sibling_failed"
    assert (outcome.status, outcome.why, outcome.by) == ("cancelled", why, f"run/{kind}/later")


@pytest.mark.parametrize("limit", [2, float("inf")])
async def test_the_item_that_ended_a_map_is_named(limit: float, autojump_clock: MockClock) -> None:
    """Whatever the order in which tasks began."""
    recorder = Recorder()

    async def picky(item: int) -> Any:
        return await (fail(item, after=1) if item == 7 else forever())

    @workflow
    async def maps(step: Step[Any]) -> None:
        await step.map(picky, [*range(6), 7, 8, 9] if limit > 2 else [0, 7], limit=limit)

    await maps.options(observers=[recorder])()

    ended = {scope.path: outcome for scope, outcome in recorder.ended if scope.kind == "step"}
    [failed] = [path for path, outcome in ended.items() if outcome.status == "error"]
    assert {outcome.by for path, outcome in ended.items() if path != failed} == {failed}


async def test_a_loser_knows_the_winner(autojump_clock: MockClock) -> None:
    """By its path."""
    outcome = await cancelled_branch(lambda step: step.race(forever, partial(give, 1, after=1)))

    assert (outcome.status, outcome.why, outcome.by) == ("cancelled", "lost_race", "run/race/give")
    assert outcome.reason == "lost the race to branch 1"


async def test_enough_successes_are_a_reason(autojump_clock: MockClock) -> None:
    """With the branch that was the last one needed."""
    outcome = await cancelled_branch(
        lambda step: step.settle(forever, partial(give, 1, after=1), min_ok=1)
    )

    assert (outcome.status, outcome.why, outcome.by) == (
        "cancelled",
        "enough_succeeded",
        "run/settle/give",
    )


async def test_too_many_errors_are_a_reason(autojump_clock: MockClock) -> None:
    """With the branch whose failure was one too many."""
    outcome = await cancelled_branch(
        lambda step: step.settle(forever, partial(fail, 1, after=1), max_errors=0)
    )

    assert (outcome.status, outcome.why, outcome.by) == (
        "cancelled",
        "too_many_errors",
        "run/settle/fail",
    )


async def test_a_body_that_failed_is_a_reason(autojump_clock: MockClock) -> None:
    """It is no sibling, so none is named."""

    async def body(step: Step[Any]) -> None:
        async with step.parallel() as group:
            group.start_soon(forever)
            await trio.sleep(1)
            step.fail("body")

    outcome = await cancelled_branch(body)

    assert (outcome.why, outcome.by) == ("sibling_failed", None)
    assert outcome.reason == "the body of the block failed"


async def test_the_allowance_of_a_block_is_a_deadline(autojump_clock: MockClock) -> None:
    """For its branches; the block itself says that it timed out."""

    async def body(step: Step[Any]) -> None:
        async with step.options(timeout=3).parallel("block") as group:
            group.start_soon(forever)

    outcome = await cancelled_branch(body)

    assert (outcome.status, outcome.source) == ("cancelled", "deadline")


async def test_a_branch_with_a_nursery_inside_knows_why(autojump_clock: MockClock) -> None:
    """Although its cancellation arrives as a group."""

    async def two_tasks() -> Any:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            nursery.start_soon(trio.sleep_forever)

    two_tasks.__name__ = "forever"

    async def body(step: Step[Any]) -> None:
        async with step.parallel("block") as group:
            group.start_soon(two_tasks)
            group.start_soon(fail, "e", after=1)

    outcome = await cancelled_branch(body)

    assert (outcome.status, outcome.why, outcome.by) == (
        "cancelled",
        "sibling_failed",
        "run/block/fail",
    )


async def test_a_cancellation_from_outside_says_what_trio_knows(
    autojump_clock: MockClock,
) -> None:
    """The reason that the caller gave."""
    recorder = Recorder()

    @workflow
    async def waits(step: Step[Any]) -> None:
        await step(forever)

    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(waits.options(observers=[recorder]))
            await trio.sleep(1)
            scope.cancel(reason="the user closed the window")

    recorder.check_laws()
    for outcome in (recorder.outcome("waits"), recorder.outcome("waits/forever")):
        assert (outcome.status, outcome.why, outcome.source, outcome.reason) == (
            "cancelled",
            "outside",
            "explicit",
            "the user closed the window",
        )


async def test_a_reason_has_no_address(autojump_clock: MockClock) -> None:
    """Trio shows the exception of a failed task in it, and one seed gives one log."""
    recorder = Recorder()

    @workflow
    async def waits(step: Step[Any]) -> None:
        async def fails() -> None:
            raise ValueError(object())

        async with trio.open_nursery() as nursery:
            nursery.start_soon(step, forever)
            await trio.testing.wait_all_tasks_blocked()
            nursery.start_soon(fails)

    await waits.options(observers=[recorder])()

    reason = recorder.outcome("waits/forever").reason
    assert reason is not None
    assert "ValueError(<object object>)" in reason


async def test_a_deadline_from_outside_says_so(autojump_clock: MockClock) -> None:
    """Trio's word for it."""
    recorder = Recorder()

    @workflow
    async def waits(step: Step[Any]) -> None:
        await step(forever)

    with trio.move_on_after(3):
        await waits.options(observers=[recorder])()

    assert recorder.outcome("waits").source == "deadline"


async def test_a_cancellation_from_outside_is_not_blamed_on_a_block(
    autojump_clock: MockClock,
) -> None:
    """Branches that the caller cancelled were not cancelled by a sibling."""
    recorder = Recorder()

    @workflow
    async def waits(step: Step[Any]) -> None:
        async with step.parallel() as group:
            group.start_soon(forever)
            group.start_soon(forever)

    with trio.move_on_after(3):
        await waits.options(observers=[recorder])()

    assert [(o.status, o.why, o.by) for _, o in recorder.ended] == [
        ("cancelled", "outside", None)
    ] * 4


async def test_an_outer_block_is_not_blamed_on_an_inner_one(autojump_clock: MockClock) -> None:
    """Two blocks with equal reasons are told apart."""
    recorder = Recorder()

    @workflow
    async def nests(step: Step[Any]) -> None:
        async def inner() -> Any:
            return Ok(await step.settle(forever, partial(give, 1, after=5), min_ok=1))

        await step.settle(inner, partial(give, 1, after=1), min_ok=1)

    await nests.options(observers=[recorder])()

    recorder.check_laws()
    assert recorder.outcome("nests/settle/inner").by == "nests/settle/give"
    assert recorder.outcome("nests/settle/inner/settle/forever").by is None


async def test_every_cancellation_of_ours_has_a_reason(autojump_clock: MockClock) -> None:
    """So whoever reads a log of Trio's learns it too."""
    recorder = Recorder()

    @workflow
    async def all_kinds(step: Step[Any]) -> None:
        await step.race(forever, partial(give, 1, after=1))
        await step.settle(forever, partial(give, 1, after=1), min_ok=1)
        await step.settle(forever, partial(fail, 1, after=1), max_errors=0)
        async with step.options(timeout=1, on_timeout=None).parallel() as group:  # type: ignore[attr-defined]
            group.start_soon(forever)
        await step.all(forever, partial(fail, 1, after=1))

    await all_kinds.options(observers=[recorder])()

    cancelled = [outcome for _, outcome in recorder.ended if outcome.status == "cancelled"]
    assert len(cancelled) == 5
    assert [outcome for outcome in cancelled if not (outcome.reason or outcome.source)] == []


async def test_an_interrupt_is_told_by_its_name() -> None:
    """It is no failure of the step."""
    recorder = Recorder()

    @workflow
    async def interrupted(step: Step[Any]) -> None:
        await step(crash, KeyboardInterrupt())

    with pytest.raises(KeyboardInterrupt):
        await interrupted.options(observers=[recorder])()

    recorder.check_laws()
    assert [(o.status, o.source) for _, o in recorder.ended] == [
        ("cancelled", "KeyboardInterrupt")
    ] * 2


@pytest.mark.parametrize("breaks", [False, True])
async def test_a_cancelled_block_has_a_cause_only_if_there_was_one(
    breaks: bool, autojump_clock: MockClock
) -> None:
    """Many branches that were cancelled are one cancellation; a bug beside them is its cause."""
    recorder = Recorder()
    bug = ValueError("clean-up")

    async def waits() -> Any:
        try:
            await trio.sleep_forever()
        finally:
            if breaks:
                raise bug

    @workflow
    async def works(step: Step[Any]) -> None:
        async with step.parallel("block") as group:
            group.start_soon(forever)
            group.start_soon(forever)
            group.start_soon(waits)

    with suppress(Exception), trio.move_on_after(1):
        await works.options(observers=[recorder])()

    outcome = recorder.outcome("works/block")
    assert outcome.status == "cancelled"
    assert (bug in leaves([outcome.cause])) if breaks else outcome.cause is None
