"""Two requests with one key both miss the cache, and the card is charged twice."""

from __future__ import annotations

import trio

SCHEDULES = 10


async def charges(*, shared: bool) -> int:
    """Charge under one key from three requests; return how often the card was charged."""
    done: dict[str, int] = {}
    lock = trio.Lock()
    charged = 0

    async def charge(key: str) -> None:
        nonlocal charged
        if key in done:
            return
        await trio.sleep(0.2)
        charged += 1
        done[key] = charged

    async def request() -> None:
        await trio.lowlevel.checkpoint()
        if not shared:
            await charge("order-7")
            return
        async with lock:
            await charge("order-7")

    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(request)
    return charged


async def broken() -> None:
    """Look up the key, charge, and store the key."""
    assert await charges(shared=False) == 1


async def repaired() -> None:
    """Let one request of a key at a time do that."""
    assert await charges(shared=True) == 1
