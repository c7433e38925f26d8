"""Retries of a step: what is tried again, when, and what is never tried again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
from dependencies import Declined, Scripted, fail
from recorder import Recorder

from awaitly_trio import Err, Ok, Step, TimedOut, UnexpectedError, run, workflow
from awaitly_trio._policies.delays import exponential, linear, spaced
from awaitly_trio._policies.retry import Retry
from awaitly_trio._tasks.sources import seeded
from awaitly_trio._values.errors import RateLimited
from awaitly_trio._values.events import RetriesExhausted, Retrying

if TYPE_CHECKING:
    from trio.testing import MockClock


@workflow
async def calls(step: Step[Any], dependency: Any, options: dict[str, Any]) -> Any:
    """Call one dependency with options."""
    return await step.options(**options)(dependency)


@pytest.fixture
def call(observers: list[Recorder]) -> Any:
    """Call one dependency with options, watched or not."""

    async def one(dependency: Any, **options: Any) -> Any:
        return await calls.options(observers=observers)(dependency, options)

    return one


async def test_a_success_is_not_repeated(call: Any, autojump_clock: MockClock) -> None:
    """The rule costs nothing when the first attempt succeeds."""
    dependency = Scripted(Ok(1))

    assert await call(dependency, retry=spaced(1, attempts=3)) == Ok(1)
    assert len(dependency.calls) == 1


async def test_a_planned_failure_is_tried_again(call: Any, autojump_clock: MockClock) -> None:
    """Until it succeeds."""
    dependency = Scripted(Err("busy"), Err("busy"), Ok(1))

    assert await call(dependency, retry=spaced(1, attempts=5)) == Ok(1)
    assert dependency.times == [0, 1, 2]


async def test_attempts_count_the_first_call(call: Any, autojump_clock: MockClock) -> None:
    """After the last one the step fails with the last error."""
    dependency = Scripted(Err(1), Err(2), Err(3), Err(4))

    assert await call(dependency, retry=spaced(1, attempts=3)) == Err(3)
    assert len(dependency.calls) == 3


@pytest.mark.parametrize(
    ("schedule", "times"),
    [
        (spaced(0.1, attempts=4), [0, 0.1, 0.2, 0.3]),
        (linear(0.1, attempts=4), [0, 0.1, 0.3, 0.6]),
        (exponential(0.1, attempts=4), [0, 0.1, 0.3, 0.7]),
        (exponential(0.1, cap=0.5, attempts=6), [0, 0.1, 0.3, 0.7, 1.2, 1.7]),
    ],
    ids=["spaced", "linear", "exponential", "capped"],
)
async def test_waits_follow_the_schedule(
    call: Any, schedule: Any, times: list[float], autojump_clock: MockClock
) -> None:
    """To the virtual millisecond, and nothing really sleeps."""
    dependency = Scripted(Err("busy"))

    await call(dependency, retry=schedule)

    assert dependency.times == pytest.approx(times)


async def test_jitter_comes_from_the_seed(call: Any, autojump_clock: MockClock) -> None:
    """One seed gives the same waits in every run."""
    waits: list[list[float]] = []

    for _ in range(2):
        dependency = Scripted(Err("busy"))
        started = trio.current_time()
        with seeded(7):
            await call(dependency, retry=exponential(1, jitter="full", attempts=4))
        waits.append([time - started for time in dependency.times])

    assert waits[0] == pytest.approx(waits[1])
    assert waits[0][1:] != pytest.approx([1, 3, 7])


async def test_a_predicate_chooses_what_is_retried(call: Any, autojump_clock: MockClock) -> None:
    """It is asked once for each failure, with the attempt that failed, from 1."""
    asked: list[tuple[object, int]] = []

    def busy(error: object, attempt: int) -> bool:
        asked.append((error, attempt))
        return error == "busy"

    dependency = Scripted(Err("busy"), Err("closed"), Ok(1))

    assert await call(dependency, retry=Retry(spaced(1, attempts=9), on=busy)) == Err("closed")
    assert asked == [("busy", 1), ("closed", 2)]


async def test_a_predicate_that_raises_is_a_defect(call: Any, autojump_clock: MockClock) -> None:
    """It is asked once, and the step is not repeated."""
    bug = KeyError("predicate")
    asked: list[object] = []

    def broken(error: object, attempt: int) -> bool:
        asked.append(error)
        raise bug

    dependency = Scripted(Err("busy"))

    result = await call(dependency, retry=Retry(spaced(1, attempts=9), on=broken))

    assert result == Err(UnexpectedError(bug), bug)
    assert (len(asked), len(dependency.calls)) == (1, 1)


async def test_a_listener_of_retries_is_told_before_each_wait(
    call: Any, autojump_clock: MockClock
) -> None:
    """With the error and the wait."""
    told: list[tuple[object, float]] = []
    rule = Retry(
        exponential(1, attempts=3), on_retry=lambda error, tick: told.append((error, tick.delay))
    )

    await call(Scripted(Err("a"), Err("b"), Err("c")), retry=rule)

    assert told == [("a", 1.0), ("b", 2.0)]


async def test_a_defect_is_not_retried(call: Any, autojump_clock: MockClock) -> None:
    """Repeating a bug hides it."""
    bug = ValueError("a bug")
    dependency = Scripted(bug)

    assert await call(dependency, retry=spaced(1, attempts=3)) == Err(UnexpectedError(bug), bug)
    assert len(dependency.calls) == 1


async def test_chosen_exceptions_are_retried(call: Any, autojump_clock: MockClock) -> None:
    """The attempts are those of planned failures."""
    dependency = Scripted(OSError("reset"), Err("busy"), Ok(1))

    result = await call(dependency, retry=Retry(spaced(1, attempts=3), exceptions=OSError))

    assert result == Ok(1)
    assert dependency.times == [0, 1, 2]


async def test_a_chosen_exception_stays_a_defect_in_the_end(
    call: Any, autojump_clock: MockClock
) -> None:
    """Retrying plans for its repetition, not for its handling."""
    last = OSError("third")
    dependency = Scripted(OSError("first"), OSError("second"), last)

    result = await call(dependency, retry=Retry(spaced(1, attempts=3), exceptions=OSError))

    assert result == Err(UnexpectedError(last), last)


async def test_the_defect_of_an_inner_workflow_is_not_retried(
    call: Any, autojump_clock: MockClock
) -> None:
    """It arrives as an error value, but it is a bug all the same."""
    runs: list[int] = []

    @workflow
    async def inner(step: Step[Any]) -> None:
        runs.append(1)
        raise ValueError("a bug")

    await call(inner, retry=spaced(1, attempts=3))

    assert len(runs) == 1


async def test_the_planned_error_of_an_inner_workflow_is_retried(
    call: Any, autojump_clock: MockClock
) -> None:
    """Each attempt is a run of its own."""
    dependency = Scripted(Err("busy"), Ok(1))

    @workflow
    async def inner(step: Step[Any]) -> Any:
        return await step(dependency)

    assert await call(inner, retry=spaced(1, attempts=3)) == Ok(1)


async def test_the_exit_of_a_step_inside_is_not_retried(autojump_clock: MockClock) -> None:
    """A step that fails inside a dependency ends the run, whatever is around it."""
    dependency = Scripted(Err("inner"))

    async def body(step: Step[Any]) -> Any:
        async def inner() -> Any:
            return Ok(await step(dependency))

        return await step.options(retry=spaced(1, attempts=5))(inner)

    assert await run(body) == Err("inner")
    assert len(dependency.calls) == 1


async def test_cancellation_is_not_retried(call: Any, autojump_clock: MockClock) -> None:
    """A caller's deadline ends the step and its retries."""
    dependency = Scripted(Ok(1), after=10)
    rule = Retry(spaced(1, attempts=9), exceptions=Exception)

    with trio.move_on_after(5) as scope:
        await call(dependency, retry=rule)

    assert scope.cancelled_caught
    assert len(dependency.calls) == 1


