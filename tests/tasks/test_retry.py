"""Retries of plain async functions: what is tried again, when, and what comes out."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any

import pytest
import trio
from typing_extensions import assert_type

from awaitly_trio._policies.delays import exponential, forever, recurs, spaced
from awaitly_trio._policies.fixed_times import cron
from awaitly_trio._policies.retry import Retry
from awaitly_trio._tasks.budget import budget, is_budgeted
from awaitly_trio._tasks.repeat import repeat
from awaitly_trio._tasks.retry import attempts, retry
from awaitly_trio._values.errors import RateLimited, TimedOut, UnexpectedError
from awaitly_trio._values.result import Err, Ok, Result

if TYPE_CHECKING:
    from collections.abc import Callable

    from trio.testing import MockClock

if sys.version_info < (3, 11):
    from exceptiongroup import ExceptionGroup


class Service:
    """A service that answers by a script and notes when it was called."""

    def __init__(self, *answers: Any, takes: float = 0) -> None:
        self.answers = list(answers)
        self.takes = takes
        self.calls: list[float] = []

    async def fetch(self, key: str = "k", *, depth: int = 0) -> Result[str, Any]:
        self.calls.append(trio.current_time())
        await trio.sleep(self.takes)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, Err):
            return answer
        return Ok(f"{key}{depth}{answer}")


def fake(value: object) -> Any:
    """Hide a wrong type from the checker, which would refuse it before the test could."""
    return value


async def test_a_failure_is_tried_again_until_it_succeeds(autojump_clock: MockClock) -> None:
    """Errors are retried with the schedule's delays, arguments are passed on each time."""
    service = Service(Err("busy"), Err("busy"), "!")

    result = await retry(service.fetch, exponential(1, attempts=5))("x", depth=2)

    assert result == Ok("x2!")
    assert service.calls == [0, 1, 3]


async def test_the_last_failure_is_returned_unchanged(autojump_clock: MockClock) -> None:
    """When the schedule ends, the caller gets the very ``Err`` of the last attempt."""
    last = Err("third", ValueError("cause"))
    service = Service(Err("first"), Err("second"), last)

    result = await retry(service.fetch, spaced(1, attempts=3))()

    assert result is last


async def test_a_success_at_the_first_attempt_adds_no_checkpoint() -> None:
    """A call that succeeds is not made a cancellation point."""

    async def instant() -> Result[int, str]:
        return Ok(1)

    with trio.CancelScope() as scope:
        scope.cancel(reason="a test")
        result = await retry(instant, forever())()

    assert result == Ok(1)
    assert not scope.cancelled_caught


async def test_functions_without_results_work_too(autojump_clock: MockClock) -> None:
    """What a plain function returns comes out as it is, ``None`` included."""
    raised = [OSError("down"), OSError("down")]

    async def plain(n: int) -> int | None:
        if raised:
            raise raised.pop()
        return n or None

    assert await retry(plain, spaced(1, attempts=3), exceptions=OSError)(5) == 5
    assert await retry(plain, forever())(0) is None


async def test_the_last_exception_leaves_unchanged(autojump_clock: MockClock) -> None:
    """When the schedule ends, the exception of the last attempt is raised, not wrapped."""
    last = OSError("third")
    service = Service(OSError("first"), OSError("second"), last)

    with pytest.raises(OSError, match="third") as caught:
        await retry(service.fetch, recurs(2), exceptions=OSError)()

    assert caught.value is last
    assert len(service.calls) == 3


@pytest.mark.parametrize("exceptions", [(), OSError, (OSError, KeyError)])
async def test_a_defect_leaves_at_once(exceptions: Any) -> None:
    """An exception that was not named is a bug and is not repeated."""
    service = Service(ValueError("bug"))

    with pytest.raises(ValueError, match="bug"):
        await retry(service.fetch, forever(), exceptions=exceptions)()

    assert len(service.calls) == 1


async def test_an_unexpected_error_is_not_retried() -> None:
    """A sub-workflow's defect comes back as a value, and is still a defect."""
    service = Service(Err(UnexpectedError(ValueError("bug"))))

    await retry(service.fetch, forever())()

    assert len(service.calls) == 1


async def test_a_group_is_retried_when_every_leaf_is_named(autojump_clock: MockClock) -> None:
    """Nurseries and clients wrap exceptions in groups; what counts are the leaves."""
    inside = ExceptionGroup("outer", [ExceptionGroup("inner", [OSError("down")])])
    mixed = ExceptionGroup("outer", [OSError("down"), ValueError("bug")])
    service = Service(inside, mixed)

    with pytest.raises(ExceptionGroup) as caught:
        await retry(service.fetch, forever(), exceptions=OSError)()

    assert caught.value is mixed
    assert len(service.calls) == 2


