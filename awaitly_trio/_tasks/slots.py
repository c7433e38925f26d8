"""Places that calls hold while they run, and the line of those who wait for one."""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import TYPE_CHECKING, final

import msgspec
import trio

from awaitly_trio._tasks.notices import Refused, tell, wait_began, wait_ended
from awaitly_trio._values.refusals import SelfWaitError

if TYPE_CHECKING:
    from types import TracebackType


@final
class ConcurrencyStatistics(msgspec.Struct, frozen=True):
    """How a concurrency limiter stands.

    ``running`` calls hold one of ``limit`` places; ``waiting`` callers stand in a
    line that has room for ``max_queue``, and ``total_refused`` were sent away.
    """

    name: str
    running: int
    limit: float
    waiting: int
    max_queue: float
    total_refused: int

    def __str__(self) -> str:
        """Say how many run and wait."""
        return f"{self.name!r}, {self.running} of {self.limit:g} running, {self.waiting} waiting"


@final
class Slot:
    """One place, held until the ``with`` block is left or ``release`` is called."""

    __slots__ = ("_queue", "task")

    def __init__(self, queue: SlotQueue, task: trio.lowlevel.Task) -> None:
        self._queue = queue
        self.task = task

    def release(self) -> None:
        """Give the place to the first in line; does nothing the second time."""
        self._queue.release(self)

    def __enter__(self) -> Slot:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()


@final
class SlotQueue:
    """The places of one limiter and its line, first come, first served.

    A freed place goes straight to the first in line, so that nobody overtakes.
    Holders are kept one by one: whoever was forgotten by ``reset`` can
    release as often as it likes, and the count stays right.
    """

    __slots__ = ("_holders", "_limit", "_refused", "_waiters", "max_queue", "name")

    def __init__(self, name: str, limit: float, max_queue: float = math.inf) -> None:
        self.name = name
        self.max_queue = max_queue
        self._limit = limit
        self._holders: set[Slot] = set()
        self._waiters: OrderedDict[Slot, None] = OrderedDict()
        self._refused = 0

    @property
    def running(self) -> int:
        """How many places are held."""
        return len(self._holders)

    def is_full(self, max_wait: float) -> bool:
        """Tell whether a caller with so much patience would be sent away now."""
        return (len(self._holders) >= self._limit or bool(self._waiters)) and (
            not max_wait or len(self._waiters) >= self.max_queue
        )

    def take_nowait(self) -> Slot | None:
        """Take a place if one is free and nobody waits for it."""
        if len(self._holders) >= self._limit or self._waiters:
            return None
        slot = Slot(self, trio.lowlevel.current_task())
        self._holders.add(slot)
        return slot

    async def wait(self) -> Slot:
        """Stand in line for a place.

        A caller who is cancelled leaves the line, and the others keep their order.

        Raises:
          SelfWaitError: The task itself holds one of the places it would wait for.
        """
        task = trio.lowlevel.current_task()
        if any(slot.task is task for slot in self._holders):
            raise SelfWaitError("a place in limiter", self.name)
        slot = Slot(self, task)

        def leave(_: trio.lowlevel.RaiseCancelT) -> trio.lowlevel.Abort:
            del self._waiters[slot]
            return trio.lowlevel.Abort.SUCCEEDED

        admitted = False
        began = wait_began()
        self._waiters[slot] = None
        try:
            await trio.lowlevel.wait_task_rescheduled(leave)
            admitted = True
        finally:
            wait_ended(self.name, began, admitted=admitted)
        return slot

    async def wait_at_most(self, max_wait: float) -> Slot | None:
        """Stand in line for a while, if there is room; ``None`` is a refusal."""
        if self.is_full(max_wait):
            await trio.lowlevel.checkpoint_if_cancelled()
        else:
            with trio.move_on_after(max_wait):
                return await self.wait()
        self._refused += 1
        tell(Refused, self.name, "limiter")
        return None

    def release(self, slot: Slot) -> None:
        """Give a place back; one that is not held any more is none."""
        if slot in self._holders:
            self._holders.remove(slot)
            self._admit()

    def resize(self, limit: float) -> None:
        """Change the number of places; those held above a lower limit are not taken away."""
        self._limit = limit
        self._admit()

    def reset(self) -> None:
        """Forget who holds a place, and admit those who wait, as far as there are places."""
        self._holders.clear()
        self._admit()

    def _admit(self) -> None:
        while self._waiters and len(self._holders) < self._limit:
            slot, _ = self._waiters.popitem(last=False)
            self._holders.add(slot)
            trio.lowlevel.reschedule(slot.task)

    def statistics(self) -> ConcurrencyStatistics:
        """Return a record of the places and the line."""
        return ConcurrencyStatistics(
            name=self.name,
            running=len(self._holders),
            limit=self._limit,
            waiting=len(self._waiters),
            max_queue=self.max_queue,
            total_refused=self._refused,
        )
