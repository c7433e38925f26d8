"""What could not be undone is named: in the result, to the hook, to observers, in the log."""

from __future__ import annotations

import copy
import logging
import pickle
import sys
from typing import TYPE_CHECKING, Any

import pytest
import trio
from effects import Refused, World, hang, refuse

from awaitly_trio import Err, Ok, Step, TimedOut, UnexpectedError, run, spaced, workflow
from awaitly_trio._values.events import LeftBehind, Undone
from awaitly_trio.saga import (
    CompensationError,
    CompensationFailed,
    SagaOptions,
    Uncompensated,
    saga,
)

if TYPE_CHECKING:
    from recorder import Recorder
    from trio.testing import MockClock

    from awaitly_trio import Result

if sys.version_info < (3, 11):
    from exceptiongroup import ExceptionGroup

BROKEN = ValueError("the desk is closed")


def broken(_value: object) -> None:
    """Fail to undo anything."""
    raise BROKEN


async def half_broken(step: Step[Refused], world: World, middle: Any = broken) -> None:
    """Leave three effects of which the second cannot be undone, and fail."""
    await step.compensated(world.do, world.undo, "a")
    await step.options(name="second").compensated(world.do, middle, "b")
    await step.compensated(world.do, world.undo, "c")
    await step(refuse, "no seats")


def left_of(result: Result[Any, Any]) -> tuple[Uncompensated, ...]:
    """Return what a saga names as left."""
    assert isinstance(result, Err)
    assert isinstance(result.error, CompensationFailed)
    return result.error.left


# --- in the result


@pytest.mark.usefixtures("watched")
async def test_a_saga_says_what_it_could_not_undo(world: World) -> None:
    """The error holds why the saga failed, what is left, and what was undone."""
    result = await saga(half_broken)(world)

    assert isinstance(result, Err)
    failure = result.error
    assert isinstance(failure, CompensationFailed)
    assert failure.error == Refused("no seats")
    assert [(left.step, left.why, left.error) for left in failure.left] == [
        ("second", "failed", BROKEN)
    ]
    assert failure.left[0].value == "b"
    assert "raise BROKEN\n" in failure.left[0].traceback
    assert failure.undone == ("do", "do")
    assert failure.failed == failure.left
    assert failure.unfinished == ()
    assert world.effects == ["b"]


@pytest.mark.usefixtures("watched")
async def test_the_others_are_tried_when_one_fails(world: World) -> None:
    """One failed compensation stops no other."""
    await saga(half_broken)(world)

    assert world.undone == ["c", "a"]


@pytest.mark.usefixtures("watched")
async def test_a_plain_workflow_keeps_its_error_and_tells_in_the_cause(world: World) -> None:
    """Its declared errors have no ``CompensationFailed``, so its result has none either."""
    result = await run(half_broken, world)

    assert isinstance(result, Err)
    assert result.error == Refused("no seats")
    assert isinstance(result.cause, CompensationFailed)
    assert [left.step for left in result.cause.left] == ["second"]
    assert result.cause.error == Refused("no seats")


async def test_the_cause_of_the_error_is_kept(world: World) -> None:
    """What the failing step had to say about its error is still there."""
    why = OSError("line is dead")

    async def dead() -> Result[None, Refused]:
        await trio.lowlevel.checkpoint()
        return Err(Refused(), why)

    async def body(step: Step[Refused]) -> None:
        await step.compensated(world.do, broken, "a")
        await step(dead)

    typed = await saga.run(body)
    world.effects.clear()
    plain = await run(body)

    assert isinstance(typed, Err)
    assert isinstance(plain, Err)
    assert typed.cause is why
    assert typed.error.cause is why  # type: ignore[union-attr]
    assert plain.cause.cause is why