async def test_a_wait_can_be_cancelled(call: Any, autojump_clock: MockClock) -> None:
    """A cancelled caller does not wait for the next attempt."""
    dependency = Scripted(Err("busy"))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(call_with, call, dependency)
        await trio.sleep(5)
        nursery.cancel_scope.cancel(reason="test")

    assert trio.current_time() == 5
    assert len(dependency.calls) == 1


async def call_with(call: Any, dependency: Any) -> None:
    """Call a dependency whose retry waits for long."""
    await call(dependency, retry=spaced(100, attempts=9))


async def test_a_retry_never_sleeps_past_the_callers_deadline(
    call: Any, autojump_clock: MockClock
) -> None:
    """The error comes at once instead, while there is time to act on it."""
    dependency = Scripted(Err("busy"))

    with trio.move_on_after(5) as scope:
        result = await call(dependency, retry=spaced(2, attempts=9))

    assert result == Err("busy")
    assert dependency.times == [0, 2, 4]
    assert not scope.cancel_called


async def test_a_timeout_is_retried(call: Any, autojump_clock: MockClock) -> None:
    """A timeout is a planned failure of the attempt."""
    dependency = Scripted(Ok(1), after=10)

    result = await call(dependency, timeout=3, retry=spaced(1, attempts=2))

    assert result == Err(TimedOut("Scripted", 3.0))
    assert dependency.times == [0, 4]


