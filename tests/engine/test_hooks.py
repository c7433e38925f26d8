"""Hooks: two that may refuse a run, one before each step and one after it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
from dependencies import Declined, Scripted, crash, fail, give
from recorder import Recorder

from awaitly_trio import Err, Ok, Step, UnexpectedError, workflow
from awaitly_trio._engine.step_cache import StepCache
from awaitly_trio._policies.delays import spaced
from awaitly_trio._values.errors import RunRefusedError
from awaitly_trio._values.events import HookFailed, HookRan

if TYPE_CHECKING:
    from collections.abc import Callable

    from trio.testing import MockClock


@workflow
async def ships(step: Step[Any], *dependency: Any) -> str:
    """Ship an order."""
    await step(*dependency or (give, 1))
    return "shipped"


class Hook:
    """A hook, sync or async, that keeps what it was asked and answers or raises."""

    def __init__(self, answer: Any = None) -> None:
        self.answer = answer
        self.asked: list[tuple[Any, ...]] = []

    def sync(self, *asked: Any) -> Any:
        self.asked.append(asked)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def later(self, *asked: Any) -> Any:
        await trio.lowlevel.checkpoint()
        return self.sync(*asked)


@pytest.fixture(params=["sync", "async"])
def as_hook(request: pytest.FixtureRequest) -> Callable[[Hook], Any]:
    """Return a hook in one of its two forms."""
    return lambda hook: hook.sync if request.param == "sync" else hook.later


@pytest.fixture(params=["should_run", "before_start"])
def gate(request: pytest.FixtureRequest) -> str:
    """Name one of the two hooks that may refuse a run."""
    return str(request.param)


# --- the two gates of a run


@pytest.mark.parametrize("answer", [True, None, 1, ""])
async def test_a_gate_lets_a_run_pass(gate: str, answer: object, as_hook: Any) -> None:
    """Anything but ``False`` agrees; it is asked once, with the identity of the run."""
    hook = Hook(answer)
    options: Any = {gate: as_hook(hook), "run_id": "r-1", "context": {"user": 7}}

    assert await ships.options(**options)() == Ok("shipped")
    [(info,)] = hook.asked
    assert (info.run_id, info.workflow, info.context) == ("r-1", "ships", {"user": 7})


async def test_a_gate_may_refuse_a_run(gate: str, as_hook: Any) -> None:
    """The body is not called; the cause names the hook and the workflow."""
    dependency = Scripted(Ok(1))
    options: Any = {gate: as_hook(Hook(False))}

    result = await ships.options(**options)(dependency)

    assert isinstance(result, Err)
    assert isinstance(result.error, UnexpectedError)
    assert str(result.cause) == f"hook {gate!r} refused to run workflow 'ships': it returned False"
    assert dependency.calls == []


async def test_what_a_gate_raises_is_a_defect_of_the_run(gate: str, as_hook: Any) -> None:
    """The call returns a result all the same."""
    bug = ValueError("hook")
    options: Any = {gate: as_hook(Hook(bug))}

    assert await ships.options(**options)() == Err(UnexpectedError(bug), bug)


@pytest.mark.parametrize("answer", [False, ValueError("hook")])
async def test_a_refusal_is_mapped_like_a_defect(gate: str, answer: Any) -> None:
    """Once, with an exception that names the hook or with the hook's own."""
    asked: list[Exception] = []

    def mapped(exc: Exception) -> str:
        asked.append(exc)
        return "refused"

    options: Any = {gate: Hook(answer).sync, "on_defect": mapped}

    result = await ships.options(**options)()

    assert isinstance(result, Err)
    assert result.error == "refused"
    [given] = asked
    assert given is answer or isinstance(given, RunRefusedError)


async def test_should_run_is_asked_first() -> None:
    """The other gate is not asked about a run that is refused."""
    order: list[str] = []
    agreed = ships.options(
        should_run=lambda info: order.append("should_run"),
        before_start=lambda info: order.append("before_start"),
    )
    await agreed()
    assert order == ["should_run", "before_start"]

    order.clear()
    await agreed.options(should_run=lambda info: False)()
    assert order == []


