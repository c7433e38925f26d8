"""The circuit breaker as a state machine over the calls it counts.

Pure: the caller says what time it is.  The states and their transitions are
the table of ``circuit_states``.  Every transition begins a new era.  A call
belongs to the era that admitted it, and its outcome counts in that era only.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, final

import msgspec
from msgspec.structs import force_setattr

from awaitly_trio._policies.circuit_states import (
    TRANSITIONS,
    CircuitChange,
    CircuitEvent,
    CircuitState,
)
from awaitly_trio._policies.trip import FailureCount, TripRule
from awaitly_trio._values.duration import Duration, seconds

if TYPE_CHECKING:
    from collections.abc import Callable

# A member of an enum is looked up slowly, and these are asked for in every call.
_CLOSED, _OPEN, _HALF_OPEN = CircuitState.CLOSED, CircuitState.OPEN, CircuitState.HALF_OPEN


@final
class BreakerSettings(msgspec.Struct, frozen=True):
    """When a breaker trips, for how long, and what closes it again.

    Args:
      trip: The rule by which calls trip it.
      open_for: How long it refuses calls before it admits probes, in seconds or
        any other duration.
      probes: The most calls it admits while half open.
      required: How many of the probes must pass for it to close; by default all.
      probes_within: How long it stays half open without a verdict before it opens again:
        a probe that hangs would otherwise keep every other call out.

    Raises:
      ValueError: ``open_for`` or ``probes_within`` is not above zero, ``probes`` is below one,
        or ``required`` is not between one and ``probes``.
    """

    trip: TripRule
    open_for: Duration = 30.0
    probes: int = 3
    required: int | None = None
    probes_within: Duration = math.inf

    def __post_init__(self) -> None:
        for name in ("open_for", "probes_within"):
            given = getattr(self, name)
            length = seconds(given, name)
            if not length:
                raise ValueError(f"{name} must be above 0 seconds, not {given!r}")
            force_setattr(self, name, length)
        if self.probes < 1:
            raise ValueError(f"probes must be at least 1, not {self.probes!r}")
        if self.required is None:
            force_setattr(self, "required", self.probes)
        elif not 1 <= self.required <= self.probes:
            raise ValueError(
                f"required must be between 1 and the {self.probes} probes, not {self.required!r}"
            )


STANDARD_BREAKER = BreakerSettings(FailureCount(5, within=60.0))
"""Five failures in a minute open it for 30 s; then three probes must pass."""
CRITICAL_BREAKER = BreakerSettings(FailureCount(3, within=30.0), open_for=60.0, probes=1)
"""Three failures in half a minute open it for a minute; then one probe must pass."""
LENIENT_BREAKER = BreakerSettings(FailureCount(10, within=120.0), open_for=15.0, probes=5)
"""Ten failures in two minutes open it for 15 s; then five probes must pass."""


@final
class Circuit:
    """The state of one breaker; ``on_change`` hears of each transition after it is complete."""

    __slots__ = (
        "_failed",
        "_name",
        "_open_for",
        "_passed",
        "_probes",
        "_probes_until",
        "_probes_within",
        "_required",
        "_running",
        "_slow_after",
        "_trip",
        "closed_era",
        "counts_failures_only",
        "era",
        "on_change",
        "refusing_until",
        "state",
        "window",
    )

    def __init__(
        self, name: str, settings: BreakerSettings, on_change: Callable[[CircuitChange], object]
    ) -> None:
        self._name = name
        self._trip = settings.trip
        self._slow_after = seconds(settings.trip.slow_after)
        self._open_for = seconds(settings.open_for)
        self._probes = settings.probes
        self._required = settings.required or settings.probes
        self._probes_within = seconds(settings.probes_within)
        self._probes_until = math.inf
        self.on_change = on_change
        self.window = settings.trip.window()
        self.counts_failures_only = self.window.forgets_successes and self._slow_after == math.inf
        """Whether a success is of no account while the circuit is closed."""
        self.state = _CLOSED
        self.era = 1
        self.closed_era = 1
        """The era while the circuit is closed, else 0: one look tells a call that it may go."""
        self.refusing_until = -math.inf
        """Until when every call is refused: ``math.inf`` while isolated."""
        self._running = self._passed = self._failed = 0

    def admit(self, now: float) -> int:
        """Return the era that a call now belongs to, or 0 when it is refused."""
        if self.closed_era:
            return self.closed_era
        if self.state is _OPEN and now >= self.refusing_until:
            self.fire(CircuitEvent.WAIT_OVER, now)
        elif self.state is _HALF_OPEN and now >= self._probes_until:
            self.fire(CircuitEvent.PROBES_OVERDUE, now)
        if self.state is _HALF_OPEN:
            # All that were ever admitted in this era, not only those that run: ten
            # callers in a row are no less of a load than ten at once.
            if self._running + self._passed + self._failed >= self._probes:
                return 0
            self._running += 1
            return self.era
        return 0

    def settle(self, era: int, now: float, *, failed: bool, elapsed: float = 0.0) -> bool:
        """Count the outcome of a call of an era; ``False`` when that era is over."""
        if era != self.era:
            return False
        slow = elapsed > self._slow_after
        if self.state is _CLOSED:
            self.window.record(now, failed, slow)
            if self._trip.trips(self.window):
                self.fire(CircuitEvent.TRIPPED, now)
        else:
            self._running -= 1
            self._judge_probe(now, failed=failed or slow)
        return True

    def observe(self, now: float, *, failed: bool) -> None:
        """Count the outcome of a call that was made elsewhere; refusing states ignore it."""
        if self.state is _HALF_OPEN:
            self._running += 1
            self.settle(self.era, now, failed=failed)
        elif self.state is _CLOSED:
            self.settle(self.era, now, failed=failed)

    def forgo(self, era: int) -> None:
        """Give back the place of a call that had no outcome."""
        if era == self.era and self.state is _HALF_OPEN:
            self._running -= 1

    def _judge_probe(self, now: float, *, failed: bool) -> None:
        if failed:
            self._failed += 1
            if self._failed > self._probes - self._required:
                self.fire(CircuitEvent.PROBES_FAILED, now)
        else:
            self._passed += 1
            if self._passed >= self._required:
                self.fire(CircuitEvent.PROBES_PASSED, now)

    def fire(self, event: CircuitEvent, now: float) -> None:
        """Follow the table, and begin a new era.

        Raises:
          KeyError: The event cannot occur in the present state.
        """
        before, self.state = self.state, TRANSITIONS[self.state][event]
        self.era += 1
        self._running = self._passed = self._failed = 0
        closed = self.state is _CLOSED
        self.closed_era = self.era if closed else 0
        if closed:
            self.window.clear()
        self._probes_until = now + self._probes_within
        self.refusing_until = -math.inf
        if self.state is _OPEN:
            self.refusing_until = now + self._open_for
        elif self.state is CircuitState.ISOLATED:
            self.refusing_until = math.inf
        if before is not self.state:
            self.on_change(CircuitChange(self._name, before, event, self.state))

    def state_at(self, now: float) -> CircuitState:
        """Return the state that a caller would find now; asking changes nothing."""
        if self.state is _OPEN and now >= self.refusing_until:
            return _HALF_OPEN
        return self.state

    def retry_after(self, now: float) -> float:
        """Return how many seconds remain until a call may be admitted.

        It is 0 while half open, where a probe decides at any moment, and
        ``math.inf`` while isolated.
        """
        return max(0.0, self.refusing_until - now)

    @property
    def probes_running(self) -> int:
        """How many probes of the present era have no outcome yet."""
        return self._running
