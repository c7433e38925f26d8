"""Early exits: a failing step ends its run and no other, whatever is in between."""

from __future__ import annotations

import sys
from contextlib import aclosing, asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest
import trio
from dependencies import Declined, Tally, crash, fail, forever, give
from recorder import Recorder

from awaitly_trio import Err, Ok, Step, UnexpectedError, run, workflow
from awaitly_trio._values.events import ScopeEnded
from awaitly_trio._values.exits import BaseExceptionGroup, leaves

if sys.version_info < (3, 11):
    from exceptiongroup import ExceptionGroup

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from trio.testing import MockClock

    from awaitly_trio import Result


@pytest.fixture
def start(observers: list[Recorder]) -> Any:
    """Run a body, watched or not, and check what was recorded."""

    async def one(body: Any, *args: Any) -> Result[Any, Any]:
        try:
            result: Result[Any, Any] = await workflow(body).options(observers=observers)(*args)
        finally:
            for recorder in observers:
                recorder.check_laws()
        return result

    return one


# --- what cannot stop an exit


async def test_except_exception_does_not_stop_it(start: Any) -> None:
    """Code that swallows all errors swallows no exit."""
    reached: list[str] = []

    async def body(step: Step[Any]) -> None:
        try:
            await step(fail, Declined())
        except Exception:
            reached.append("swallowed")

    assert await start(body) == Err(Declined())
    assert reached == []


async def test_clean_up_of_the_body_runs(start: Any) -> None:
    """As for any exception."""
    reached: list[str] = []

    async def body(step: Step[Any]) -> None:
        try:
            await step(fail, Declined())
        finally:
            reached.append("finally")

    assert await start(body) == Err(Declined())
    assert reached == ["finally"]


@pytest.mark.parametrize("depth", [1, 2, 5, 50])
async def test_nurseries_do_not_hide_it(start: Any, depth: int, autojump_clock: MockClock) -> None:
    """However deep: siblings are cancelled and have ended, and the error is the bare one."""
    tally = Tally()

    async def body(step: Step[Any]) -> None:
        async def level(left: int) -> None:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(tally.counting(forever))
                if left:
                    nursery.start_soon(level, left - 1)
                else:
                    nursery.start_soon(step, fail, Declined())

        await level(depth)

    assert await start(body) == Err(Declined())
    assert (tally.running, tally.counts) == (0, {"cancelled": depth + 1})


async def test_a_client_that_wraps_what_passes_does_not_hide_it(start: Any) -> None:
    """Some libraries put every exception of a block in a group of their own."""

    @asynccontextmanager
    async def client() -> AsyncGenerator[None]:
        try:
            yield
        except BaseException as exc:
            raise BaseExceptionGroup("client failed", [exc]) from None

    async def body(step: Step[Any]) -> None:
        async with client(), client():
            await step(fail, Declined())

    assert await start(body) == Err(Declined())


async def test_an_async_generator_does_not_hide_it(start: Any) -> None:
    """It passes through the loop like any exception."""

    async def orders() -> AsyncGenerator[int]:
        for i in range(3):
            yield i

    async def body(step: Step[Any]) -> None:
        async with aclosing(orders()) as opened:
            async for order in opened:
                await step(fail, Declined(str(order)))

    assert await start(body) == Err(Declined("0"))


async def test_a_thread_does_not_hide_it(start: Any) -> None:
    """Sync code in a thread may end the run too."""

    async def body(step: Step[Any]) -> None:
        await trio.to_thread.run_sync(step.fail, Declined("thread"))

    assert await start(body) == Err(Declined("thread"))


# --- swallowed all the same


async def test_a_swallowed_exit_still_ends_the_run(start: Any) -> None:
    """Whoever catches ``BaseException`` and goes on cannot turn failure into success."""

    async def body(step: Step[Any]) -> str:
        try:
            await step(fail, Declined())
        except BaseException:  # noqa: ASYNC103  # the wrong program of this test
            return "went on"  # noqa: ASYNC104
        return "unreachable"

    assert await start(body) == Err(Declined())


async def test_after_a_swallowed_exit_the_earliest_counts(start: Any) -> None:
    """Later steps still run; their failures do not replace the first."""

    async def body(step: Step[Any]) -> None:
        with suppress(BaseException):
            await step(fail, "first")
        await step(give, 1)
        await step(fail, "second")

    assert await start(body) == Err("first")


