"""Options of a step: what is refused, and what its allowances do."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import trio
from dependencies import Declined, Scripted, Tally, fail, give
from recorder import Recorder

from awaitly_trio import Err, Ok, Step, TimedOut, UnexpectedError, run, workflow
from awaitly_trio._policies.delays import spaced
from awaitly_trio._values.events import StepTimedOut

if TYPE_CHECKING:
    from trio.testing import MockClock


async def with_options(dependency: Any, *args: Any, **options: Any) -> Ok[Any] | Err[Any]:
    """Run one step with options, as a run of its own."""

    async def body(step: Step[Any]) -> Any:
        return await step.options(**options)(dependency, *args)

    return await run(body)


# --- what is refused


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"timeuot": 1}, "unknown option 'timeuot'"),
        ({"name": 5}, "name must be a string, got 5"),
        ({"key": b"k"}, "key must be a string, got b'k'"),
        ({"retry": 3}, "retry is 3"),
        ({"fallback": "x"}, "fallback must be a function"),
        ({"policy": "x"}, "policy must be a policy"),
        ({"description": 5}, "description must be a string, got 5"),
        ({"tags": "urgent"}, "tags must be several strings, got the one string 'urgent'"),
        ({"tags": [5]}, "tags must be a string, got 5"),
        ({"tags": 5}, "tags must be several strings, got 5"),
        ({"timeout": True}, "timeout"),
        ({"timeout": object()}, "timeout"),
    ],
)
async def test_an_option_of_the_wrong_type_is_refused(options: dict[str, Any], said: str) -> None:
    """The value is shown."""
    result = await with_options(give, 1, **options)

    assert isinstance(result, Err)
    assert isinstance(result.cause, TypeError)
    assert said in str(result.cause)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"name": ""}, "name must not be empty"),
        ({"key": ""}, "key must not be empty"),
        ({"timeout": -1}, "-1"),
        ({"total_timeout": math.nan}, "nan"),
        ({"on_timeout": None}, "on_timeout=None does nothing without timeout="),
        ({"on_timeout": "e", "timeout": math.inf}, "does nothing without timeout="),
    ],
)
async def test_an_option_out_of_range_is_refused(options: dict[str, Any], said: str) -> None:
    """So is one that would do nothing."""
    result = await with_options(give, 1, **options)

    assert isinstance(result, Err)
    assert isinstance(result.cause, ValueError)
    assert said in str(result.cause)


@pytest.mark.parametrize("observers", [[], [Recorder()]], ids=["unwatched", "watched"])
@pytest.mark.parametrize(
    ("name", "said"), [(7, "name must be a string, got 7"), ("", "name must not be empty")]
)
@pytest.mark.parametrize("kind", ["parallel", "sleep", "branch"])
async def test_a_scope_has_a_proper_name(
    kind: str, name: Any, said: str, observers: list[Recorder]
) -> None:
    """Whether or not somebody watches."""

    async def body(step: Step[Any]) -> None:
        if kind == "parallel":
            step.parallel(name)
        elif kind == "sleep":
            await step.sleep(1, name)
        else:
            await step.branch(name, "a", {"a": give})

    result = await workflow(body).options(observers=observers)()

    assert isinstance(result, Err)
    assert said in str(result.cause)


@pytest.mark.parametrize("key", ["a", " ", "a/b#2", "日本", "step:1\n"])
async def test_any_text_is_a_legal_key(key: str) -> None:
    """Nothing but the empty text is special."""
    assert await with_options(give, 1, key=key) == Ok(1)


@pytest.mark.parametrize("method", ["settle", "sleep"])
@pytest.mark.parametrize("option", [{"retry": spaced(1)}, {"fallback": Ok}])
async def test_what_never_fails_has_nothing_to_retry(
    method: str, option: dict[str, Any], autojump_clock: MockClock
) -> None:
    """Unless it may time out."""

    async def body(step: Step[Any]) -> None:
        configured = step.options(**option)
        await (configured.settle() if method == "settle" else configured.sleep(1))

    async def limited(step: Step[Any]) -> Any:
        configured = step.options(**option, timeout=2)
        await (configured.settle() if method == "settle" else configured.sleep(1))

    refused = await run(body)

    assert isinstance(refused, Err)
    assert f"step.{method} never fails" in str(refused.cause)
    assert await run(limited) == Ok(None)


async def test_options_add_up() -> None:
    """A copy keeps what it was copied from; a later value replaces an earlier one."""
    recorder = Recorder()

    @workflow
    async def calls(step: Step[Any]) -> None:
        named = step.options(name="first", description="why", tags=["a", "b"])
        await named.options(name="second")(give, 1)
        await step(give, 2)

    await calls.options(observers=[recorder])()

    second, plain = recorder.started[1:]
    assert (second.name, second.description, second.tags) == ("second", "why", ("a", "b"))
    assert (plain.name, plain.description, plain.tags) == ("give", None, ())


async def test_an_option_can_be_taken_back(autojump_clock: MockClock) -> None:
    """``None`` stands for what it was before anything was set."""

    async def body(step: Step[Any]) -> Any:
        careful = step.options(timeout=3, retry=spaced(1), fallback=lambda error: Ok("instead"))
        return await careful.options(timeout=None, retry=None, fallback=None)(fail, "e", 5)

    assert await run(body) == Err("e")
    assert trio.current_time() == 5


# --- one attempt


async def test_a_step_within_its_allowance_gives_its_value(autojump_clock: MockClock) -> None:
    """The allowance changes nothing then."""
    assert await with_options(give, 1, 2, timeout=3) == Ok(1)


async def test_a_step_beyond_its_allowance_is_timed_out(autojump_clock: MockClock) -> None:
    """It ends with a typed error that says what timed out and after how long."""
    result = await with_options(give, 1, 5, timeout=3)

    assert result == Err(TimedOut("give", 3.0))
    assert trio.current_time() == 3


@pytest.mark.parametrize("allowance", [90, 90.0, timedelta(seconds=90), "1m30s", "90s"])
async def test_an_allowance_takes_any_form_of_duration(
    allowance: Any, autojump_clock: MockClock
) -> None:
    """The error tells it in seconds."""
    result = await with_options(trio.sleep_forever, timeout=allowance)

    assert result == Err(TimedOut("sleep_forever", 90.0))


async def test_the_timed_out_work_has_ended(autojump_clock: MockClock) -> None:
    """It was cancelled, its clean-up has run, and nothing of it goes on."""
    tally = Tally()

    result = await with_options(tally.counting(give), 1, 5, timeout=3)

    assert result == Err(TimedOut("give", 3.0))
    assert (tally.running, tally.counts) == (0, {"cancelled": 1})


async def test_the_clean_up_of_timed_out_work_is_waited_for(autojump_clock: MockClock) -> None:
    """The step takes as long as its dependency needs to end."""

    async def slow_to_end() -> Any:
        try:
            await trio.sleep_forever()
        finally:
            with trio.move_on_after(2, shield=True):
                await trio.sleep(1)

    await with_options(slow_to_end, timeout=3)

    assert trio.current_time() == 4


async def test_a_dependency_that_beats_its_cancellation_has_succeeded(
    autojump_clock: MockClock,
) -> None:
    """One that swallows the cancellation and returns a value has a value."""

    async def stubborn() -> Any:
        try:
            await trio.sleep_forever()
        except trio.Cancelled:
            return Ok("saved")

    assert await with_options(stubborn, timeout=3) == Ok("saved")


async def test_a_dependency_that_raises_in_its_clean_up_has_failed(
    autojump_clock: MockClock,
) -> None:
    """That exception is the outcome, not the timeout."""
    bug = ValueError("clean-up")

    async def broken() -> Any:
        try:
            await trio.sleep_forever()
        finally:
            raise bug

    assert await with_options(broken, timeout=3) == Err(UnexpectedError(bug), bug)


async def test_no_allowance_at_all_needs_a_checkpoint_to_count(autojump_clock: MockClock) -> None:
    """A dependency that never waits cannot be cut off."""

    async def immediate() -> Any:
        return Ok("now")

    assert await with_options(immediate, timeout=0) == Ok("now")
    assert await with_options(give, 1, timeout=0) == Err(TimedOut("give", 0.0))


async def test_work_that_ends_at_its_deadline_is_late(autojump_clock: MockClock) -> None:
    """The allowance is the time below which the work has to end."""
    assert await with_options(give, 1, 3, timeout=3) == Err(TimedOut("give", 3.0))


async def test_an_infinite_allowance_is_none(autojump_clock: MockClock) -> None:
    """It may be computed, so it is accepted."""
    assert await with_options(give, 1, 1000, timeout=math.inf) == Ok(1)


# --- what is told on expiry


async def test_an_own_error_may_stand_for_the_timeout(autojump_clock: MockClock) -> None:
    """The record of the timeout becomes its cause."""
    result = await with_options(give, 1, 5, timeout=3, on_timeout=Declined("slow"))

    assert result == Err(Declined("slow"), TimedOut("give", 3.0))


async def test_none_may_stand_for_the_timeout(autojump_clock: MockClock) -> None:
    """Then there is no error and the run goes on."""

    async def body(step: Step[Any]) -> tuple[Any, Any]:
        patient = step.options(timeout=3, on_timeout=None)
        return await patient(give, 1, 5), await patient(give, 2, 1)

    assert await run(body) == Ok((None, 2))


async def test_a_timeout_that_is_no_error_is_not_retried(autojump_clock: MockClock) -> None:
    """The value ``None`` is a success."""
    slow = Scripted(Ok(1), after=5)

    result = await with_options(slow, timeout=3, on_timeout=None, retry=spaced(1, attempts=3))

    assert result == Ok(None)
    assert len(slow.calls) == 1


@pytest.mark.parametrize("on_timeout", ["slow", None])
async def test_a_timeout_is_told_whatever_stands_for_it(
    on_timeout: Any, autojump_clock: MockClock
) -> None:
    """The event depends on what happened, not on how it is reported."""
    recorder = Recorder()

    @workflow
    async def waits(step: Step[Any]) -> Any:
        return await step.options(timeout=3, on_timeout=on_timeout)(give, 1, 5)

    await waits.options(observers=[recorder])()

    told = recorder.of(StepTimedOut)
    assert [(each.path, each.seconds, each.attempt, each.total) for each in told] == [
        ("waits/give", 3.0, 1, False)
    ]


@pytest.mark.parametrize(("on_timeout", "status"), [("slow", "error"), (None, "ok")])
@pytest.mark.parametrize("kind", ["step", "block"])
async def test_an_outcome_says_that_time_ran_out_whatever_stands_for_it(
    kind: str, on_timeout: Any, status: str, autojump_clock: MockClock
) -> None:
    """It is what is reported, and why."""
    recorder = Recorder()

    @workflow
    async def waits(step: Step[Any]) -> None:
        patient = step.options(timeout=3, on_timeout=on_timeout, name="late")
        if kind == "step":
            await patient(give, 1, 5)
        else:
            async with patient.parallel() as group:
                group.start_soon(give, 1, 5)

    await waits.options(observers=[recorder])()

    outcome = recorder.outcome("waits/late")
    assert (outcome.status, outcome.why) == (status, "deadline")


async def test_a_step_that_fails_in_time_is_not_timed_out(autojump_clock: MockClock) -> None:
    """Its own error is the outcome."""
    assert await with_options(fail, "e", 1, timeout=3) == Err("e")


async def test_a_custom_error_is_not_touched(autojump_clock: MockClock) -> None:
    """Any value may be one, frozen, text or exception, and two runs share it unharmed."""
    error = ValueError("mine")

    first = await with_options(give, 1, 5, timeout=3, on_timeout=error)
    second = await with_options(give, 1, 5, timeout=4, on_timeout=error)

    assert [first.error, second.error] == [error, error]  # type: ignore[union-attr]
    assert [first.cause, second.cause] == [  # type: ignore[union-attr]
        TimedOut("give", 3.0),
        TimedOut("give", 4.0),
    ]


async def test_a_timed_out_error_of_a_dependency_is_its_own(autojump_clock: MockClock) -> None:
    """A dependency may report a timeout of its own; no event is made up for it."""
    recorder = Recorder()

    @workflow
    async def calls(step: Step[Any]) -> Any:
        return await step.options(timeout=3)(fail, TimedOut("remote", 9.0))

    result = await calls.options(observers=[recorder])()

    assert result == Err(TimedOut("remote", 9.0))
    assert recorder.of(StepTimedOut) == []


async def test_a_trio_timeout_of_a_dependency_is_a_defect(autojump_clock: MockClock) -> None:
    """``trio.fail_after`` inside a dependency raises its own exception."""

    async def inner() -> Any:
        with trio.fail_after(1):
            await trio.sleep_forever()

    result = await with_options(inner, timeout=3)

    assert isinstance(result, Err)
    assert isinstance(result.cause, trio.TooSlowError)


# --- all attempts


async def test_each_attempt_has_its_own_allowance(autojump_clock: MockClock) -> None:
    """Two attempts time out, the third is fast."""
    dependency = Scripted(Ok("late"), Ok("late"), Ok("in time"))

    async def slow_then_fast() -> Any:
        answer = await dependency()
        await trio.sleep(5 if answer == Ok("late") else 1)
        return answer

    result = await with_options(slow_then_fast, timeout=3, retry=spaced(1, attempts=3))

    assert result == Ok("in time")
    assert trio.current_time() == 3 + 1 + 3 + 1 + 1


async def test_all_attempts_together_may_be_limited(autojump_clock: MockClock) -> None:
    """The error says that it was the total."""
    recorder = Recorder()

    @workflow
    async def tries(step: Step[Any]) -> Any:
        options = {"timeout": 3, "total_timeout": 5, "retry": spaced(1, attempts=9)}
        return await step.options(**options)(give, 1, 100)  # type: ignore[call-overload]

    result = await tries.options(observers=[recorder])()

    assert result == Err(TimedOut("give", 5.0, total=True))
    assert [(e.seconds, e.total) for e in recorder.of(StepTimedOut)] == [(3.0, False), (5.0, True)]
    assert trio.current_time() == 5


async def test_the_total_includes_the_waits(autojump_clock: MockClock) -> None:
    """No retry is waited for that could not start in time: the last error comes at once."""
    dependency = Scripted(Err("busy"))

    result = await with_options(dependency, total_timeout=5, retry=spaced(2, attempts=9))

    assert result == Err("busy")
    assert dependency.times == [0, 2, 4]


async def test_the_shorter_allowance_counts(autojump_clock: MockClock) -> None:
    """An attempt that outlasts the total is cut off by the total."""
    result = await with_options(give, 1, 100, timeout=7, total_timeout=5)

    assert result == Err(TimedOut("give", 5.0, total=True))


async def test_an_ambient_deadline_is_not_a_timeout_of_the_step(
    autojump_clock: MockClock,
) -> None:
    """The caller's own limit cancels the run; there is no result to mistake."""
    reached: list[object] = []

    with trio.move_on_after(2) as scope:
        reached.append(await with_options(give, 1, 100, timeout=5))

    assert scope.cancelled_caught
    assert reached == []


