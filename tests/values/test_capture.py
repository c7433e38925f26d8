"""Results of code that raises or returns ``None``.  Cases C08 to C17."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

import outcome
import pytest
import trio

from awaitly_trio._values.capture import (
    capture,
    capture_async,
    from_optional,
    from_outcome,
    to_outcome,
)
from awaitly_trio._values.errors import UnwrapError
from awaitly_trio._values.result import Err, Ok

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

if sys.version_info < (3, 11):
    from exceptiongroup import BaseExceptionGroup, ExceptionGroup


def throw(raised: BaseException) -> NoReturn:
    """Raise what was given."""
    raise raised


async def throw_async(raised: BaseException) -> NoReturn:
    """Raise what was given, after a wait."""
    await trio.lowlevel.checkpoint()
    raise raised


def throw_early(raised: BaseException) -> Awaitable[None]:
    """Raise before there is anything to await."""
    raise raised


def test_a_value_is_ok() -> None:
    """Arguments go to the function; keywords are bound with ``partial``."""
    assert capture(int, "12", catch=ValueError) == Ok(12)
    assert capture(partial(int, base=2), "11", catch=ValueError) == Ok(3)


def test_a_caught_exception_is_the_error() -> None:
    """Nothing was made of it, so there is no cause beside it."""
    raised = ValueError("no")

    assert capture(throw, raised, catch=ValueError) == Err(raised)


def test_an_error_made_of_an_exception_has_it_as_cause() -> None:
    """The traceback is not lost when the exception becomes a value."""
    raised = ValueError("no")

    assert capture(throw, raised, catch=ValueError, error=str) == Err("no", cause=raised)


def test_several_kinds_can_be_caught() -> None:
    """A tuple names them, as in ``except``."""
    assert capture(throw, KeyError(1), catch=(ValueError, LookupError), error=repr).error == (
        "KeyError(1)"
    )


def test_what_was_not_named_propagates() -> None:
    """The exception leaves as it is."""
    raised = KeyError("k")

    with pytest.raises(KeyError) as caught:
        capture(throw, raised, catch=ValueError)

    assert caught.value is raised


def test_an_exception_of_the_mapper_propagates() -> None:
    """A defect in making the error is a defect."""
    with pytest.raises(ZeroDivisionError):
        capture(throw, ValueError(), catch=ValueError, error=lambda _: 1 // 0)


@pytest.mark.parametrize(
    "catch",
    [BaseException, KeyboardInterrupt, trio.Cancelled, (ValueError, SystemExit), "x", ()],
    ids=str,
)
def test_only_exceptions_can_be_caught(catch: Any) -> None:
    """The mistake shows before anything is called."""
    called: list[str] = []

    with pytest.raises(TypeError, match="name the exceptions to catch"):
        capture(called.append, "x", catch=catch)

    assert called == []


@pytest.mark.parametrize("leaves", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_interrupts_leave(leaves: type[BaseException]) -> None:
    """The widest catch there is lets them pass."""
    with pytest.raises(leaves):
        capture(throw, leaves(), catch=Exception)


def test_a_group_is_caught_when_every_leaf_is() -> None:
    """The first leaf is the error, and the whole group is the cause."""
    leaf = ValueError(1)
    group = ExceptionGroup("g", [ExceptionGroup("h", [leaf]), UnicodeError()])

    assert capture(throw, group, catch=ValueError) == Err(leaf, cause=group)
    assert capture(throw, group, catch=ValueError, error=repr) == Err("ValueError(1)", group)


def test_a_group_is_caught_whole_when_it_is_named() -> None:
    """``catch=Exception`` covers the group itself, which then is the error."""
    group = ExceptionGroup("g", [ValueError()])

    assert capture(throw, group, catch=Exception) == Err(group)


def test_a_group_with_another_leaf_propagates() -> None:
    """Nothing may be dropped that was not planned for."""
    group = ExceptionGroup("g", [ValueError(), KeyError()])

    with pytest.raises(ExceptionGroup) as caught:
        capture(throw, group, catch=ValueError)

    assert caught.value is group


def test_a_group_that_holds_an_interrupt_propagates() -> None:
    """The interrupt leaves, and the group with it."""
    group = BaseExceptionGroup("g", [ValueError(), KeyboardInterrupt()])

    with pytest.raises(BaseExceptionGroup):
        capture(throw, group, catch=ValueError)


def test_an_async_function_needs_the_other_function() -> None:
    """It would never run, so it is refused, and Python does not warn about it."""
    with pytest.raises(TypeError, match="use capture_async"):
        capture(throw_async, ValueError(), catch=ValueError)


async def test_awaited_code_is_captured() -> None:
    """Values and exceptions, with and without a mapper."""

    async def double(number: int) -> int:
        await trio.lowlevel.checkpoint()
        return number * 2

    raised = ValueError("no")

    assert await capture_async(double, 2, catch=ValueError) == Ok(4)
    assert await capture_async(throw_async, raised, catch=ValueError) == Err(raised)
    assert await capture_async(throw_async, raised, catch=ValueError, error=str) == Err(
        "no", cause=raised
    )


async def test_what_is_raised_before_the_wait_is_captured() -> None:
    """A function may fail before it returns its awaitable."""
    raised = ValueError("early")

    assert await capture_async(throw_early, raised, catch=ValueError) == Err(raised)


@pytest.mark.parametrize("throws", [throw_async, throw_early])
async def test_awaited_code_that_raises_something_else_propagates(
    throws: Callable[..., Awaitable[None]],
) -> None:
    """Only what was named becomes an error."""
    with pytest.raises(KeyError):
        await capture_async(throws, KeyError(), catch=ValueError)


async def test_cancellation_leaves(autojump_clock: object) -> None:
    """A time limit around captured code takes effect, and no result is made."""
    with trio.move_on_after(1) as scope:
        await capture_async(trio.sleep_forever, catch=Exception)
        pytest.fail("a cancellation became a result")

    assert scope.cancelled_caught


@pytest.mark.parametrize("value", [0, "", False, [], 1])
def test_a_value_is_kept_even_if_it_is_empty(value: object) -> None:
    """Only ``None`` is missing."""
    assert from_optional(value, "missing") == Ok(value)


def test_none_becomes_the_error() -> None:
    """Given, or made when it is needed."""
    calls: list[str] = []

    def make() -> str:
        calls.append("made")
        return "missing"

    assert from_optional(None, "missing") == Err("missing")
    assert from_optional(1, make_error=make) == Ok(1)
    assert calls == []
    assert from_optional(None, make_error=make) == Err("missing")
    assert calls == ["made"]


def test_outcomes_become_results() -> None:
    """What was planned for is an error, and the outcome can still be unwrapped."""
    raised = ValueError("no")
    kept: outcome.Error = outcome.Error(raised)

    assert from_outcome(outcome.Value(3), catch=ValueError) == Ok(3)
    assert from_outcome(kept, catch=ValueError) == Err(raised)
    assert from_outcome(kept, catch=ValueError, error=str) == Err("no", cause=raised)
    with pytest.raises(ValueError, match="no"):
        kept.unwrap()


@pytest.mark.parametrize("leaves", [KeyError, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_an_outcome_of_something_else_raises_it(leaves: type[BaseException]) -> None:
    """A kept interrupt never becomes a value."""
    with pytest.raises(leaves):
        from_outcome(outcome.Error(leaves()), catch=ValueError)


async def test_an_outcome_of_a_cancellation_leaves() -> None:
    """Its scope gets it back."""
    with trio.CancelScope() as scope:
        scope.cancel()
        kept = await outcome.acapture(trio.sleep_forever)
        from_outcome(kept, catch=Exception)
        pytest.fail("a cancellation became a result")

    assert scope.cancelled_caught


def test_results_become_outcomes() -> None:
    """An exception stays itself, any other error is held by an ``UnwrapError``."""
    raised = ValueError("no")

    assert to_outcome(Ok(3)) == outcome.Value(3)
    assert to_outcome(Err(raised)) == outcome.Error(raised)
    with pytest.raises(UnwrapError, match="'gone'") as caught:
        to_outcome(Err("gone", cause=raised)).unwrap()
    assert caught.value.__cause__ is raised