async def test_an_error_may_say_when_to_come_back(autojump_clock: MockClock) -> None:
    """``retry_after`` prolongs the wait beyond the schedule's delay."""
    service = Service(Err(RateLimited("api", 7)), "!")

    await retry(service.fetch, spaced(1))()

    assert service.calls == [0, 7]


async def test_each_attempt_has_its_own_limit(autojump_clock: MockClock) -> None:
    """A slow attempt is cut off, counts as a failure, and the next has the full allowance."""
    service = Service("late", "late", takes=10)

    result = await retry(service.fetch, spaced(1, attempts=2), timeout=3)()

    assert result == Err(TimedOut("fetch", 3))
    assert service.calls == [0, 4]
    assert trio.current_time() == 7


async def test_all_attempts_together_have_a_limit(autojump_clock: MockClock) -> None:
    """The total limit cuts off whichever attempt is under way."""
    service = Service(*[Err("busy")] * 9, takes=2)

    result = await retry(service.fetch, spaced(1), total_timeout=7)()

    assert result == Err(TimedOut("fetch", 7, total=True))
    assert service.calls == [0, 3, 6]


async def test_no_wait_reaches_the_deadline(autojump_clock: MockClock) -> None:
    """With two seconds left, a delay of two gives up at once, and with the error at hand."""
    service = Service(Err("busy"), Err("busy"), Err("busy"))

    with trio.move_on_after(5) as scope:
        result = await retry(service.fetch, exponential(1, factor=3))()

    assert result == Err("busy")
    assert not scope.cancelled_caught
    assert service.calls == [0, 1, 4][: len(service.calls)]
    assert trio.current_time() == 4


async def test_an_inner_retry_knows_the_outer_limit(autojump_clock: MockClock) -> None:
    """A retry that would sleep past its own total limit returns the last error instead."""
    service = Service(Err("busy"), Err("busy"))

    result = await retry(service.fetch, spaced(4), total_timeout=6)()

    assert result == Err("busy")
    assert trio.current_time() == 4


async def test_elapsed_limits_count_the_calls(autojump_clock: MockClock) -> None:
    """A limit of the elapsed time includes the time that the attempts took."""
    service = Service(*[Err("busy")] * 9, takes=3)

    await retry(service.fetch, spaced(1).up_to_elapsed(10))()

    assert service.calls == [0, 4, 8]


async def test_cancellation_leaves_out_of_a_wait(autojump_clock: MockClock) -> None:
    """A retry that is cancelled while it waits makes no further attempt."""
    service = Service(Err("busy"), "!")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(retry(service.fetch, spaced(5)))
        await trio.sleep(1)
        nursery.cancel_scope.cancel(reason="a test")

    assert service.calls == [0]
    assert trio.current_time() == 1


@pytest.mark.parametrize("delay", [0, 5])
async def test_a_cancelled_retry_makes_no_further_attempt(delay: float) -> None:
    """Between attempts is a cancellation point, even if there is no wait."""
    calls: list[float] = []
    with trio.CancelScope() as scope:

        async def fail_and_cancel() -> Result[int, str]:
            calls.append(trio.current_time())
            scope.cancel(reason="a test")
            return Err("busy")

        await retry(fail_and_cancel, spaced(delay))()

    assert scope.cancelled_caught
    assert len(calls) == 1


async def test_cancellation_is_not_a_failure(autojump_clock: MockClock) -> None:
    """A cancelled attempt is not retried and asks no predicate."""
    asked: list[object] = []

    def on(error: object, attempt: int) -> bool:
        asked.append(error)
        return True

    service = Service("never", takes=100)
    rule = Retry(forever(), on=on, exceptions=Exception)

    with trio.move_on_after(1) as scope:
        await retry(service.fetch, rule)()

    assert scope.cancelled_caught
    assert asked == []
    assert len(service.calls) == 1


async def test_the_hook_hears_of_each_wait(autojump_clock: MockClock) -> None:
    """``on_retry`` gets the error and the tick, before the wait."""
    heard: list[tuple[Any, float, int, float]] = []

    def hear(error: Any, tick: Any) -> None:
        heard.append((error, tick.delay, tick.attempt, trio.current_time()))

    service = Service(Err("a"), Err("b"), "!")
    await retry(service.fetch, Retry(exponential(1), on_retry=hear))()

    assert heard == [("a", 1, 1, 0), ("b", 2, 2, 1)]


