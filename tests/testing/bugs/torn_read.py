"""An auditor adds up two accounts while money is on its way from one to the other."""

from __future__ import annotations

import trio

SCHEDULES = 30


async def audit(*, at_once: bool) -> None:
    """Transfer, and add up meanwhile."""
    accounts = {"a": 100, "b": 0}
    totals: list[int] = []

    async def transfer() -> None:
        for _ in range(3):
            await trio.lowlevel.checkpoint()
        accounts["a"] -= 30
        if not at_once:
            await trio.lowlevel.checkpoint()
        accounts["b"] += 30

    async def auditor() -> None:
        for _ in range(2):
            await trio.lowlevel.checkpoint()
        totals.append(sum(accounts.values()))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(transfer)
        nursery.start_soon(auditor)
    assert totals == [100]


async def broken() -> None:
    """Debit, wait, credit."""
    await audit(at_once=False)


async def repaired() -> None:
    """Debit and credit without a wait between."""
    await audit(at_once=True)
