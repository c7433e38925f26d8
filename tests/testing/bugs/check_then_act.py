"""A seat is seen to be free, and sold twice while the first buyer still pays."""

from __future__ import annotations

import trio

SCHEDULES = 10


async def sales(*, take_first: bool) -> int:
    """Sell one seat to whoever finds it free; return how many tickets were sold."""
    free, tickets = True, 0

    async def buy() -> None:
        nonlocal free, tickets
        if not free:
            return
        if take_first:
            free = False
        await trio.sleep(0.1)
        free = False
        tickets += 1

    async with trio.open_nursery() as nursery:
        for _ in range(2):
            nursery.start_soon(buy)
    return tickets


async def broken() -> None:
    """Pay, then take the seat."""
    assert await sales(take_first=False) == 1


async def repaired() -> None:
    """Take the seat, then pay."""
    assert await sales(take_first=True) == 1
