"""One pipeline for every way to run something, and nothing paid for what is not used."""

from __future__ import annotations

import sys
from collections import Counter
from contextvars import copy_context
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing
from dependencies import Scripted, give
from recorder import Recorder

import awaitly_trio
from awaitly_trio import Err, Ok, Step, TimedOut, run, workflow
from awaitly_trio._engine.step_cache import StepCache
from awaitly_trio._policies.delays import spaced
from awaitly_trio._tasks.clocks import wall_clock_set

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from trio.testing import MockClock

PACKAGE = str(Path(awaitly_trio.__file__).parent)

# Each takes a step with options and a dependency, and returns what the dependency gave.


async def _as_branch(step: Step[Any], dependency: Any, options: dict[str, Any]) -> Any:
    async with step.parallel() as group:
        handle = group.options(**options).start_soon(dependency)
    return handle.value


async def _as_workflow(step: Step[Any], dependency: Any) -> Any:
    @workflow
    async def inner(own: Step[Any]) -> Any:
        return await own(dependency)

    return await step(inner)


async def _of_catch(step: Step[Any], dependency: Any) -> Any:
    async def raising() -> Any:
        result = await dependency()
        if isinstance(result, Err):
            raise OSError(result.error)
        return result.value

    return await step.catch(raising, catch=OSError, error=str)


async def _of_all(step: Step[Any], dependency: Any) -> Any:
    return _first(await step.all(dependency))


async def _of_all_named(step: Step[Any], dependency: Any) -> Any:
    values = await step.all({"a": dependency})
    return values and values["a"]


async def _of_map(step: Step[Any], dependency: Any) -> Any:
    return _first(await step.map(lambda _: dependency(), [1], limit=1))


async def _of_batch(step: Step[Any], dependency: Any) -> Any:
    return _first(await step.batch(lambda _: dependency(), [1], size=1, limit=1))


def _first(values: Any) -> Any:
    return values and values[0]


WAYS: dict[str, Callable[[Any, Any], Any]] = {
    "call": lambda step, d: step(d),
    "call of a partial": lambda step, d: step(partial(d)),
    "catch": _of_catch,
    "when": lambda step, d: step.when(True, d),
    "when_or": lambda step, d: step.when_or(True, 0, d),
    "unless": lambda step, d: step.unless(False, d),
    "unless_or": lambda step, d: step.unless_or(False, 0, d),
    "branch": lambda step, d: step.branch("b", 1, {1: d}),
    "all": _of_all,
    "all named": _of_all_named,
    "race": lambda step, d: step.race(d),
    "map": _of_map,
    "batch": _of_batch,
    "workflow": _as_workflow,
}

EVERY_WAY = [*WAYS, "branch of a block"]
BLOCKS = ["all", "all named", "map", "batch"]
"""Of their values the first is taken here."""

SINGLE = ["call", "call of a partial", "when", "when_or", "unless", "unless_or"]


@workflow
async def works(step: Step[Any], way: str, dependency: Any, options: dict[str, Any]) -> Any:
    """Run a dependency one way, with options."""
    if way == "branch of a block":
        return await _as_branch(step, dependency, options)
    return await WAYS[way](step.options(**options), dependency)


every_way = pytest.mark.parametrize("way", EVERY_WAY)


# --- every option, every way


@every_way
async def test_retry_works_everywhere(
    way: str, observers: list[Recorder], autojump_clock: MockClock
) -> None:
    """The second attempt succeeds, after the wait."""
    dependency = Scripted(Err("busy"), Ok("value"))

    result = await works.options(observers=observers)(
        way, dependency, {"retry": spaced(2, attempts=3)}
    )

    assert result == Ok("value")
    assert dependency.times == [0, 2]


@every_way
@pytest.mark.parametrize("option", ["timeout", "total_timeout"])
async def test_timeouts_work_everywhere(
    way: str, option: str, observers: list[Recorder], autojump_clock: MockClock
) -> None:
    """The work is cut off, and the error says after how long."""
    dependency = Scripted(Ok("late"), after=100)

    result = await works.options(observers=observers)(way, dependency, {option: 3, "name": "x"})

    assert result == Err(TimedOut("x", 3.0, total=option == "total_timeout"))
    assert trio.current_time() == 3


@every_way
async def test_an_own_error_for_a_timeout_works_everywhere(
    way: str, observers: list[Recorder], autojump_clock: MockClock
) -> None:
    """The record of the timeout is its cause."""
    options = {"timeout": 3, "on_timeout": "slow", "name": "x"}

    result = await works.options(observers=observers)(way, Scripted(Ok(1), after=100), options)

    assert result == Err("slow", TimedOut("x", 3.0))


@every_way
async def test_none_for_a_timeout_works_everywhere(
    way: str, observers: list[Recorder], autojump_clock: MockClock
) -> None:
    """Then there is no error, and no value."""
    options = {"timeout": 3, "on_timeout": None}

    result = await works.options(observers=observers)(way, Scripted(Ok(1), after=100), options)

    assert result == Ok(None)


