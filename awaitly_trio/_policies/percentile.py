"""What share of recent calls took no longer than this: percentiles of the latest durations."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from math import ceil
from typing import final


@final
class RecentDurations:
    """The durations of the last so many calls, kept in order.

    Adding one takes time proportional to ``memory``, in one move of memory.
    """

    __slots__ = ("_latest", "_memory", "_sorted")

    def __init__(self, memory: int) -> None:
        self._memory = memory
        self._latest: deque[float] = deque()
        self._sorted: list[float] = []

    def add(self, duration: float) -> None:
        """Remember a duration instead of the oldest."""
        if len(self._latest) == self._memory:
            del self._sorted[bisect_left(self._sorted, self._latest.popleft())]
        self._latest.append(duration)
        insort(self._sorted, duration)

    def percentile(self, share: float) -> float:
        """Return the smallest duration that so large a share of those known do not exceed.

        This is the nearest rank.

        Raises:
          IndexError: None is known.
        """
        return self._sorted[max(0, ceil(share * len(self._sorted)) - 1)]

    def __len__(self) -> int:
        return len(self._latest)
