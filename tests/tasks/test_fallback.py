"""Fallback chains."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest
import trio

from awaitly_trio._tasks.fallback import Fallback, fallback_value
from awaitly_trio._values.result import Err, Ok, Result

if TYPE_CHECKING:
    from trio.testing import MockClock

if sys.version_info < (3, 11):
    from exceptiongroup import ExceptionGroup


def source(answer: Any, log: list[tuple[Any, ...]] | None = None) -> Any:
    """Return a function that answers ``Ok``, an ``Err``, or raises, and logs its arguments."""

    async def call(*args: Any, **kwargs: Any) -> Result[Any, Any]:
        if log is not None:
            log.append((answer, *args, kwargs))
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, Err) else Ok(answer)

    return call


async def test_a_success_needs_no_fallback(autojump_clock: MockClock) -> None:
    """The alternatives are not called."""
    log: list[tuple[Any, ...]] = []

    assert await Fallback(source("b", log))(source("a")) == Ok("a")
    assert log == []


async def test_the_first_success_is_the_answer(autojump_clock: MockClock) -> None:
    """Each function gets the same arguments, in order, until one succeeds."""
    log: list[tuple[Any, ...]] = []
    fallback = Fallback(source(Err("also down"), log), source("c", log), source("d", log))

    result = await fallback(source(Err("down"), log), 1, page=2)

    assert result == Ok("c")
    assert log == [
        (Err("down"), 1, {"page": 2}),
        (Err("also down"), 1, {"page": 2}),
        ("c", 1, {"page": 2}),
    ]


async def test_when_all_fail_the_last_failure_is_the_answer(autojump_clock: MockClock) -> None:
    """Its cause is the failure before it, unless it has one of its own."""
    fallback = Fallback(source(Err("second")))
    own = Fallback(source(Err("second", "a cause")))

    result, with_own = await fallback(source(Err("first"))), await own(source(Err("first")))

    assert result == Err("second", "first")
    assert with_own == Err("second", "a cause")


async def test_only_some_errors_lead_on(autojump_clock: MockClock) -> None:
    """Any other error is the answer."""
    fallback = Fallback(source("b"), when=lambda error: error == "down")

    assert await fallback(source(Err("down"))) == Ok("b")
    assert await fallback(source(Err("not found"))) == Err("not found")


async def test_an_exception_is_no_failure_unless_it_is_caught(autojump_clock: MockClock) -> None:
    """A defect is not papered over."""
    with pytest.raises(OSError, match="down"):
        await Fallback(source("b"))(source(OSError("down")))
    with pytest.raises(KeyError):
        await Fallback(source("b"), catch=OSError)(source(KeyError("k")))

    assert await Fallback(source("b"), catch=OSError)(source(OSError("down"))) == Ok("b")


async def test_a_caught_exception_may_be_refused_by_the_predicate(
    autojump_clock: MockClock,
) -> None:
    """Then it propagates."""
    fallback = Fallback(source("b"), catch=OSError, when=lambda error: "refused" in str(error))

    with pytest.raises(OSError, match="no space"):
        await fallback(source(OSError("no space")))


async def test_a_group_is_caught_when_all_of_it_is(autojump_clock: MockClock) -> None:
    """What comes out of a nursery is looked into."""
    fallback = Fallback(source(Err("second")), catch=OSError)
    caught = ExceptionGroup("nursery", [OSError("down")])
    mixed = ExceptionGroup("nursery", [OSError("down"), KeyError("k")])

    result: Any = await fallback(source(caught))

    assert result.cause is caught.exceptions[0]
    with pytest.raises(ExceptionGroup):
        await fallback(source(mixed))


async def test_the_last_function_may_raise(autojump_clock: MockClock) -> None:
    """There is nothing left to fall back on."""
    with pytest.raises(OSError, match="second"):
        await Fallback(source(OSError("second")), catch=OSError)(source(OSError("first")))


async def test_cancellation_leads_nowhere(autojump_clock: MockClock) -> None:
    """A cancelled call is no failed one."""
    log: list[tuple[Any, ...]] = []

    async def hang() -> Result[str, str]:
        await trio.sleep_forever()
        return Ok("never")

    with trio.move_on_after(1) as scope:
        await Fallback(source("b", log))(hang)

    assert (scope.cancelled_caught, log) == (True, [])


async def test_a_value_may_be_the_fallback(autojump_clock: MockClock) -> None:
    """It stands for any error, or for those it is meant for."""
    fallback = fallback_value(0, when=lambda error: error != "fatal", catch=OSError)

    assert await fallback(source(Err("down")), 1, page=2) == Ok(0)
    assert await fallback(source(OSError("down"))) == Ok(0)
    assert await fallback(source(Err("fatal"))) == Err("fatal")


async def test_a_wrapped_function_keeps_its_name(autojump_clock: MockClock) -> None:
    """And has something to fall back on."""
    wrapped: Any = fallback_value(0).wrap(source(Err("down")))

    assert (wrapped.__name__, await wrapped()) == ("call", Ok(0))


def test_a_fallback_needs_something() -> None:
    """The message says what."""
    with pytest.raises(ValueError, match="needs something to fall back on"):
        Fallback()


def test_cancellation_cannot_be_caught() -> None:
    """The mistake shows when the fallback is made."""
    with pytest.raises(TypeError, match="is no subclass of Exception"):
        Fallback(source("b"), catch=BaseException)  # type: ignore[arg-type]
