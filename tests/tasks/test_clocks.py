"""Wall time: the system's, a virtual one, or one that was given."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import trio
import trio.abc
from trio.testing import MockClock

from awaitly_trio._tasks.clocks import VIRTUAL_EPOCH, wall_clock, wall_clock_set

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable


async def read() -> float:
    """Read the wall clock."""
    return wall_clock()()


def test_outside_a_run_it_is_the_systems() -> None:
    """There is no other."""
    assert wall_clock() is time.time  # noqa: TID251  # what it owns


def test_in_real_time_it_is_the_systems() -> None:
    """Seconds since 1970."""
    assert trio.run(read) > VIRTUAL_EPOCH


def test_under_a_virtual_clock_it_follows_virtual_time() -> None:
    """Two runs show the same times, however long they really took."""

    async def main() -> list[float]:
        before = await read()
        await trio.sleep(3600)
        return [before, await read()]

    runs = [trio.run(main, clock=MockClock(autojump_threshold=0)) for _ in range(2)]

    assert runs == [[VIRTUAL_EPOCH, VIRTUAL_EPOCH + 3600]] * 2


def test_a_clock_of_the_run_may_tell_wall_time_itself() -> None:
    """One that has ``wall_time`` is asked."""

    class Told(trio.abc.Clock):
        def start_clock(self) -> None:
            pass

        def current_time(self) -> float:
            return 0.0

        def deadline_to_sleep_time(self, deadline: float) -> float:
            return 0.0

        def wall_time(self) -> float:
            return 5.0

    assert trio.run(read, clock=Told()) == 5.0


async def test_a_clock_can_be_given() -> None:
    """To a block and the tasks it starts, and to nobody else."""
    seen: list[float] = []

    async def task() -> None:
        seen.append(await read())

    with wall_clock_set(lambda: 7.0):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(task)
        with wall_clock_set(lambda: 8.0):
            await task()
        await task()

    assert seen == [7.0, 8.0, 7.0]
    assert wall_clock()() != 7.0


def test_reading_it_does_not_load_the_testing_tools(
    fresh_python: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    """They would slow every import of the library."""
    script = (
        "import sys, trio\n"
        "from awaitly_trio._tasks.clocks import wall_clock\n"
        "async def main(): return wall_clock()()\n"
        "assert trio.run(main) > 1e9\n"
        "assert 'trio.testing' not in sys.modules\n"
    )

    run = fresh_python("-c", script)

    assert run.returncode == 0, run.stderr
