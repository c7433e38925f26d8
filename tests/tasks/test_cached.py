"""Async functions that remember what they returned."""

from __future__ import annotations

import copy
import logging
import math
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from awaitly_trio._tasks.cached import cached
from awaitly_trio._tasks.revalidation import revalidating
from awaitly_trio._values.result import Err, Ok, Result


class Service:
    """Counts its calls and returns their number, or the error it was given."""

    def __init__(self, duration: float = 0) -> None:
        self.calls = 0
        self.duration = duration
        self.error: Any = None

    async def fetch(self, key: Any = "a", **options: Any) -> Result[int, Any]:
        self.calls += 1
        number = self.calls
        await trio.sleep(self.duration)
        if isinstance(self.error, Exception):
            raise self.error
        return Ok(number) if self.error is None else Err(self.error)


# --- what is remembered, and for how long


async def test_a_call_is_made_once_for_its_arguments(autojump_clock: MockClock) -> None:
    """The second call with the same arguments is answered from memory, another is made."""
    service = Service()
    fetch = cached(ttl=math.inf)(service.fetch)

    results = [await fetch("a"), await fetch("a"), await fetch("b"), await fetch("a", page=2)]

    assert results == [Ok(1), Ok(1), Ok(2), Ok(3)]


async def test_an_answer_is_fresh_for_its_time(autojump_clock: MockClock) -> None:
    """When it is as old as the ttl, the call is made again."""
    fetch = cached(ttl="5s")(Service().fetch)

    first = await fetch()
    await trio.sleep(4.9)
    second = await fetch()
    await trio.sleep(0.1)

    assert [first, second, await fetch()] == [Ok(1), Ok(1), Ok(2)]


async def test_arguments_of_different_types_are_different(autojump_clock: MockClock) -> None:
    """1, 1.0, True, None and NaN each have an answer of their own, and each only one."""
    fetch = cached(ttl=60)(Service().fetch)
    arguments: list[Any] = [1, 1.0, True, None, math.nan]

    first = [await fetch(argument) for argument in arguments]
    second = [await fetch(argument) for argument in arguments]

    assert first == second == [Ok(i) for i in range(1, 6)]


async def test_the_user_may_make_the_key(autojump_clock: MockClock) -> None:
    """What the key leaves out does not matter."""
    fetch = cached(ttl=60, key=lambda key, **options: key)(Service().fetch)

    assert await fetch("a", page=1) == await fetch("a", page=2) == Ok(1)


async def test_no_more_answers_are_kept_than_the_capacity(autojump_clock: MockClock) -> None:
    """The one that was used least recently goes."""
    fetch = cached(ttl=60, capacity=2)(Service().fetch)

    for key in ("a", "b", "a", "c", "a", "b"):
        last = await fetch(key)

    assert last == Ok(4)
    assert (fetch.statistics().size, fetch.statistics().evicted) == (2, 2)


async def test_a_plain_value_is_remembered_too(autojump_clock: MockClock) -> None:
    """The function need not return a result, and ``None`` is an answer."""
    calls: list[str] = []

    @cached(ttl=60)
    async def note(word: str) -> None:
        calls.append(word)

    await note("a")
    await note("a")

    assert calls == ["a"]


@pytest.mark.parametrize("error", ["down", OSError("down")], ids=["Err", "exception"])
async def test_a_failure_is_not_remembered(error: Any, autojump_clock: MockClock) -> None:
    """A function that failed once does not stay failed."""
    service = Service()
    fetch = cached(ttl=60)(service.fetch)
    service.error = error
    if error == "down":
        await fetch()
    else:
        with pytest.raises(OSError, match="down"):
            await fetch()

    service.error = None

    assert await fetch() == Ok(2)


async def test_errors_are_remembered_as_told(autojump_clock: MockClock) -> None:
    """Some for a while, others not at all."""
    service = Service()
    times = {"not found": "30s"}
    fetch = cached(ttl=60, error_ttl=lambda error: times.get(error, 0))(service.fetch)
    service.error = "busy"
    await fetch()
    service.error = "not found"
    await fetch()
    service.error = None

    during = await fetch()
    await trio.sleep(30)

    assert (during, await fetch()) == (Err("not found"), Ok(3))


async def test_a_cancelled_call_is_not_remembered(autojump_clock: MockClock) -> None:
    """The next one is made anew."""
    service = Service(duration=2)
    fetch = cached(ttl=60)(service.fetch)

    with trio.move_on_after(1):
        await fetch()

    assert await fetch() == Ok(2)


async def test_what_is_given_out_may_be_a_copy(autojump_clock: MockClock) -> None:
    """Whoever changes an answer changes its own only, the first to ask included."""

    @cached(ttl=60, copy=copy.deepcopy)
    async def fetch() -> Result[list[int], str]:
        return Ok([1])

    for _ in range(3):
        answer: Any = await fetch()
        assert answer == Ok([1])
        answer.value.append(2)


# --- sharing and forgetting


async def test_concurrent_calls_share_one(autojump_clock: MockClock) -> None:
    """A cache that is cold, or that has just expired, is filled by one call."""
    service = Service(duration=1)
    fetch = cached(ttl=60)(service.fetch)

    async with trio.open_nursery() as nursery:
        for _ in range(9):
            nursery.start_soon(fetch)

    statistics = fetch.statistics()
    assert (service.calls, statistics.made, statistics.shared) == (1, 1, 8)


