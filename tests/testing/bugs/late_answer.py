"""A time limit and the answer fall into one instant, and the caller gets both."""

from __future__ import annotations

import trio

SCHEDULES = 10


async def ask(*, once: bool) -> list[str]:
    """Ask with a limit of one second for an answer that takes one."""
    told: list[str] = []

    def tell(what: str) -> None:
        if not (once and told):
            told.append(what)

    async def answer() -> None:
        await trio.sleep(1)
        tell("answer")

    async def limit() -> None:
        await trio.sleep(1)
        if not told:
            await trio.lowlevel.checkpoint()
            tell("too late")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(answer)
        nursery.start_soon(limit)
    return told


async def broken() -> None:
    """Look whether there is an answer, wait, and tell that there is none."""
    assert len(await ask(once=False)) == 1


async def repaired() -> None:
    """Let the first word count."""
    assert len(await ask(once=True)) == 1
