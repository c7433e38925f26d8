"""What every rate rule offers, and what is asked of the costs that it is given."""

from __future__ import annotations

import math
from typing import Protocol

from awaitly_trio._values.duration import Duration, seconds


class RateState(Protocol):
    """How much of a rate one limiter has used; the caller says what time it is."""

    def ready_at(self, now: float, cost: float) -> float:
        """Return the earliest instant, from now on, at which so much could start.

        For a cost above the capacity it is when the last part of it could start,
        if starts followed each other as fast as the rule allows.
        """
        ...

    def take(self, now: float, cost: float) -> None:
        """Record a start, which the caller knows to be allowed."""
        ...

    def reset(self) -> None:
        """Forget every start."""
        ...

    def available(self, now: float) -> float:
        """Return the largest cost that could start now."""
        ...


class RateRule(Protocol):
    """A limit on starts, as a value: frozen, and shared at will."""

    @property
    def capacity(self) -> float:
        """The largest cost that can ever start at one instant."""
        ...

    def state(self) -> RateState:
        """Return the state of one limiter that has started nothing yet."""
        ...


def check_cost(cost: float, capacity: float) -> float:
    """Return a cost that can be paid.

    Raises:
      ValueError: It is not above zero, or more than could ever start at once.
    """
    if not cost > 0:
        raise ValueError(
            f"cost must be above 0, not {cost!r}: a call without cost needs no limiter"
        )
    if cost > capacity:
        raise ValueError(
            f"cost is {cost!r}, but no more than {capacity!r} can ever start at once: "
            "split the work, or raise the limit"
        )
    return cost


def check_limit(name: str, limit: float) -> float:
    """Return a limit that lets at least one start through, or raise ``ValueError``."""
    if not 1 <= limit < math.inf:
        raise ValueError(f"{name} must be at least 1 and finite, not {limit!r}")
    return limit


def check_span(name: str, span: Duration) -> float:
    """Return a time that is neither zero nor endless, in seconds, or raise ``ValueError``."""
    length = seconds(span, name)
    if not 0 < length < math.inf:
        raise ValueError(f"{name} must be above 0 seconds and finite, not {span!r}")
    return length