async def test_what_was_forgotten_is_fetched_anew(autojump_clock: MockClock) -> None:
    """Other keys are not touched by ``forget``, and all are by ``clear``."""
    fetch = cached(ttl=60)(Service().fetch)
    await fetch("a")
    await fetch("b")

    fetch.forget("a")
    after_forget = [await fetch("a"), await fetch("b")]
    fetch.clear()

    assert after_forget == [Ok(3), Ok(2)]
    assert [await fetch("a"), await fetch("b")] == [Ok(4), Ok(5)]


@pytest.mark.parametrize("everything", [True, False])
async def test_what_is_forgotten_under_way_is_not_remembered(
    everything: bool, autojump_clock: MockClock
) -> None:
    """An answer fetched before the change it was forgotten for would be stale."""
    fetch = cached(ttl=60)(Service(duration=1).fetch)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(fetch)
        await wait_all_tasks_blocked()
        if everything:
            fetch.clear()
        else:
            fetch.forget()

    assert await fetch() == Ok(2)


async def test_an_answer_from_memory_is_a_cancellation_point(autojump_clock: MockClock) -> None:
    """A loop over cached calls can be cancelled."""
    fetch = cached(ttl=60)(Service().fetch)
    await fetch()

    with trio.CancelScope() as scope:
        scope.cancel(reason="test")
        await fetch()

    assert scope.cancelled_caught


# --- stale answers


async def test_a_stale_answer_is_given_while_it_is_refreshed(autojump_clock: MockClock) -> None:
    """Nobody waits for the refresh, which is made once."""
    service = Service(duration=1)
    fetch = cached(ttl=10, stale_for=10)(service.fetch)
    await fetch()
    await trio.sleep(15)
    origin = trio.current_time()

    async with revalidating():
        stale = [await fetch(), await fetch()]
        waited = trio.current_time() - origin
        await trio.sleep(1.5)
        fresh = await fetch()

    assert (stale, waited, fresh) == ([Ok(1), Ok(1)], 0, Ok(2))
    assert (service.calls, fetch.statistics().stale) == (2, 2)


async def test_without_a_block_a_stale_answer_is_none(autojump_clock: MockClock) -> None:
    """There is nobody to refresh it beside the work, so the caller waits."""
    fetch = cached(ttl=10, stale_for=10)(Service().fetch)
    async with revalidating():
        await fetch()
    await trio.sleep(15)

    assert await fetch() == Ok(2)


async def test_what_is_too_stale_is_not_given(autojump_clock: MockClock) -> None:
    """After ttl and stale time the caller waits, block or not."""
    fetch = cached(ttl=10, stale_for=10)(Service().fetch)
    await fetch()
    await trio.sleep(20)

    async with revalidating():
        assert await fetch() == Ok(2)


@pytest.mark.parametrize("error", ["down", OSError("down")], ids=["Err", "exception"])
async def test_a_failed_refresh_leaves_the_stale_answer(
    error: Any, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """It is tried again at the next call; an exception is logged and disturbs nobody."""
    service = Service()
    fetch = cached(ttl=10, stale_for=10)(service.fetch)
    await fetch()
    await trio.sleep(15)
    service.error = error

    with caplog.at_level(logging.ERROR, logger="awaitly_trio"):
        async with revalidating():
            answers = [await fetch()]
            await wait_all_tasks_blocked()
            answers.append(await fetch())
            await wait_all_tasks_blocked()

    assert (answers, service.calls) == ([Ok(1), Ok(1)], 3)
    assert ("could not be refreshed" in caplog.text) == isinstance(error, OSError)


async def test_leaving_the_block_ends_its_refreshes(autojump_clock: MockClock) -> None:
    """Nothing outlives it, and a task that still knows the block makes its calls itself."""
    service = Service(duration=100)
    fetch = cached(ttl=10, stale_for=10)(service.fetch)
    service.duration = 0
    await fetch()
    service.duration = 100
    await trio.sleep(15)
    origin = trio.current_time()
    results: list[Any] = []

    async def late() -> None:
        await trio.sleep(1)
        service.duration = 0
        results.append(await fetch())

    async with trio.open_nursery() as nursery, revalidating():
        await fetch()
        nursery.start_soon(late)
        await wait_all_tasks_blocked()

    assert trio.current_time() - origin == pytest.approx(1)
    assert results == [Ok(3)]


async def test_an_exception_leaves_the_block_as_it_is(autojump_clock: MockClock) -> None:
    """The block adds no exception group."""
    with pytest.raises(OSError, match="down"):
        async with revalidating():
            raise OSError("down")


# --- runs and mistakes


def test_a_cached_function_serves_several_runs() -> None:
    """Made at import time, it remembers from run to run, and no time passes between."""
    service = Service()
    fetch = cached(ttl=10)(service.fetch)

    async def main() -> list[Any]:
        first = await fetch()
        await trio.sleep(6)
        return [first, await fetch()]

    clocks = [MockClock(autojump_threshold=0) for _ in range(2)]
    clocks[0].jump(1e5)
    answers = [trio.run(main, clock=clock) for clock in clocks]

    assert answers == [[Ok(1), Ok(1)], [Ok(1), Ok(2)]]


def test_it_is_shown_as_the_function() -> None:
    """Name and documentation are the function's."""
    fetch: Any = cached(ttl=60)(Service().fetch)

    assert fetch.__name__ == "fetch"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ttl": 0}, "ttl must be above 0 seconds, not 0: to keep nothing, use no cache"),
        ({"ttl": -1}, "ttl is -1"),
        ({"ttl": 1, "stale_for": -1}, "stale_for is -1"),
        ({"ttl": 1, "capacity": 0}, "capacity must be at least 1, not 0"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(options: Any, message: str) -> None:
    """The message shows the value."""
    with pytest.raises(ValueError, match=message):
        cached(**options)(Service().fetch)
