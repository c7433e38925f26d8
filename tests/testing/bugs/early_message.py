"""A message is sent before the slow subscriber has subscribed, and it waits for ever.

The publisher has to be through with its ten steps before the subscriber has taken three.
"""

from __future__ import annotations

import trio

SCHEDULES = 10


async def subscription(*, kept: bool) -> None:
    """Publish one message to a subscriber that starts at the same time."""
    subscriber: trio.Event | None = None
    published = False

    async def publish() -> None:
        nonlocal published
        for _ in range(9):
            await trio.lowlevel.checkpoint()
        published = True
        if subscriber is not None:
            subscriber.set()

    async def subscribe() -> None:
        nonlocal subscriber
        for _ in range(2):
            await trio.lowlevel.checkpoint()
        subscriber = trio.Event()
        if kept and published:
            return
        await subscriber.wait()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(subscribe)
        nursery.start_soon(publish)


async def broken() -> None:
    """Send to who has subscribed by now."""
    await subscription(kept=False)


async def repaired() -> None:
    """Keep the message for who comes later."""
    await subscription(kept=True)
