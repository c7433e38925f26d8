"""How many calls at once a service can bear, learnt from how it answers.

Two laws, as values; ``state`` gives what one limiter keeps.  Pure: the caller
says how long a call took and how many ran beside it.
"""

from __future__ import annotations

import math
from typing import Protocol, final

import msgspec
from msgspec.structs import force_setattr

from awaitly_trio._values.duration import Duration, seconds


class LimitState(Protocol):
    """The limit of one limiter, as it is now."""

    limit: float

    def succeeded(self, elapsed: float, running: int) -> None:
        """Learn that a call took so many seconds while so many ran, itself included."""
        ...

    def dropped(self) -> None:
        """Learn that a call failed for too much load."""
        ...


class LimitLaw(Protocol):
    """A law by which a limit follows what a service can bear."""

    def state(self) -> LimitState:
        """Return the limit of one limiter that has learnt nothing yet."""
        ...


class _Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """Where a limit starts, and the bounds that it keeps."""

    initial: float = 20
    lowest: float = 1
    highest: float = 1000

    def __post_init__(self) -> None:
        if not 1 <= self.lowest <= self.initial <= self.highest < math.inf:
            raise ValueError(
                "a limit needs 1 <= lowest <= initial <= highest, but these are "
                f"{self.lowest!r}, {self.initial!r} and {self.highest!r}"
            )

    def clamp(self, limit: float) -> float:
        """Return the limit nearest to this one that is within the bounds."""
        return min(max(limit, self.lowest), self.highest)


@final
class Aimd(_Bounds, frozen=True, kw_only=True):
    """Additive increase, multiplicative decrease, as TCP's congestion avoidance has it.

    See D.-M. Chiu and R. Jain, "Analysis of the Increase and Decrease Algorithms
    for Congestion Avoidance in Computer Networks" (1989).

    Args:
      initial: The limit at first.
      lowest: The limit does not fall below it.
      highest: The limit does not rise above it.
      increase: How many places are won when as many calls in a row succeed as there are places.
      decrease: By what the limit is multiplied when a call fails for too much load.
      slow_after: A call that takes longer counts as failed for too much load; in
        seconds or any other duration.

    Raises:
      ValueError: The bounds are out of order, ``increase`` is not above zero, or ``decrease``
        is not between zero and one.
    """

    increase: float = 1.0
    decrease: float = 0.9
    slow_after: Duration = math.inf

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.increase < math.inf:
            raise ValueError(f"increase must be above 0 and finite, not {self.increase!r}")
        if not 0 < self.decrease < 1:
            raise ValueError(f"decrease must be above 0 and below 1, not {self.decrease!r}")
        force_setattr(self, "slow_after", seconds(self.slow_after, "slow_after"))

    def state(self) -> LimitState:
        """Return the limit of one limiter that has learnt nothing yet."""
        return _AimdLimit(self)


@final
class Gradient(_Bounds, frozen=True, kw_only=True):
    """Follow the ratio of the usual time of a call to that of the latest ones.

    This is the law that Netflix published as ``Gradient2Limit`` in its library
    concurrency-limits: when calls take longer than usual they queue somewhere, so
    fewer should run; when they do not, ``headroom`` more may.  A slowness that lasts
    becomes the usual: ``highest`` is what bounds the limit then.

    Args:
      initial: The limit at first.
      lowest: The limit does not fall below it.
      highest: The limit does not rise above it.
      tolerance: By how much calls may take longer than usual before the limit falls: 1.5 is
        half as long again.
      headroom: How many calls may queue in the service.
      smoothing: What share of a new limit replaces the old one at each call.
      memory: Over how many calls the usual time is averaged.

    Raises:
      ValueError: The bounds are out of order, ``tolerance`` is below one, ``smoothing`` is not
        between zero and one, or ``headroom`` or ``memory`` is out of range.
    """

    tolerance: float = 1.5
    headroom: float = 4
    smoothing: float = 0.2
    memory: int = 600

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.tolerance < math.inf:
            raise ValueError(f"tolerance must be at least 1 and finite, not {self.tolerance!r}")
        if not 0 <= self.headroom < math.inf:
            raise ValueError(f"headroom must be 0 or more calls, not {self.headroom!r}")
        if not 0 < self.smoothing <= 1:
            raise ValueError(f"smoothing must be above 0 and at most 1, not {self.smoothing!r}")
        if self.memory < 1:
            raise ValueError(f"memory must be at least 1 call, not {self.memory!r}")

    def state(self) -> LimitState:
        """Return the limit of one limiter that has learnt nothing yet."""
        return _GradientLimit(self)


@final
class _AimdLimit:
    __slots__ = ("_law", "_slow_after", "limit")

    def __init__(self, law: Aimd) -> None:
        self._law = law
        self._slow_after = seconds(law.slow_after)
        self.limit = law.initial

    def succeeded(self, elapsed: float, running: int) -> None:
        """Rise a little, unless the call was slow or the limit was not needed."""
        if elapsed > self._slow_after:
            self.dropped()
        # A limit that nobody reaches has not been put to the test.
        elif running * 2 >= self.limit:
            self.limit = self._law.clamp(self.limit + self._law.increase / self.limit)

    def dropped(self) -> None:
        """Fall by a share."""
        self.limit = self._law.clamp(self.limit * self._law.decrease)


@final
class _GradientLimit:
    __slots__ = ("_law", "_seen", "_usual", "limit")

    def __init__(self, law: Gradient) -> None:
        self._law = law
        self._usual = 0.0
        self._seen = 0
        self.limit = law.initial

    def succeeded(self, elapsed: float, running: int) -> None:
        """Move towards what the time of the call allows."""
        law = self._law
        self._seen = min(self._seen + 1, law.memory)
        self._usual += (elapsed - self._usual) * 2 / (self._seen + 1)
        if self._usual > elapsed * 2:
            # After a time of overload the usual time is too long: it recovers faster.
            self._usual *= 0.95
        if running * 2 < self.limit:
            return
        gradient = 1.0
        if elapsed:
            gradient = min(1.0, max(0.5, law.tolerance * self._usual / elapsed))
        target = self.limit * gradient + law.headroom
        self.limit = law.clamp(self.limit + (target - self.limit) * law.smoothing)

    def dropped(self) -> None:
        """Move towards half of the limit: the steepest fall that the law knows."""
        self.limit = self._law.clamp(self.limit * (1 - self._law.smoothing / 2))
