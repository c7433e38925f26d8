"""What a circuit breaker remembers of its latest calls.

Pure bookkeeping; the caller says what time it is.  Count-based and time-based
windows follow the semantics that resilience4j documents: a ring of the last
calls, and partial sums of which the oldest is dropped as time moves on
(https://resilience4j.readme.io/docs/circuitbreaker).
"""

from __future__ import annotations

from collections import deque
from typing import Protocol, final


class Window(Protocol):
    """The memory of one breaker: how many calls it remembers, and how many failed or were slow."""

    calls: int
    failures: int
    slow: int

    @property
    def forgets_successes(self) -> bool:
        """Whether a success leaves no trace, so that none need be recorded."""
        ...

    def record(self, now: float, failed: bool, slow: bool) -> None:  # noqa: FBT001
        """Forget what is too old, and remember a call that ended now."""
        ...

    def forget(self, now: float) -> None:
        """Forget what is too old."""
        ...

    def clear(self) -> None:
        """Forget everything."""
        ...


@final
class RecentFailures:
    """The last failures, each until it is ``within`` seconds old; successes leave no trace.

    No more than ``most`` are kept.  Every call it knows of failed.
    """

    __slots__ = ("_stamps", "_within", "calls", "failures", "slow")

    forgets_successes = True

    def __init__(self, most: int, within: float) -> None:
        self._within = within
        self._stamps: deque[float] = deque(maxlen=most)
        self.calls = self.failures = self.slow = 0

    def record(self, now: float, failed: bool, slow: bool) -> None:  # noqa: ARG002, FBT001
        """Forget what is too old, and remember a failure."""
        if failed:
            self._stamps.append(now)
        self.forget(now)

    def forget(self, now: float) -> None:
        """Forget the failures that are too old."""
        stamps = self._stamps
        while stamps and now - stamps[0] >= self._within:
            stamps.popleft()
        self.calls = self.failures = len(stamps)

    def clear(self) -> None:
        """Forget every failure."""
        self._stamps.clear()
        self.calls = self.failures = 0


@final
class Streak:
    """The failures since the last success.  Every call it knows of failed."""

    __slots__ = ("calls", "failures", "slow")

    forgets_successes = False

    def __init__(self) -> None:
        self.calls = self.failures = self.slow = 0

    def record(self, now: float, failed: bool, slow: bool) -> None:  # noqa: ARG002, FBT001
        """Count a failure, or begin anew."""
        self.calls = self.failures = self.failures + 1 if failed else 0

    def forget(self, now: float) -> None:
        """Do nothing: a streak does not age."""

    def clear(self) -> None:
        """Begin anew."""
        self.calls = self.failures = 0


@final
class LastCalls:
    """The outcomes of the last so many calls."""

    __slots__ = ("_ring", "_size", "calls", "failures", "slow")

    forgets_successes = False

    def __init__(self, size: int) -> None:
        self._size = size
        self._ring: deque[tuple[bool, bool]] = deque()
        self.calls = self.failures = self.slow = 0

    def record(self, now: float, failed: bool, slow: bool) -> None:  # noqa: ARG002, FBT001
        """Remember a call instead of the oldest."""
        if self.calls == self._size:
            oldest_failed, oldest_slow = self._ring.popleft()
            self.failures -= oldest_failed
            self.slow -= oldest_slow
        else:
            self.calls += 1
        self._ring.append((failed, slow))
        self.failures += failed
        self.slow += slow

    def forget(self, now: float) -> None:
        """Do nothing: only another call displaces a call."""

    def clear(self) -> None:
        """Forget every call."""
        self._ring.clear()
        self.calls = self.failures = self.slow = 0


@final
class LatestTime:
    """The outcomes of the calls of the latest time, in steps of ``width`` seconds.

    The sums reach back over the current step and the ``steps - 1`` before it, so
    an outcome counts for between ``steps - 1`` and ``steps`` widths.
    """

    __slots__ = ("_parts", "_steps", "_width", "calls", "failures", "slow")

    forgets_successes = False

    def __init__(self, width: float, steps: int) -> None:
        self._width = width
        self._steps = steps
        # A part is [step, calls, failures, slow]; steps without calls have none.
        self._parts: deque[list[int]] = deque()
        self.calls = self.failures = self.slow = 0

    def record(self, now: float, failed: bool, slow: bool) -> None:  # noqa: FBT001
        """Forget what is too old, and add a call to the current step."""
        step = int(now // self._width)
        if not self._parts or self._parts[-1][0] != step:
            self.forget(now)
            self._parts.append([step, 0, 0, 0])
        part = self._parts[-1]
        part[1] += 1
        part[2] += failed
        part[3] += slow
        self.calls += 1
        self.failures += failed
        self.slow += slow

    def forget(self, now: float) -> None:
        """Drop the steps that are too old."""
        oldest = int(now // self._width) - self._steps + 1
        while self._parts and self._parts[0][0] < oldest:
            _, calls, failures, slow = self._parts.popleft()
            self.calls -= calls
            self.failures -= failures
            self.slow -= slow

    def clear(self) -> None:
        """Forget every call."""
        self._parts.clear()
        self.calls = self.failures = self.slow = 0
