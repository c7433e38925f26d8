"""Token buckets: a steady rate, with room for a burst after a quiet spell.

The bucket is kept as one number: the instant at which it would be full
again.  That is the virtual scheduling algorithm of ITU-T I.371, annex A (the
"generic cell rate algorithm"), whose theoretical arrival time is that instant.
No error adds up, and nothing happens between two starts.
"""

from __future__ import annotations

import math
from typing import final

import msgspec
from msgspec.structs import force_setattr

from awaitly_trio._policies.rate import check_limit, check_span
from awaitly_trio._values.duration import Duration, seconds


@final
class TokenBucket(msgspec.Struct, frozen=True):
    """Let ``rate`` starts through ``per`` second on average, and ``burst`` at one instant.

    Args:
      rate: Starts in each ``per``.
      burst: Starts that may fall together after a quiet spell; in any time there are
        no more than these and those of the rate.
      per: A second, or any other duration.

    Raises:
      ValueError: ``rate`` is not above zero and finite, ``burst`` is not at least one
        and finite, or ``per`` is zero or endless.
    """

    rate: float
    burst: float
    per: Duration = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.rate < math.inf:
            raise ValueError(f"rate must be above 0 and finite, not {self.rate!r}")
        check_limit("burst", self.burst)
        force_setattr(self, "per", check_span("per", self.per))

    @property
    def capacity(self) -> float:
        """The largest cost that can ever start at one instant."""
        return self.burst

    def state(self) -> Bucket:
        """Return a full bucket."""
        interval = seconds(self.per) / self.rate
        return Bucket(interval, self.burst * interval)


@final
class Gcra(msgspec.Struct, frozen=True):
    """The same limit in the terms of ITU-T I.371: ``GCRA(T, tau)``.

    Args:
      interval: T, the time between two starts at the steady rate.
      tolerance: tau, how much too early a start may come.

    Raises:
      ValueError: ``interval`` is zero or endless, or ``tolerance`` is endless.
    """

    interval: Duration
    tolerance: Duration = 0.0

    def __post_init__(self) -> None:
        force_setattr(self, "interval", check_span("interval", self.interval))
        force_setattr(self, "tolerance", seconds(self.tolerance, "tolerance"))
        if self.tolerance == math.inf:
            raise ValueError("tolerance must be finite: with an endless one nothing is limited")

    @property
    def capacity(self) -> float:
        """The largest cost that can ever start at one instant."""
        return 1 + seconds(self.tolerance) / seconds(self.interval)

    def state(self) -> Bucket:
        """Return a full bucket."""
        interval = seconds(self.interval)
        return Bucket(interval, interval + seconds(self.tolerance))


@final
class Bucket:
    """A bucket that regains one token every ``interval`` seconds and all in ``depth`` seconds.

    ``full_at`` is the instant at which it would be full if nothing more were taken.
    """

    __slots__ = ("depth", "full_at", "interval")

    def __init__(self, interval: float, depth: float) -> None:
        self.interval = interval
        self.depth = depth
        self.full_at = -math.inf

    def ready_at(self, now: float, cost: float) -> float:
        """Return the earliest instant, from now on, at which so much could start."""
        return max(now, max(now, self.full_at) + cost * self.interval - self.depth)

    def take(self, now: float, cost: float) -> None:
        """Record a start."""
        self.full_at = max(now, self.full_at) + cost * self.interval

    def reset(self) -> None:
        """Fill the bucket."""
        self.full_at = -math.inf

    def available(self, now: float) -> float:
        """Return how many tokens the bucket holds now."""
        return (self.depth - max(0.0, self.full_at - now)) / self.interval


API_RATE = TokenBucket(10, burst=20)
"""Ten starts a second, twenty at once: for an interface of one's own."""
EXTERNAL_RATE = TokenBucket(5, burst=10)
"""Five starts a second, ten at once: for an interface of others."""