async def test_a_defect_stays_one(world: World) -> None:
    """The original error of a saga that broke is its ``UnexpectedError``."""
    bug = KeyError("typo")

    async def body(step: Step[Refused]) -> None:
        await step.compensated(world.do, broken, "a")
        raise bug

    typed = await saga.run(body)
    world.effects.clear()
    plain = await run(body)

    assert isinstance(typed, Err)
    assert isinstance(typed.error, CompensationFailed)
    assert typed.error.error == UnexpectedError(bug)
    assert isinstance(plain, Err)
    assert plain.error == UnexpectedError(bug)
    assert plain.cause.cause is bug


@pytest.mark.usefixtures("watched")
async def test_an_err_of_a_compensation_is_a_failure(world: World) -> None:
    """Its error and its cause are in the report."""
    why = OSError("line is dead")

    async def cannot(_name: str) -> Result[None, Refused]:
        await trio.lowlevel.checkpoint()
        return Err(Refused("too late"), why)

    left = left_of(await saga(half_broken)(world, cannot))

    assert [(each.step, each.why, each.error) for each in left] == [
        ("second", "failed", Refused("too late"))
    ]
    assert "line is dead" in left[0].traceback


@pytest.mark.usefixtures("watched")
async def test_a_failing_step_inside_a_compensation_is_its_failure(world: World) -> None:
    """It ends neither the run once more nor the undoing."""

    async def body(step: Step[Refused]) -> None:
        async def cancel(_name: str) -> None:
            await step(refuse, "too late")

        await step.compensated(world.do, world.undo, "a")
        await step.compensated(world.do, cancel, "b")
        await step(refuse, "no seats")

    result = await saga.run(body)

    assert isinstance(result, Err)
    assert result.error.error == Refused("no seats")  # type: ignore[union-attr]
    assert [each.error for each in left_of(result)] == [Refused("too late")]
    assert world.effects == ["b"]


@pytest.mark.usefixtures("watched")
async def test_a_group_that_a_compensation_raises_is_its_failure(world: World) -> None:
    """What leaves a nursery of a compensation is reported whole."""

    async def cannot(_name: str) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(hang)
            raise BROKEN

    left = left_of(await saga(half_broken)(world, cannot))

    assert isinstance(left[0].error, ExceptionGroup)
    assert left[0].error.exceptions == (BROKEN,)


async def test_the_traceback_begins_with_the_compensation(world: World) -> None:
    """Why the saga failed is not told again in the report of each compensation."""

    async def body(step: Step[Refused]) -> None:
        await step.compensated(world.do, broken, "a")
        raise KeyError("typo")

    left = left_of(await saga.run(body))

    assert "typo" not in left[0].traceback
    assert "the desk is closed" in left[0].traceback


async def test_the_report_reads_as_a_sentence(world: World) -> None:
    """It names the original error and each effect that is left."""
    result = await saga(half_broken)(world)

    assert isinstance(result, Err)
    assert str(result.error) == (
        "after Refused(what='no seats') could not undo "
        "second (failed: ValueError('the desk is closed'))"
    )


def test_reports_can_be_copied_and_pickled() -> None:
    """They cross process borders."""
    left = Uncompensated("book", "timed_out", TimedOut("book", 5.0), {"id": 1}, "where", "key")
    failure: CompensationFailed[Any] = CompensationFailed(Refused(), (left,), ("a",))
    error = CompensationError(failure)

    assert copy.deepcopy(failure) == failure
    assert pickle.loads(pickle.dumps(failure)) == failure  # our own bytes
    assert pickle.loads(pickle.dumps(error)).failure == failure  # likewise
    assert str(error) == f"{failure}: repair by hand what is left, then run it again"


# --- raised


@pytest.mark.usefixtures("watched")
async def test_a_saga_raises_on_request(world: World) -> None:
    """With ``raises=True`` the failure is an exception at the call."""
    booking = saga.options(raises=True)(half_broken)

    with pytest.raises(CompensationError, match="could not undo second") as caught:
        await booking(world)

    assert caught.value.failure.error == Refused("no seats")
    assert world.effects == ["b"]


@pytest.mark.usefixtures("watched")
async def test_a_saga_that_could_be_undone_raises_nothing(world: World) -> None:
    """Then the error is a value, as always."""
    booking = saga.options(raises=True)(half_broken)

    result = await booking(world, world.undo)

    assert result == Err(Refused("no seats"))


