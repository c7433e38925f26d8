"""What a caller of a workflow gets, and what its body may rely on."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio
from dependencies import Declined, NotFound, Scripted, crash, fail, give
from recorder import Recorder

from awaitly_trio import Err, Ok, Step, UnexpectedError, run, workflow
from awaitly_trio._values.errors import RunClosedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from trio.testing import MockClock


@workflow
async def pay(step: Step[Declined | NotFound], amount: int, *, currency: str = "EUR") -> str:
    """Pay an amount."""
    paid = await step(give, amount)
    return f"{paid} {currency}"


async def test_the_value_of_the_body_is_the_value_of_the_run() -> None:
    """Whatever the body returns arrives in an ``Ok``."""
    assert await pay(5) == Ok("5 EUR")


async def test_steps_run_one_after_the_other(autojump_clock: MockClock) -> None:
    """The second step starts when the first has ended."""

    @workflow
    async def both(step: Step[Any]) -> list[float]:
        times = [trio.current_time()]
        await step(give, 1, after=2)
        times.append(trio.current_time())
        await step(give, 2, after=3)
        times.append(trio.current_time())
        return times

    assert await both() == Ok([0, 2, 5])


async def test_a_step_gives_the_bare_value() -> None:
    """The body handles values; results are for the caller."""

    @workflow
    async def add(step: Step[Any]) -> int:
        return await step(give, 1) + await step(give, 2)

    assert await add() == Ok(3)


async def test_the_first_failing_step_ends_the_run() -> None:
    """Code after it is not executed, and its error reaches the caller unwrapped."""
    reached: list[str] = []

    @workflow
    async def stops(step: Step[Any]) -> None:
        reached.append("before")
        await step(fail, Declined())
        reached.append("after")

    assert await stops() == Err(Declined())
    assert reached == ["before"]


async def test_the_cause_of_the_failing_step_is_kept() -> None:
    """What led to the error arrives beside it."""
    cause = OSError("connection reset")

    @workflow
    async def stops(step: Step[Any]) -> None:
        await step(Scripted(Err(Declined(), cause)))

    result = await stops()

    assert isinstance(result, Err)
    assert result.cause is cause


@pytest.mark.parametrize("error", [None, 0, "", False, ()])
async def test_a_falsy_error_is_an_error(error: object) -> None:
    """What counts is that the result is an ``Err``, not what is in it."""

    @workflow
    async def stops(step: Step[Any]) -> str:
        await step(fail, error)
        return "went on"

    assert await stops() == Err(error)


@pytest.mark.parametrize("value", [None, 0, "", False, ()])
async def test_a_falsy_value_is_a_value(value: object) -> None:
    """A step may give nothing, and so may a body."""

    @workflow
    async def gives(step: Step[Any]) -> Any:
        return await step(give, value)

    assert await gives() == Ok(value)


async def test_a_defect_of_the_body_becomes_an_unexpected_error() -> None:
    """A call of a workflow returns a result; the exception is in it, traceback and all."""

    @workflow
    async def breaks(step: Step[Any]) -> None:
        raise ZeroDivisionError("a bug")

    result = await breaks()

    match result:
        case Err(UnexpectedError(ZeroDivisionError() as cause)):
            shown = "".join(traceback.format_exception(type(cause), cause, cause.__traceback__))
            assert "in breaks" in shown
        case _:
            pytest.fail(f"not an unexpected error: {result}")


async def test_a_defect_is_also_the_cause_of_the_result() -> None:
    """Who maps the error still has the exception."""
    bug = ZeroDivisionError("a bug")

    result = await run(_raising, bug)

    assert isinstance(result, Err)
    assert result.cause is bug


async def test_a_defect_of_a_dependency_becomes_an_unexpected_error() -> None:
    """It is the very exception that the dependency raised, wrapped once."""
    bug = ValueError("a bug")

    @workflow
    async def breaks(step: Step[Any]) -> None:
        await step(crash, bug)

    assert await breaks() == Err(UnexpectedError(bug), bug)


async def test_a_body_may_handle_the_defect_of_a_dependency() -> None:
    """Inside a workflow a defect is an ordinary exception."""

    @workflow
    async def copes(step: Step[Any]) -> str:
        try:
            await step(crash, ValueError("a bug"))
        except ValueError as exc:
            return f"coped with {exc}"
        return "unreachable"

    assert await copes() == Ok("coped with a bug")


async def test_a_defect_can_be_mapped_to_an_own_error() -> None:
    """``on_defect`` is asked once; the exception stays beside its answer."""
    asked: list[Exception] = []
    bug = ValueError("a bug")

    def mapped(exc: Exception) -> NotFound:
        asked.append(exc)
        return NotFound(str(exc))

    result = await workflow(_raising).options(on_defect=mapped)(bug)

    assert result == Err(NotFound("a bug"), bug)
    assert asked == [bug]


async def test_a_planned_error_is_not_mapped() -> None:
    """``on_defect`` is for defects only."""

    @workflow
    async def stops(step: Step[Any]) -> None:
        await step(fail, Declined())

    asked: list[Exception] = []

    assert await stops.options(on_defect=asked.append)() == Err(Declined())
    assert asked == []


async def test_a_mapper_that_raises_is_a_defect_too() -> None:
    """The call still returns a result, with what the mapper raised; it is asked once."""
    bug, worse = ValueError("a bug"), KeyError("worse")
    asked: list[Exception] = []

    def mapped(exc: Exception) -> object:
        asked.append(exc)
        raise worse

    result = await workflow(_raising).options(on_defect=mapped)(bug)

    assert result == Err(UnexpectedError(worse), bug)
    assert asked == [bug]


def test_an_async_mapper_is_refused() -> None:
    """Nobody would await its answer."""

    async def mapped(exc: Exception) -> str:
        return "never awaited"

    with pytest.raises(TypeError, match="on_defect"):
        pay.options(on_defect=mapped)


@pytest.mark.parametrize("leaving", [KeyboardInterrupt, SystemExit, GeneratorExit])
async def test_what_ends_the_program_leaves(leaving: type[BaseException]) -> None:
    """Interrupts never become results."""
    with pytest.raises(leaving):
        await run(_raising, leaving())


async def test_a_workflow_can_run_again_with_another_outcome() -> None:
    """Runs of one workflow share nothing."""

    @workflow
    async def positive(step: Step[Any], number: int) -> int:
        if number < 0:
            step.fail("negative")
        return number

    outcomes = [await positive(1), await positive(-1), await positive(2)]

    assert outcomes == [Ok(1), Err("negative"), Ok(2)]


async def test_runs_of_one_workflow_may_overlap(autojump_clock: MockClock) -> None:
    """Each has its own exits: the failure of one does not end the other."""
    results: dict[str, Any] = {}

    @workflow
    async def ends(step: Step[Any], dependency: Any, after: float) -> str:
        return await step(dependency, "x", after)

    async def one(name: str, dependency: Any, after: float) -> None:
        results[name] = await ends(dependency, after)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(one, "bad", fail, 1)
        nursery.start_soon(one, "good", give, 2)

    assert results == {"bad": Err("x"), "good": Ok("x")}


async def test_arguments_reach_the_body_as_given() -> None:
    """By position and by keyword, defaults included."""
    assert await pay(7, currency="CHF") == Ok("7 CHF")


@pytest.mark.parametrize("argument", [pay, len, give, lambda: None, {"a": 1}, None])
async def test_any_object_may_be_an_argument(argument: object) -> None:
    """Functions and workflows are arguments like others."""

    @workflow
    async def same(step: Step[Any], thing: object) -> object:
        return thing

    assert await same(argument) == Ok(argument)


async def test_a_wrong_argument_is_a_defect() -> None:
    """What Python says of a wrong call is kept."""
    result = await pay(1, colour="red")  # type: ignore[call-arg]

    assert isinstance(result, Err)
    assert "colour" in str(result.cause)


@pytest.mark.parametrize("returned", [Ok(1), Err("e")])
async def test_a_body_that_returns_a_result_is_refused(returned: object) -> None:
    """Otherwise an ``Err`` would hide in an ``Ok``; the message names the ways out."""

    @workflow
    async def nested(step: Step[Any]) -> object:
        return returned

    with pytest.raises(TypeError, match=r"returned .*step\.unwrap.*step\.fail"):
        await nested()


@pytest.mark.parametrize("returned", [None, 5, "ok", {"ok": True, "value": 1}])
async def test_a_dependency_must_return_a_result(returned: object) -> None:
    """Nothing that merely looks like a result is taken for one."""

    @workflow
    async def calls(step: Step[Any]) -> None:
        await step(Scripted(returned))

    result = await calls()

    assert isinstance(result, Err)
    assert isinstance(result.error.cause, TypeError)
    assert "expected Ok or Err" in str(result.error.cause)


async def test_a_domain_object_with_a_value_is_no_result() -> None:
    """Results are recognised by their type, not by their fields."""

    @dataclass
    class Lookalike:
        ok: bool = True
        value: int = 1

    @workflow
    async def calls(step: Step[Any]) -> Any:
        return await step(give, Lookalike())

    assert await calls() == Ok(Lookalike())


async def test_one_body_can_be_run_without_a_decorator() -> None:
    """``run`` makes a workflow of the body for a single call."""

    async def body(step: Step[Any], number: int, *, times: int) -> int:
        return await step(give, number * times)

    assert await run(body, 2, times=3) == Ok(6)


async def test_a_workflow_is_a_dependency() -> None:
    """Its value is the value of the step."""

    @workflow
    async def outer(step: Step[Any]) -> str:
        return await step(pay, 1, currency="USD")

    assert await outer() == Ok("1 USD")


async def test_the_error_of_an_inner_workflow_is_the_error_of_the_outer() -> None:
    """It is not wrapped on its way."""

    @workflow
    async def inner(step: Step[Any]) -> None:
        await step(fail, Declined("inner"))

    @workflow
    async def outer(step: Step[Any]) -> None:
        await step(inner)

    assert await outer() == Err(Declined("inner"))


async def test_the_defect_of_an_inner_workflow_is_wrapped_once() -> None:
    """The outer run ends with the same unexpected error, and the inner one's exception."""
    bug = ValueError("a bug")

    @workflow
    async def inner(step: Step[Any]) -> None:
        raise bug

    @workflow
    async def outer(step: Step[Any]) -> None:
        await step(inner)

    assert await outer() == Err(UnexpectedError(bug), bug)


