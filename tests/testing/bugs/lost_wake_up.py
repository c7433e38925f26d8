"""A consumer looks, then waits; what arrives between the two wakes nobody."""

from __future__ import annotations

import trio

SCHEDULES = 10


class Mailbox:
    """Holds items, and wakes the one who waits."""

    def __init__(self) -> None:
        self.items: list[int] = []
        self.waiting: trio.Event | None = None

    def put(self, item: int) -> None:
        """Add an item and wake who waits now."""
        self.items.append(item)
        if self.waiting is not None:
            self.waiting.set()

    async def get(self, *, announce_first: bool) -> int:
        """Return an item, waiting for one if there is none."""
        if announce_first:
            self.waiting = trio.Event()
        if not self.items:
            await trio.lowlevel.checkpoint()
            if self.waiting is None:
                self.waiting = trio.Event()
            await self.waiting.wait()
        return self.items.pop()


async def exchange(*, announce_first: bool) -> None:
    """Put one item and get it."""
    mailbox = Mailbox()

    async def produce() -> None:
        await trio.lowlevel.checkpoint()
        mailbox.put(1)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(produce)
        assert await mailbox.get(announce_first=announce_first) == 1


async def broken() -> None:
    """Look first, then say that one waits."""
    await exchange(announce_first=False)


async def repaired() -> None:
    """Say that one waits, then look."""
    await exchange(announce_first=True)
