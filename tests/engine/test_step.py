"""The ways in which a body gets a value or leaves with an error."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio
from dependencies import Declined, NotFound, Scripted, fail, give
from recorder import Recorder

from awaitly_trio import Err, Ok, Step, UnexpectedError, run, workflow

if TYPE_CHECKING:
    from trio.testing import MockClock

    from awaitly_trio import Result


# --- unwrap, fail and some


async def test_unwrap_gives_the_value_of_a_result_at_hand() -> None:
    """A result that was computed elsewhere is used like a step's."""

    async def body(step: Step[Any]) -> int:
        return await step.unwrap(Ok(3))

    assert await run(body) == Ok(3)


async def test_unwrap_of_an_error_ends_the_run_with_it() -> None:
    """The cause stays beside it."""

    async def body(step: Step[Any]) -> None:
        await step.unwrap(Err(Declined(), "why"))

    assert await run(body) == Err(Declined(), "why")


async def test_unwrap_refuses_what_is_no_result() -> None:
    """A bare value is a mistake, not a success."""

    async def body(step: Step[Any]) -> None:
        await step.unwrap(5)  # type: ignore[arg-type]

    result = await run(body)

    assert isinstance(result, Err)
    assert "expected Ok or Err, got 5" in str(result.cause)


async def test_fail_ends_the_run() -> None:
    """It needs no await, and nothing after it is executed."""
    reached: list[str] = []

    async def body(step: Step[Any]) -> None:
        step.fail(NotFound("cart"))
        reached.append("after")

    assert await run(body) == Err(NotFound("cart"))
    assert reached == []


@pytest.mark.parametrize("value", [0, "", False, [], "x"])
async def test_some_keeps_every_value_but_none(value: object) -> None:
    """Falsy values are values."""

    async def body(step: Step[Any]) -> object:
        return step.some(value, NotFound())

    assert await run(body) == Ok(value)


async def test_some_ends_the_run_for_none() -> None:
    """What is missing becomes the planned error."""

    async def body(step: Step[Any]) -> object:
        known: dict[str, str] = {}
        return step.some(known.get("name"), NotFound("name"))

    assert await run(body) == Err(NotFound("name"))


@pytest.mark.parametrize(
    ("method", "arguments"), [("unwrap", (Ok(1),)), ("fail", ("e",)), ("some", (1, "e"))]
)
async def test_options_that_would_do_nothing_are_refused(
    method: str, arguments: tuple[Any, ...]
) -> None:
    """A result at hand can be neither retried nor limited."""

    async def body(step: Step[Any]) -> None:
        answer = getattr(step.options(timeout=1), method)(*arguments)
        if method == "unwrap":
            await answer

    result = await run(body)

    assert isinstance(result, Err)
    assert f"step.{method} takes no options" in str(result.cause)


# --- catch


async def test_catch_gives_the_value_of_an_async_function() -> None:
    """Code that returns bare values needs no wrapper of its own."""

    async def fetch(number: int) -> int:
        await trio.lowlevel.checkpoint()
        return number * 2

    async def body(step: Step[Any]) -> int:
        return await step.catch(fetch, 4, catch=OSError, error=Declined())

    assert await run(body) == Ok(8)


async def test_catch_gives_the_value_of_a_sync_function() -> None:
    """Sync code is called the same way."""

    async def body(step: Step[Any]) -> int:
        return await step.catch(int, "12", catch=ValueError, error=Declined())

    assert await run(body) == Ok(12)


async def test_catch_refuses_a_function_that_returns_a_result() -> None:
    """Otherwise a planned error would come back as a value that nobody looks at."""

    async def body(step: Step[Any]) -> object:
        return await step.catch(give, 1, catch=ValueError, error="bad")

    result = await run(body)

    assert isinstance(result, Err)
    assert isinstance(result.error, UnexpectedError)
    assert isinstance(result.error.cause, TypeError)
    assert "call this with step(...)" in str(result.error.cause)