async def test_recursive_workflows_end_level_by_level() -> None:
    """Each level is a run of its own."""

    @workflow
    async def down(step: Step[Any], level: int) -> int:
        if level == 0:
            return 0
        return 1 + await step(down, level - 1)

    assert await down(20) == Ok(20)


def test_a_workflow_keeps_name_and_docstring() -> None:
    """Editors and observers show what the body is called."""
    assert (pay.name, pay.__doc__, repr(pay)) == ("pay", "Pay an amount.", "<Workflow 'pay'>")


def test_a_name_can_be_given() -> None:
    """Options make a copy; the original keeps its name."""
    assert pay.options(name="payment").name == "payment"
    assert pay.name == "pay"


def test_an_unknown_option_is_refused() -> None:
    """The message lists what there is."""
    with pytest.raises(TypeError, match=r"unknown option 'observer'.*observers"):
        pay.options(observer=[])  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("name", 5),
        ("run_id", b"x"),
        ("should_run", "yes"),
        ("before_start", 1),
        ("before_step", 1),
        ("after_step", 1),
        ("on_defect", 1),
        ("on_defect", partial(give, 1)),
        ("declared_only", "no"),
        ("replace", [give]),
        ("replace", {give: 5}),
        ("replace", {5: give}),
        ("observers", [object()]),
        ("observers", Recorder()),
        ("observers", [Recorder]),
        ("cache", {}),
    ],
)
def test_an_option_of_the_wrong_type_is_refused(option: str, value: object) -> None:
    """When it is given, not when a run trips over it; the value is shown."""
    options: Any = {option: value}

    with pytest.raises(TypeError, match=option.rstrip("s")):
        pay.options(**options)