async def test_a_refused_run_starts_and_ends_for_observers(gate: str) -> None:
    """Its scope is a pair like any other, and says that the run was skipped."""
    recorder = Recorder()
    options: Any = {gate: lambda info: False, "observers": [recorder]}

    await ships.options(**options)()

    recorder.check_laws()
    assert recorder.outcome("ships").status == "skipped"
    [told] = recorder.of(HookRan)
    assert (told.hook, told.refused, told.path) == (gate, True, "ships")


async def test_a_gate_that_agrees_is_told(gate: str, autojump_clock: MockClock) -> None:
    """With how long it took."""

    async def slow(info: Any) -> bool:
        await trio.sleep(2)
        return True

    recorder = Recorder()
    options: Any = {gate: slow, "observers": [recorder]}

    await ships.options(**options)()

    [told] = recorder.of(HookRan)
    assert (told.hook, told.refused, told.duration) == (gate, False, 2.0)


async def test_what_a_step_hook_answers_refuses_nothing() -> None:
    """And its event does not say so."""
    recorder = Recorder()
    hooked = ships.options(
        before_step=lambda scope: False,
        after_step=lambda scope, outcome: False,
        observers=[recorder],
    )

    assert await hooked() == Ok("shipped")
    assert [told.refused for told in recorder.of(HookRan)] == [False, False]


async def test_a_gate_that_raises_is_told(gate: str) -> None:
    """The run ends as a defect."""
    bug = ValueError("hook")
    recorder = Recorder()
    options: Any = {gate: Hook(bug).sync, "observers": [recorder]}

    await ships.options(**options)()

    recorder.check_laws()
    [told] = recorder.of(HookFailed)
    assert (told.hook, told.error) == (gate, bug)
    assert recorder.outcome("ships").status == "defect"


async def test_a_gate_can_be_cancelled(gate: str, autojump_clock: MockClock) -> None:
    """A caller's deadline covers the hooks too."""

    async def stuck(info: Any) -> None:
        await trio.sleep_forever()

    options: Any = {gate: stuck}

    with trio.move_on_after(3) as scope:
        await ships.options(**options)()

    assert scope.cancelled_caught


# --- before a step


async def test_before_step_sees_each_step_before_it_runs(as_hook: Any) -> None:
    """With its scope: name, path and what is to be called."""
    hook = Hook()
    dependency = Scripted(Ok(1))

    @workflow
    async def calls(step: Step[Any]) -> None:
        await step.options(name="first")(dependency, 5)
        await step(dependency)

    await calls.options(before_step=as_hook(hook))()

    assert [scope.path for (scope,) in hook.asked] == ["calls/first", "calls/Scripted"]
    assert [scope.arguments for (scope,) in hook.asked] == [(5,), ()]


async def test_before_step_may_stop_a_step() -> None:
    """What it raises is a defect of the step, which is not called."""
    bug = PermissionError("not at night")
    dependency = Scripted(Ok(1))

    result = await ships.options(before_step=Hook(bug).sync)(dependency)

    assert result == Err(UnexpectedError(bug), bug)
    assert dependency.calls == []


async def test_before_step_is_called_once_for_all_attempts(autojump_clock: MockClock) -> None:
    """It is about the step, not about its attempts."""
    hook = Hook()

    @workflow
    async def calls(step: Step[Any]) -> None:
        await step.options(retry=spaced(1, attempts=3))(Scripted(Err("busy"), Ok(1)))

    await calls.options(before_step=hook.sync)()

    assert len(hook.asked) == 1


# --- after a step


