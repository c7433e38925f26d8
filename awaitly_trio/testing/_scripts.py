"""What a fake answers: a result, an exception, after a delay, never, or one thing after another."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, final

import msgspec
import trio
from trio.testing import wait_all_tasks_blocked

from awaitly_trio._values.duration import seconds as in_seconds
from awaitly_trio._values.errors import AwaitlyError
from awaitly_trio._values.result import Err, Ok

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import timedelta


class ScriptExhaustedError(AwaitlyError, AssertionError):
    """Raised when a fake is called more often than its script has answers."""

    def __init__(self, name: str, answers: int) -> None:
        super().__init__(name, answers)
        self.name, self.answers = name, answers

    def __str__(self) -> str:
        return (
            f"{self.name} was called again after all {self.answers} answers of its script: "
            "add one, or script a single answer, which is given every time"
        )


class OverlappingScriptError(AwaitlyError, AssertionError):
    """Raised when two calls at once ask one script for its next answer."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return (
            f"calls of {self.name} overlap, so the schedule would decide which of them gets "
            "which answer: script each by its path, or by a function of the arguments"
        )


@final
class Raises(msgspec.Struct, frozen=True):
    """An answer: raise ``exception``."""

    exception: Exception


@final
class Returns(msgspec.Struct, frozen=True):
    """An answer: return ``value`` as it is; for functions that give no Result."""

    value: Any


@final
class Delayed(msgspec.Struct, frozen=True):
    """An answer: ``answer`` after ``seconds``; ``math.inf`` of them is never."""

    seconds: float
    answer: Any


@final
class Real(msgspec.Struct, frozen=True):
    """An answer: call the real function."""


_ANSWERS: tuple[Any, ...] = (Ok, Err, Raises, Returns, Delayed, Real)


def raises(exception: Exception | type[Exception]) -> Raises:
    """Answer with an exception, a defect of the dependency."""
    return Raises(exception() if isinstance(exception, type) else exception)


def returns(value: Any) -> Returns:
    """Answer with a plain value, for a dependency that gives no Result."""
    return Returns(value)


def delayed(duration: float | timedelta | str, answer: Any) -> Delayed:
    """Answer after a virtual time.

    Raises:
      ValueError: The duration is negative or not a duration.
    """
    return Delayed(in_seconds(duration, "duration"), check_answer(answer))


def hangs() -> Delayed:
    """Never answer: the call ends when it is cancelled."""
    return Delayed(math.inf, Returns(None))


def real() -> Real:
    """Answer with what the real function gives."""
    return Real()


def check_answer(answer: Any) -> Any:
    """Return an answer if it is one.

    Raises:
      TypeError: It is a bare value, or an exception that would not be raised.
    """
    if isinstance(answer, _ANSWERS) or callable(answer):
        return answer
    if isinstance(answer, BaseException):
        raise TypeError(f"{answer!r} is no answer: write raises({answer!r})")
    raise TypeError(
        f"{answer!r} is no answer: write Ok({answer!r}), or a function of the arguments"
    )


@final
class Script:
    """Gives the answers to the calls of one fake.

    Args:
      name: Whose answers they are.
      answers: One answer, given every time; or a list, each given once.
    """

    def __init__(self, name: str, answers: Any) -> None:
        self._name = name
        self._once = isinstance(answers, list)
        many: list[Any] = list(answers) if self._once else [answers]
        self.answers = [check_answer(answer) for answer in many]
        self._given = 0
        self._playing = 0

    async def play(
        self, real_call: Callable[[], Awaitable[Any]], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Give the next answer to a call.

        Raises:
          ScriptExhaustedError: There is none left.
          OverlappingScriptError: Another call still waits for its answer.
        """
        if not self._once:
            return await _give(self.answers[0], real_call, args, kwargs)
        if self._playing:
            raise OverlappingScriptError(self._name)
        if self._given == len(self.answers):
            raise ScriptExhaustedError(self._name, len(self.answers))
        answer = self.answers[self._given]
        self._given += 1
        self._playing += 1
        try:
            # Whoever could call at this instant has called by then, so that calls
            # which overlap do so under every schedule.
            await wait_all_tasks_blocked()
            return await _give(answer, real_call, args, kwargs)
        finally:
            self._playing -= 1


async def _give(
    answer: Any,
    real_call: Callable[[], Awaitable[Any]],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    # An answer is a checkpoint, as that of a real dependency is.
    if isinstance(answer, Delayed):
        await trio.sleep(answer.seconds)
        return await _give(answer.answer, real_call, args, kwargs)
    if isinstance(answer, Real):
        return await real_call()
    await trio.lowlevel.checkpoint()
    if isinstance(answer, Raises):
        raise answer.exception
    if isinstance(answer, Returns):
        return answer.value
    if callable(answer):
        made: Any = answer(*args, **kwargs)
        return await made if hasattr(made, "__await__") else made
    return answer