# --- the hook


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.usefixtures("watched")
async def test_the_hook_is_told(is_async: bool, world: World) -> None:
    """It gets the same report as the caller, sync or async."""
    told: list[CompensationFailed[Any]] = []

    async def tell(failure: CompensationFailed[Any]) -> None:
        await trio.lowlevel.checkpoint()
        told.append(failure)

    hook = tell if is_async else told.append
    result = await saga.options(on_uncompensated=hook)(half_broken)(world)

    assert isinstance(result, Err)
    assert told == [result.error]


@pytest.mark.usefixtures("watched")
async def test_the_hook_is_told_of_a_cancelled_saga(
    autojump_clock: MockClock, world: World
) -> None:
    """Nobody gets a result then, so this is where the report goes."""
    told: list[CompensationFailed[Any]] = []

    async def body(step: Step[Refused]) -> None:
        await step.compensated(world.do, broken, "a")
        await trio.sleep_forever()

    async def tell(failure: CompensationFailed[Any]) -> None:
        await trio.sleep(1)
        told.append(failure)

    with trio.move_on_after(1):
        await saga.options(on_uncompensated=tell)(body)()

    assert [left.step for left in told[0].left] == ["do"]
    assert isinstance(told[0].error, trio.Cancelled)
    assert trio.current_time() == pytest.approx(2)


