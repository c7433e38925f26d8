"""Two doctors each see the other on call, and both go home."""

from __future__ import annotations

import trio

SCHEDULES = 10


async def night(*, locked: bool) -> set[str]:
    """Let two doctors go home if somebody else stays; return who stays."""
    on_call = {"ann", "bob"}
    lock = trio.Lock()

    async def leave(doctor: str) -> None:
        if len(on_call) > 1:
            await trio.lowlevel.checkpoint()
            on_call.discard(doctor)

    async def ask(doctor: str) -> None:
        await trio.lowlevel.checkpoint()
        if locked:
            async with lock:
                await leave(doctor)
        else:
            await leave(doctor)

    async with trio.open_nursery() as nursery:
        for doctor in sorted(on_call):
            nursery.start_soon(ask, doctor)
    return on_call


async def broken() -> None:
    """Count, then leave."""
    assert await night(locked=False)


async def repaired() -> None:
    """Count and leave under a lock."""
    assert await night(locked=True)
