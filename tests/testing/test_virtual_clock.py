"""Virtual time: what moves it, what holds it, and what is told when nothing can move."""

from __future__ import annotations

import math
import socket
import threading
from datetime import timedelta

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from awaitly_trio._tasks.clocks import VIRTUAL_EPOCH, wall_clock
from awaitly_trio.testing import (
    ClockTrapError,
    DeadlockError,
    HungError,
    VirtualClock,
    clock_pinned,
    virtual_clock,
)

DAY = 86_400.0


def nap() -> None:
    """Take some real time."""
    threading.Event().wait(0.01)


def current() -> VirtualClock:
    """Return the clock of the current run."""
    clock = trio.lowlevel.current_clock()
    assert isinstance(clock, VirtualClock)
    return clock


def test_time_jumps_when_every_task_waits() -> None:
    """A month of sleep costs nothing, and each wake-up is exact."""
    woken: list[float] = []

    async def main() -> None:
        for _ in range(30):
            await trio.sleep(DAY)
            woken.append(trio.current_time())

    virtual_clock().run(main)

    assert woken == [DAY * day for day in range(1, 31)]


def test_many_small_sleeps_do_not_add_up_to_an_error() -> None:
    """A day of odd delays ends where arithmetic says, to a nanosecond."""

    async def main() -> float:
        for _ in range(1000):
            await trio.sleep(DAY / 1000)
        return trio.current_time()

    assert virtual_clock().run(main) == pytest.approx(DAY, abs=1e-9)


def test_a_run_returns_the_value_of_its_function() -> None:
    """Arguments go in and the value comes out, as with ``trio.run``."""

    async def double(number: int) -> int:
        await trio.sleep(1)
        return 2 * number

    assert virtual_clock().run(double, 21) == 42


def test_an_exception_leaves_a_run_as_it_is() -> None:
    """The test's own failure is not wrapped."""

    async def main() -> None:
        raise LookupError("gone")

    with pytest.raises(LookupError, match="gone"):
        virtual_clock().run(main)


def test_a_foreign_cancellation_leaves_a_guarded_run() -> None:
    """A cancelled main task is cancelled, whoever did it."""

    async def main() -> None:
        with trio.CancelScope() as scope:
            scope.cancel(reason="the test")
            await trio.sleep(1)
        assert scope.cancelled_caught

    virtual_clock().run(main)


def test_a_manual_clock_moves_only_when_told() -> None:
    """Without autojump a sleep lasts until somebody advances the clock."""

    async def main() -> list[str]:
        seen: list[str] = []

        async def sleeper() -> None:
            await trio.sleep(10)
            seen.append("woken")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(sleeper)
            await current().advance(9.999)
            seen.append("before")
            await current().advance("1ms")
            seen.append("after")
        return seen

    assert virtual_clock(autojump=False).run(main) == ["before", "woken", "after"]


def test_advance_settles_chained_sleeps() -> None:
    """One advance over several sleeps in a row ends all of them, each at its own time."""

    async def main() -> list[float]:
        woken: list[float] = []

        async def sleeper() -> None:
            for delay in (2, 3, 4):
                await trio.sleep(delay)
                woken.append(trio.current_time())

        async with trio.open_nursery() as nursery:
            nursery.start_soon(sleeper)
            await current().advance(timedelta(seconds=9))
            return list(woken)

    assert virtual_clock(autojump=False).run(main) == [2, 5, 9]


def test_advance_to_an_instant_stops_there() -> None:
    """What is due later stays asleep, and time is exactly what was asked for."""

    async def main() -> tuple[float, float]:
        woken = math.inf

        async def sleeper() -> None:
            nonlocal woken
            await trio.sleep(8)
            woken = trio.current_time()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(sleeper)
            await current().advance_to(7.5)
            at = trio.current_time()
            assert woken == math.inf
            await current().advance_to(100)
        return at, woken

    assert virtual_clock(autojump=False).run(main) == (7.5, 8)


def test_advance_under_autojump_does_not_overshoot() -> None:
    """While somebody advances the clock, it does not jump by itself."""

    async def main() -> float:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep, 100)
            await current().advance(30)
            return trio.current_time()

    assert virtual_clock().run(main) == 30