async def test_catch_turns_a_chosen_exception_into_a_planned_error() -> None:
    """The exception becomes the cause, so nothing of it is lost."""

    async def body(step: Step[Any]) -> int:
        return await step.catch(int, "twelve", catch=ValueError, error=Declined("number"))

    result = await run(body)

    assert isinstance(result, Err)
    assert result.error == Declined("number")
    assert isinstance(result.cause, ValueError)


async def test_catch_may_make_the_error_of_the_exception() -> None:
    """A function is given the exception."""

    async def refuse() -> int:
        await trio.lowlevel.checkpoint()
        raise OSError(13, "refused")

    async def body(step: Step[Any]) -> int:
        return await step.catch(refuse, catch=OSError, error=lambda exc: NotFound(str(exc.errno)))

    result = await run(body)

    assert isinstance(result, Err)
    assert result.error == NotFound("13")


async def test_catch_leaves_other_exceptions_alone() -> None:
    """What was not planned for stays a defect."""

    async def body(step: Step[Any]) -> int:
        return await step.catch(int, None, catch=ValueError, error="e")  # type: ignore[arg-type]

    result = await run(body)

    assert isinstance(result, Err)
    assert isinstance(result.error, UnexpectedError)
    assert isinstance(result.cause, TypeError)


async def test_catch_takes_several_types() -> None:
    """As an ``except`` clause does."""

    async def body(step: Step[Any], text: Any) -> int:
        return await step.catch(int, text, catch=(ValueError, TypeError), error=Declined())

    errors = [await run(body, "x"), await run(body, None)]

    assert [each.error for each in errors if isinstance(each, Err)] == [Declined(), Declined()]


async def test_catch_sees_through_the_group_of_a_nursery() -> None:
    """A client with a nursery inside raises groups; their leaves are what counts."""

    async def client() -> int:
        async with trio.open_nursery():
            raise OSError(111, "refused")

    async def body(step: Step[Any]) -> int:
        return await step.catch(client, catch=OSError, error=lambda exc: NotFound(str(exc.errno)))

    result = await run(body)

    assert isinstance(result, Err)
    assert result.error == NotFound("111")


async def test_catch_does_not_cover_a_group_with_something_else_in_it() -> None:
    """Nothing may be dropped that nobody planned for."""

    async def client() -> int:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_raise, KeyError("a bug"))
            raise OSError(111, "refused")

    async def body(step: Step[Any]) -> int:
        return await step.catch(client, catch=OSError, error=NotFound())

    result = await run(body)

    assert isinstance(result, Err)
    assert isinstance(result.error, UnexpectedError)


async def test_catch_does_not_catch_the_exit_of_a_step_inside() -> None:
    """A step that fails inside the code ends the run; the code cannot relabel it."""

    async def body(step: Step[Any]) -> int:
        async def inner() -> int:
            return await step(fail, Declined("inner"))

        return await step.catch(inner, catch=Exception, error=NotFound())

    assert await run(body) == Err(Declined("inner"))


@pytest.mark.parametrize(
    "caught", [BaseException, KeyboardInterrupt, trio.Cancelled, (ValueError, GeneratorExit), 5]
)
async def test_catch_refuses_what_must_leave(caught: Any) -> None:
    """Cancellation and interrupts never become values."""

    async def body(step: Step[Any]) -> int:
        return await step.catch(int, "1", catch=caught, error=Declined())

    result = await run(body)

    assert isinstance(result, Err)
    assert "cancellation and interrupts always leave" in str(result.cause)


async def test_catch_refuses_an_async_error_function() -> None:
    """Its answer would be a coroutine that nobody awaits, in place of the error."""

    async def mapped(exc: Exception) -> str:
        return "never"

    async def body(step: Step[Any]) -> int:
        return await step.catch(int, "x", catch=ValueError, error=mapped)

    result = await run(body)

    assert isinstance(result, Err)
    assert isinstance(result.cause, TypeError)


