"""Concurrent calls of one key that share a call."""

from __future__ import annotations

import traceback
from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from awaitly_trio._tasks.single_flight import SingleFlight
from awaitly_trio._values.refusals import SelfWaitError


class Service:
    """Counts its calls, each of which takes a second and returns its number."""

    def __init__(self, error: Exception | None = None) -> None:
        self.calls = 0
        self.error = error

    async def fetch(self) -> int:
        self.calls += 1
        number = self.calls
        await trio.sleep(1)
        if self.error is not None:
            raise self.error
        return number


async def gather(nursery_body: Any, *tasks: Any) -> list[Any]:
    """Return what each task returned or raised, in the order of their ending."""
    seen: list[Any] = []

    async def run(task: Any) -> None:
        try:
            seen.append(await task())
        except Exception as error:
            seen.append(error)

    async with trio.open_nursery() as nursery:
        for task in tasks:
            nursery.start_soon(run, task)
            await wait_all_tasks_blocked()
        await nursery_body(nursery)
    return seen


async def nothing(nursery: trio.Nursery) -> None:
    """Leave the tasks alone."""


async def test_concurrent_calls_share_one(autojump_clock: MockClock) -> None:
    """Five ask, one call is made, and all get its value."""
    service, flight = Service(), SingleFlight[str]()

    values = await gather(nothing, *[lambda: flight("a", service.fetch)] * 5)

    assert (values, service.calls) == ([1] * 5, 1)
    assert (flight.statistics().total_made, flight.statistics().total_shared) == (1, 4)


async def test_calls_of_different_keys_are_different(autojump_clock: MockClock) -> None:
    """Each key has its own flight."""
    service, flight = Service(), SingleFlight[str]()

    values = await gather(
        nothing, lambda: flight("a", service.fetch), lambda: flight("b", service.fetch)
    )

    assert sorted(values) == [1, 2]


async def test_nothing_is_remembered(autojump_clock: MockClock) -> None:
    """A call after the flight is a new one, after a failure as well."""
    service, flight = Service(OSError("down")), SingleFlight[str]()
    with pytest.raises(OSError, match="down"):
        await flight("a", service.fetch)
    service.error = None

    assert await flight("a", service.fetch) == 2
    assert await flight("a", service.fetch) == 3


async def test_an_exception_is_shared(autojump_clock: MockClock) -> None:
    """All get it, each with a traceback of its own length."""
    error = OSError("down")
    service, flight = Service(error), SingleFlight[str]()

    seen = await gather(nothing, *[lambda: flight("a", service.fetch)] * 5)

    assert seen == [error] * 5
    assert len(traceback.extract_tb(error.__traceback__)) < 8


async def test_a_cancelled_leader_does_not_fail_the_others(autojump_clock: MockClock) -> None:
    """One of those who wait makes the call anew, for all the rest."""
    service, flight = Service(), SingleFlight[str]()
    values: list[int] = []

    async def caller(until: float) -> None:
        with trio.move_on_after(until):
            values.append(await flight("a", service.fetch))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(caller, 0.5)
        await wait_all_tasks_blocked()
        for _ in range(4):
            nursery.start_soon(caller, 9)

    assert (values, service.calls) == ([2] * 4, 2)


async def test_a_cancelled_follower_disturbs_nobody(autojump_clock: MockClock) -> None:
    """The call goes on for the others."""
    service, flight = Service(), SingleFlight[str]()

    async def impatient() -> str:
        with trio.move_on_after(0.5):
            await flight("a", service.fetch)
        return "gone"

    seen = await gather(
        nothing, lambda: flight("a", service.fetch), impatient, lambda: flight("a", service.fetch)
    )

    assert (seen, service.calls) == (["gone", 1, 1], 1)


async def test_a_forgotten_flight_does_not_end_the_next_one(autojump_clock: MockClock) -> None:
    """The old call's end leaves the new flight alone: a third caller joins it."""
    service, landed = Service(), list[tuple[str, Any]]()
    flight = SingleFlight[str](lambda key, value: landed.append((key, value)))

    async def forget_halfway(nursery: trio.Nursery) -> None:
        await trio.sleep(0.5)
        assert flight.forget("a")
        nursery.start_soon(flight, "a", service.fetch)
        await trio.sleep(0.75)
        assert await flight("a", service.fetch) == 2

    seen = await gather(forget_halfway, lambda: flight("a", service.fetch))

    assert (seen, service.calls) == ([1], 2)
    assert landed == [("a", 2)]


async def test_clear_forgets_every_key(autojump_clock: MockClock) -> None:
    """Those who wait still get their value."""
    service, flight = Service(), SingleFlight[str]()

    async def clear(nursery: trio.Nursery) -> None:
        flight.clear()
        assert not flight.is_flying("a")

    assert await gather(clear, *[lambda: flight("a", service.fetch)] * 2) == [1, 1]
    assert not flight.forget("a")


async def test_a_call_that_would_wait_for_itself_is_refused(autojump_clock: MockClock) -> None:
    """The mistake is named instead of hanging for ever."""
    flight = SingleFlight[str]()

    async def nested() -> int:
        return await flight("a", nested)

    with pytest.raises(SelfWaitError, match="already holds the flight of key \"'a'\""):
        await flight("a", nested)
    assert repr(flight) == "<SingleFlight, 0 in flight>"


async def test_a_listener_that_raises_leaves_no_flight(autojump_clock: MockClock) -> None:
    """Its exception reaches the task that made the call, and the others have their value."""

    def broken(key: str, value: Any) -> None:
        raise KeyError(key)

    service, flight = Service(), SingleFlight[str](broken)

    seen = await gather(nothing, *[lambda: flight("a", service.fetch)] * 2)

    assert sorted(map(type, seen), key=str) == [KeyError, int]
    assert flight.statistics().flying == 0


@given(
    st.lists(
        st.tuples(st.sampled_from([0.0, 0.3, 0.9, 1.0]), st.sampled_from([0.0, 0.2, 0.8, 9.0])),
        max_size=12,
    )
)
def test_whoever_stays_gets_a_value(callers: list[tuple[float, float]]) -> None:
    """Whoever comes and goes when: no two calls overlap, and only the cancelled get nothing."""
    flight, running, served = SingleFlight[str](), list[int](), list[int]()

    async def fetch() -> int:
        running.append(1)
        assert len(running) == 1
        try:
            await trio.sleep(1)
        finally:
            running.pop()
        return 1

    async def caller(i: int, comes: float, until: float) -> None:
        await trio.sleep(comes)
        with trio.move_on_after(until):
            await flight("a", fetch)
            served.append(i)

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            for i, each in enumerate(callers):
                nursery.start_soon(caller, i, *each)

    trio.run(main, clock=MockClock(autojump_threshold=0))

    assert {i for i, each in enumerate(callers) if each[1] == 9.0} <= set(served)
    assert flight.statistics().flying == 0