async def test_the_step_times_out_inside_a_longer_ambient_deadline(
    autojump_clock: MockClock,
) -> None:
    """Then only the step is cut off."""
    with trio.move_on_after(9) as scope:
        result = await with_options(give, 1, 100, timeout=5)

    assert result == Err(TimedOut("give", 5.0))
    assert not scope.cancelled_caught


# --- fallback


async def test_a_fallback_gives_another_value() -> None:
    """It is asked with the error when all attempts have failed."""
    asked: list[object] = []

    async def fallback(error: object) -> Any:
        asked.append(error)
        return Ok("instead")

    result = await with_options(
        Scripted(Err("busy")), retry=spaced(0, attempts=2), fallback=fallback
    )

    assert result == Ok("instead")
    assert asked == ["busy"]


async def test_a_fallback_may_be_sync() -> None:
    """A default needs no await."""
    assert await with_options(fail, "e", fallback=lambda error: Ok(error.upper())) == Ok("E")


async def test_a_fallback_is_not_asked_after_a_success() -> None:
    """It costs nothing then."""
    assert await with_options(give, 1, fallback=lambda error: Ok("instead")) == Ok(1)


async def test_a_fallback_is_asked_after_a_timeout(autojump_clock: MockClock) -> None:
    """A timeout is a planned error."""
    result = await with_options(give, 1, 5, timeout=3, fallback=lambda error: Ok(error.seconds))

    assert result == Ok(3.0)


async def test_a_fallback_is_not_asked_about_a_defect() -> None:
    """A bug must show."""
    bug = ValueError("a bug")

    result = await with_options(Scripted(bug), fallback=lambda error: Ok("hidden"))

    assert result == Err(UnexpectedError(bug), bug)


async def test_a_fallback_may_fail_too() -> None:
    """Its error is the outcome."""
    assert await with_options(fail, "e", fallback=lambda error: Err("both")) == Err("both")


async def test_a_fallback_that_raises_is_a_defect() -> None:
    """Nothing hides a bug in it."""
    bug = ValueError("a bug")

    def fallback(error: object) -> Any:
        raise bug

    result = await with_options(fail, "e", fallback=fallback)

    assert result == Err(UnexpectedError(bug), bug)


async def test_a_fallback_must_return_a_result() -> None:
    """A bare value is refused, as of any dependency."""
    result = await with_options(fail, "e", fallback=lambda error: "bare")

    assert isinstance(result, Err)
    assert "expected Ok or Err, got 'bare'" in str(result.cause)
