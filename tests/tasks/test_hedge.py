"""Hedged calls."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from awaitly_trio import Step, workflow
from awaitly_trio._tasks.budget import budget
from awaitly_trio._tasks.hedge import Hedge
from awaitly_trio._values.result import Err, Ok, Result


class Service:
    """Answers each call as its script says: after how long, and with what."""

    def __init__(self, *script: tuple[float, Any]) -> None:
        self.script = list(script)
        self.log: list[str] = []

    async def fetch(self, key: str = "a") -> Result[str, Any]:
        number = len([line for line in self.log if line.startswith("start")])
        duration, result = self.script[number]
        self.log.append(f"start {number}")
        try:
            await trio.sleep(duration)
        except trio.Cancelled as cancelled:
            self.log.append(f"cancelled {number}: {cancelled.reason}")
            raise
        self.log.append(f"end {number}")
        if isinstance(result, Exception):
            raise result
        return Err(result) if result else Ok(f"{key}{number}")


async def timed(call: Any) -> Any:
    """Return how long a call took and what it returned."""
    origin = trio.current_time()
    result = await call
    return trio.current_time() - origin, result


async def test_a_fast_call_is_not_hedged(autojump_clock: MockClock) -> None:
    """What answers in time is called once."""
    service = Service((0.5, None))

    result = await timed(Hedge("1s")(service.fetch, "k"))

    assert result == (pytest.approx(0.5), Ok("k0"))
    assert service.log == ["start 0", "end 0"]


async def test_a_slow_call_is_overtaken_by_its_hedge(autojump_clock: MockClock) -> None:
    """The first success wins, and the loser is cancelled for a reason that it can read."""
    service = Service((9, None), (1, None))

    result = await timed(Hedge(2)(service.fetch))

    assert result == (pytest.approx(3), Ok("a1"))
    assert service.log == [
        "start 0",
        "start 1",
        "end 1",
        "cancelled 0: another attempt of the hedged call has succeeded",
    ]


async def test_the_first_attempt_may_still_win(autojump_clock: MockClock) -> None:
    """A hedge that is slower loses."""
    service = Service((3, None), (9, None))

    assert await timed(Hedge(2)(service.fetch)) == (pytest.approx(3), Ok("a0"))


async def test_the_loser_has_ended_when_the_call_returns(autojump_clock: MockClock) -> None:
    """Its clean-up is waited for."""
    cleaned: list[str] = []

    async def fetch() -> str:
        if cleaned:
            return "hedge"
        cleaned.append("started")
        try:
            await trio.sleep_forever()
        finally:
            with trio.move_on_after(5, shield=True):
                await trio.sleep(1)
                cleaned.append("cleaned")
        return "first"

    took, result = await timed(Hedge(2)(fetch))

    assert (result, cleaned) == ("hedge", ["started", "cleaned"])
    assert took == pytest.approx(3)


@pytest.mark.parametrize("failure", ["down", OSError("down")], ids=["Err", "exception"])
async def test_a_failure_before_the_hedge_is_the_end(
    failure: Any, autojump_clock: MockClock
) -> None:
    """Hedging is against slowness: it does not retry."""
    service = Service((0.5, failure), (0.5, None))

    if failure == "down":
        assert await Hedge(1)(service.fetch) == Err("down")
    else:
        with pytest.raises(OSError, match="down"):
            await Hedge(1)(service.fetch)

    assert service.log == ["start 0", "end 0"]


@pytest.mark.parametrize("failure", ["down", OSError("down")], ids=["Err", "exception"])
async def test_a_failure_waits_for_the_other_attempts(
    failure: Any, autojump_clock: MockClock
) -> None:
    """An attempt that failed has not won."""
    service = Service((3, failure), (3, None))

    assert await timed(Hedge(2)(service.fetch)) == (pytest.approx(5), Ok("a1"))


@pytest.mark.parametrize(
    "failures",
    [("first", "second"), (OSError("first"), "second"), ("first", OSError("second"))],
    ids=repr,
)
async def test_when_all_fail_the_first_failure_counts(
    failures: tuple[Any, Any], autojump_clock: MockClock
) -> None:
    """In the order in which they failed."""
    service = Service((5, failures[1]), (1, failures[0]))

    if isinstance(failures[0], OSError):
        with pytest.raises(OSError, match="first"):
            await Hedge(2)(service.fetch)
    else:
        assert await Hedge(2)(service.fetch) == Err("first")


async def test_there_may_be_several_hedges(autojump_clock: MockClock) -> None:
    """One starts each time that the delay has passed without an answer."""
    service = Service((9, None), (9, None), (9, None), (9, None))

    took, result = await timed(Hedge(2, most=3)(service.fetch))

    assert (took, result) == (pytest.approx(9), Ok("a0"))
    assert service.log[:4] == ["start 0", "start 1", "start 2", "start 3"]


async def test_a_hedge_is_paid_from_the_budget(autojump_clock: MockClock) -> None:
    """Without enough of it the call is not hedged, only waited for."""
    service = Service((5, None), (1, None))

    with budget(hedges=0.0, minimum=0):
        result = await timed(Hedge(2)(service.fetch))

    assert result == (pytest.approx(5), Ok("a0"))


async def test_the_delay_may_follow_a_percentile(autojump_clock: MockClock) -> None:
    """With twenty calls known, what is slower than that share of them is hedged."""
    hedge = Hedge(100, percentile=0.9, memory=20)
    for i in range(20):
        await hedge(trio.sleep, 1 if i < 18 else 5)
    service = Service((9, None), (1, None))

    result = await timed(hedge(service.fetch))

    assert hedge.statistics().hedged == 1
    assert result == (pytest.approx(2), Ok("a1"))


async def test_hedges_do_not_make_calls_seem_faster(autojump_clock: MockClock) -> None:
    """The delay stays that of calls without a hedge: a fast winner does not lower it."""
    hedge = Hedge(100, percentile=0.5, memory=20)
    for _ in range(20):
        await hedge(trio.sleep, 2)

    for _ in range(20):
        await hedge(Service((9, None), (0, None)).fetch)

    assert hedge.statistics().after == pytest.approx(2)


async def test_a_cancelled_call_cancels_its_attempts(autojump_clock: MockClock) -> None:
    """None outlives it."""
    service = Service((9, None), (9, None))

    with trio.move_on_after(3) as scope:
        await Hedge(2)(service.fetch)

    assert scope.cancelled_caught
    assert [line.split(":")[0] for line in service.log[2:]] in (
        ["cancelled 0", "cancelled 1"],
        ["cancelled 1", "cancelled 0"],
    )


async def test_a_failed_clean_up_is_not_hidden(autojump_clock: MockClock) -> None:
    """A loser that fails at being cancelled is a defect, though there is a winner."""
    started: list[int] = []

    async def fetch() -> str:
        started.append(1)
        if len(started) == 2:
            return "hedge"
        try:
            await trio.sleep_forever()
        finally:
            raise OSError("cannot close")

    with pytest.raises(OSError, match="cannot close"):
        await Hedge(2)(fetch)


@pytest.mark.parametrize("late", [Ok("late"), Err("late")], ids=repr)
async def test_a_loser_that_answers_all_the_same_is_too_late(
    late: Result[str, str], autojump_clock: MockClock
) -> None:
    """The winner stands, whatever an attempt makes of its cancellation."""
    started: list[int] = []

    async def fetch() -> Result[str, str]:
        started.append(1)
        if len(started) == 2:
            return Ok("hedge")
        try:
            await trio.sleep_forever()
        except trio.Cancelled:  # noqa: ASYNC103  # what must not be done, and is
            return late

    assert await Hedge(2)(fetch) == Ok("hedge")


async def test_the_exit_of_a_run_is_no_outcome(autojump_clock: MockClock) -> None:
    """A step of the caller's own run that fails in an attempt ends the run, hedged or not."""

    @workflow
    async def checkout(step: Step[str]) -> str:
        async def attempt() -> str:
            await trio.sleep(3)
            return await step(Service((1, "declined")).fetch)

        return await Hedge(2)(attempt)

    assert await checkout() == Err("declined")