def test_settle_waits_until_everything_waits() -> None:
    """After it, what could be done at this instant is done."""

    async def main() -> list[int]:
        done: list[int] = []

        async def busy() -> None:
            for i in range(5):
                await trio.lowlevel.checkpoint()
                done.append(i)
            await trio.sleep(1)
            done.append(99)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(busy)
            await current().settle()
            return list(done)

    assert virtual_clock().run(main) == [0, 1, 2, 3, 4]


def test_waiting_for_quiet_goes_before_a_jump() -> None:
    """``wait_all_tasks_blocked`` sees the instant before the clock jumps, each time."""

    async def main() -> list[float]:
        seen: list[float] = []

        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep, 5)
            for _ in range(3):
                await wait_all_tasks_blocked()
                seen.append(trio.current_time())
        return seen

    assert virtual_clock().run(main) == [0, 0, 0]


def test_a_jump_moves_time_at_once() -> None:
    """A synchronous jump is for code that cannot wait; sleepers wake when it does."""

    async def main() -> float:
        with trio.move_on_after(5) as scope:
            current().jump(6)
            await trio.sleep_forever()
        assert scope.cancelled_caught
        return trio.current_time()

    assert virtual_clock().run(main) == 6


def test_the_wall_clock_follows() -> None:
    """What is saved or shown gets a time that moves with the test and is the same each run."""

    async def main() -> list[float]:
        shown = [wall_clock()()]
        await trio.sleep(60)
        return [*shown, wall_clock()()]

    assert virtual_clock().run(main) == [VIRTUAL_EPOCH, VIRTUAL_EPOCH + 60]
    assert virtual_clock(start=1000, epoch=5).run(main) == [5, 65]


def test_a_deadlock_ends_the_run_with_the_tree_of_its_tasks() -> None:
    """The error has each task, the line it waits on, and nothing of the harness."""

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.Event().wait, name="never set")

    with pytest.raises(DeadlockError, match="none of them for time, input or a thread") as caught:
        virtual_clock().run(main)

    lines = caught.value.tree.splitlines()
    assert "main" in lines[0]
    assert "async with trio.open_nursery() as nursery:" in lines[1]
    assert lines[2].strip() == "never set"
    assert "awaitly" not in caught.value.tree


def test_a_deadlock_behind_a_shield_ends_the_run_too() -> None:
    """Clean-up that waits forever without a deadline is found as well."""

    async def main() -> None:
        try:
            await trio.Event().wait()
        finally:
            with trio.CancelScope(shield=True):
                await trio.Event().wait()

    with pytest.raises(DeadlockError):
        virtual_clock().run(main)


def test_a_deadlock_is_told_even_if_the_task_swallows_its_cancellation() -> None:
    """A value that came out of a run that was stuck is no success."""

    async def main() -> str:
        try:
            await trio.Event().wait()
        except trio.Cancelled:
            return "fine"
        return "set"

    with pytest.raises(DeadlockError):
        virtual_clock().run(main)


def test_a_manual_clock_that_nobody_moves_is_told() -> None:
    """The likely slip, a manual clock without a task that advances it, has its own words."""
    with pytest.raises(DeadlockError, match=r"the clock is manual: keep a task that awaits"):
        virtual_clock(autojump=False).run(trio.sleep, 1)


def test_a_jump_past_a_thread_at_work_is_an_error() -> None:
    """Instead of cutting the thread off at once, virtual time says what is wrong."""

    async def main() -> None:
        with trio.move_on_after(5):
            await trio.to_thread.run_sync(nap)

    with pytest.raises(ClockTrapError, match=r"hold the clock with `with clock_pinned\(\):`"):
        virtual_clock().run(main)


def test_a_pinned_clock_lets_a_thread_finish() -> None:
    """Inside the block real work takes no virtual time."""

    async def main() -> float:
        with trio.move_on_after(5) as scope, clock_pinned():
            await trio.to_thread.run_sync(nap)
        assert not scope.cancelled_caught
        return trio.current_time()

    assert virtual_clock().run(main) == 0


def test_a_thread_without_a_time_limit_needs_no_pin() -> None:
    """Where nothing could jump, the clock waits for the thread."""

    async def main() -> str:
        return await trio.to_thread.run_sync(lambda: "done")

    assert virtual_clock().run(main) == "done"