async def test_a_defect_after_a_swallowed_exit_counts(start: Any) -> None:
    """A bug is worse than a planned failure."""
    bug = ValueError("a bug")

    async def body(step: Step[Any]) -> None:
        with suppress(BaseException):
            await step(fail, Declined())
        raise bug

    assert await start(body) == Err(UnexpectedError(bug), bug)


async def test_an_exit_that_is_relabelled_is_a_defect(start: Any) -> None:
    """The planned failure is found in the chain of the exception."""

    async def body(step: Step[Any]) -> None:
        try:
            await step(fail, Declined())
        except BaseException as exc:
            raise ValueError("relabelled") from exc

    result = await start(body)

    assert isinstance(result.error, UnexpectedError)
    assert "Declined" in str(result.cause.__cause__)


async def test_the_exit_says_what_it_is(start: Any) -> None:
    """Who meets it in a debugger or a log learns not to catch it."""
    met: list[str] = []

    async def body(step: Step[Any]) -> None:
        try:
            await step(fail, Declined())
        except BaseException as exc:
            met.append(str(exc))
            raise

    await start(body)

    assert met == ["dependencies.Declined leaves its run: let it pass, do not catch it"]


# --- several at once


async def test_the_earlier_of_two_exits_counts(start: Any, autojump_clock: MockClock) -> None:
    """By time, wherever they stand in the group."""

    async def body(step: Step[Any]) -> None:
        async def late() -> None:
            try:
                await trio.sleep_forever()
            finally:
                with trio.CancelScope(shield=True, deadline=100):
                    await step(fail, "late")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(late)
            nursery.start_soon(step, fail, "early", 1)

    assert await start(body) == Err("early")


async def test_exits_of_one_instant_agree_with_the_events(autojump_clock: MockClock) -> None:
    """Which of them wins is left to the scheduler; observers saw the winner first."""
    winners = set()

    for _ in range(60):
        recorder = Recorder()

        @workflow
        async def ties(step: Step[Any]) -> None:
            async with trio.open_nursery() as nursery:
                for name in "abc":
                    nursery.start_soon(step, fail, name, 1)

        result = await ties.options(observers=[recorder])()

        recorder.check_laws()
        ends = [end.outcome for end in recorder.of(ScopeEnded) if end.kind == "step"]
        first = next(end for end in ends if end.status == "error")
        assert result == Err(first.error)
        winners.add(first.error)

    assert winners <= {"a", "b", "c"}


async def test_an_exit_in_the_clean_up_of_an_exit_does_not_replace_it(start: Any) -> None:
    """The first failure is the reason; what failed after it is a consequence."""

    async def body(step: Step[Any]) -> None:
        try:
            await step(fail, "first")
        finally:
            await step(fail, "clean-up")

    assert await start(body) == Err("first")


async def test_a_defect_beside_an_exit_counts(start: Any, autojump_clock: MockClock) -> None:
    """It arrives in the group of its nursery, and says what it beat."""
    bug = ValueError("a bug")

    async def body(step: Step[Any]) -> None:
        async def breaks() -> None:
            try:
                await trio.sleep_forever()
            finally:
                raise bug

        async with trio.open_nursery() as nursery:
            nursery.start_soon(breaks)
            nursery.start_soon(step, fail, Declined(), 1)

    result = await start(body)

    assert isinstance(result.error, UnexpectedError)
    assert leaves([result.cause]) == [bug]
    assert result.cause.__notes__ == ["also failed: Declined(reason='card')"]


async def test_all_defects_are_kept(start: Any, autojump_clock: MockClock) -> None:
    """At any depth."""
    bugs = [ValueError("a"), KeyError("b"), OSError("c")]

    async def body(step: Step[Any]) -> None:
        async def level(left: list[Exception]) -> None:
            try:
                async with trio.open_nursery() as nursery:
                    if left[1:]:
                        nursery.start_soon(level, left[1:])
                    await trio.sleep(1)
                    step.fail("planned")
            finally:
                await trio.lowlevel.cancel_shielded_checkpoint()
                raise left[0]

        async with trio.open_nursery() as nursery:
            nursery.start_soon(level, bugs)
            nursery.start_soon(crash, bugs[2], 2)

    result = await start(body)

    assert isinstance(result.error, UnexpectedError)
    assert isinstance(result.cause, (ValueError, ExceptionGroup))


# --- of other runs


