"""Resources of a body: acquired as steps, released when their block ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
from dependencies import Declined, crash, fail, give
from recorder import Recorder

from awaitly_trio import Err, Ok, Step, UnexpectedError, run, workflow
from awaitly_trio._values.errors import ReleaseError, RunClosedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from trio.testing import MockClock

    from awaitly_trio._engine.resources import Resources


class Pool:
    """Keeps what is open, and the order in which things were opened and closed."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.failing: dict[str, BaseException] = {}
        self.slow: dict[str, float] = {}

    async def open(self, name: str) -> Any:
        await trio.sleep(1)
        self.log.append(f"open {name}")
        return Ok(name)

    async def close(self, name: str) -> None:
        await trio.sleep(self.slow.get(name, 0.1))
        self.log.append(f"close {name}")
        if name in self.failing:
            raise self.failing[name]

    def close_now(self, name: str) -> None:
        self.log.append(f"close {name}")


@pytest.fixture
def pool() -> Pool:
    """Return a pool in which nothing is open."""
    return Pool()


@pytest.fixture
def using(observers: list[Recorder], pool: Pool) -> Any:
    """Open some resources and run a body with them, watched or not."""

    @workflow
    async def uses(step: Step[Any], /, names: str, body: Any, **options: Any) -> Any:
        async with step.resources(**options) as resources:
            held = [await resources.acquire(pool.open, pool.close, name) for name in names]
            return await body(step, resources, held)

    async def one(names: str, body: Callable[..., Any] = _nothing, **options: Any) -> Any:
        try:
            return await uses.options(observers=observers)(names, body, **options)
        finally:
            for recorder in observers:
                recorder.check_laws()

    return one


async def _nothing(step: Step[Any], resources: Resources[Any], held: list[Any]) -> Any:
    return held


async def test_a_body_uses_what_it_acquired(using: Any, autojump_clock: MockClock) -> None:
    """The value of the acquiring dependency."""
    assert await using("ab") == Ok(["a", "b"])


async def test_the_newest_is_released_first(
    using: Any, pool: Pool, autojump_clock: MockClock
) -> None:
    """One after the other."""
    await using("abc")

    assert pool.log == ["open a", "open b", "open c", "close c", "close b", "close a"]


async def test_a_release_may_be_sync(pool: Pool, autojump_clock: MockClock) -> None:
    """Closing a file needs no await."""

    async def body(step: Step[Any]) -> None:
        async with step.resources() as resources:
            await resources.acquire(pool.open, pool.close_now, "a")

    await run(body)

    assert pool.log == ["open a", "close a"]


async def test_all_are_released_after_a_planned_failure(
    using: Any, pool: Pool, autojump_clock: MockClock
) -> None:
    """The failure is the outcome."""

    async def fails(step: Step[Any], resources: Resources[Any], held: Any) -> None:
        await step(fail, Declined())

    assert await using("ab", fails) == Err(Declined())
    assert pool.log[-2:] == ["close b", "close a"]


async def test_all_are_released_after_a_defect(
    using: Any, pool: Pool, autojump_clock: MockClock
) -> None:
    """The exception is the outcome."""
    bug = ValueError("a bug")

    async def breaks(step: Step[Any], resources: Resources[Any], held: Any) -> None:
        raise bug

    assert await using("ab", breaks) == Err(UnexpectedError(bug), bug)
    assert pool.log[-2:] == ["close b", "close a"]


async def test_all_are_released_after_a_cancellation(
    using: Any, pool: Pool, autojump_clock: MockClock
) -> None:
    """Releases may wait, although the body may not any more."""

    async def waits(step: Step[Any], resources: Resources[Any], held: Any) -> None:
        await trio.sleep_forever()

    with trio.move_on_after(5) as scope:
        await using("ab", waits)

    assert scope.cancelled_caught
    assert pool.log[-2:] == ["close b", "close a"]


async def test_what_was_acquired_is_released_when_the_next_fails(
    pool: Pool, autojump_clock: MockClock
) -> None:
    """A half-done acquisition leaks nothing."""

    async def body(step: Step[Any]) -> None:
        async with step.resources() as resources:
            await resources.acquire(pool.open, pool.close, "a")
            await resources.acquire(fail, pool.close, Declined("b"))

    assert await run(body) == Err(Declined("b"))
    assert pool.log == ["open a", "close a"]


async def test_every_release_is_tried(using: Any, pool: Pool, autojump_clock: MockClock) -> None:
    """All failures are reported together, in the order of release."""
    second, first = OSError("b"), ValueError("a")
    pool.failing = {"a": first, "b": second}

    result = await using("abc")

    assert isinstance(result, Err)
    assert isinstance(result.cause, ReleaseError)
    assert result.cause.errors == [second, first]
    assert pool.log[-3:] == ["close c", "close b", "close a"]


