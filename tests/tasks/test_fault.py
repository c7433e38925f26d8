"""Points at which tests make things go wrong."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock, assert_no_checkpoints, wait_all_tasks_blocked

from awaitly_trio._policies.fault_plan import Answer, Cancel, Delay, Hang, Raise
from awaitly_trio._tasks.fault import Injection, fault, faults, faulty
from awaitly_trio._values.result import Err, Ok, Result


async def test_a_point_does_nothing_by_itself(autojump_clock: MockClock) -> None:
    """Without a block it is not even a checkpoint."""
    with assert_no_checkpoints():
        await fault("db.save")


async def test_an_exception_can_be_raised(autojump_clock: MockClock) -> None:
    """A class or a function makes it anew each time."""
    with faults({"db.*": Raise(lambda: OSError("disk full"))}, seed=1) as injected:
        with pytest.raises(OSError, match="disk full"):
            await fault("db.save")
        await fault("http.get")

    assert [each.point for each in injected.struck] == ["db.save"]


async def test_time_can_pass(autojump_clock: MockClock) -> None:
    """Between the bounds of the delay."""
    origin = trio.current_time()

    with faults({"db": Delay(1, 2)}, seed=1):
        await fault("db")

    assert 1 <= trio.current_time() - origin <= 2


async def test_a_point_can_hang(autojump_clock: MockClock) -> None:
    """Until it is cancelled."""
    with faults({"db": Hang()}, seed=1), trio.move_on_after(5) as patience:
        await fault("db")

    assert patience.cancelled_caught


async def test_a_point_can_cancel_the_block(autojump_clock: MockClock) -> None:
    """Code inside sees a cancellation with a reason; after the block all goes on."""
    seen: list[str | None] = []

    with faults({"db": Cancel()}, seed=1) as injected:
        try:
            await fault("db")
        except trio.Cancelled as cancelled:
            seen.append(cancelled.reason)
            raise

    assert injected.cancelled_caught
    assert seen == ["a fault at 'db' cancelled the block that injects it"]


async def test_a_function_can_be_made_to_answer(autojump_clock: MockClock) -> None:
    """It is not called, and returns what the fault says."""
    called: list[int] = []

    @faulty("charge")
    async def charge(cents: int) -> Result[int, str]:
        called.append(cents)
        return Ok(cents)

    with faults({"charge": Answer(Err("declined"), skip=1, most=1)}, seed=1):
        results = [await charge(1), await charge(2), await charge(3)]

    assert results == [Ok(1), Err("declined"), Ok(3)]
    assert called == [1, 3]
    assert await charge(4) == Ok(4)


async def test_a_function_can_fail_before_it_is_called(autojump_clock: MockClock) -> None:
    """Every other fault strikes at its start."""

    @faulty("charge")
    async def charge() -> None:
        pytest.fail("called")

    with faults({"charge": Raise(ConnectionError)}, seed=1), pytest.raises(ConnectionError):
        await charge()


async def test_a_bare_point_cannot_answer(autojump_clock: MockClock) -> None:
    """A plan that would do nothing is a mistake."""
    with faults({"db": Answer(1)}, seed=1), pytest.raises(TypeError, match="use faulty"):
        await fault("db")


async def test_one_seed_gives_the_same_faults(autojump_clock: MockClock) -> None:
    """The block tells what struck, in order."""

    async def struck(seed: int) -> list[Injection]:
        plan = {"*": Raise(OSError, chance=0.3)}
        with faults(plan, seed=seed) as injected:
            for i in range(40):
                try:
                    await fault(f"point {i % 3}")
                except OSError:
                    continue
        return injected.struck

    assert await struck(1) == await struck(1) != await struck(2)


async def test_blocks_are_scoped(autojump_clock: MockClock) -> None:
    """Tasks started in a block are in it, others are not, and the inner block counts."""
    struck: list[str] = []

    async def pass_point(name: str) -> None:
        try:
            await fault("db")
        except OSError as error:
            struck.append(f"{name}: {error}")

    async with trio.open_nursery() as nursery:
        with faults({"db": Raise(lambda: OSError("outer"))}, seed=1):
            with faults({"db": Raise(lambda: OSError("inner"))}, seed=1):
                await pass_point("nested")
            nursery.start_soon(pass_point, "started inside")
            await wait_all_tasks_blocked()
        nursery.start_soon(pass_point, "started outside")

    assert struck == ["nested: inner", "started inside: outer"]


async def test_a_task_that_outlives_the_block_is_safe(autojump_clock: MockClock) -> None:
    """It still knows the block, which injects no more, though another one may be open."""

    async def late() -> None:
        await trio.sleep(1)
        await fault("db")

    async with trio.open_nursery() as nursery:
        with faults({"db": Raise(OSError)}, seed=1):
            nursery.start_soon(late)
            await wait_all_tasks_blocked()
        with faults({"db": Raise(OSError)}, seed=1) as injected:
            await trio.sleep(2)

    assert injected.struck == []
