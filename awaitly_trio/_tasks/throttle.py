"""Spare an overloaded service the calls that it would only refuse.

This is the "client-side throttling" of the book Site Reliability Engineering
(B. Beyer and others, 2016), chapter 21, "Handling Overload".
"""

from __future__ import annotations

from functools import partial, update_wrapper
from typing import TYPE_CHECKING, Any, TypeVar, final

import msgspec
import trio
from typing_extensions import ParamSpec

from awaitly_trio._policies.layers import Layer
from awaitly_trio._policies.rate import check_span
from awaitly_trio._policies.window import LatestTime
from awaitly_trio._tasks.adaptive import is_overload
from awaitly_trio._tasks.notices import Refused, tell
from awaitly_trio._tasks.sources import chance
from awaitly_trio._tasks.timeline import Timeline
from awaitly_trio._values.errors import RateLimited
from awaitly_trio._values.result import Err, Ok

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from awaitly_trio._values.duration import Duration

P = ParamSpec("P")
T = TypeVar("T")
E = TypeVar("E")

_STEPS = 12


@final
class ThrottleStatistics(msgspec.Struct, frozen=True):
    """What a throttle remembers: the calls wanted, and those of them that the service took.

    ``refusal_chance`` is how likely the next call is not made; ``total_refused`` were not.
    """

    name: str
    wanted: int
    accepted: int
    refusal_chance: float
    total_refused: int


def refusal_chance(wanted: int, accepted: int, multiplier: float) -> float:
    """Return how likely the next call is refused: the formula of the book."""
    return max(0.0, (wanted - multiplier * accepted) / (wanted + 1))


@final
class Throttle:
    """Refuse a growing share of the calls, by chance, while a service is overloaded.

    As long as the service takes one of ``multiplier`` calls or more, all are made.  When it takes
    fewer, just so many are made that it still sees a change for the better.  A failure is
    a sign of overload or it is not; ``Cancelled`` counts as nothing.

    It may be made at import time and serve one run after another.  It is not thread-safe.

    Args:
      name: What its refusals are called.
      multiplier: K, how many calls may be made for each that is taken, from 1.
      within: How far the memory reaches back, in seconds or any other duration.
      overload: Tells from the error of an ``Err``, or from an exception, whether the
        service did not take the call.

    Raises:
      ValueError: ``multiplier`` is below one, or ``within`` is zero or endless.
    """

    __slots__ = ("_multiplier", "_overload", "_refused", "_time", "_window", "_within", "name")

    def __init__(
        self,
        name: str,
        *,
        multiplier: float = 2.0,
        within: Duration = 120.0,
        overload: Callable[[Any], bool] = is_overload,
    ) -> None:
        if not multiplier >= 1:
            raise ValueError(f"multiplier must be at least 1, not {multiplier!r}")
        self.name = name
        self._multiplier = multiplier
        self._within = check_span("within", within)
        self._overload = overload
        self._window = LatestTime(self._within / _STEPS, _STEPS)
        self._time = Timeline()
        self._refused = 0

    async def __call__(
        self, fn: Callable[P, Awaitable[Ok[T] | Err[E]]], /, *args: P.args, **kwargs: P.kwargs
    ) -> Ok[T] | Err[E | RateLimited]:
        """Call a function that returns a result, unless chance has it that it is spared.

        A refusal is a cancellation point; a call adds none of its own.
        """
        self._window.forget(self._time.now())
        if chance().random() < self._chance():
            await trio.lowlevel.checkpoint_if_cancelled()
            self._count(accepted=False)
            self._refused += 1
            tell(Refused, self.name, "limiter")
            # Nobody knows when: the next call has its own chance.
            return Err(RateLimited(self.name, 0.0))
        try:
            result = await fn(*args, **kwargs)
        except Exception as error:
            self._count(accepted=not self._overload(error))
            raise
        self._count(accepted=isinstance(result, Ok) or not self._overload(result.error))
        return result

    def wrap(
        self, fn: Callable[P, Awaitable[Ok[T] | Err[E]]]
    ) -> Callable[P, Awaitable[Ok[T] | Err[E | RateLimited]]]:
        """Return the function throttled in this way."""
        return update_wrapper(partial(self, fn), fn)

    def _count(self, *, accepted: bool) -> None:
        self._window.record(self._time.now(), failed=not accepted, slow=False)

    def _chance(self) -> float:
        window = self._window
        return refusal_chance(window.calls, window.calls - window.failures, self._multiplier)

    @property
    def layer(self) -> Layer[RateLimited]:
        """What a throttle is as a layer of a policy."""
        return Layer("throttle", f"throttle {self.name!r}", (RateLimited,))

    def fresh(self) -> Throttle:
        """Return a throttle like this one that remembers nothing."""
        return Throttle(
            self.name,
            multiplier=self._multiplier,
            within=self._within,
            overload=self._overload,
        )

    def statistics(self) -> ThrottleStatistics:
        """Return a record of what is remembered."""
        window = self._window
        window.forget(self._time.latest())
        return ThrottleStatistics(
            name=self.name,
            wanted=window.calls,
            accepted=window.calls - window.failures,
            refusal_chance=self._chance(),
            total_refused=self._refused,
        )

    def __repr__(self) -> str:
        return f"<Throttle {self.name!r}, {self.statistics().refusal_chance:.0%} refused>"
