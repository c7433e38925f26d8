"""So many starts in a window of time: fixed windows, and one that slides."""

from __future__ import annotations

import math
from collections import deque
from typing import final

import msgspec
from msgspec.structs import force_setattr

from awaitly_trio._policies.rate import check_limit, check_span
from awaitly_trio._values.duration import Duration, seconds


class _StartsIn(msgspec.Struct, frozen=True):
    """So many starts in so much time."""

    limit: float
    per: Duration

    def __post_init__(self) -> None:
        check_limit("limit", self.limit)
        force_setattr(self, "per", check_span("per", self.per))

    @property
    def capacity(self) -> float:
        """The largest cost that can ever start at one instant."""
        return self.limit


@final
class FixedWindow(_StartsIn, frozen=True):
    """Let ``limit`` starts through in each window of ``per`` seconds.

    A window opens with the first start after the last one has ended, so that nobody
    depends on where a clock began.  Around the end of a window twice the limit
    may start within ``per`` seconds: where that is too much, use ``SlidingWindow``.

    Raises:
      ValueError: ``limit`` is not at least one and finite, or ``per`` is zero or endless.
    """

    def state(self) -> OneWindow:
        """Return the state of a limiter that has started nothing yet."""
        return OneWindow(self.limit, seconds(self.per))


@final
class SlidingWindow(_StartsIn, frozen=True):
    """Let ``limit`` starts through in any ``per`` seconds, wherever these begin.

    A start leaves the window when it is exactly ``per`` seconds old.  Each is
    remembered until then, so this takes memory for up to ``limit`` starts.

    Raises:
      ValueError: ``limit`` is not at least one and finite, or ``per`` is zero or endless.
    """

    def state(self) -> StartLog:
        """Return the state of a limiter that has started nothing yet."""
        return StartLog(self.limit, seconds(self.per))


@final
class OneWindow:
    """The current window: when it ends, and what was started in it."""

    __slots__ = ("_ends", "_limit", "_per", "_used")

    def __init__(self, limit: float, per: float) -> None:
        self._limit = limit
        self._per = per
        self._ends = -math.inf
        self._used = 0.0

    def ready_at(self, now: float, cost: float) -> float:
        """Return the earliest instant, from now on, at which so much could start."""
        used, ends = (self._used, self._ends) if now < self._ends else (0.0, now + self._per)
        windows, _ = _rounds(used + cost, self._limit)
        return ends + (windows - 1) * self._per if windows else now

    def take(self, now: float, cost: float) -> None:
        """Record a start, and open a window for it when there is none."""
        if now >= self._ends:
            self._ends = now + self._per
            self._used = 0.0
        self._used += cost

    def reset(self) -> None:
        """Close the window."""
        self._ends = -math.inf
        self._used = 0.0

    def available(self, now: float) -> float:
        """Return what is left of the window."""
        return self._limit - (self._used if now < self._ends else 0.0)


@final
class StartLog:
    """Every start that is still in the window: when it leaves it, and its cost."""

    __slots__ = ("_limit", "_per", "_starts", "_used")

    def __init__(self, limit: float, per: float) -> None:
        self._limit = limit
        self._per = per
        self._starts: deque[tuple[float, float]] = deque()
        self._used = 0.0

    def ready_at(self, now: float, cost: float) -> float:
        """Return the earliest instant, from now on, at which so much could start."""
        self._forget(now)
        windows, last = _rounds(cost, self._limit)
        excess = self._used + last - self._limit
        ready = now
        for leaves_at, freed in self._starts:
            if excess <= 0:
                break
            ready, excess = leaves_at, excess - freed
        return ready + windows * self._per

    def take(self, now: float, cost: float) -> None:
        """Record a start."""
        self._forget(now)
        # The instant of leaving is what is kept: ``ready_at`` returns it, and a
        # difference of two instants would not always come out as ``per``.
        self._starts.append((now + self._per, cost))
        self._used += cost

    def reset(self) -> None:
        """Forget every start."""
        self._starts.clear()
        self._used = 0.0

    def available(self, now: float) -> float:
        """Return what is left of the window that ends now."""
        self._forget(now)
        return self._limit - self._used

    def _forget(self, now: float) -> None:
        while self._starts and self._starts[0][0] <= now:
            self._used -= self._starts.popleft()[1]
        if not self._starts:
            # Costs such as 0.1 leave a rest behind when they are taken off again.
            self._used = 0.0


def _rounds(cost: float, limit: float) -> tuple[int, float]:
    """Return how many whole windows a cost fills before its last part, and that part."""
    full = max(0, math.ceil(cost / limit) - 1)
    return full, cost - full * limit
