"""The waiting behind every rate limiter: one line, in order of arrival.

The arithmetic is in ``_policies.bucket`` and ``_policies.rate_window``.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, final

import msgspec
import trio

from awaitly_trio._tasks.notices import Refused, tell, wait_began, wait_ended
from awaitly_trio._tasks.timeline import Timeline

if TYPE_CHECKING:
    from awaitly_trio._policies.rate import RateRule

# Whoever may start at the very instant at which his patience ends does start: a deadline
# at that same instant would be a matter of luck.
_TIE = 1e-6


@final
class RateStatistics(msgspec.Struct, frozen=True):
    """How a rate limiter stands.

    ``available`` is the largest cost that could start now, ``capacity`` the largest
    that ever can; ``waiting`` callers stand in line, and ``total_refused`` were sent away.
    """

    name: str
    available: float
    capacity: float
    waiting: int
    total_refused: int


@final
class RateQueue:
    """One limiter's state, clock and line of waiters, shared by all views of that limiter."""

    __slots__ = (
        "_line",
        "_nap",
        "_queued_cost",
        "_refused",
        "name",
        "rule",
        "state",
        "time",
        "waiting",
    )

    def __init__(self, name: str, rule: RateRule) -> None:
        self.name = name
        self.rule = rule
        self.state = rule.state()
        self.time = Timeline()
        self.waiting = 0
        """How many stand in line: nobody overtakes them."""
        self._line = trio.Lock()
        self._nap: trio.CancelScope | None = None
        self._queued_cost = 0.0
        self._refused = 0

    def take_nowait(self, cost: float) -> bool:
        """Take so much now, if it is there and nobody waits for it."""
        if self.waiting:
            return False
        now = self.time.now()
        if self.state.ready_at(now, cost) > now:
            return False
        self.state.take(now, cost)
        return True

    async def take(self, cost: float, max_wait: float = math.inf) -> float | None:
        """Wait for a turn and take it; return what wait remains if that is too long.

        Whoever would have to wait too long, as the line stands, is sent away at
        once.  A caller who is cancelled has taken nothing, and the line closes up.
        """
        now = self.time.now()
        wait = self.state.ready_at(now, self._queued_cost + cost) - now
        if wait > max_wait:
            await trio.lowlevel.checkpoint_if_cancelled()
            self._refuse()
            return wait
        remaining: float | None
        admitted = False
        began = wait_began()
        self._join(cost)
        try:
            if await self._reach_front(max_wait + _TIE):
                try:
                    remaining = await self._take_as_first(cost, now + max_wait + _TIE)
                finally:
                    self._line.release()
            else:
                remaining = self._wait_of_newcomer()
            admitted = remaining is None
        finally:
            self._leave(cost)
            wait_ended(self.name, began, admitted=admitted)
        if not admitted:
            self._refuse()
        return remaining

    def _refuse(self) -> None:
        self._refused += 1
        tell(Refused, self.name, "limiter")

    async def _reach_front(self, max_wait: float) -> bool:
        if not self._line.locked():
            # Not even the time of a checkpoint: some have very little patience.
            self._line.acquire_nowait()
            return True
        with trio.move_on_after(max_wait) as patience:
            await self._line.acquire()
        return not patience.cancelled_caught

    async def _take_as_first(self, cost: float, latest: float) -> float | None:
        """Sleep until it is time and take; return what wait remains if that ends too late."""
        while True:
            now = self.time.now()
            ready = self.state.ready_at(now, cost)
            if ready > latest:
                return self._wait_of_newcomer()
            if ready > now:
                if not await self._sleep(ready - now):
                    continue
                # The clock may fall short of ``ready`` by a rounding error.  Nobody
                # else can have taken anything: all others stand behind.
                now = max(ready, self.time.now())
            # Taken after the wait, never before: a cancelled waiter would
            # otherwise spend a start that nobody made.
            self.state.take(now, cost)
            return None

    def _wait_of_newcomer(self) -> float:
        """Return how long the line is, the caller included: who tries again stands at its end."""
        now = self.time.now()
        return self.state.ready_at(now, self._queued_cost) - now

    async def _sleep(self, duration: float) -> bool:
        """Sleep; return ``False`` when woken early because everything is different now."""
        with trio.CancelScope() as self._nap:
            await trio.sleep(duration)
        woken = self._nap.cancelled_caught
        self._nap = None
        return not woken

    def _join(self, cost: float) -> None:
        self.waiting += 1
        self._queued_cost += cost

    def _leave(self, cost: float) -> None:
        self.waiting -= 1
        self._queued_cost -= cost
        if not self.waiting:
            # Costs such as 0.1 leave a rest behind when they are taken off again.
            self._queued_cost = 0.0

    def reset(self) -> None:
        """Forget every start; those who wait go on in their order, as far as there is room."""
        self.state.reset()
        if self._nap is not None:
            self._nap.cancel(reason=f"limiter {self.name!r} was reset")

    def statistics(self) -> RateStatistics:
        """Return a record of what is left, and of the line."""
        return RateStatistics(
            name=self.name,
            available=self.state.available(self.time.latest()),
            capacity=self.rule.capacity,
            waiting=self.waiting,
            total_refused=self._refused,
        )