@every_way
async def test_fallbacks_work_everywhere(
    way: str, observers: list[Recorder], autojump_clock: MockClock
) -> None:
    """The block as a whole falls back where it is a block."""
    instead: Any = ["instead"] if way in BLOCKS else "instead"
    if way == "all named":
        instead = {"a": "instead"}

    result = await works.options(observers=observers)(
        way, Scripted(Err("e")), {"fallback": lambda error: Ok(instead)}
    )

    assert result == Ok("instead")


@every_way
async def test_keys_work_everywhere(way: str, observers: list[Recorder]) -> None:
    """The second run is answered from memory."""
    dependency = Scripted(Ok("first"), Ok("second"))
    cached = works.options(observers=observers, cache=StepCache())

    first = await cached(way, dependency, {"key": "k"})
    second = await cached(way, dependency, {"key": "k"})

    assert (first, second) == (Ok("first"), Ok("first"))
    assert len(dependency.calls) == 1


@every_way
async def test_policies_work_everywhere(
    way: str, observers: list[Recorder], autojump_clock: MockClock
) -> None:
    """A bundle is put around the call, and sees its result."""
    seen: list[Any] = []

    class Counting:
        def wrap(self, fn: Callable[..., Any]) -> Callable[..., Any]:
            async def wrapped(*args: Any, **kwargs: Any) -> Any:
                result = await fn(*args, **kwargs)
                seen.append(type(result))
                return result

            return wrapped

    result = await works.options(observers=observers)(
        way, Scripted(Ok("value")), {"policy": Counting()}
    )

    assert result == Ok("value")
    assert seen == [Ok]


@every_way
async def test_words_for_observers_work_everywhere(way: str) -> None:
    """Name, description and tags are on the scope."""
    recorder = Recorder()
    options = {"name": "own name", "description": "why", "tags": ("a", "b")}

    await works.options(observers=[recorder])(way, Scripted(Ok("value")), options)

    recorder.check_laws()
    [scope] = [scope for scope in recorder.started if scope.name == "own name"]
    assert (scope.description, scope.tags) == ("why", ("a", "b"))


@every_way
async def test_an_unknown_option_is_refused_everywhere(way: str) -> None:
    """Before anything runs."""
    dependency = Scripted(Ok("value"))

    result = await works(way, dependency, {"retries": 3})

    assert isinstance(result, Err)
    assert "unknown option 'retries'" in str(result.cause)
    assert dependency.calls == []


@every_way
async def test_options_combine_everywhere(
    way: str, observers: list[Recorder], autojump_clock: MockClock
) -> None:
    """From outside in: cache, fallback, total, retry, timeout, call."""
    slow_then_fast = Scripted(Ok("late"), Ok("in time"))

    async def dependency() -> Any:
        result = await slow_then_fast()
        await trio.sleep(100 if result == Ok("late") else 1)
        return result

    options = {
        "key": "k",
        "timeout": 5,
        "total_timeout": 50,
        "retry": spaced(2, attempts=3),
        "fallback": lambda error: Ok("unused"),
    }
    cached = works.options(observers=observers, cache=StepCache())

    assert await cached(way, dependency, options) == Ok("in time")
    assert trio.current_time() == 5 + 2 + 1
    assert await cached(way, dependency, options) == Ok("in time")
    assert trio.current_time() == 5 + 2 + 1


# --- cancellation points


async def immediate(*args: object) -> Any:
    """Succeed without a checkpoint."""
    return Ok("value")


@pytest.mark.parametrize("way", SINGLE)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"name": "x"},
        {"timeout": 5},
        {"total_timeout": 5, "timeout": 3},
        {"retry": spaced(1, attempts=3)},
        {"fallback": lambda error: Ok("unused")},
        {"key": "k"},
    ],
    ids=lambda options: ",".join(options) or "plain",
)
async def test_a_step_adds_no_cancellation_point(
    way: str, options: dict[str, Any], observers: list[Recorder]
) -> None:
    """The dependency is one; what finishes at once has finished."""
    watched = works.options(observers=observers, cache=StepCache())

    with trio.testing.assert_no_checkpoints():
        result = await watched(way, immediate, options)

    assert result == Ok("value")


async def test_a_step_that_fails_adds_no_cancellation_point(observers: list[Recorder]) -> None:
    """Nor does the end of its run."""

    async def failing() -> Any:
        return Err("e")

    with trio.testing.assert_no_checkpoints():
        result = await works.options(observers=observers)("call", failing, {})

    assert result == Err("e")