async def test_a_failed_release_does_not_hide_a_planned_failure(
    using: Any, pool: Pool, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """The error of the body is the outcome; the release is logged."""
    pool.failing = {"a": OSError("disk")}

    async def fails(step: Step[Any], resources: Resources[Any], held: Any) -> None:
        await step(fail, Declined())

    assert await using("a", fails) == Err(Declined())
    assert "OSError: disk" in caplog.text


async def test_a_failed_release_does_not_hide_a_defect(
    using: Any, pool: Pool, autojump_clock: MockClock
) -> None:
    """It is noted on it."""
    bug = ValueError("a bug")
    pool.failing = {"a": OSError("disk")}

    async def breaks(step: Step[Any], resources: Resources[Any], held: Any) -> None:
        raise bug

    assert await using("a", breaks) == Err(UnexpectedError(bug), bug)
    assert bug.__notes__ == ["a release failed too: OSError('disk')"]  # type: ignore[attr-defined]


async def test_a_failed_release_does_not_hide_a_cancellation(
    using: Any, pool: Pool, autojump_clock: MockClock
) -> None:
    """The caller's scope sees that it cancelled."""
    pool.failing = {"a": OSError("disk")}

    async def waits(step: Step[Any], resources: Resources[Any], held: Any) -> None:
        await trio.sleep_forever()

    with trio.move_on_after(5) as scope:
        await using("a", waits)

    assert scope.cancelled_caught


async def test_a_stuck_release_is_cut_off(
    using: Any, pool: Pool, autojump_clock: MockClock
) -> None:
    """After its allowance; the others are still released."""
    pool.slow = {"b": 1000}

    result = await using("ab", release_timeout=3)

    assert isinstance(result, Err)
    assert str(result.cause.errors[0]) == "releasing 'b' took longer than 3s"
    assert pool.log[-1] == "close a"
    assert trio.current_time() == pytest.approx(2 + 3 + 0.1)


async def test_a_release_that_fails_by_a_step_ends_the_run(
    pool: Pool, autojump_clock: MockClock
) -> None:
    """The step's error is the outcome, after everything else has been released."""

    async def body(step: Step[Any]) -> None:
        async def release(name: str) -> None:
            await step(fail, Declined(name))

        async with step.resources() as resources:
            await resources.acquire(pool.open, pool.close, "a")
            await resources.acquire(pool.open, release, "b")

    assert await run(body) == Err(Declined("b"))
    assert pool.log == ["open a", "open b", "close a"]


@pytest.mark.parametrize("leaving", [KeyboardInterrupt, SystemExit])
async def test_an_interrupt_in_a_release_leaves_after_the_others(
    pool: Pool, leaving: type[BaseException], autojump_clock: MockClock
) -> None:
    """Nothing is leaked, and nothing is swallowed."""

    async def body(step: Step[Any]) -> None:
        def release(name: str) -> None:
            raise leaving

        async with step.resources() as resources:
            await resources.acquire(pool.open, pool.close, "a")
            await resources.acquire(pool.open, release, "b")

    with pytest.raises(leaving):
        await run(body)
    assert pool.log == ["open a", "open b", "close a"]


async def test_blocks_nest(pool: Pool, autojump_clock: MockClock) -> None:
    """The inner one releases first."""

    async def body(step: Step[Any]) -> None:
        async with step.resources() as outer:
            await outer.acquire(pool.open, pool.close, "db")
            async with step.resources() as inner:
                await inner.acquire(pool.open, pool.close, "cache")
            pool.log.append("between")

    await run(body)

    assert pool.log == ["open db", "open cache", "close cache", "between", "close db"]


async def test_a_resource_that_is_acquired_while_releasing_is_released(
    pool: Pool, autojump_clock: MockClock
) -> None:
    """Nothing that is held is forgotten."""

    async def body(step: Step[Any]) -> None:
        async with step.resources() as resources:

            async def swap(name: str) -> None:
                await resources.acquire(pool.open, pool.close, "spare")

            await resources.acquire(pool.open, swap, "a")

    await run(body)

    assert pool.log == ["open a", "open spare", "close spare"]


@pytest.mark.parametrize("when", ["before", "after"])
async def test_nothing_is_acquired_outside_the_block(
    pool: Pool, when: str, autojump_clock: MockClock
) -> None:
    """It would be released by nobody, so the dependency is not even called."""

    async def body(step: Step[Any]) -> None:
        resources = step.resources()
        if when == "after":
            async with resources:
                pass
        with pytest.raises(RunClosedError, match="resource"):
            await resources.acquire(pool.open, pool.close, "a")

    assert await run(body) == Ok(None)
    assert pool.log == []


@pytest.mark.parametrize("observers", [[], [Recorder()]], ids=["unwatched", "watched"])
async def test_an_open_block_is_not_entered_again(
    pool: Pool, observers: list[Recorder], autojump_clock: MockClock
) -> None:
    """The inner end would release what the outer one still uses."""

    @workflow
    async def uses(step: Step[Any]) -> None:
        async with step.resources() as resources:
            await resources.acquire(pool.open, pool.close, "a")
            with pytest.raises(RuntimeError, match="is open already: enter another one"):
                await resources.__aenter__()
            pool.log.append("use a")

    assert await uses.options(observers=observers)() == Ok(None)
    assert pool.log == ["open a", "use a", "close a"]
    for recorder in observers:
        recorder.check_laws()


async def test_a_release_that_cannot_be_called_is_refused_first(pool: Pool) -> None:
    """Nothing is acquired that could not be released."""

    async def body(step: Step[Any]) -> None:
        async with step.resources() as resources:
            no_function: Any = None
            await resources.acquire(pool.open, no_function, "a")

    result = await run(body)

    assert isinstance(result, Err)
    assert str(result.cause) == "release is None: write a function of what was acquired"
    assert pool.log == []


async def test_a_block_that_was_not_entered_says_so(pool: Pool) -> None:
    """Not that it has ended."""

    async def body(step: Step[Any]) -> None:
        await step.resources().acquire(pool.open, pool.close, "a")

    result = await run(body)

    assert isinstance(result, Err)
    assert str(result.cause) == (
        "resource scope for 'close' has not begun: "
        "enter it with async with, and use it inside that block"
    )


async def test_what_is_acquired_too_late_is_released_at_once(
    pool: Pool, autojump_clock: MockClock
) -> None:
    """By a task that is still at it when the block has ended."""
    raised: list[Exception] = []

    async def slowly(name: str) -> Any:
        await trio.sleep(2)
        return await pool.open(name)

    async def body(step: Step[Any]) -> None:
        async def late(resources: Resources[Any]) -> None:
            try:
                await resources.acquire(slowly, pool.close, "a")
            except RunClosedError as exc:
                raised.append(exc)

        async with trio.open_nursery() as nursery, step.resources() as resources:
            nursery.start_soon(late, resources)
            await trio.sleep(1)

    assert await run(body) == Ok(None)
    assert pool.log == ["open a", "close a"]
    assert len(raised) == 1


async def test_a_hook_cannot_come_between_acquiring_and_holding(
    pool: Pool, autojump_clock: MockClock
) -> None:
    """A caller that is cancelled while a hook waits leaks nothing."""

    @workflow
    async def uses(step: Step[Any]) -> None:
        async with step.resources() as resources:
            await resources.acquire(pool.open, pool.close, "a")

    async def slow_hook(scope: Any, outcome: Any) -> None:
        await trio.sleep(10)

    with trio.move_on_after(5) as scope:
        await uses.options(after_step=slow_hook)()

    assert scope.cancelled_caught
    assert pool.log == ["open a", "close a"]


async def test_an_acquisition_that_is_cancelled_holds_nothing(
    pool: Pool, autojump_clock: MockClock
) -> None:
    """There is nothing to release then."""

    async def body(step: Step[Any]) -> None:
        async with step.resources() as resources:
            await resources.acquire(pool.open, pool.close, "a")

    with trio.move_on_after(0.5) as scope:
        await run(body)

    assert scope.cancelled_caught
    assert pool.log == []


async def test_an_acquisition_that_raises_is_a_defect(pool: Pool) -> None:
    """There is nothing to release then either."""
    bug = ValueError("a bug")

    async def body(step: Step[Any]) -> None:
        async with step.resources() as resources:
            await resources.acquire(crash, pool.close, bug)

    assert await run(body) == Err(UnexpectedError(bug), bug)


@pytest.mark.parametrize("allowance", [-1, float("nan")])
async def test_an_allowance_out_of_range_is_refused(allowance: float) -> None:
    """The value is shown."""

    async def body(step: Step[Any]) -> None:
        async with step.resources(release_timeout=allowance):
            pass

    result = await run(body)

    assert isinstance(result, Err)
    assert "release_timeout must be" in str(result.cause) or str(allowance) in str(result.cause)


@pytest.mark.parametrize(
    "option", [{"timeout": 1}, {"retry": 3}, {"key": "k"}, {"fallback": len}, {"total_timeout": 1}]
)
async def test_the_block_refuses_options_that_it_cannot_honour(option: dict[str, Any]) -> None:
    """An option that would do nothing is never accepted silently."""

    async def body(step: Step[Any]) -> None:
        async with step.options(**option).resources():
            pass

    result = await run(body)

    assert isinstance(result, Err)
    assert isinstance(result.cause, (ValueError, TypeError))


async def test_a_block_is_a_scope_and_acquiring_a_step(
    pool: Pool, autojump_clock: MockClock
) -> None:
    """Observers see what is acquired, under the name of the block."""
    recorder = Recorder()

    @workflow
    async def uses(step: Step[Any]) -> None:
        async with step.options(name="connections").resources() as resources:
            await resources.acquire(pool.open, pool.close, "a")
            await step(give, 1)

    await uses.options(observers=[recorder])()

    recorder.check_laws()
    assert recorder.paths == [
        "uses",
        "uses/connections",
        "uses/connections/open",
        "uses/connections/give",
    ]


async def test_a_failed_release_is_the_outcome_of_the_block(
    pool: Pool, autojump_clock: MockClock
) -> None:
    """Observers see the defect."""
    recorder = Recorder()
    pool.failing = {"a": OSError("disk")}

    @workflow
    async def uses(step: Step[Any]) -> None:
        async with step.resources() as resources:
            await resources.acquire(pool.open, pool.close, "a")

    await uses.options(observers=[recorder])()

    assert recorder.outcome("uses/resources").status == "defect"