@pytest.mark.parametrize("option", ["name", "run_id"])
def test_an_empty_name_is_refused(option: str) -> None:
    """An empty string names nothing."""
    options: Any = {option: ""}

    with pytest.raises(ValueError, match=f"{option} must not be empty"):
        pay.options(**options)


def test_a_workflow_needs_a_function() -> None:
    """The message says what was given instead."""
    with pytest.raises(TypeError, match=r"needs an async function.*got 5"):
        workflow(5)  # type: ignore[call-overload]


def test_a_workflow_tells_the_errors_it_declares() -> None:
    """They are read off the annotation of the step."""
    assert pay.errors == Declined | NotFound


def test_a_workflow_without_annotation_declares_no_errors() -> None:
    """The message says how to declare them."""

    async def bare(step):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        return None

    with pytest.raises(TypeError, match=r"annotate its step as Step\[\.\.\.\]"):
        _ = workflow(bare).errors


async def _use_unwrap(step: Step[Any]) -> object:
    return await step.unwrap(Ok(1))


async def _use_parallel(step: Step[Any]) -> object:
    async with step.parallel() as group:
        group.start_soon(give, 1)
    return 1


async def _use_resources(step: Step[Any]) -> object:
    async with step.resources():
        return 1


async def _use_fail(step: Step[Any]) -> object:
    return step.fail("e")