async def test_an_error_function_that_raises_is_a_defect() -> None:
    """The exception that it was given stays in the context of its own."""

    def mapped(exc: Exception) -> str:
        raise KeyError("mapper")

    async def body(step: Step[Any]) -> int:
        return await step.catch(int, "x", catch=ValueError, error=mapped)

    result = await run(body)

    assert isinstance(result, Err)
    assert isinstance(result.cause, KeyError)
    assert isinstance(result.cause.__context__, ValueError)


async def test_catch_takes_options() -> None:
    """It goes the way of every step: here it is named for observers."""
    recorder = Recorder()

    @workflow
    async def parse(step: Step[Any]) -> int:
        return await step.options(name="parse number").catch(
            int, "1", catch=ValueError, error=Declined()
        )

    await parse.options(observers=[recorder])()

    assert recorder.paths == ["parse", "parse/parse number"]


# --- arguments and names


async def test_a_dependency_gets_its_arguments_as_given() -> None:
    """Keywords that options also have are the dependency's own."""
    dependency = Scripted(Ok(1))

    async def body(step: Step[Any]) -> None:
        await step(dependency, 1, name="x", timeout=5, key="k", retry=None)

    await run(body)

    assert dependency.calls == [(1, ("name", "x"), ("timeout", 5), ("key", "k"), ("retry", None))]


class Shop:
    async def order(self, number: int) -> Result[int, Declined]:
        await trio.lowlevel.checkpoint()
        return Ok(number)


@pytest.mark.parametrize(
    ("dependency", "name"),
    [
        (give, "give"),
        (partial(give, after=1), "give"),
        (partial(partial(give), after=1), "give"),
        (Shop().order, "order"),
        (Scripted(Ok(1)), "Scripted"),
        (lambda value: give(value, 1), "<lambda>"),
    ],
    ids=["function", "partial", "partial of a partial", "method", "object", "lambda"],
)
async def test_a_step_is_named_after_what_it_calls(
    dependency: Any, name: str, autojump_clock: MockClock
) -> None:
    """Unless it is given a name."""
    recorder = Recorder()

    @workflow
    async def calls(step: Step[Any]) -> None:
        await step(dependency, 1)
        await step.options(name="own name")(dependency, 1)

    await calls.options(observers=[recorder])()

    assert [scope.name for scope in recorder.started] == ["calls", name, "own name"]


# --- sleep and what a body may ask


async def test_sleep_passes_time(autojump_clock: MockClock) -> None:
    """In seconds, or as a text."""

    async def body(step: Step[Any]) -> float:
        await step.sleep(2)
        await step.sleep("1m30s")
        return trio.current_time()

    assert await run(body) == Ok(92)


@pytest.mark.parametrize("duration", [-1, math.nan, "soon"])
async def test_sleep_refuses_what_is_no_duration(duration: Any) -> None:
    """The value is shown."""

    async def body(step: Step[Any]) -> None:
        await step.sleep(duration)

    result = await run(body)

    assert isinstance(result, Err)
    assert isinstance(result.cause, ValueError)
    assert repr(duration) in str(result.cause)


async def test_a_body_sees_the_callers_context() -> None:
    """``None`` when nothing was given."""

    @workflow
    async def asks(step: Step[Any]) -> Any:
        return step.context

    assert await asks() == Ok(None)
    assert await asks.options(context={"user": 7})() == Ok({"user": 7})


async def test_a_body_sees_the_id_of_its_run() -> None:
    """The one that was given, or the one that was drawn for observers."""
    recorder = Recorder()

    @workflow
    async def asks(step: Step[Any]) -> str | None:
        return step.run_id

    given = await asks.options(run_id="order-7")()
    drawn = await asks.options(observers=[recorder])()

    assert given == Ok("order-7")
    assert drawn == Ok(recorder.events[0].run_id)


async def test_an_unwatched_run_has_no_id() -> None:
    """Nothing is drawn for nobody."""

    @workflow
    async def asks(step: Step[Any]) -> str | None:
        return step.run_id

    assert await asks() == Ok(None)


async def _raise(exc: BaseException) -> None:
    raise exc
