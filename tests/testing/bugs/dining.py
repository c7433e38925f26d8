"""Each of four diners holds the fork on the left and waits for the one on the right."""

from __future__ import annotations

import trio

SCHEDULES = 20


async def dinner(*, polite: bool) -> None:
    """Let four diners eat twice each."""
    forks = [trio.Lock() for _ in range(4)]

    async def diner(seat: int) -> None:
        left, right = seat, (seat + 1) % len(forks)
        if polite:
            left, right = sorted((left, right))
        for _ in range(2):
            async with forks[left], forks[right]:
                await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        for seat in range(len(forks)):
            nursery.start_soon(diner, seat)


async def broken() -> None:
    """Everyone takes the left fork first."""
    await dinner(polite=False)


async def repaired() -> None:
    """Everyone takes the fork of the lower number first."""
    await dinner(polite=True)
