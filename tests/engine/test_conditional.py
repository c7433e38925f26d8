"""Steps on a condition, and one of several ways."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
from dependencies import Declined, Scripted, fail, give
from recorder import Recorder

from awaitly_trio import Err, Ok, Step, run, workflow
from awaitly_trio._policies.delays import spaced
from awaitly_trio._values.events import Decided, StepSkipped

if TYPE_CHECKING:
    from trio.testing import MockClock


@workflow
async def asks(step: Step[Any], method: str, condition: object, *args: Any) -> Any:
    """Use one of the conditional methods."""
    return await getattr(step, method)(condition, *args)


RUNS = [("when", True), ("when", "text"), ("unless", False), ("unless", None)]
SKIPS = [("when", False), ("when", 0), ("unless", True), ("unless", [1])]


@pytest.mark.parametrize(("method", "condition"), RUNS)
async def test_a_step_runs_on_its_condition(method: str, condition: object) -> None:
    """Called once, and its value is given; any object is true or false as Python has it."""
    dependency = Scripted(Ok("value"))

    assert await asks(method, condition, dependency, 1) == Ok("value")
    assert dependency.calls == [(1,)]


@pytest.mark.parametrize(("method", "condition"), SKIPS)
async def test_a_skipped_step_gives_none(method: str, condition: object) -> None:
    """The dependency is not called."""
    dependency = Scripted(Ok("value"))

    assert await asks(method, condition, dependency, 1) == Ok(None)
    assert dependency.calls == []


@pytest.mark.parametrize(("method", "condition"), RUNS)
async def test_a_default_is_not_used_when_the_step_runs(method: str, condition: object) -> None:
    """Its value is given."""
    assert await asks(f"{method}_or", condition, "default", give, "value") == Ok("value")


@pytest.mark.parametrize(("method", "condition"), SKIPS)
@pytest.mark.parametrize("default", ["default", {"a": 1}, None])
async def test_a_skipped_step_gives_its_default(
    method: str, condition: object, default: object
) -> None:
    """Whatever was given for that case."""
    assert await asks(f"{method}_or", condition, default, give, "value") == Ok(default)


@pytest.mark.parametrize("method", ["when", "unless"])
async def test_a_conditional_step_that_fails_ends_the_run(method: str) -> None:
    """It is a step like others."""
    assert await asks(method, method == "when", fail, Declined()) == Err(Declined())


@pytest.mark.parametrize(("method", "condition"), SKIPS)
async def test_a_skip_is_told(method: str, condition: object) -> None:
    """With the name of what did not run."""
    recorder = Recorder()

    await asks.options(observers=[recorder], context={"user": 7})(method, condition, give, 1)

    told = recorder.of(StepSkipped)
    assert [(event.path, event.name, event.reason) for event in told] == [("asks", "give", None)]


async def test_a_skip_has_a_name_and_a_reason() -> None:
    """They come from the options of the step."""
    recorder = Recorder()

    @workflow
    async def ships(step: Step[Any]) -> None:
        named = step.options(name="express", description="not in stock")
        await named.when(False, give, 1)
        await named.when_or(False, 2, give, 1)

    await ships.options(observers=[recorder])()

    told = [(event.name, event.reason) for event in recorder.of(StepSkipped)]
    assert told == [("express", "not in stock")] * 2


@pytest.mark.parametrize(("method", "condition"), RUNS)
async def test_nothing_is_skipped_when_the_step_runs(method: str, condition: object) -> None:
    """Only what did not happen is told as skipped."""
    recorder = Recorder()

    await asks.options(observers=[recorder])(method, condition, give, 1)

    assert recorder.of(StepSkipped) == []


async def test_a_skip_is_a_cancellation_point() -> None:
    """Whatever answers without waiting is one."""
    reached: list[str] = []

    @workflow
    async def loops(step: Step[Any]) -> None:
        scope.cancel(reason="test")
        await step.when(False, give, 1)
        reached.append("after")

    with trio.CancelScope() as scope:
        await loops()

    assert scope.cancelled_caught
    assert reached == []


async def test_a_conditional_step_takes_options(autojump_clock: MockClock) -> None:
    """Here a retry."""
    dependency = Scripted(Err("busy"), Ok(1))

    async def body(step: Step[Any]) -> Any:
        return await step.options(retry=spaced(1, attempts=2)).when(True, dependency)

    assert await run(body) == Ok(1)


async def test_a_conditional_step_hands_on_its_arguments() -> None:
    """By position and by keyword; those that are named like an option are the dependency's."""
    dependency = Scripted(Ok(1))

    async def body(step: Step[Any]) -> Any:
        return await step.when_or(True, None, dependency, 1, default=2, condition=3)

    await run(body)

    assert dependency.calls == [(1, ("default", 2), ("condition", 3))]


# --- branch


@workflow
async def routes(step: Step[Any], chosen: Any, default: Any = None) -> Any:
    """Take one of two ways."""
    arms = {"card": lambda: give("by card"), 2: lambda: fail(Declined("second"))}
    return await step.branch("payment", chosen, arms, default=default)


async def test_the_chosen_way_is_taken() -> None:
    """Its value is given; no other way is called."""
    assert await routes("card") == Ok("by card")


async def test_the_failure_of_the_chosen_way_ends_the_run() -> None:
    """A failed way is a failure, not a value."""
    assert await routes(2) == Err(Declined("second"))


async def test_any_other_choice_takes_the_default() -> None:
    """If there is one."""
    assert await routes("cash", lambda: give("by default")) == Ok("by default")


async def test_a_choice_without_a_way_is_refused() -> None:
    """The message lists the ways."""
    result = await routes("cash")

    assert isinstance(result, Err)
    assert isinstance(result.cause, ValueError)
    assert "has no arm 'cash': it has 'card', 2" in str(result.cause)


@pytest.mark.parametrize(("chosen", "label"), [("card", "card"), (2, "2"), ("cash", "default")])
async def test_a_decision_is_told(chosen: Any, label: str) -> None:
    """With all the ways there were; the way taken is inside its scope."""
    recorder = Recorder()

    await routes.options(observers=[recorder])(chosen, lambda: give("by default"))

    recorder.check_laws()
    told = recorder.of(Decided)
    assert [(e.path, e.name, e.chosen, e.options) for e in told] == [
        ("routes/payment", "payment", label, ("card", "2"))
    ]
    assert recorder.paths[:2] == ["routes", "routes/payment"]
    assert recorder.paths[2].startswith("routes/payment/")


async def test_a_way_may_use_the_step(autojump_clock: MockClock) -> None:
    """Steps inside are placed under the decision."""
    recorder = Recorder()

    @workflow
    async def pays(step: Step[Any]) -> Any:
        async def by_card() -> Any:
            return Ok(await step(give, 1) + await step(give, 2))

        return await step.branch("payment", "card", {"card": by_card})

    assert await pays.options(observers=[recorder])() == Ok(3)
    recorder.check_laws()
    assert recorder.paths[-2:] == ["pays/payment/by_card/give", "pays/payment/by_card/give#2"]


async def test_a_way_must_return_a_result() -> None:
    """A bare value is refused."""

    async def body(step: Step[Any]) -> Any:
        return await step.branch("b", 1, {1: Scripted("bare")})

    result = await run(body)

    assert isinstance(result, Err)
    assert isinstance(result.cause, TypeError)


async def test_an_unhashable_choice_is_refused() -> None:
    """It can be no key; Python's own message says so."""
    result = await routes(["card"])

    assert isinstance(result, Err)
    assert isinstance(result.cause, TypeError)