async def test_a_hook_that_raises_is_logged(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """It changes no outcome."""

    def bad_hook(_failure: object) -> None:
        raise KeyError("hook")

    result = await saga.options(on_uncompensated=bad_hook)(half_broken)(world)

    assert [left.step for left in left_of(result)] == ["second"]
    assert "on_uncompensated raised for saga 'half_broken'" in caplog.text


async def test_a_hook_that_hangs_is_cut_off(
    autojump_clock: MockClock, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """It gets the grace, no more."""
    booking = saga.options(on_uncompensated=hang, grace=3)(half_broken)

    result = await booking(world)

    assert [left.step for left in left_of(result)] == ["second"]
    assert trio.current_time() == pytest.approx(3)
    assert "on_uncompensated of saga 'half_broken' took too long" in caplog.text


async def test_what_is_left_is_logged(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """Also where nobody reads the result."""
    with caplog.at_level(logging.ERROR, "awaitly_trio"):
        await run(half_broken, world)

    assert "saga 'half_broken': after Refused(what='no seats') could not undo second" in caplog.text


async def test_what_leaves_carries_a_note(world: World) -> None:
    """A traceback of an interrupt shows what it left behind."""

    async def body(step: Step[Refused]) -> None:
        await step.compensated(world.do, broken, "a")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        await run(body)

    notes: list[str] = caught.value.__notes__  # type: ignore[attr-defined,unused-ignore]
    assert notes == ["not undone: do (failed): ValueError('the desk is closed')"]


async def test_observers_are_told(world: World, watched: Recorder | None) -> None:
    """One event names each effect that is left, one sums up."""
    await run(half_broken, world)

    if watched is not None:
        left = [(event.step, event.why, event.error) for event in watched.of(LeftBehind)]
        assert left == [("second", "failed", BROKEN)]
        summary = [(event.undone, event.left) for event in watched.of(Undone)]
        assert summary == [(("do", "do"), ("second",))]


# --- allowances


@pytest.mark.usefixtures("watched")
async def test_a_stuck_compensation_is_cut_off(autojump_clock: MockClock, world: World) -> None:
    """After its allowance a compensation is reported, not waited for; the others run."""
    booking = saga.options(timeout=4)(half_broken)

    left = left_of(await booking(world, hang))

    assert [(each.step, each.why, each.error) for each in left] == [
        ("second", "timed_out", TimedOut("second", 4.0))
    ]
    assert "sleep_forever" in left[0].traceback
    assert world.undone == ["c", "a"]
    assert trio.current_time() == pytest.approx(4)


@pytest.mark.usefixtures("watched")
async def test_every_compensation_has_the_whole_allowance(
    autojump_clock: MockClock, world: World
) -> None:
    """What one took is not taken from the next."""

    async def body(step: Step[Refused]) -> None:
        for name in "abcd":
            await step.compensated(world.do, world.undoing_after(3), name)
        step.fail(Refused())

    result = await saga.options(timeout=4, total_timeout=60)(body)()

    assert result == Err(Refused())
    assert world.undone == ["d", "c", "b", "a"]
    assert trio.current_time() == pytest.approx(12)


@pytest.mark.usefixtures("watched")
async def test_all_compensations_share_an_allowance(
    autojump_clock: MockClock, world: World
) -> None:
    """Undoing ends in bounded time; what was not begun is reported as such."""

    async def body(step: Step[Refused]) -> None:
        for name in "abcd":
            await step.options(name=name).compensated(world.do, world.undoing_after(4), name)
        step.fail(Refused())

    left = left_of(await saga.options(timeout=5, total_timeout=10)(body)())

    assert [(each.step, each.why) for each in left] == [
        ("b", "timed_out"),
        ("a", "not_started"),
    ]
    assert trio.current_time() == pytest.approx(10)


@pytest.mark.usefixtures("watched")
async def test_a_compensation_that_ignores_its_limit_has_succeeded(
    autojump_clock: MockClock, world: World
) -> None:
    """One that swallows the cancellation and returns is undone; the next is not cancelled by it."""

    async def stubborn(name: str) -> None:
        with trio.CancelScope(shield=True):
            await trio.sleep(6)
        world.remove(name)

    result = await saga.options(timeout=4)(half_broken)(world, stubborn)

    assert result == Err(Refused("no seats"))
    assert world.undone == ["c", "b", "a"]


@pytest.mark.usefixtures("watched")
async def test_a_compensation_that_breaks_when_it_is_cut_off_has_failed(
    autojump_clock: MockClock, world: World
) -> None:
    """What its clean-up raised is in the report, and the others run."""

    async def cannot(_name: str) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(hang)
            try:
                await trio.sleep_forever()
            finally:
                raise BROKEN

    left = left_of(await saga(half_broken)(world, cannot))

    assert [each.step for each in left] == ["second"]
    assert left[0].why == "failed"
    assert world.undone == ["c", "a"]


@pytest.mark.parametrize("allowance", ["timeout", "total_timeout", "grace"])
def test_an_endless_allowance_is_refused(allowance: str) -> None:
    """A shield must end."""
    with pytest.raises(ValueError, match=f"{allowance} is endless"):
        SagaOptions(**{allowance: "inf"})


# --- interrupts


@pytest.mark.usefixtures("watched")
async def test_an_interrupted_saga_gets_the_grace(autojump_clock: MockClock, world: World) -> None:
    """After Ctrl-C the program ends soon, and what is left is named."""
    told: list[CompensationFailed[Any]] = []

    async def body(step: Step[Refused]) -> None:
        await step.options(name="first").compensated(world.do, hang, "a")
        await step.compensated(world.do, hang, "b")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await saga.options(grace=3, on_uncompensated=told.append)(body)()

    assert [(left.step, left.why) for left in told[0].left] == [
        ("do", "timed_out"),
        ("first", "not_started"),
    ]
    assert trio.current_time() == pytest.approx(3)


@pytest.mark.usefixtures("watched")
async def test_an_interrupt_while_undoing_ends_one_compensation(
    autojump_clock: MockClock, world: World
) -> None:
    """The rest gets the grace; then the interrupt leaves instead of the result."""

    async def interrupted(_name: str) -> None:
        await trio.lowlevel.checkpoint()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        await run(half_broken, world, interrupted)

    assert world.undone == ["c", "a"]
    notes: list[str] = caught.value.__notes__  # type: ignore[attr-defined,unused-ignore]
    assert notes == ["the saga had failed with: Refused(what='no seats')"]


@pytest.mark.usefixtures("watched")
async def test_a_second_interrupt_shortens_the_rest(
    autojump_clock: MockClock, world: World
) -> None:
    """From the interrupt on there is the grace, whatever the saga had left."""

    async def interrupted(_name: str) -> None:
        await trio.sleep(1)
        raise KeyboardInterrupt

    async def body(step: Step[Refused]) -> None:
        await step.compensated(world.do, hang, "a")
        await step.compensated(world.do, interrupted, "b")
        step.fail(Refused())

    with pytest.raises(KeyboardInterrupt):
        await saga.options(timeout=20, grace=2)(body)()

    assert trio.current_time() == pytest.approx(3)


async def test_a_task_that_is_thrown_away_reports_what_it_left(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Where nothing can be awaited any more, at least the log says so."""

    async def body(step: Step[Refused]) -> None:
        await step.compensated(do_at_once, world.undo, "a")
        await trio.sleep_forever()

    async def do_at_once(name: str) -> Result[str, Refused]:
        world.add(name)
        return Ok(name)

    @workflow
    async def thrown_away(step: Step[Refused]) -> None:
        await body(step)

    coroutine = thrown_away()
    coroutine.send(None)  # type: ignore[attr-defined]
    coroutine.close()  # type: ignore[attr-defined]

    assert "could not undo do_at_once (not_started)" in caplog.text


# --- retries, stopping


@pytest.mark.usefixtures("watched")
async def test_a_failed_compensation_is_tried_again(
    autojump_clock: MockClock, world: World
) -> None:
    """A schedule retries after exceptions as well as after errors."""
    tries = iter([ValueError("first"), Err(Refused()), None])

    async def unreliable(name: str) -> Any:
        await trio.lowlevel.checkpoint()
        tried = next(tries)
        if isinstance(tried, ValueError):
            raise tried
        if tried is None:
            world.remove(name)
        return tried

    result = await saga.options(retry=spaced(1))(half_broken)(world, unreliable)

    assert result == Err(Refused("no seats"))
    assert world.undone == ["c", "b", "a"]
    assert trio.current_time() == pytest.approx(2)


@pytest.mark.usefixtures("watched")
async def test_retries_share_the_allowance_of_the_compensation(
    autojump_clock: MockClock, world: World
) -> None:
    """A compensation that always fails ends with its allowance."""
    booking = saga.options(retry=spaced(2), timeout=5)(half_broken)

    left = left_of(await booking(world))

    assert [(each.step, each.why, each.error) for each in left] == [("second", "failed", BROKEN)]
    assert world.undone == ["c", "a"]
    assert trio.current_time() == pytest.approx(4)


@pytest.mark.usefixtures("watched")
async def test_undoing_stops_at_a_failure_on_request(world: World) -> None:
    """What comes after it is reported as not started."""
    booking = saga.options(on_failure="stop")(half_broken)

    left = left_of(await booking(world))

    assert [(each.step, each.why) for each in left] == [
        ("second", "failed"),
        ("do", "not_started"),
    ]
    assert world.undone == ["c"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"order": "random"}, "order must be one of 'newest_first', 'overlap', 'dependency'"),
        ({"on_failure": "panic"}, "on_failure must be one of 'go_on', 'stop', got 'panic'"),
        ({"on_uncompensated": 5}, "on_uncompensated must be a function, got 5"),
        ({"retry": 5}, "retry is 5"),
        ({"timeout": -1}, "timeout"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any], said: str) -> None:
    """The value is shown."""
    with pytest.raises((ValueError, TypeError), match=said):
        SagaOptions(**options)


@pytest.mark.usefixtures("watched")
async def test_a_workflow_takes_the_options_of_its_saga(
    autojump_clock: MockClock, world: World
) -> None:
    """``options(saga=...)`` configures one that is not declared as a saga, too."""
    plain = workflow(half_broken)

    result = await plain.options(saga=SagaOptions(timeout=2))(world, hang)

    assert isinstance(result, Err)
    assert result.error == Refused("no seats")
    assert trio.current_time() == pytest.approx(2)
