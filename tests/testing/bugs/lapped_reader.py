"""A writer laps a reader of a ring buffer, which then reads a slot that was written anew.

The writer has to be eight steps ahead while the reader stands between two of its own.
"""

from __future__ import annotations

import trio

SCHEDULES = 100
SLOTS = 8


async def ring(*, checked: bool) -> None:
    """Write more records than the ring holds; the reader may only see the one it chose."""
    slots: list[int] = [0] * SLOTS
    written = 0
    seen: list[tuple[int, int]] = []

    async def write() -> None:
        nonlocal written
        for record in range(1, 12):
            slots[record % SLOTS] = record
            written = record
            await trio.lowlevel.checkpoint()

    async def read() -> None:
        chosen = written
        await trio.lowlevel.checkpoint()
        value = slots[chosen % SLOTS]
        if not checked or written - chosen < SLOTS:
            seen.append((chosen, value))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        nursery.start_soon(write)
    assert all(chosen == value for chosen, value in seen)


async def broken() -> None:
    """Trust that the slot is still the one that was chosen."""
    await ring(checked=False)


async def repaired() -> None:
    """Look how far the writer is before the value is used."""
    await ring(checked=True)
