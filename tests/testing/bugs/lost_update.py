"""Two deposits read the balance before either writes it, so one is lost."""

from __future__ import annotations

import trio

SCHEDULES = 10


async def deposits(lock: trio.Lock | None) -> int:
    """Deposit 1 three times, each read and written with a wait between."""
    balance = 0

    async def deposit() -> None:
        nonlocal balance
        read = balance
        await trio.lowlevel.checkpoint()
        balance = read + 1

    async def guarded() -> None:
        if lock is None:
            await deposit()
            return
        async with lock:
            await deposit()

    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(guarded)
    return balance


async def broken() -> None:
    """Read and write without a lock."""
    assert await deposits(None) == 3


async def repaired() -> None:
    """Read and write under a lock."""
    assert await deposits(trio.Lock()) == 3
