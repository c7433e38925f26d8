"""Exploring schedules: what is reached, what is found, and how it is told."""

from __future__ import annotations

import gc
import random
import sys
import threading
import time
import uuid
from functools import partial
from itertools import permutations
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
import trio
import trio._core._run as run_loop

from awaitly_trio._tasks.sources import chance
from awaitly_trio.testing import (
    Exploration,
    LivelockError,
    NondeterminismError,
    Rules,
    ScheduleError,
    SchedulerBusyError,
    SchedulerUnavailableError,
    explore,
)
from awaitly_trio.testing._exploration import repeat
from awaitly_trio.testing._run_loop import check_run_loop, missing_parts

if sys.version_info < (3, 11):
    from exceptiongroup import BaseExceptionGroup

if TYPE_CHECKING:
    from collections.abc import Callable


async def tasks_of_steps(tasks: int, steps: int, seen: set[tuple[int, ...]]) -> None:
    """Let tasks take steps, and note in which order they did."""
    order: list[int] = []

    async def task(number: int) -> None:
        for _ in range(steps - 1):
            order.append(number)
            await trio.lowlevel.checkpoint()
        order.append(number)

    async with trio.open_nursery() as nursery:
        for number in range(tasks):
            nursery.start_soon(task, number)
    seen.add(tuple(order))


async def lost_update() -> None:
    """Lose an addition when two tasks read the balance before either writes it."""
    balance = 0

    async def deposit() -> None:
        nonlocal balance
        read = balance
        await trio.lowlevel.checkpoint()
        balance = read + 1

    async with trio.open_nursery() as nursery:
        nursery.start_soon(deposit)
        nursery.start_soon(deposit)
    assert balance == 2


def failing(test: Callable[[], object], **options: object) -> ScheduleError:
    """Return the error of an exploration that has to fail."""
    with pytest.raises(ScheduleError) as caught:
        explore(test, **options)  # type: ignore[arg-type]
    return caught.value


@pytest.mark.parametrize(("tasks", "steps", "count"), [(2, 2, 6), (3, 2, 90), (2, 4, 70)])
def test_every_interleaving_of_a_small_case_is_reached(tasks: int, steps: int, count: int) -> None:
    """An exhaustive exploration runs each order of steps, once, and says that it is complete."""
    seen: set[tuple[int, ...]] = set()

    found = explore(partial(tasks_of_steps, tasks, steps, seen), strategy="exhaustive")

    steps_of_all = [number for number in range(tasks) for _ in range(steps)]
    assert seen == set(permutations(steps_of_all))
    assert found.is_complete
    assert found.schedules == found.interleavings == len(seen) == count


@pytest.mark.parametrize("strategy", ["random", "auto"])
def test_chance_reaches_every_interleaving_too(strategy: str) -> None:
    """With schedules enough, no order is left out: Trio's own shuffle does that."""
    seen: set[tuple[int, ...]] = set()

    explore(partial(tasks_of_steps, 2, 3, seen), strategy=strategy, schedules=500)  # type: ignore[arg-type]

    assert len(seen) == 20


def test_auto_ends_when_nothing_else_can_happen() -> None:
    """A small test costs what its interleavings cost, whatever number was allowed."""
    found = explore(partial(tasks_of_steps, 2, 2, set()), schedules=100_000)

    assert found.is_complete
    assert found.schedules < 20


def test_a_test_without_choice_has_one_schedule() -> None:
    """Trio's own tasks are no choice, so one task alone has one interleaving."""
    found = explore(partial(tasks_of_steps, 1, 5, set()))

    assert (found.schedules, found.interleavings, found.most_choices) == (1, 1, 0)
    assert found.runs == 2


def test_a_failure_is_shown_with_its_plainest_schedule() -> None:
    """The failing schedule has the fewest preemptions it can have, and says so."""
    error = failing(lost_update, strategy="random", seed=7)

    assert isinstance(error.__cause__, AssertionError)
    assert error.schedule.preemptions == 1
    assert error.schedule.switches == 4
    assert error.schedule.is_plainest
    assert "none with fewer preemptions fails" in str(error)


def test_a_failure_names_the_lines_between_which_tasks_switched() -> None:
    """The story has a line for each turn, with the place in the program it reached."""
    story = failing(lost_update).schedule.story

    assert "deposit: 1 step, to test_explore.py:" in story
    assert "await trio.lowlevel.checkpoint()" in story


def test_the_printed_schedule_fails_again() -> None:
    """A replay runs one schedule, and fails as the exploration did."""
    error = failing(lost_update, strategy="priorities", seed=3)

    again = failing(lost_update, replay=error.schedule.replay)

    assert again.schedule.story == error.schedule.story
    assert again.schedule.strategy == "replay"


def test_a_replay_of_a_repaired_test_passes() -> None:
    """After the repair the old schedule still runs, however the steps have changed."""
    error = failing(lost_update)

    found = explore(partial(tasks_of_steps, 3, 3, set()), replay=error.schedule.replay)

    assert found.schedules == 1


