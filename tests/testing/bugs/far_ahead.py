"""A buffer overflows when the reader stands still for twelve steps of the writer.

A reader that is picked as often as the writer keeps up, so random schedules
seldom find it; priorities do.
"""

from __future__ import annotations

import trio

SCHEDULES = 10
ROOM = 12


async def stream(*, waits: bool) -> None:
    """Write to a buffer that is read at the same time."""
    buffer: list[int] = []
    read: list[int] = []

    async def write() -> None:
        for item in range(20):
            while waits and len(buffer) >= ROOM:
                await trio.lowlevel.checkpoint()
            assert len(buffer) < ROOM
            buffer.append(item)
            await trio.lowlevel.checkpoint()

    async def reader() -> None:
        while len(read) < 20:
            await trio.lowlevel.checkpoint()
            read.extend(buffer)
            buffer.clear()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(reader)
        nursery.start_soon(write)
    assert read == list(range(20))


async def broken() -> None:
    """Write whether or not there is room."""
    await stream(waits=False)


async def repaired() -> None:
    """Wait for room."""
    await stream(waits=True)
