"""Two transfers take the same two locks in different orders and wait for each other."""

from __future__ import annotations

import trio

SCHEDULES = 10


async def transfers(*, sort: bool) -> None:
    """Move money both ways between two accounts."""
    locks = {"a": trio.Lock(), "b": trio.Lock()}

    async def transfer(*accounts: str) -> None:
        first, second = sorted(accounts) if sort else accounts
        async with locks[first]:
            await trio.lowlevel.checkpoint()
            async with locks[second]:
                await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(transfer, "a", "b")
        nursery.start_soon(transfer, "b", "a")


async def broken() -> None:
    """Take the account that pays first."""
    await transfers(sort=False)


async def repaired() -> None:
    """Take the locks in one order everywhere."""
    await transfers(sort=True)