@pytest.mark.parametrize("text", ["", "0x3", "v2/0/0", "v1/0/0x3,1", "v1//1"])
def test_a_replay_that_is_no_schedule_is_refused(text: str) -> None:
    """A text that was cut short or comes from elsewhere says what is expected."""
    with pytest.raises(ValueError, match="is no schedule: copy the text after"):
        explore(lost_update, replay=text)


def test_one_seed_gives_one_exploration() -> None:
    """Two explorations of one seed find the same failure with the same schedule."""
    one, two = (failing(lost_update, strategy="random", seed=11) for _ in range(2))

    assert one.schedule == two.schedule


def test_no_seed_draws_one_and_names_it() -> None:
    """A fresh exploration each time can still be repeated."""
    found = explore(partial(tasks_of_steps, 2, 3, set()), seed=None, schedules=5)

    assert found == explore(partial(tasks_of_steps, 2, 3, set()), seed=found.seed, schedules=5)


def test_chance_follows_the_seed() -> None:
    """What the library draws, such as jitter and ids, is the same for one seed."""
    drawn: list[float] = []

    async def draw() -> None:
        drawn.append(chance().random())

    explore(draw, seed=5)
    explore(draw, seed=5)

    assert len(set(drawn)) == 1


def test_a_group_of_failures_is_a_failure() -> None:
    """What leaves a nursery in a group is found and kept as the cause."""

    async def both() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(lost_update)

    assert isinstance(failing(both).__cause__, BaseExceptionGroup)


def test_a_deadlock_is_a_failure_that_shows_who_waits_for_whom() -> None:
    """Two tasks that take two locks in different orders are shown with lines and owners."""

    async def test() -> None:
        first, second = trio.Lock(), trio.Lock()

        async def transfer(one: trio.Lock, other: trio.Lock) -> None:
            async with one, other:
                pass

        async with trio.open_nursery() as nursery:
            nursery.start_soon(transfer, first, second, name="debit")
            nursery.start_soon(transfer, second, first, name="credit")

    text = str(failing(test))

    assert "deadlock: every task waits" in text
    assert "(the lock is held by credit)" in text
    assert "(the lock is held by debit)" in text
    assert "async with one, other:" in text


def test_tasks_that_keep_each_other_busy_are_a_livelock() -> None:
    """A run that takes too many steps ends, with the place of each task."""

    async def test() -> None:
        while True:
            await trio.lowlevel.checkpoint()

    error = failing(test, rules=Rules(max_steps=50))

    assert isinstance(error.__cause__, LivelockError)
    assert error.__cause__.steps == 50


def test_a_task_that_shields_itself_and_waits_forever_does_not_hang_the_exploration() -> None:
    """A deadlock that not even cancellation ends is told like any other."""

    async def test() -> None:
        with trio.CancelScope(shield=True):
            await trio.sleep_forever()

    assert "deadlock" in str(failing(test))


@pytest.mark.parametrize(
    ("call", "cause"),
    [
        (random.random, "unseeded random"),  # noqa: TID251  # the slip itself
        (random.Random().random, "state that outlives a run"),
        (lambda: random.Random().random(), "unseeded random"),
        (lambda: uuid.uuid4().int / 2**128, "unseeded random"),
        (lambda: time.perf_counter() % 1, "real time"),
    ],
)
def test_hidden_chance_is_an_error_that_names_its_cause(
    call: Callable[[], float], cause: str
) -> None:
    """A run that no seed decides is no finding: the error tells what decides it instead."""

    async def test() -> None:
        await trio.sleep(call())

    with pytest.raises(NondeterminismError, match="virtual seconds, then") as caught:
        explore(test)

    assert cause in caught.value.causes[0]


def test_a_thread_that_decides_the_order_is_named() -> None:
    """A real thread finishes when it likes, so the schedule is not the seed's."""
    runs = 0

    async def worker(number: int) -> None:
        slow = (number + runs) % 2 == 0
        await trio.to_thread.run_sync(threading.Event().wait, 0.05 if slow else 0.001)

    async def test() -> None:
        nonlocal runs
        runs += 1
        async with trio.open_nursery() as nursery:
            nursery.start_soon(worker, 0)
            nursery.start_soon(worker, 1)

    with pytest.raises(NondeterminismError) as caught:
        explore(test, schedules=20)

    assert caught.value.causes[0].startswith("a thread: test_explore.py")


def test_state_shared_by_runs_is_named_when_nothing_else_is_found() -> None:
    """A test that does not begin anew each time is told so."""
    calls = 0

    async def test() -> None:
        nonlocal calls
        calls += 1
        for _ in range(calls):
            await trio.lowlevel.checkpoint()

    with pytest.raises(NondeterminismError) as caught:
        explore(test)

    assert "state that outlives a run" in caught.value.causes[0]


