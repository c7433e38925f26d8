"""Two users of a lazy connection open it twice, and one is never closed."""

from __future__ import annotations

import trio

SCHEDULES = 10


async def users(*, locked: bool) -> int:
    """Use a connection from four tasks; return how many were opened."""
    connection: int | None = None
    opened = 0
    lock = trio.Lock()

    async def connect() -> None:
        nonlocal connection, opened
        if connection is None:
            await trio.sleep(0.05)
            opened += 1
            connection = opened

    async def use(number: int) -> None:
        for _ in range(number):
            await trio.lowlevel.checkpoint()
        if connection is None:
            if locked:
                async with lock:
                    await connect()
            else:
                await connect()

    async with trio.open_nursery() as nursery:
        for number in range(4):
            nursery.start_soon(use, number)
    return opened


async def broken() -> None:
    """Open it if there is none."""
    assert await users(locked=False) == 1


async def repaired() -> None:
    """Look again under a lock."""
    assert await users(locked=True) == 1