WITHOUT_CALL: dict[str, Any] = {
    "unwrap": lambda step: step.unwrap(Ok(1)),
    "when": lambda step: step.when(False, give, 1),
    "when_or": lambda step: step.when_or(False, 1, give, 1),
    "unless": lambda step: step.unless(True, give, 1),
    "unless_or": lambda step: step.unless_or(True, 1, give, 1),
    "all": lambda step: step.all(),
    "all of a mapping": lambda step: step.all({}),
    "settle": lambda step: step.settle(),
    "map": lambda step: step.map(give, [], limit=1),
    "map without limit": lambda step: step.map(give, [], limit=float("inf")),
    "batch": lambda step: step.batch(give, [], size=1, limit=1),
    "sleep": lambda step: step.sleep(0),
}


@pytest.mark.parametrize("way", WITHOUT_CALL)
async def test_what_answers_without_a_call_is_a_cancellation_point(
    way: str, observers: list[Recorder]
) -> None:
    """Otherwise a loop of such answers could not be cancelled."""
    reached: list[str] = []

    @workflow
    async def answers(step: Step[Any]) -> None:
        await WITHOUT_CALL[way](step)
        reached.append("after")

    with trio.CancelScope() as scope:
        scope.cancel(reason="test")
        await answers.options(observers=observers)()

    assert scope.cancelled_caught
    assert reached == []


# --- pay for what you use


class Frames:
    """Counts the functions of the library that are entered in a block."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def __enter__(self) -> Counter[str]:
        sys.setprofile(self._seen)
        return self.counts

    def __exit__(self, *exc: object) -> None:
        sys.setprofile(None)

    def _seen(self, frame: FrameType, event: str, argument: object) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(PACKAGE):
            self.counts[f"{Path(code.co_filename).stem}.{code.co_name}"] += 1


async def test_a_bare_step_is_one_frame() -> None:
    """No scope, no event, no lookup: ten steps enter the library ten times."""
    seen: Counter[str] = Counter()

    async def body(step: Step[Any]) -> None:
        frames = Frames()
        with frames:
            for _ in range(10):
                await step(immediate)
        seen.update(frames.counts)

    await run(body)

    assert seen == {"step.__call__": 10}


async def test_a_retry_that_is_not_needed_costs_no_frame_more() -> None:
    """Only a failure starts the machinery of attempts."""
    seen: Counter[str] = Counter()

    async def body(step: Step[Any]) -> None:
        retried = step.options(retry=spaced(1, attempts=3))
        frames = Frames()
        with frames:
            for _ in range(10):
                await retried(immediate)
        seen.update(frames.counts)

    await run(body)

    assert seen["step.__call__"] == 10
    assert not [name for name in seen if name.startswith(("attempts.", "pipeline.", "retry."))]


async def test_an_unwatched_run_enters_nothing_that_watches() -> None:
    """Whatever it does."""

    async def body(step: Step[Any]) -> None:
        await step(immediate)
        await step.options(timeout=5, key="k", fallback=Ok)(immediate)
        await step.all(immediate, immediate)
        await step.map(immediate, [1, 2], limit=2)
        async with step.parallel() as group:
            group.start_soon(immediate)

    with Frames() as seen:
        await run(body)

    assert not [name for name in seen if name.startswith(("watch.", "scoping.", "events."))]
    assert not [name for name in seen if name.endswith((".open_scope", ".emit", ".occurrence"))]


async def test_a_bare_step_writes_no_context_variable(observers: list[Recorder]) -> None:
    """What a dependency sees is the context of the body, but for the scope of a watched step."""
    contexts: list[dict[Any, Any]] = []

    async def looks() -> Any:
        contexts.append(dict(copy_context()))
        return Ok(None)

    @workflow
    async def works(step: Step[Any]) -> None:
        contexts.append(dict(copy_context()))
        await step(looks)
        await step.options(timeout=5, retry=spaced(1))(looks)

    await works.options(observers=observers)()

    body, plain, optioned = contexts
    changed = {var.name for var in plain if plain[var] is not body.get(var)}
    changed |= {var.name for var in optioned if optioned[var] is not body.get(var)}
    assert changed == ({"awaitly_trio.scope"} if observers else set())


async def test_no_event_is_built_without_a_reader() -> None:
    """An observer of starts and ends costs no event: nobody asks for its time."""
    asked: list[int] = []

    class Ends:
        def on_end(self, scope: object, outcome: object) -> None:
            pass

    def clock() -> float:
        asked.append(1)
        return 0.0

    @workflow
    async def works(step: Step[Any]) -> None:
        await step.options(retry=spaced(0, attempts=2))(Scripted(Err("busy"), Ok(1)))
        await step.when(False, give, 1)

    with wall_clock_set(clock):
        await works.options(observers=[Ends()])()
        without_reader = len(asked)
        recorder = Recorder()
        await works.options(observers=[recorder])()

    assert without_reader == 0
    assert len(asked) == len(recorder.events) > 0


async def test_an_unwatched_run_draws_no_id() -> None:
    """A run that nobody can name needs no name."""
    with Frames() as seen:
        await run(_nothing)

    assert "run.new_run_id" not in seen


async def _nothing(step: Step[Any]) -> None:
    return None
