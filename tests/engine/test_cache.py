"""Keyed steps that are remembered: what is, for how long, and what never is."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
import trio
from dependencies import Declined, Scripted, Tally, crash, fail, forever, give
from recorder import Recorder

from awaitly_trio import Err, Ok, Step, TimedOut, UnexpectedError, workflow
from awaitly_trio._engine.step_cache import StepCache
from awaitly_trio._policies.delays import spaced
from awaitly_trio._values.events import CacheHit, CacheMiss

if TYPE_CHECKING:
    from trio.testing import MockClock


@workflow
async def calls(
    step: Step[Any], /, dependency: Any, *keys: str | None, **options: Any
) -> list[Any]:
    """Call a dependency once for each key and return all values."""
    values = []
    for key in keys:
        keyed = step.options(key=key, **options) if key is not None else step.options(**options)
        values.append(await keyed(dependency))
    return values


@pytest.fixture
def cache() -> StepCache:
    """Return an empty cache."""
    return StepCache()


# --- what is remembered


async def test_a_keyed_step_runs_once(cache: StepCache) -> None:
    """The second time its value is remembered."""
    dependency = Scripted(Ok("first"), Ok("second"))

    result = await calls.options(cache=cache)(dependency, "k", "k")

    assert result == Ok(["first", "first"])
    assert len(dependency.calls) == 1
    assert cache.statistics().size == 1


async def test_a_step_without_key_is_never_remembered(cache: StepCache) -> None:
    """Calling one dependency twice is the usual thing in a loop."""
    result = await calls.options(cache=cache)(Scripted(Ok(1), Ok(2)), None, None)

    assert result == Ok([1, 2])
    assert cache.statistics().size == 0


async def test_other_keys_are_other_steps(cache: StepCache) -> None:
    """Any text is a key of its own."""
    keys = ("a", "A", "a ", "a/b", "a#2")

    result = await calls.options(cache=cache)(Scripted(*map(Ok, range(5))), *keys, *keys)

    assert result == Ok([0, 1, 2, 3, 4] * 2)


async def test_without_a_cache_a_key_remembers_nothing() -> None:
    """It only names the step."""
    assert await calls(Scripted(Ok(1), Ok(2)), "k", "k") == Ok([1, 2])


async def test_runs_that_share_a_cache_share_what_it_remembers(cache: StepCache) -> None:
    """The value of the first run is that of the second."""
    dependency = Scripted(Ok(1), Ok(2))
    cached = calls.options(cache=cache)

    assert await cached(dependency, "k") == Ok([1])
    assert await cached(dependency, "k") == Ok([1])


async def test_workflows_do_not_share_keys(cache: StepCache) -> None:
    """A key names a step of its workflow."""
    dependency = Scripted(Ok(1), Ok(2))

    await calls.options(cache=cache)(dependency, "k")
    result = await calls.options(cache=cache, name="others")(dependency, "k")

    assert result == Ok([2])


def test_a_cache_may_outlive_the_program_loop() -> None:
    """What one run of Trio put in, the next one finds."""
    cache = StepCache(ttl=60)
    dependency = Scripted(Ok(1), Ok(2))

    results = [trio.run(calls.options(cache=cache), dependency, "k") for _ in range(2)]

    assert results == [Ok([1]), Ok([1])]


@pytest.mark.parametrize("value", [None, 0, "", False, []])
async def test_falsy_values_are_remembered(cache: StepCache, value: object) -> None:
    """Having nothing is not the same as not having run."""
    dependency = Scripted(Ok(value), Ok("again"))

    assert await calls.options(cache=cache)(dependency, "k", "k") == Ok([value, value])


async def test_a_step_of_catch_is_remembered(cache: StepCache) -> None:
    """Every way to run a step goes through the cache."""
    read = []

    def load(name: str) -> str:
        read.append(name)
        return name.upper()

    @workflow
    async def loads(step: Step[Any]) -> list[str]:
        keyed = step.options(key="k")
        return [await keyed.catch(load, "a", catch=OSError, error="e") for _ in range(2)]

    assert await loads.options(cache=cache)() == Ok(["A", "A"])
    assert read == ["a"]


async def test_a_keyed_branch_and_a_keyed_block_are_remembered(cache: StepCache) -> None:
    """So is a whole map under one key."""
    tally = Tally()
    counted = tally.counting(give)

    @workflow
    async def blocks(step: Step[Any]) -> Any:
        async with step.parallel() as group:
            branch = group.options(key="branch").start_soon(counted, 1)
        return branch.value, await step.options(key="map").map(counted, [2, 3], limit=1)

    cached = blocks.options(cache=cache)

    assert await cached() == await cached() == Ok((1, [2, 3]))
    assert tally.order == [1, 2, 3]


async def test_the_final_value_of_retries_is_remembered(
    cache: StepCache, autojump_clock: MockClock
) -> None:
    """Not the failures before it."""
    dependency = Scripted(Err("busy"), Ok("late"))

    result = await calls.options(cache=cache)(dependency, "k", "k", retry=spaced(1, attempts=3))

    assert result == Ok(["late", "late"])


# --- what is not


async def test_a_planned_error_is_not_remembered(cache: StepCache) -> None:
    """The next run tries again."""
    dependency = Scripted(Err(Declined()), Ok("paid"))
    cached = calls.options(cache=cache)

    assert await cached(dependency, "k") == Err(Declined())
    assert await cached(dependency, "k") == Ok(["paid"])


async def test_a_planned_error_may_be_remembered() -> None:
    """Where that was asked for; error and cause come back."""
    cached = calls.options(cache=StepCache(replay_errors=True))
    cause = OSError("reset")
    dependency = Scripted(Err(Declined(), cause), Ok("paid"))

    first, second = await cached(dependency, "k"), await cached(dependency, "k")

    assert first == second == Err(Declined(), cause)
    assert len(dependency.calls) == 1


@pytest.mark.parametrize("replay_errors", [False, True])
async def test_a_defect_is_never_remembered(replay_errors: bool) -> None:
    """A bug may be fixed, or not come back."""
    cached = calls.options(cache=StepCache(replay_errors=replay_errors))
    bug = ValueError("a bug")
    dependency = Scripted(bug, Err(UnexpectedError(bug)), Ok(1))

    results = [await cached(dependency, "k") for _ in range(3)]

    assert results[2] == Ok([1])


@pytest.mark.parametrize("replay_errors", [False, True])
@pytest.mark.parametrize(
    "options",
    [
        {"timeout": 3},
        {"total_timeout": 3},
        {"timeout": 3, "on_timeout": None},
        {"timeout": 3, "on_timeout": "slow"},
        {"total_timeout": 3, "on_timeout": None},
    ],
    ids=str,
)
async def test_a_timeout_is_never_remembered(
    options: dict[str, Any], replay_errors: bool, autojump_clock: MockClock
) -> None:
    """In whatever form it is told: the next call may be in time."""
    cached = calls.options(cache=StepCache(replay_errors=replay_errors))
    started: list[int] = []

    async def slow_once() -> Any:
        started.append(1)
        await trio.sleep(5 if len(started) == 1 else 1)
        return Ok("in time")

    late = await cached(slow_once, "k", **options)
    in_time = await cached(slow_once, "k", **options)

    assert late in (
        Err(TimedOut("slow_once", 3.0)),
        Err(TimedOut("slow_once", 3.0, total=True)),
        Ok([None]),
        Err("slow", TimedOut("slow_once", 3.0)),
    )
    assert in_time == Ok(["in time"])


async def test_a_none_that_is_no_timeout_is_remembered(
    cache: StepCache, autojump_clock: MockClock
) -> None:
    """A step that could have timed out and gave nothing gave a value."""
    dependency = Scripted(Ok(None), Ok("again"))

    result = await calls.options(cache=cache)(dependency, "k", "k", timeout=3, on_timeout=None)

    assert result == Ok([None, None])


async def test_a_cancellation_is_never_remembered(
    cache: StepCache, autojump_clock: MockClock
) -> None:
    """A step that was interrupted has not ended."""
    cached = calls.options(cache=cache)
    dependency = Scripted(Ok(1), after=5)

    with trio.move_on_after(1):
        await cached(dependency, "k")

    assert await cached(dependency, "k") == Ok([1])
    assert len(dependency.calls) == 2


async def test_a_planned_error_that_cannot_be_copied_is_still_the_error(
    cache: StepCache,
) -> None:
    """Nothing is remembered of it, so nothing has to be copied."""
    error = threading.Lock()

    assert await calls.options(cache=cache)(Scripted(Err(error)), "k") == Err(error)


# --- for how long


async def test_a_value_is_remembered_for_its_time(autojump_clock: MockClock) -> None:
    """Then the step runs again."""
    cached = calls.options(cache=StepCache(ttl="1m"))
    dependency = Scripted(Ok(1), Ok(2))

    seen = []
    for wait in (0, 59, 2, 30):
        await trio.sleep(wait)
        seen.append(await cached(dependency, "k"))

    assert seen == [Ok([1]), Ok([1]), Ok([2]), Ok([2])]


async def test_the_least_recently_used_goes_first() -> None:
    """Using a value keeps it."""
    cached = calls.options(cache=StepCache(capacity=2))
    dependency = Scripted(*map(Ok, range(9)))

    result = await cached(dependency, "a", "b", "a", "c", "a", "b")

    assert result == Ok([0, 1, 0, 2, 0, 3])


async def test_one_value_can_be_forgotten(cache: StepCache) -> None:
    """It tells whether there was one."""
    cached = calls.options(cache=cache)
    dependency = Scripted(Ok(1), Ok(2), Ok(3))
    await cached(dependency, "a", "b")

    assert cache.forget("calls", "a")
    assert not cache.forget("calls", "a")
    assert not cache.forget("other", "b")
    assert await cached(dependency, "a", "b") == Ok([3, 2])


async def test_all_values_can_be_forgotten(cache: StepCache) -> None:
    """The cache is as new."""
    cached = calls.options(cache=cache)
    dependency = Scripted(Ok(1), Ok(2))
    await cached(dependency, "a")

    cache.clear()

    assert await cached(dependency, "a") == Ok([2])


@pytest.mark.parametrize("arguments", [{"ttl": 0}, {"ttl": -1}, {"capacity": 0}])
def test_a_cache_that_would_remember_nothing_is_refused(arguments: Any) -> None:
    """The value is shown."""
    with pytest.raises(ValueError, match=str(next(iter(arguments.values())))):
        StepCache(**arguments)


# --- values are protected


async def test_nobody_can_change_what_is_remembered(cache: StepCache) -> None:
    """Neither the step that made the value nor one that was handed it."""
    original = {"items": [1]}

    @workflow
    async def changes(step: Step[Any]) -> list[Any]:
        seen = []
        for _ in range(3):
            value = await step.options(key="k")(give, original)
            seen.append([*value["items"]])
            value["items"].append(99)
        return seen

    assert await changes.options(cache=cache)() == Ok([[1], [1], [1]])


async def test_a_value_may_be_shared_as_it_is() -> None:
    """Where a copy is impossible or too dear."""
    connection = threading.Lock()

    result = await calls.options(cache=StepCache(copy=None))(Scripted(Ok(connection)), "k", "k")

    assert result == Ok([connection, connection])


async def test_a_value_that_cannot_be_copied_is_refused(cache: StepCache) -> None:
    """The message names the step and the way out."""
    result = await calls.options(cache=cache)(Scripted(Ok(threading.Lock())), "k")

    assert isinstance(result, Err)
    assert isinstance(result.cause, TypeError)
    assert "step 'Scripted' has a key" in str(result.cause)
    assert "copy=None" in str(result.cause)


# --- at the same time


@workflow
async def both(step: Step[Any], *dependencies: Any) -> list[Any]:
    """Call dependencies under one key at once."""
    async with step.parallel() as group:
        keyed = [group.options(key="k").start_soon(each) for each in dependencies]
    return [each.value for each in keyed]


async def test_concurrent_steps_of_one_key_run_once(
    cache: StepCache, autojump_clock: MockClock
) -> None:
    """All get the value of the one that runs."""
    dependency = Scripted(Ok("shared"), Ok("twice"), after=5)

    result = await both.options(cache=cache)(dependency, dependency, dependency)

    assert result == Ok(["shared"] * 3)
    assert (len(dependency.calls), trio.current_time()) == (1, 5)


async def test_concurrent_runs_share_as_well(cache: StepCache, autojump_clock: MockClock) -> None:
    """Because they share the cache."""
    dependency = Scripted(Ok("shared"), Ok("twice"), after=5)
    cached = calls.options(cache=cache)
    results: list[Any] = []

    async def one() -> None:
        results.append(await cached(dependency, "k"))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(one)
        nursery.start_soon(one)

    assert results == [Ok(["shared"])] * 2


async def test_another_takes_over_when_the_one_that_runs_is_cancelled(
    cache: StepCache, autojump_clock: MockClock
) -> None:
    """The waiting step has not been cancelled, so it has to have its value."""
    dependency = Scripted(Ok("first"), Ok("second"), after=5)
    cached = calls.options(cache=cache)
    results: list[Any] = []

    async def hurried() -> None:
        with trio.move_on_after(3):
            results.append(await cached(dependency, "k"))

    async def patient() -> None:
        await trio.sleep(1)
        results.append(await cached(dependency, "k"))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(hurried)
        nursery.start_soon(patient)

    assert results == [Ok(["second"])]
    assert dependency.times == [0, 3]


async def test_another_takes_over_when_the_one_that_runs_breaks(
    cache: StepCache, autojump_clock: MockClock
) -> None:
    """A defect belongs to the call that met it."""
    bug = ValueError("a bug")
    dependency = Scripted(bug, Ok("second"), after=5)
    cached = calls.options(cache=cache)
    results: list[Any] = []

    async def one(after: float) -> None:
        await trio.sleep(after)
        results.append(await cached(dependency, "k"))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(one, 0)
        nursery.start_soon(one, 1)

    assert results == [Err(UnexpectedError(bug), bug), Ok(["second"])]


async def test_a_waiting_step_can_be_cancelled(cache: StepCache, autojump_clock: MockClock) -> None:
    """The one that runs goes on."""
    dependency = Scripted(Ok("first"), after=5)
    cached = calls.options(cache=cache)
    results: list[Any] = []

    async def hurried() -> None:
        await trio.sleep(1)
        with trio.move_on_after(1):
            results.append(await cached(dependency, "k"))

    async def patient() -> None:
        results.append(await cached(dependency, "k"))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(hurried)
        nursery.start_soon(patient)

    assert results == [Ok(["first"])]


async def test_a_shared_planned_error_is_everyones(
    cache: StepCache, autojump_clock: MockClock
) -> None:
    """It is one call that failed; it is not remembered."""
    dependency = Scripted(Err("busy"), Ok("later"), after=5)
    cached = calls.options(cache=cache)
    results: list[Any] = []

    async def one(after: float) -> None:
        await trio.sleep(after)
        results.append(await cached(dependency, "k"))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(one, 0)
        nursery.start_soon(one, 1)
        nursery.start_soon(one, 6)

    assert results == [Err("busy"), Err("busy"), Ok(["later"])]


async def test_a_step_that_waits_for_itself_is_refused(cache: StepCache) -> None:
    """Its key is used inside it: it would wait for ever."""

    @workflow
    async def circular(step: Step[Any]) -> Any:
        async def again() -> Any:
            return Ok(await step.options(key="k")(give, 1))

        return await step.options(key="k")(again)

    result = await circular.options(cache=cache)()

    assert isinstance(result, Err)
    assert "waits for itself: its key 'k' is used inside it" in str(result.cause)


async def test_a_step_that_waits_for_itself_in_a_branch_is_refused(
    cache: StepCache, autojump_clock: MockClock
) -> None:
    """Also when another task of its own does the waiting."""

    @workflow
    async def circular(step: Step[Any]) -> Any:
        async def again() -> Any:
            async with step.parallel() as group:
                group.options(key="k").start_soon(give, 1)
            return Ok(None)

        return await step.options(key="k")(again)

    with trio.move_on_after(60) as scope:
        result = await circular.options(cache=cache)()

    assert not scope.cancelled_caught
    assert isinstance(result, Err)
    assert "waits for itself" in str(result.cause)


# --- what observers are told


async def test_a_miss_and_a_hit_are_told(cache: StepCache) -> None:
    """Both are steps that start and end; the second one says that it was remembered."""
    recorder = Recorder()

    await calls.options(cache=cache, observers=[recorder])(Scripted(Ok(1)), "k", "k", name="x")

    recorder.check_laws()
    assert [(event.path, event.key) for event in recorder.of(CacheMiss)] == [("calls/x", "k")]
    assert [(event.path, event.key, event.shared) for event in recorder.of(CacheHit)] == [
        ("calls/x#2", "k", False)
    ]
    assert [recorder.outcome(path).cached for path in recorder.paths[1:]] == [False, True]


async def test_a_shared_call_is_told(cache: StepCache, autojump_clock: MockClock) -> None:
    """As a hit that waited for another."""
    recorder = Recorder()
    dependency = Scripted(Ok(1), after=5)

    await both.options(cache=cache, observers=[recorder])(dependency, dependency)

    recorder.check_laws()
    assert [event.shared for event in recorder.of(CacheHit)] == [True]


async def test_a_remembered_error_is_told_as_one() -> None:
    """One hit and no second attempt."""
    recorder = Recorder()
    cached = calls.options(cache=StepCache(replay_errors=True), observers=[recorder])
    dependency = Scripted(Err("e"))

    await cached(dependency, "k")
    await cached(dependency, "k")

    outcomes = [outcome for scope, outcome in recorder.ended if scope.kind == "step"]
    assert [(o.status, o.error, o.cached) for o in outcomes] == [
        ("error", "e", False),
        ("error", "e", True),
    ]


@pytest.mark.parametrize("watched", [False, True])
async def test_a_hit_is_a_cancellation_point(cache: StepCache, watched: bool) -> None:
    """A loop over remembered steps stops when its caller is cancelled."""
    cached = calls.options(cache=cache, observers=[Recorder()] if watched else [])
    await cached(Scripted(Ok(1)), "k")

    with trio.CancelScope() as scope:
        scope.cancel(reason="test")
        await cached(forever, "k")

    assert scope.cancelled_caught


async def test_options_hold_for_keyed_steps(cache: StepCache, autojump_clock: MockClock) -> None:
    """The fallback's value is the step's value, and is remembered as such."""

    async def instead(error: Any) -> Any:
        return Ok(f"instead of {error}")

    result = await calls.options(cache=cache)(lambda: fail("e"), "k", "k", fallback=instead)

    assert result == Ok(["instead of e"] * 2)


async def test_a_run_that_fails_keeps_what_its_steps_made(cache: StepCache) -> None:
    """The next run goes on from there."""
    first = Scripted(Ok(1), Ok("again"))

    @workflow
    async def two(step: Step[Any], second: Any, *args: Any) -> Any:
        value = await step.options(key="first")(first)
        return value, await step(second, *args)

    cached = two.options(cache=cache)

    assert isinstance(await cached(crash, ValueError("a bug")), Err)
    assert await cached(give, 2) == Ok((1, 2))


async def test_a_body_that_lives_on_remembered_answers_can_be_cut_off() -> None:
    """Answers without work let Trio see, from time to time, that a deadline has passed."""

    @workflow
    async def spins(step: Step[Any]) -> None:
        while True:
            await step.options(key="k")(give, 1)

    with trio.move_on_after(0.05) as limit:
        await spins.options(cache=StepCache())()

    assert limit.cancelled_caught
