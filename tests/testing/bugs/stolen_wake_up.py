"""A consumer is woken for an item that another took first."""

from __future__ import annotations

import trio

SCHEDULES = 20


async def consumers(*, look_again: bool) -> None:
    """Let three consumers share the items that one producer adds."""
    items: list[int] = []
    arrived = trio.Condition()
    taken: list[int] = []

    async def waiter() -> None:
        async with arrived:
            if look_again:
                while not items:
                    await arrived.wait()
            elif not items:
                await arrived.wait()
            taken.append(items.pop())

    async def produce() -> None:
        for item in range(3):
            await trio.lowlevel.checkpoint()
            async with arrived:
                items.append(item)
                arrived.notify()

    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(waiter)
        nursery.start_soon(produce)
    assert sorted(taken) == [0, 1, 2]


async def broken() -> None:
    """Look once, before waiting."""
    await consumers(look_again=False)


async def repaired() -> None:
    """Look again after each wake-up."""
    await consumers(look_again=True)