def test_real_input_is_waited_for() -> None:
    """A task that waits for a socket is no deadlock."""

    async def main() -> bytes:
        near, far = socket.socketpair()
        with trio.socket.from_stdlib_socket(near) as ours, far:
            trio.lowlevel.spawn_system_task(_send_later, far)
            return await ours.recv(10)

    assert virtual_clock().run(main) == b"hello"


async def _send_later(far: socket.socket) -> None:
    await trio.to_thread.run_sync(lambda: (nap(), far.send(b"hello")))


def test_pins_of_several_tasks_may_overlap() -> None:
    """The clock stands still until the last of them is gone, in whatever order they end."""

    async def main(clock: MockClock | VirtualClock) -> None:
        first, second = clock_pinned(), clock_pinned()
        with trio.CancelScope():
            first.__enter__()
            second.__enter__()
            first.__exit__(None, None, None)
            with trio.move_on_after(1) as scope:
                await trio.to_thread.run_sync(nap)
            assert not scope.cancelled_caught
            second.__exit__(None, None, None)
        await trio.sleep(1)
        assert clock.current_time() == 1

    for clock in (virtual_clock(), MockClock(autojump_threshold=0)):
        trio.run(main, clock, clock=clock)


def test_pinning_a_real_clock_does_nothing() -> None:
    """Code that pins also runs in production."""

    async def main() -> None:
        with clock_pinned():
            await trio.lowlevel.checkpoint()

    trio.run(main)


def test_a_run_that_waits_for_real_and_never_ends_is_cut_off() -> None:
    """After its patience a hanging run shows where each task is."""

    async def main() -> None:
        near, far = socket.socketpair()
        with trio.socket.from_stdlib_socket(near) as ours, far:
            await ours.recv(1)

    with pytest.raises(HungError, match=r"within 0.05 real seconds; it hangs here") as caught:
        virtual_clock().run(main, patience=0.05)

    assert "await ours.recv(1)" in caught.value.tree


def test_a_task_that_never_comes_back_is_interrupted() -> None:
    """A loop without a checkpoint stops Trio itself; the error shows its line."""

    async def main() -> None:
        while True:
            pass

    with pytest.raises(HungError, match="a task never comes back to Trio") as caught:
        virtual_clock().run(main, patience=0.05)

    assert "in main" in caught.value.tree


def test_a_run_may_be_left_unwatched() -> None:
    """Patience without end starts no thread."""

    async def main() -> str:
        return "done"

    assert virtual_clock().run(main, patience=math.inf) == "done"


def test_a_late_clock_overshoots_and_repeats_itself() -> None:
    """With jitter timers are late, as real ones are, by no more than was said."""

    async def main() -> list[float]:
        woken: list[float] = []
        for _ in range(5):
            await trio.sleep(1)
            woken.append(trio.current_time())
        return woken

    one, two = (virtual_clock(jitter=0.5).run(main) for _ in range(2))

    late = [b - a - 1 for a, b in zip([0, *one], one, strict=False)]
    assert one == two
    assert all(0 <= each <= 0.5 for each in late)
    assert len(set(late)) == 5


def test_a_clock_shows_its_time_and_kind() -> None:
    """A clock in a failing assertion says what it is."""
    assert repr(virtual_clock(start=2)) == "<VirtualClock at 2 s, autojump>"
    assert repr(virtual_clock(autojump=False)) == "<VirtualClock at 0 s, manual>"


def test_lateness_is_not_negative() -> None:
    """A timer is never early."""
    with pytest.raises(ValueError, match="jitter"):
        virtual_clock(jitter=-1)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_clock_starts_at_a_number(value: float) -> None:
    """Arithmetic with such a time could only fail later, and far away."""
    with pytest.raises(ValueError, match="start must be a finite number of seconds"):
        virtual_clock(start=value)


def test_time_does_not_go_back() -> None:
    """A negative jump and an instant that has passed are refused, with the value."""

    async def main() -> None:
        with pytest.raises(ValueError, match=r"cannot go back by -1 s"):
            current().jump(-1)
        await trio.sleep(5)
        with pytest.raises(ValueError, match=r"time is at 5\.0 and cannot go back to 4"):
            await current().advance_to(4)
        with pytest.raises(ValueError, match="-3"):
            await current().advance(-3)

    virtual_clock().run(main)