async def test_an_inner_run_lets_the_exit_of_the_outer_pass(start: Any) -> None:
    """It is not the inner run's failure, so it is not the inner run's result."""
    reached: list[str] = []

    async def body(step: Step[Any]) -> None:
        async def inner(own: Step[Any]) -> None:
            await step(fail, Declined("outer"))

        reached.append(str(await run(inner)))

    assert await start(body) == Err(Declined("outer"))
    assert reached == []


async def test_an_inner_run_lets_it_pass_out_of_a_group(
    start: Any, autojump_clock: MockClock
) -> None:
    """Even beside an exit of its own."""
    reached: list[str] = []

    async def body(step: Step[Any]) -> None:
        async def inner(own: Step[Any]) -> None:
            async def late() -> None:
                try:
                    await trio.sleep_forever()
                finally:
                    step.fail("outer")

            async with trio.open_nursery() as nursery:
                nursery.start_soon(late)
                nursery.start_soon(own, fail, "inner", 1)

        reached.append(str(await run(inner)))

    assert await start(body) == Err("outer")
    assert reached == []


async def test_three_runs_each_take_their_own(start: Any) -> None:
    """The exit of the middle one ends the middle one."""

    async def body(step: Step[Any]) -> str:
        async def middle(own: Step[Any]) -> str:
            async def inner(_: Step[Any]) -> None:
                await own(fail, "middle")

            return f"inner gave {await run(inner)}"

        return f"middle gave {await run(middle)}"

    assert await start(body) == Ok("middle gave Err(error='middle', cause=None)")


async def test_a_defect_beside_a_foreign_exit_is_the_outer_runs(
    start: Any, autojump_clock: MockClock
) -> None:
    """Both leave the inner run; at the outer one the defect counts."""
    bug = ValueError("a bug")

    async def body(step: Step[Any]) -> None:
        async def inner(own: Step[Any]) -> None:
            async def breaks() -> None:
                try:
                    await trio.sleep_forever()
                finally:
                    raise bug

            async with trio.open_nursery() as nursery:
                nursery.start_soon(breaks)
                nursery.start_soon(step, fail, "outer", 1)

        await run(inner)

    result = await start(body)

    assert isinstance(result.error, UnexpectedError)
    assert leaves([result.cause]) == [bug]


async def test_an_inner_run_that_is_left_is_closed(start: Any) -> None:
    """Its step takes no more work, and observers have seen its end."""
    kept: list[Step[Any]] = []

    async def body(step: Step[Any]) -> None:
        async def inner(own: Step[Any]) -> None:
            kept.append(own)
            step.fail("outer")

        await run(inner)

    await start(body)

    assert "closed" in repr(kept[0])


# --- beside what must leave


async def test_a_cancellation_beside_an_exit_leaves(start: Any, autojump_clock: MockClock) -> None:
    """The caller's scope sees it, and there is no result."""
    reached: list[object] = []

    async def body(step: Step[Any]) -> None:
        async def fails_in_clean_up() -> None:
            try:
                await trio.sleep_forever()
            finally:
                step.fail("clean-up")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(fails_in_clean_up)
            nursery.start_soon(trio.sleep_forever)

    with trio.move_on_after(1) as scope:
        reached.append(await start(body))

    assert scope.cancelled_caught
    assert reached == []


async def test_a_defect_beside_a_cancellation_leaves_with_it(
    start: Any, autojump_clock: MockClock
) -> None:
    """The scope takes the cancellation; the bug that is left reaches the caller."""
    bug = ValueError("clean-up")

    async def body(step: Step[Any]) -> None:
        async def breaks() -> None:
            try:
                await trio.sleep_forever()
            finally:
                raise bug

        async with trio.open_nursery() as nursery:
            nursery.start_soon(breaks)
            nursery.start_soon(trio.sleep_forever)

    with pytest.raises(ExceptionGroup) as raised, trio.move_on_after(1) as scope:
        await start(body)

    assert scope.cancelled_caught
    assert leaves([raised.value]) == [bug]


@pytest.mark.parametrize("leaving", [KeyboardInterrupt, SystemExit])
async def test_an_interrupt_beside_an_exit_leaves(
    start: Any, leaving: type[BaseException], autojump_clock: MockClock
) -> None:
    """In its group, with a note of what it beat."""

    async def body(step: Step[Any]) -> None:
        async def interrupted() -> None:
            try:
                await trio.sleep_forever()
            finally:
                raise leaving

        async with trio.open_nursery() as nursery:
            nursery.start_soon(interrupted)
            nursery.start_soon(step, fail, "planned", 1)

    with pytest.raises(BaseExceptionGroup) as raised:
        await start(body)

    assert [type(each) for each in leaves([raised.value])] == [leaving]
    assert raised.value.__notes__ == ["also failed: 'planned'"]