async def test_a_broken_hook_changes_nothing(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """What a hook raises is logged; the retries go on."""

    def broken(error: Any, tick: Any) -> None:
        raise ValueError("hook")

    service = Service(Err("a"), "!")
    with caplog.at_level(logging.ERROR, "awaitly_trio"):
        result = await retry(service.fetch, Retry(spaced(1), on_retry=broken))()

    assert result == Ok("k0!")
    assert "broken" in caplog.text


async def test_the_function_keeps_its_name_and_its_types() -> None:
    """The wrapped function looks like the original, and its result has the added error."""
    service = Service("!")
    wrapped = retry(service.fetch, forever(), timeout=5)

    result = await wrapped("a", depth=1)

    assert_type(result, "Ok[str] | Err[Any | TimedOut]")
    assert wrapped.__name__ == "fetch"


async def test_attempts_may_follow_the_wall_clock(autojump_clock: MockClock) -> None:
    """A retry at fixed times waits for the next of them; virtual time starts at midnight."""
    service = Service(Err("closed"), "!")

    await retry(service.fetch, cron("0 8 * * *"))()

    assert service.calls == [0, 8 * 3600]


async def test_attempts_tell_why_they_stopped(autojump_clock: MockClock) -> None:
    """The engine function reports each retry, and the reason of the end, to its caller."""
    service = Service(Err("a"), Err("b"))
    heard: list[Any] = []

    result = await attempts(
        lambda _: service.fetch(),
        Retry(recurs(1)),
        on_retry=lambda error, tick: heard.append((error, tick.attempt)),
        on_stop=lambda error, number, why: heard.append((error, number, why)),
    )

    assert result == Err("b")
    assert heard == [("a", 1), ("b", 2, "exhausted")]


async def test_attempts_take_up_a_first_failure(autojump_clock: MockClock) -> None:
    """A first attempt that was made elsewhere counts as the first."""
    service = Service("!")
    numbers: list[int] = []

    def again(number: int) -> Any:
        numbers.append(number)
        return service.fetch()

    result = await attempts(again, Retry(spaced(2)), first=Err("busy"))

    assert result == Ok("k0!")
    assert numbers == [2]
    assert service.calls == [2]


@pytest.mark.parametrize(
    ("build", "kind", "message"),
    [
        (lambda f: retry(f, fake(3)), TypeError, "retry is 3: write a schedule"),
        (
            lambda f: retry(f, Retry(recurs(1)), exceptions=OSError),
            TypeError,
            "beside a Retry: give them to the Retry",
        ),
        (
            lambda f: retry(f, recurs(1), exceptions=fake(BaseException)),
            TypeError,
            "is no subclass of Exception",
        ),
        (lambda f: retry(f, recurs(1), timeout=-1), ValueError, "timeout is -1"),
        (
            lambda f: retry(f, recurs(1), total_timeout="soon"),
            ValueError,
            "total_timeout is 'soon'",
        ),
    ],
)
def test_wrong_arguments_are_refused(
    build: Callable[[Any], object], kind: type[Exception], message: str
) -> None:
    """A retry that could not work is refused when it is made."""
    with pytest.raises(kind, match=message):
        build(Service().fetch)


async def guarded_work(log: list[str]) -> Result[str, Any]:
    """Retry, repeat and time out under a budget, with a checkpoint at every stage."""
    service = Service(Err("a"), Err("b"), "!", "!", takes=1)
    steady = repeat(retry(service.fetch, exponential(1), timeout=5), recurs(1))
    with budget(minimum=5):
        try:
            return await retry(steady, recurs(1), total_timeout=60)()
        finally:
            log.append("ended")


async def test_cancelled_at_every_instant_nothing_is_left(autojump_clock: MockClock) -> None:
    """Whenever a guarded call is cut off, cancellation leaves, and budgets and tasks are gone."""
    whole = trio.current_time()
    assert await guarded_work([]) == Ok("k0!")
    whole = trio.current_time() - whole

    for step in range(int(whole * 4)):
        log: list[str] = []
        async with trio.open_nursery() as nursery:
            nursery.start_soon(guarded_work, log)
            # No deadline, which the retry would see and give up in time.
            await trio.sleep(step / 4)
            nursery.cancel_scope.cancel(reason="a test")

        assert nursery.cancel_scope.cancelled_caught
        assert log in ([], ["ended"])
        assert not is_budgeted()
