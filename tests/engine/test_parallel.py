"""Parallel blocks: branches that fail fast, and nothing that outlives the block."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
from dependencies import Declined, NotFound, Scripted, Tally, crash, fail, forever, give, live_tasks
from recorder import Recorder

from awaitly_trio import Err, Ok, Step, TimedOut, UnexpectedError, run, workflow
from awaitly_trio._policies.delays import spaced
from awaitly_trio._values.errors import RunClosedError
from awaitly_trio._values.events import ScopeEnded, ScopeStarted, StepTimedOut

if TYPE_CHECKING:
    from trio.testing import MockClock

    from awaitly_trio import Handle


async def test_branches_run_at_once(observers: list[Recorder], autojump_clock: MockClock) -> None:
    """The block takes as long as its slowest branch, and each handle has its value."""

    @workflow
    async def both(step: Step[Any]) -> tuple[int, str]:
        async with step.parallel() as group:
            number = group.start_soon(give, 1, after=2)
            text = group.start_soon(give, "x", after=3)
        return number.value, text.value

    assert await both.options(observers=observers)() == Ok((1, "x"))
    assert trio.current_time() == 3


async def test_the_first_failure_is_the_error_of_the_run(
    observers: list[Recorder], autojump_clock: MockClock
) -> None:
    """The others are cancelled at once and have ended; code after the block is not executed."""
    tally = Tally()
    reached: list[str] = []

    @workflow
    async def both(step: Step[Any]) -> None:
        async with step.parallel() as group:
            group.start_soon(tally.counting(give), 1, 10)
            group.start_soon(fail, Declined(), after=2)
        reached.append("after the block")

    assert await both.options(observers=observers)() == Err(Declined())
    assert trio.current_time() == 2
    assert (tally.running, tally.counts) == (0, {"cancelled": 1})
    assert reached == []


async def test_the_order_of_the_branches_does_not_matter_for_the_failure(
    observers: list[Recorder], autojump_clock: MockClock
) -> None:
    """A later branch that fails ends an earlier one that still waits."""

    @workflow
    async def three(step: Step[Any]) -> None:
        async with step.parallel() as group:
            group.start_soon(give, 1, after=1)
            group.start_soon(forever)
            group.start_soon(fail, NotFound(), after=2)

    assert await three.options(observers=observers)() == Err(NotFound())


async def test_the_earlier_of_two_failures_wins(
    observers: list[Recorder], autojump_clock: MockClock
) -> None:
    """Even if the other one still fails while it is being cancelled."""

    async def fails_when_cancelled() -> Any:
        try:
            await trio.sleep_forever()
        except trio.Cancelled:
            return Err("second")

    @workflow
    async def both(step: Step[Any]) -> None:
        async with step.parallel() as group:
            group.start_soon(fails_when_cancelled)
            group.start_soon(fail, "first", after=1)

    assert await both.options(observers=observers)() == Err("first")


async def test_a_defect_wins_over_a_planned_failure(
    observers: list[Recorder], autojump_clock: MockClock
) -> None:
    """It says what it beat, so nothing is lost."""
    bug = ValueError("clean-up")

    async def breaks_when_cancelled() -> Any:
        try:
            await trio.sleep_forever()
        finally:
            raise bug

    @workflow
    async def both(step: Step[Any]) -> None:
        async with step.parallel() as group:
            group.start_soon(breaks_when_cancelled)
            group.start_soon(fail, "planned", after=1)

    result = await both.options(observers=observers)()

    assert result == Err(UnexpectedError(bug), bug)
    assert bug.__notes__ == ["also failed: 'planned'"]  # type: ignore[attr-defined]


async def test_several_defects_arrive_as_a_group(
    observers: list[Recorder], autojump_clock: MockClock
) -> None:
    """Each is in it."""

    async def breaks_when_cancelled() -> Any:
        try:
            await trio.sleep_forever()
        finally:
            raise KeyError("second")

    @workflow
    async def both(step: Step[Any]) -> None:
        async with step.parallel() as group:
            group.start_soon(breaks_when_cancelled)
            group.start_soon(crash, ValueError("first"), after=1)

    result = await both.options(observers=observers)()

    assert isinstance(result, Err)
    assert [type(each) for each in result.error.cause.exceptions] == [ValueError, KeyError]


async def test_a_lone_defect_arrives_without_a_group(
    observers: list[Recorder], autojump_clock: MockClock
) -> None:
    """What one branch raised is what the body would have met without the block."""
    bug = ValueError("a bug")

    @workflow
    async def both(step: Step[Any]) -> str:
        try:
            async with step.parallel() as group:
                group.start_soon(forever)
                group.start_soon(crash, bug, after=1)
        except ValueError as exc:
            return f"coped with {exc}"
        return "unreachable"

    assert await both.options(observers=observers)() == Ok("coped with a bug")


async def test_a_step_that_fails_in_the_block_ends_its_branches(
    observers: list[Recorder], autojump_clock: MockClock
) -> None:
    """The body of the block is one of those that fail fast."""
    tally = Tally()

    @workflow
    async def both(step: Step[Any]) -> None:
        async with step.parallel() as group:
            group.start_soon(tally.counting(forever))
            await step(fail, "body", after=1)

    assert await both.options(observers=observers)() == Err("body")
    assert tally.counts == {"cancelled": 1}


async def test_a_branch_that_fails_ends_the_body_of_the_block(
    observers: list[Recorder], autojump_clock: MockClock
) -> None:
    """A body that waits for something else is not waited for."""
    ended: list[str] = []

    @workflow
    async def both(step: Step[Any]) -> None:
        async with step.parallel() as group:
            group.start_soon(fail, "branch", after=1)
            try:
                await trio.sleep_forever()
            finally:
                ended.append("body")

    assert await both.options(observers=observers)() == Err("branch")
    assert ended == ["body"]


async def test_a_branch_may_use_the_step(
    observers: list[Recorder], autojump_clock: MockClock
) -> None:
    """A failure inside it is the same failure, and nothing is disguised."""

    @workflow
    async def both(step: Step[Any]) -> Any:
        async def inner(after: float) -> Any:
            return Ok(await step(give, 1) + await step(give, 2, after=after))

        async def stops() -> Any:
            return Ok(await step(fail, "inner", after=2))

        async with step.parallel() as group:
            done = group.start_soon(inner, 1)
        async with step.parallel() as group:
            group.start_soon(inner, 9)
            group.start_soon(stops)
        return done

    assert await both.options(observers=observers)() == Err("inner")
    assert trio.current_time() == 3


async def test_blocks_nest(observers: list[Recorder], autojump_clock: MockClock) -> None:
    """A failure deep inside ends the outermost block."""
    tally = Tally()

    @workflow
    async def nests(step: Step[Any]) -> None:
        async def inner(level: int) -> Any:
            async with step.parallel(f"level {level}") as group:
                group.start_soon(tally.counting(forever))
                if level:
                    group.start_soon(inner, level - 1)
                else:
                    group.start_soon(fail, "deep", after=1)
            return Ok(level)

        async with step.parallel() as group:
            group.start_soon(inner, 5)

    assert await nests.options(observers=observers)() == Err("deep")
    assert (tally.running, tally.counts["cancelled"]) == (0, 6)


async def test_an_empty_block_is_harmless(observers: list[Recorder]) -> None:
    """It waits for nothing."""

    @workflow
    async def empty(step: Step[Any]) -> str:
        async with step.parallel():
            pass
        return "done"

    assert await empty.options(observers=observers)() == Ok("done")


async def test_an_empty_block_can_be_cancelled(observers: list[Recorder]) -> None:
    """It is a cancellation point, as whatever answers without waiting."""
    reached: list[str] = []

    @workflow
    async def empty(step: Step[Any]) -> None:
        scope.cancel(reason="test")
        async with step.parallel():
            pass
        reached.append("after")

    with trio.CancelScope() as scope:
        await empty.options(observers=observers)()

    assert scope.cancelled_caught
    assert reached == []


async def test_cancellation_from_outside_leaves_the_block(
    observers: list[Recorder], autojump_clock: MockClock
) -> None:
    """It is no result, and every branch has ended."""
    tally = Tally()

    @workflow
    async def waits(step: Step[Any]) -> None:
        async with step.parallel() as group:
            group.start_soon(tally.counting(forever))
            group.start_soon(tally.counting(forever))

    with trio.move_on_after(3) as scope:
        await waits.options(observers=observers)()

    assert scope.cancelled_caught
    assert (tally.running, tally.counts) == (0, {"cancelled": 2})
    assert live_tasks() == []


async def test_a_branch_may_start_branches(
    observers: list[Recorder], autojump_clock: MockClock
) -> None:
    """The block waits for those too."""

    @workflow
    async def grows(step: Step[Any]) -> int:
        handles: list[Handle[int]] = []

        async with step.parallel() as group:

            async def more(count: int) -> Any:
                await trio.sleep(1)
                if count:
                    handles.append(group.start_soon(more, count - 1))
                return Ok(count)

            handles.append(group.start_soon(more, 3))
        return sum(handle.value for handle in handles)

    assert await grows.options(observers=observers)() == Ok(6)


# --- handles


async def test_a_handle_has_no_value_before_its_branch_succeeded(
    autojump_clock: MockClock,
) -> None:
    """It says where to read it, and never gives something else instead."""

    async def body(step: Step[Any]) -> list[Any]:
        async with step.parallel() as group:
            early = group.start_soon(give, 1, after=1)
            with pytest.raises(RuntimeError, match=r"'give' has no value yet.*after the block"):
                _ = early.value
            states = [early.is_done, repr(early)]
        return [*states, early.is_done, repr(early)]

    assert await run(body) == Ok(
        [False, "<Handle of 'give', no value yet>", True, "<Handle of 'give', value=1>"]
    )


async def test_a_handle_may_hold_nothing(observers: list[Recorder]) -> None:
    """``None`` is a value."""

    @workflow
    async def sends(step: Step[Any]) -> tuple[bool, None]:
        async with step.parallel() as group:
            sent = group.start_soon(give, None)
        return sent.is_done, sent.value

    assert await sends.options(observers=observers)() == Ok((True, None))


async def test_the_handle_of_a_failed_branch_has_no_value(autojump_clock: MockClock) -> None:
    """Nor has that of a branch that was cancelled with it."""
    handles: list[Handle[Any]] = []

    async def body(step: Step[Any]) -> None:
        async with step.parallel() as group:
            handles.append(group.start_soon(fail, "e", after=1))
            handles.append(group.start_soon(forever))

    await run(body)

    assert [handle.is_done for handle in handles] == [False, False]


# --- use after the end


async def test_a_block_that_ended_takes_no_more_branches(observers: list[Recorder]) -> None:
    """A branch would have nothing to wait for it."""

    @workflow
    async def late(step: Step[Any]) -> None:
        async with step.parallel("first") as group:
            group.start_soon(give, 1)
        with pytest.raises(RunClosedError, match="parallel block 'first' has ended"):
            group.start_soon(give, 2)

    assert await late.options(observers=observers)() == Ok(None)


async def test_a_block_that_has_not_begun_takes_no_branches() -> None:
    """It needs its ``async with``."""

    async def body(step: Step[Any]) -> None:
        with pytest.raises(RunClosedError, match="'parallel' has not begun: enter it with async"):
            step.parallel().start_soon(give, 1)

    assert await run(body) == Ok(None)


async def test_a_block_cannot_be_entered_twice(observers: list[Recorder]) -> None:
    """A block is one stretch of work; the message says what to do."""

    @workflow
    async def again(step: Step[Any]) -> None:
        group = step.parallel("once")
        async with group:
            group.start_soon(give, 1)
        async with group:
            pass

    result = await again.options(observers=observers)()

    assert isinstance(result, Err)
    assert isinstance(result.cause, RunClosedError)


# --- options of branches and blocks


async def test_a_branch_takes_options(observers: list[Recorder], autojump_clock: MockClock) -> None:
    """Those of every step, each branch its own."""
    shaky = Scripted(Err("busy"), Ok(1))

    @workflow
    async def both(step: Step[Any]) -> tuple[Any, Any]:
        async with step.parallel() as group:
            retried = group.options(retry=spaced(1, attempts=3)).start_soon(shaky)
            limited = group.options(timeout=2, fallback=lambda error: Ok("late")).start_soon(
                forever
            )
        return retried.value, limited.value

    assert await both.options(observers=observers)() == Ok((1, "late"))


async def test_a_block_may_be_limited(observers: list[Recorder], autojump_clock: MockClock) -> None:
    """Its branches are cancelled and have ended when the run ends with the timeout."""
    tally = Tally()

    @workflow
    async def waits(step: Step[Any]) -> None:
        async with step.options(timeout=3).parallel("offers") as group:
            group.start_soon(tally.counting(forever))

    assert await waits.options(observers=observers)() == Err(TimedOut("offers", 3.0))
    assert (tally.running, tally.counts) == (0, {"cancelled": 1})


async def test_a_limited_block_may_be_left_without_an_error(
    observers: list[Recorder], autojump_clock: MockClock
) -> None:
    """Then the body goes on with what there is."""

    @workflow
    async def waits(step: Step[Any]) -> list[Any]:
        async with step.options(timeout=3, on_timeout=None).parallel("offers") as group:  # type: ignore[attr-defined]
            offers = [group.start_soon(give, after, after=after) for after in (1, 2, 9)]
        return [offer.value for offer in offers if offer.is_done]

    assert await waits.options(observers=observers)() == Ok([1, 2])


async def test_a_failure_in_a_limited_block_is_the_failure(
    observers: list[Recorder], autojump_clock: MockClock
) -> None:
    """A branch that fails in time, or while it is being cut off, is not forgotten."""

    async def fails_when_cancelled() -> Any:
        try:
            await trio.sleep_forever()
        except trio.Cancelled:
            return Err("too late")

    @workflow
    async def waits(step: Step[Any], dependency: Any, *args: Any) -> None:
        async with step.options(timeout=3, on_timeout=None).parallel() as group:  # type: ignore[attr-defined]
            group.start_soon(dependency, *args)

    watched = waits.options(observers=observers)

    assert await watched(fail, "in time", 1) == Err("in time")
    assert await watched(fails_when_cancelled) == Err("too late")


@pytest.mark.parametrize(
    "option",
    [
        {"key": "k"},
        {"retry": spaced(1)},
        {"fallback": len},
        {"total_timeout": 1},
    ],
)
async def test_a_block_refuses_options_that_it_cannot_honour(option: dict[str, Any]) -> None:
    """Its body can be neither repeated nor remembered; the message says so."""

    async def body(step: Step[Any]) -> None:
        async with step.options(**option).parallel():
            pass

    result = await run(body)

    assert isinstance(result, Err)
    assert isinstance(result.cause, ValueError)
    assert f"a block cannot honour {next(iter(option))}" in str(result.cause)


# --- what observers see


async def test_a_block_is_a_scope_around_its_branches(autojump_clock: MockClock) -> None:
    """Branches are numbered in the order in which they were started, not in which they ran."""
    recorder = Recorder()

    @workflow
    async def buys(step: Step[Any]) -> None:
        async with step.parallel("look up") as group:
            for after in (3, 2, 1):
                group.start_soon(give, after, after=after)

    await buys.options(observers=[recorder])()

    recorder.check_laws()
    assert sorted(recorder.paths[2:]) == [
        "buys/look up/give",
        "buys/look up/give#2",
        "buys/look up/give#3",
    ]
    assert recorder.outcome("buys/look up/give").value == 3
    assert recorder.outcome("buys/look up/give#3").value == 1
    kinds = {event.path: event.kind for event in recorder.of(ScopeStarted)}
    assert kinds["buys/look up"] == "parallel"


async def test_a_failing_block_ends_its_scope(autojump_clock: MockClock) -> None:
    """With the failure of the branch."""
    recorder = Recorder()

    @workflow
    async def buys(step: Step[Any]) -> None:
        async with step.parallel("look up") as group:
            group.start_soon(fail, Declined(), after=1)

    await buys.options(observers=[recorder])()

    recorder.check_laws()
    block = recorder.outcome("buys/look up")
    assert (block.status, block.error) == ("error", Declined())


async def test_a_timed_out_block_tells_it(autojump_clock: MockClock) -> None:
    """With an event of its own and in its outcome."""
    recorder = Recorder()

    @workflow
    async def waits(step: Step[Any]) -> None:
        async with step.options(timeout=3).parallel("offers") as group:
            group.start_soon(forever)

    await waits.options(observers=[recorder])()

    recorder.check_laws()
    assert [(e.path, e.seconds) for e in recorder.of(StepTimedOut)] == [("waits/offers", 3.0)]
    assert recorder.outcome("waits/offers").status == "timed_out"


async def test_steps_in_a_user_nursery_belong_to_the_body(autojump_clock: MockClock) -> None:
    """A nursery of the body's own is no scope; its steps are placed where they were started."""
    recorder = Recorder()

    @workflow
    async def body(step: Step[Any]) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(step, give, 1)
            await step.options(name="beside")(give, 2, after=1)

    await body.options(observers=[recorder])()

    recorder.check_laws()
    assert sorted(recorder.paths) == ["body", "body/beside", "body/give"]
    ends = [event.path for event in recorder.of(ScopeEnded)]
    assert ends == ["body/give", "body/beside", "body"]