async def test_statistics_tell_how_often_it_helped(autojump_clock: MockClock) -> None:
    """Calls, those that were hedged, and those that a hedge has won."""
    hedge = Hedge(2)
    await hedge(trio.sleep, 1)
    await hedge(Service((3, None), (9, None)).fetch)
    await hedge(Service((9, None), (1, None)).fetch)

    statistics = hedge.statistics()

    assert (statistics.calls, statistics.hedged, statistics.won) == (3, 2, 1)
    assert repr(hedge) == "<Hedge after 2 s, 2 of 3 hedged>"


async def test_a_wrapped_function_keeps_its_name(autojump_clock: MockClock) -> None:
    """And is hedged."""
    service = Service((9, None), (1, None))
    wrapped: Any = Hedge(2).wrap(service.fetch)

    assert (wrapped.__name__, await wrapped(key="k")) == ("fetch", Ok("k1"))


async def test_calls_through_one_hedge_do_not_mix(autojump_clock: MockClock) -> None:
    """Each has its own attempts and its own winner."""
    hedge = Hedge(2)
    results: list[Any] = []

    async def caller(key: str) -> None:
        results.append(await hedge(Service((9, None), (1, None)).fetch, key))

    async with trio.open_nursery() as nursery:
        for key in "abc":
            nursery.start_soon(caller, key)
        await wait_all_tasks_blocked()

    assert sorted(result.value for result in results) == ["a1", "b1", "c1"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"after": -1}, "after is -1"),
        ({"after": 1, "percentile": 1}, "percentile must be above 0 and below 1, not 1"),
        ({"after": 1, "percentile": 95}, "percentile must be above 0 and below 1, not 95"),
        ({"after": 1, "most": 0}, "most must be at least 1 hedge, not 0"),
        ({"after": 1, "memory": 19}, "memory must be at least 20 calls, not 19"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(options: Any, message: str) -> None:
    """The message shows the value."""
    with pytest.raises(ValueError, match=message):
        Hedge(**options)