LATE: dict[str, Callable[[Step[Any]], Any]] = {
    "call": lambda step: step(give, 1),
    "call with a retry": lambda step: step.options(name="x")(give, 1),
    "catch": lambda step: step.catch(len, "abc", catch=TypeError, error="e"),
    "unwrap": _use_unwrap,
    "fail": _use_fail,
    "sleep": lambda step: step.sleep(1),
    "parallel": _use_parallel,
    "all": lambda step: step.all(lambda: give(1), lambda: give(2)),
    "all of nothing": lambda step: step.all(),
    "race": lambda step: step.race(lambda: give(1)),
    "settle": lambda step: step.settle(lambda: give(1)),
    "map": lambda step: step.map(give, [1], limit=1),
    "batch": lambda step: step.batch(give, [1], size=1, limit=1),
    "when": lambda step: step.when(True, give, 1),
    "when skipped": lambda step: step.when(False, give, 1),
    "branch": lambda step: step.branch("b", 1, {1: lambda: give(1)}),
    "resources": _use_resources,
}


@pytest.mark.parametrize("way", LATE)
async def test_a_run_that_ended_takes_no_more_steps(way: str) -> None:
    """A step that was kept is refused in every form; nothing runs unnoticed."""
    kept: list[Step[Any]] = []

    @workflow
    async def leaks(step: Step[Any]) -> None:
        kept.append(step)

    await leaks()

    with pytest.raises(RunClosedError, match="'leaks' has ended and takes no more work"):
        await LATE[way](kept[0])


async def test_a_run_is_closed_after_a_failure_too() -> None:
    """It is the same after an error, a defect and a cancellation."""
    kept: list[Step[Any]] = []

    @workflow
    async def leaks(step: Step[Any], dependency: Any, *args: Any) -> None:
        kept.append(step)
        await step(dependency, *args)

    await leaks(fail, "e")
    await leaks(crash, ValueError())
    with trio.CancelScope() as scope:
        scope.cancel(reason="test")
        await leaks(give, 1)

    assert [repr(step) for step in kept] == ["<Step of run 'leaks', closed>"] * 3


async def test_a_step_that_outlives_its_run_fails_loudly(autojump_clock: MockClock) -> None:
    """Its failure has no run to end any more, so it says that the run is over."""
    raised: list[BaseException] = []

    async def late(step: Step[Any]) -> None:
        try:
            await step(fail, Declined(), after=5)
        except Exception as exc:
            raised.append(exc)

    async with trio.open_nursery() as outside:

        @workflow
        async def leaks(step: Step[Any]) -> None:
            outside.start_soon(late, step)
            await trio.sleep(1)

        assert await leaks() == Ok(None)

    assert [type(each) for each in raised] == [RunClosedError]


async def test_a_step_shows_its_state() -> None:
    """The representation names the run and says that it is open."""
    shown: list[str] = []

    @workflow
    async def shows(step: Step[Any]) -> None:
        shown.append(repr(step))

    await shows()

    assert shown == ["<Step of run 'shows', open>"]


async def _raising(step: Step[Any], exception: BaseException) -> None:
    raise exception


@pytest.mark.parametrize("observers", [[], [Recorder()]], ids=["bare", "watched"])
async def test_a_forgotten_await_is_refused(observers: list[object]) -> None:
    """A body that returns a coroutine has not done what it says."""

    @workflow
    async def forgets(step: Step[Any]) -> Any:
        return step(give, 1)

    with pytest.raises(TypeError, match=r"write return await step\(\.\.\.\)"):
        await forgets.options(observers=observers)()