# --- what observers see


async def test_a_step_that_an_exit_passes_through_has_failed(autojump_clock: MockClock) -> None:
    """Every scope on the way ends with the failure, not with a cancellation."""
    recorder = Recorder()

    @workflow
    async def outer(step: Step[Any]) -> None:
        async def part() -> Any:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(step, fail, Declined(), 1)

        await step(part)

    await outer.options(observers=[recorder])()

    recorder.check_laws()
    assert [(o.status, o.error) for _, o in recorder.ended] == [("error", Declined())] * 3


async def test_a_step_in_which_a_defect_beats_an_exit_is_defective(
    autojump_clock: MockClock,
) -> None:
    """Its outcome is the one that counts for the run."""
    recorder = Recorder()

    @workflow
    async def outer(step: Step[Any]) -> None:
        async def part() -> Any:
            async def breaks() -> None:
                try:
                    await trio.sleep_forever()
                finally:
                    raise ValueError("a bug")

            async with trio.open_nursery() as nursery:
                nursery.start_soon(breaks)
                nursery.start_soon(step, fail, Declined(), 1)

        await step(part)

    await outer.options(observers=[recorder])()

    recorder.check_laws()
    assert recorder.outcome("outer/part").status == "defect"
    assert recorder.outcome("outer").status == "defect"


async def test_the_outcome_of_a_step_is_the_earliest_exit_in_it(
    autojump_clock: MockClock,
) -> None:
    """However the nursery has ordered its group."""
    for _ in range(20):
        recorder = Recorder()

        @workflow
        async def outer(step: Step[Any]) -> None:
            async def part() -> Any:
                async with trio.open_nursery() as nursery:
                    for name in "abcd":
                        nursery.start_soon(step, fail, name, 1)

            await step(part)

        result = await outer.options(observers=[recorder])()

        assert Err(recorder.outcome("outer/part").error) == result


async def test_a_later_exit_in_a_group_does_not_replace_an_earlier_one(
    autojump_clock: MockClock,
) -> None:
    """Neither for the run nor for the block in which both came."""
    recorder = Recorder()

    @workflow
    async def outer(step: Step[Any]) -> None:
        async def late() -> Any:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_then, step, "late")

        async with step.parallel("block") as group:
            group.start_soon(late)
            group.start_soon(fail, "early", after=1)

    result = await outer.options(observers=[recorder])()

    recorder.check_laws()
    assert result == Err("early")
    assert recorder.outcome("outer/block").error == "early"


async def _then(step: Step[Any], error: object) -> Any:
    try:
        await trio.sleep_forever()
    finally:
        step.fail(error)


class Unprintable:
    """An error that cannot be shown."""

    def __repr__(self) -> str:
        raise RuntimeError("no repr")


UNSHOWN = Unprintable()


async def _alone(step: Step[Any]) -> None:
    await step(fail, UNSHOWN)


async def _out_of_a_nursery(step: Step[Any]) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(step, fail, UNSHOWN)


async def _out_of_a_block(step: Step[Any]) -> None:
    async with step.parallel() as group:
        group.start_soon(fail, UNSHOWN)
        group.start_soon(forever)


async def _beside_another(step: Step[Any]) -> None:
    async with step.parallel() as group:
        group.start_soon(_then, step, UNSHOWN)
        group.start_soon(fail, UNSHOWN, after=1)


@pytest.mark.parametrize("body", [_alone, _out_of_a_nursery, _out_of_a_block, _beside_another])
async def test_an_error_that_cannot_be_shown_ends_a_run_like_any_other(
    start: Any, body: Any, autojump_clock: MockClock
) -> None:
    """Nothing that only talks about it may fail."""
    assert (await start(body)).error is UNSHOWN


async def test_the_reason_of_a_cancellation_tells_nothing_of_the_run(
    autojump_clock: MockClock,
) -> None:
    """A nursery shows what failed in it; context and fields of an error are nobody's business."""
    reasons: list[str | None] = []

    @workflow
    async def works(step: Step[Any]) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(step, fail, Declined(), 1)
            try:
                await trio.sleep_forever()
            except trio.Cancelled as cancelled:
                reasons.append(cancelled.reason)
                raise

    await works.options(context={"password": "secret"}, observers=[Recorder()])()

    assert reasons == ["child task raised exception Exit(dependencies.Declined)"]
