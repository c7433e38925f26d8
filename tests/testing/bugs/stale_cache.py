"""A reader fills the cache with what it read before the value was changed."""

from __future__ import annotations

import trio

SCHEDULES = 30


async def read_and_write(*, versioned: bool) -> None:
    """Read through a cache while the value changes; then the cache must be right."""
    stored, version = "old", 0
    cache: dict[str, str] = {}

    async def read() -> None:
        await trio.lowlevel.checkpoint()
        if "name" in cache:
            return
        seen, at = stored, version
        await trio.lowlevel.checkpoint()
        await trio.lowlevel.checkpoint()
        if not versioned or at == version:
            cache["name"] = seen

    async def write() -> None:
        nonlocal stored, version
        for _ in range(4):
            await trio.lowlevel.checkpoint()
        stored, version = "new", version + 1
        cache.pop("name", None)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        nursery.start_soon(write)
    assert cache.get("name", "new") == stored


async def broken() -> None:
    """Fill the cache whatever happened since the read."""
    await read_and_write(versioned=False)


async def repaired() -> None:
    """Fill it only if nothing was written since."""
    await read_and_write(versioned=True)