def test_each_schedule_may_run_once_only() -> None:
    """Who trusts a test to be deterministic may save the second runs."""
    found = explore(partial(tasks_of_steps, 2, 2, set()), rules=Rules(twice=False))

    assert found.runs == found.schedules


def test_trio_gets_its_own_order_back() -> None:
    """After an exploration, and after one that failed, Trio schedules as before."""
    before = run_loop._ALLOW_DETERMINISTIC_SCHEDULING, run_loop._r

    explore(partial(tasks_of_steps, 2, 2, set()))
    failing(lost_update)

    assert (run_loop._ALLOW_DETERMINISTIC_SCHEDULING, run_loop._r) == before


@pytest.mark.parametrize("enabled", [True, False])
def test_garbage_is_collected_between_runs_only(enabled: bool) -> None:
    """The collector strikes when it likes, so it is off while a test runs, and then as before."""
    seen: set[bool] = set()

    async def test() -> None:
        seen.add(gc.isenabled())

    if not enabled:
        gc.disable()
    try:
        explore(test)

        assert gc.isenabled() == enabled
    finally:
        gc.enable()
    assert seen == {False}


def test_an_interrupt_leaves_at_once_and_restores_trio() -> None:
    """Ctrl-C in a test is no finding."""
    before = run_loop._r

    async def test() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        explore(test)

    assert run_loop._r is before


def test_an_exploration_inside_another_is_refused() -> None:
    """There is one hook, so the inner exploration says that it is taken."""

    async def test() -> None:
        await trio.lowlevel.checkpoint()
        explore(lost_update)

    assert isinstance(failing(test).__cause__, SchedulerBusyError)


def test_an_exploration_beside_another_is_refused() -> None:
    """Two threads cannot decide schedules at once."""
    caught: list[BaseException] = []

    def other() -> None:
        try:
            explore(lost_update)
        except SchedulerBusyError as error:
            caught.append(error)

    async def test() -> None:
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()

    explore(test)

    assert "is deciding the schedule" in str(caught[0])


def test_a_run_of_another_thread_keeps_its_order() -> None:
    """A program's own Trio in another thread goes on as before while a test is explored."""
    orders: set[tuple[int, ...]] = set()

    async def test() -> None:
        thread = threading.Thread(target=trio.run, args=(tasks_of_steps, 2, 2, orders))
        thread.start()
        thread.join()

    explore(test)

    assert orders


def test_another_trio_is_recognised() -> None:
    """A Trio without the private parts gives a sentence that names what is gone."""
    assert missing_parts(run_loop) == []

    with pytest.raises(SchedulerUnavailableError, match="_r is gone") as caught:
        check_run_loop(SimpleNamespace(_ALLOW_DETERMINISTIC_SCHEDULING=False))

    assert len(caught.value.missing) == 2


def test_the_private_hook_of_this_trio_still_decides() -> None:
    """The canary: this Trio reaches all six orders of two tasks with two steps."""
    seen: set[tuple[int, ...]] = set()

    explore(partial(tasks_of_steps, 2, 2, seen), strategy="exhaustive")

    assert len(seen) == 6


def test_an_unknown_strategy_is_refused() -> None:
    """A misspelt strategy names those there are."""
    with pytest.raises(ValueError, match="strategy must be one of auto, random, priorities"):
        explore(lost_update, strategy="pct")  # type: ignore[arg-type]


def test_late_timers_let_near_deadlines_meet() -> None:
    """A bug that needs two timers in the wrong order shows when timers may be late."""

    async def test() -> None:
        order: list[str] = []

        async def later(name: str, delay: float) -> None:
            await trio.sleep(delay)
            order.append(name)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(later, "second", 1.01)
            nursery.start_soon(later, "first", 1.0)
        assert order == ["first", "second"]

    assert explore(test).is_complete
    assert failing(test, rules=Rules(jitter=0.1)).schedule.preemptions <= 1


def test_without_the_hook_a_test_is_repeated_in_trios_own_order() -> None:
    """The degraded way says what is missing, and that nothing was decided."""
    runs = 0

    async def test() -> None:
        nonlocal runs
        runs += 1

    with pytest.warns(UserWarning, match=r"hook is gone; .*; repeating the test 3 times instead"):
        found = repeat(test, 3, 0, SchedulerUnavailableError("99", ["the hook is gone"]))

    assert runs == 3
    assert not found.is_decided


@pytest.mark.parametrize("schedules", [0, -1])
def test_no_schedule_is_refused(schedules: int) -> None:
    """An exploration of nothing would always pass."""
    with pytest.raises(ValueError, match=f"schedules must be at least 1, not {schedules}"):
        explore(lost_update, schedules=schedules)


def test_a_report_is_a_record() -> None:
    """What was explored can be compared and kept."""
    assert explore(partial(tasks_of_steps, 2, 1, set())) == Exploration(
        test="tasks_of_steps",
        seed=0,
        schedules=4,
        interleavings=2,
        runs=8,
        most_choices=1,
        is_complete=True,
    )