async def test_after_step_sees_how_each_step_ended(as_hook: Any) -> None:
    """Values and planned errors alike, keyed or not."""
    hook = Hook()

    @workflow
    async def calls(step: Step[Any]) -> None:
        await step.options(key="k")(give, 1)
        await step(fail, Declined())

    await calls.options(after_step=as_hook(hook))()

    seen = [(scope.name, scope.key, o.status, o.value, o.error) for scope, o in hook.asked]
    assert seen == [("give", "k", "ok", 1, None), ("fail", None, "error", None, Declined())]


async def test_after_step_sees_the_original_cause() -> None:
    """Nothing is wrapped on the way to it."""
    hook = Hook()
    cause = OSError("reset")

    await ships.options(after_step=hook.sync)(Scripted(Err("e", cause)))

    assert hook.asked[0][1].cause is cause


async def test_what_after_step_raises_changes_nothing(
    as_hook: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """The step keeps its outcome; observers are told, and it is logged."""
    recorder = Recorder()
    bug = ValueError("hook")
    hooked = ships.options(after_step=as_hook(Hook(bug)), observers=[recorder])

    assert await hooked() == Ok("shipped")
    assert await hooked(fail, "e") == Err("e")
    assert [(each.hook, each.error) for each in recorder.of(HookFailed)] == [
        ("after_step", bug)
    ] * 2
    assert "hook after_step raised for 'ships/give'" in caplog.text


@pytest.mark.parametrize("leaving", ["defect", "cancellation"])
async def test_after_step_is_for_steps_that_ended_with_a_result(leaving: str) -> None:
    """A defect and a cancellation leave as they came."""
    hook = Hook()

    with trio.CancelScope() as scope:
        if leaving == "defect":
            await ships.options(after_step=hook.sync)(crash, ValueError("a bug"))
        else:
            scope.cancel(reason="test")
            await ships.options(after_step=hook.sync)()

    assert hook.asked == []


async def test_a_cached_step_is_hooked_too() -> None:
    """What must be seen before every step is; the outcome says that it was remembered."""
    before, after = Hook(), Hook()

    @workflow
    async def calls(step: Step[Any]) -> None:
        await step.options(key="k")(give, 1)
        await step.options(key="k")(give, 1)

    cached = calls.options(cache=StepCache(), before_step=before.sync, after_step=after.sync)
    await cached()

    assert len(before.asked) == 2
    assert [outcome.cached for _, outcome in after.asked] == [False, True]


WAYS: dict[str, Any] = {
    "call": lambda step: step(give, 1),
    "catch": lambda step: step.catch(len, "abc", catch=TypeError, error="e"),
    "when": lambda step: step.when(True, give, 1),
    "all": lambda step: step.all(lambda: give(1)),
    "race": lambda step: step.race(lambda: give(1)),
    "settle": lambda step: step.settle(lambda: give(1)),
    "map": lambda step: step.map(give, [1], limit=1),
    "batch": lambda step: step.batch(give, [1], size=1, limit=1),
    "branch": lambda step: step.branch("b", 1, {1: lambda: give(1)}),
}


@pytest.mark.parametrize("way", WAYS)
async def test_hooks_see_every_way_to_run_a_dependency(way: str) -> None:
    """Once for the dependency; the block around it is no step."""
    before, after = Hook(), Hook()

    @workflow
    async def calls(step: Step[Any]) -> None:
        await WAYS[way](step)

    await calls.options(before_step=before.sync, after_step=after.sync)()

    assert [scope.kind for (scope,) in before.asked] == ["step"]
    assert [outcome.status for _, outcome in after.asked] == ["ok"]


async def test_hooks_see_branches_and_resources() -> None:
    """They are steps like others."""
    before = Hook()

    @workflow
    async def calls(step: Step[Any]) -> None:
        async with step.parallel() as group:
            group.start_soon(give, 1)
        async with step.resources() as resources:
            await resources.acquire(give, len, "abc")

    await calls.options(before_step=before.sync)()

    assert [scope.path for (scope,) in before.asked] == [
        "calls/parallel/give",
        "calls/resources/give",
    ]