async def test_a_predicate_may_choose_timeouts(call: Any, autojump_clock: MockClock) -> None:
    """It sees the error value; an own error for the timeout as well."""
    dependency = Scripted(Ok(1), after=10)
    rule = Retry(spaced(1, attempts=9), on=lambda error, _: error == "slow" and len(seen) < 2)
    seen = dependency.calls

    result = await call(dependency, timeout=3, on_timeout="slow", retry=rule)

    assert result == Err("slow", TimedOut("Scripted", 3.0))
    assert len(dependency.calls) == 2


async def test_a_hint_in_the_error_is_waited_for(call: Any, autojump_clock: MockClock) -> None:
    """A limiter knows best when it will admit the call."""
    dependency = Scripted(Err(RateLimited("api", 7)), Ok(1))

    assert await call(dependency, retry=spaced(1, attempts=3)) == Ok(1)
    assert dependency.times == [0, 7]


async def test_the_elapsed_time_counts_from_the_first_attempt(
    call: Any, autojump_clock: MockClock
) -> None:
    """The first attempt's own duration is part of what a schedule limits."""
    dependency = Scripted(Err("busy"), after=4)

    await call(dependency, retry=spaced(1).up_to_elapsed(7))

    assert dependency.times == [0, 5]


async def test_the_cause_of_the_last_failure_is_kept(call: Any, autojump_clock: MockClock) -> None:
    """Retrying loses nothing."""
    cause = OSError("reset")

    result = await call(Scripted(Err("busy", cause)), retry=spaced(1, attempts=2))

    assert result.cause is cause


# --- what observers are told


async def test_every_retry_is_told(autojump_clock: MockClock) -> None:
    """With the attempt that failed, its error and the wait; then that they are used up."""
    recorder = Recorder()

    await calls.options(observers=[recorder])(
        Scripted(Err("a"), Err("b"), Err("c")), {"retry": exponential(1, attempts=3), "name": "x"}
    )

    assert [(e.path, e.attempt, e.delay, e.error) for e in recorder.of(Retrying)] == [
        ("calls/x", 1, 1.0, "a"),
        ("calls/x", 2, 2.0, "b"),
    ]
    assert [(e.path, e.attempts, e.error) for e in recorder.of(RetriesExhausted)] == [
        ("calls/x", 3, "c")
    ]


async def test_every_attempt_is_a_scope(autojump_clock: MockClock) -> None:
    """So its duration and outcome show."""
    recorder = Recorder()

    await calls.options(observers=[recorder])(
        Scripted(Err("a"), Ok(1)), {"retry": spaced(1, attempts=3), "name": "x"}
    )

    recorder.check_laws()
    assert recorder.paths == ["calls", "calls/x", "calls/x/attempt", "calls/x/attempt#2"]
    assert [scope.attempt for scope in recorder.started] == [None, None, 1, 2]
    assert recorder.outcome("calls/x/attempt").error == "a"
    assert recorder.outcome("calls/x/attempt#2").value == 1


@pytest.mark.parametrize(
    ("script", "attempts"), [((Ok(1),), 3), ((Err("a"),), 1), ((Err("a"), Ok(1)), 3)]
)
async def test_nothing_is_exhausted_without_a_last_retry(
    script: tuple[Any, ...], attempts: int, autojump_clock: MockClock
) -> None:
    """A success, and a failure that was never to be repeated, exhaust nothing."""
    recorder = Recorder()

    await calls.options(observers=[recorder])(
        Scripted(*script), {"retry": spaced(1, attempts=attempts)}
    )

    assert recorder.of(RetriesExhausted) == []


async def test_a_refused_retry_exhausts_nothing(autojump_clock: MockClock) -> None:
    """A predicate that says no at once leaves a plain failure."""
    recorder = Recorder()
    rule = Retry(spaced(1, attempts=3), on=lambda error, attempt: False)

    await calls.options(observers=[recorder])(Scripted(Err("a")), {"retry": rule})

    assert recorder.of(RetriesExhausted) == []
    assert recorder.of(Retrying) == []


# --- blocks as a whole


async def test_all_branches_are_retried_together(autojump_clock: MockClock) -> None:
    """Options of a composite hold for the whole of it."""
    steady, shaky = Scripted(Ok("s")), Scripted(Err("busy"), Ok("t"))

    async def body(step: Step[Any]) -> Any:
        return await step.options(retry=spaced(1, attempts=3)).all(steady, shaky)

    assert await run(body) == Ok(("s", "t"))
    assert (len(steady.calls), len(shaky.calls)) == (2, 2)


async def test_a_predicate_sees_errors_of_the_dependencys_own_type(
    call: Any, autojump_clock: MockClock
) -> None:
    """Nothing is wrapped on the way to it."""
    seen: list[object] = []

    def never(error: object, attempt: int) -> bool:
        seen.append(error)
        return False

    rule = Retry(spaced(1, attempts=2), on=never)

    await call(lambda: fail(Declined("x")), retry=rule)

    assert seen == [Declined("x")]
