"""Retry rules: which failures are tried again, when, and how often.

A rule is a value; its driver decides for one use.  Nothing waits here: whoever
waits says how long the calls took and how much time is left.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast, final

import msgspec

from awaitly_trio._policies.layers import Layer
from awaitly_trio._policies.schedule import Schedule, Tick
from awaitly_trio._values.callables import check_sync
from awaitly_trio._values.caught import Catch, check_catch
from awaitly_trio._values.errors import UnexpectedError

if TYPE_CHECKING:
    import random

    from typing_extensions import Never

    from awaitly_trio._policies.schedule import Driver

Stopped: TypeAlias = Literal["refused", "exhausted", "deadline", "budget"]
"""Why there is no further attempt.

The predicate or a hint refused it; the schedule ended; the delay would have outlasted the enclosing
deadline; or the retry budget was spent.
"""


def is_planned(error: object, attempt: int) -> bool:  # noqa: ARG001
    """Return whether an error is a planned failure: anything but an ``UnexpectedError``."""
    return not isinstance(error, UnexpectedError)


def retry_after(error: object) -> float | None:
    """Return the seconds that an error asks to wait, from its attribute ``retry_after``.

    The attribute may be a number of seconds or a ``timedelta``; anything else is no hint.
    """
    hint = getattr(error, "retry_after", None)
    if isinstance(hint, timedelta):
        return hint.total_seconds()
    if isinstance(hint, (int, float)) and not isinstance(hint, bool):
        return hint
    return None


class _Scheduled(msgspec.Struct, frozen=True):
    # In a record of its own so that it alone may be given by position.
    schedule: Schedule[Any, Any]


@final
class Retry(_Scheduled, frozen=True, kw_only=True):
    """Which failures to try again, and when.

    Args:
      schedule: The delays; its inputs are the errors.
      on: The type of the errors to retry, or several; or a function that decides on an error
        and the number of the call that led to it, from 1.  Unless given, every error is
        retried except ``UnexpectedError``.
      exceptions: Exception types that are failures to retry as well; a function ``on`` is
        asked about them too.  Others are defects and leave at once.
      delay_hint: Seconds that an error asks to wait.  The longer of hint and delay counts, no
        cap shortens a hint, and an infinite one ends the retries.
        Unless given, the attribute ``retry_after`` of the error.
      on_retry: Called with the error and the tick before each wait.  What it raises is logged
        and changes nothing.

    Raises:
      TypeError: A function is no function or is async, or an exception type does not derive
        from ``Exception``: cancellation and interrupts are never retried.
    """

    on: Callable[[Any, int], bool] | type | tuple[type, ...] = is_planned
    exceptions: Catch[Exception] = ()
    delay_hint: Callable[[Any], float | None] = retry_after
    on_retry: Callable[[Any, Tick[Any]], object] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.schedule, Schedule):
            raise _no_schedule(self.schedule)
        if self.exceptions != ():
            check_catch(self.exceptions, "exceptions")
        if not _is_types(self.on):
            check_sync(self.on, "on")
        check_sync(self.delay_hint, "delay_hint")
        if self.on_retry is not None:
            check_sync(self.on_retry, "on_retry")

    def accepts(self, error: object, attempt: int) -> bool:
        """Return whether an error, of the call of that number, is one to retry."""
        if _is_types(self.on):
            kinds = cast("tuple[type, ...]", (self.on, self.exceptions))
            return isinstance(error, kinds)
        return cast("Callable[[object, int], bool]", self.on)(error, attempt)

    @property
    def layer(self) -> Layer[Never]:
        """What a retry is as a layer of a policy."""
        return Layer("retry", f"retry: {self.schedule!r}")

    def start(self, rng: random.Random, wall: Callable[[], float] | None = None) -> RetryDriver:
        """Return a driver that has seen no failure; it builds nothing before the first.

        Args:
          rng: Where jitter draws from.
          wall: Tells the seconds since 1970; only schedules of fixed times need it.
        """
        return RetryDriver(self, rng, wall)


@final
class RetryDriver:
    """The state of one use of a retry rule.  Made by ``Retry.start``.

    ``attempts`` is the number of failed calls it was told of, ``stopped`` why
    there is no further attempt, or ``None`` while there may be one.
    """

    __slots__ = ("_chance", "_driver", "_retry", "_wall", "attempts", "stopped")

    def __init__(
        self, retry: Retry, chance: random.Random, wall: Callable[[], float] | None
    ) -> None:
        self._retry, self._chance, self._wall = retry, chance, wall
        self._driver: Driver[Any, Any] | None = None
        self.attempts = 0
        self.stopped: Stopped | None = None

    def decide(
        self,
        error: object,
        *,
        elapsed: float = 0.0,
        remaining: float | Callable[[], float] = math.inf,
        afford: Callable[[object], bool] | None = None,
    ) -> Tick[Any] | None:
        """Return how long to wait before the next attempt, or ``None`` to give up for good.

        Args:
          error: What the attempt failed with.
          elapsed: Seconds since the first attempt began.
          remaining: Seconds until the enclosing deadline, or a function that tells them; no
            delay above zero reaches it.  ``-math.inf`` means that the task is cancelled: then the
            tick is returned, for its wait is where cancellation leaves.
          afford: Pays for a retry from a budget; asked last, when all else is in favour.
        """
        if self.stopped is not None:
            return None
        self.attempts += 1
        hint = self._retry.delay_hint(error)
        # Written so that NaN, which comes from the other side, counts as no hint.
        at_least = hint if hint is not None and hint > 0 else 0.0
        tick = None
        if not self._retry.accepts(error, self.attempts) or at_least == math.inf:
            self.stopped = "refused"
        elif (tick := self._next(error, elapsed, at_least)) is None:
            self.stopped = "exhausted"
        elif tick.delay and not _fits(tick.delay, remaining):
            self.stopped = "deadline"
        elif afford is not None and not afford(error):
            self.stopped = "budget"
        return None if self.stopped else tick

    def _next(self, error: object, elapsed: float, at_least: float) -> Tick[Any] | None:
        if self._driver is None:
            self._driver = self._retry.schedule.start(self._chance, self._wall)
        return self._driver.next(error, elapsed, at_least=at_least)


def _is_types(on: object) -> bool:
    """Return whether ``on`` is a type or several."""
    several = cast("tuple[object, ...]", on) if isinstance(on, tuple) else (on,)
    return all(isinstance(each, type) for each in several)


def as_retry(value: Schedule[Any, Any] | Retry) -> Retry:
    """Return a retry rule: the one given, or the default rule with the schedule given.

    Raises:
      TypeError: It is neither.
    """
    return value if isinstance(value, Retry) else Retry(value)


def _fits(delay: float, remaining: float | Callable[[], float]) -> bool:
    left = remaining() if callable(remaining) else remaining
    return delay < left or left == -math.inf


def _no_schedule(value: object) -> TypeError:
    return TypeError(
        f"retry is {value!r}: write a schedule, such as exponential(0.1, attempts=3), "
        "or a Retry around one"
    )
