"""What a schedule decides at one moment, and the plans that decide it.

A plan is the immutable tree that a schedule wraps.  ``begin`` turns it into a play:
a function that holds the state of one use of that tree.  A play owns the plays
of its children, so no combinator can lose what a child remembers.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

if TYPE_CHECKING:
    Spread: TypeAlias = Callable[[float, float, float], float]
    """Turn a delay and its bounds into a delay that chance moved within them."""

    Play: TypeAlias = Callable[[Any, float, float], "Move | None"]
    """Decide on an input, the seconds since the play began, and a least delay.

    The least delay is what the world demands (``Retry-After``).  A play need not honour
    it, but must end if it cannot let that much time pass.
    """


class Sources(msgspec.Struct, frozen=True):
    """Where a play takes chance and the wall clock from."""

    chance: random.Random
    wall: Callable[[], float] | None = None


class Move(msgspec.Struct, frozen=True):
    """One decision: a nominal delay, the bounds it keeps, and the jitter still to come.

    Bounds and jitter travel beside the delay rather than being applied where they are
    written.  That is what lets ``cap``, ``floor`` and ``jitter`` be written in any order:
    the delay is bounded, spread, and bounded again, once.

    ``high`` is the lowest cap, ``latest`` what is left of the shortest time limit.  They are two,
    because an intersection of schedules has the higher of two caps, but the nearer of two limits.
    """

    delay: float
    output: Any
    low: float = 0.0
    high: float = math.inf
    latest: float = math.inf
    spreads: tuple[Spread, ...] = ()

    def settle(self) -> float:
        """Return the seconds to wait; draws from chance, so ask only once."""
        low, high = self.low, self.high
        if self.latest != math.inf:
            high = min(high, self.latest)
        delay = bounded(self.delay, low, high)
        for spread in self.spreads:
            delay = spread(delay, low, high)
        return delay


class Plan(msgspec.Struct, frozen=True):
    """A node of a schedule: what to do, without the state of doing it."""

    def begin(self, sources: Sources) -> Play:
        """Return a play in its first state."""
        raise NotImplementedError

    @property
    def is_timed(self) -> bool:
        """Whether the decisions depend on the time that has passed."""
        return any(child.is_timed for child in self._fields() if isinstance(child, Plan))

    def _fields(self) -> list[Any]:
        return [getattr(self, field) for field in self.__struct_fields__]


def bounded(delay: float, low: float, high: float) -> float:
    """Return the delay within its bounds; where they contradict each other, ``high`` wins."""
    # The comparison is for speed: it is true for most, and costs a fifth of the two calls.
    return delay if low <= delay <= high else min(max(delay, low), high)


def shown(value: object) -> str:
    """Return how an argument of a schedule is written in its ``repr``."""
    name = getattr(value, "__qualname__", None)
    return name if isinstance(name, str) else repr(value)
