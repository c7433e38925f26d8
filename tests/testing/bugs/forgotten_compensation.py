"""A reservation is noted one step after it was made, and a cancellation falls between."""

from __future__ import annotations

import sys

import trio

if sys.version_info < (3, 11):
    from exceptiongroup import BaseExceptionGroup

SCHEDULES = 30


async def order(*, note_at_once: bool) -> int:
    """Reserve an item beside a payment that fails; return what stays reserved."""
    reserved = 0
    undo: list[int] = []

    async def reserve() -> None:
        nonlocal reserved
        await trio.lowlevel.checkpoint()
        reserved += 1
        if note_at_once:
            undo.append(1)
        await trio.lowlevel.checkpoint()
        if not note_at_once:
            undo.append(1)

    async def pay() -> None:
        for _ in range(3):
            await trio.lowlevel.checkpoint()
        raise LookupError("no such card")

    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(reserve)
            nursery.start_soon(pay)
    except BaseExceptionGroup as group:
        if group.split(LookupError)[1] is not None:
            raise
        reserved -= sum(undo)
    return reserved


async def broken() -> None:
    """Note the reservation when its request is over."""
    assert await order(note_at_once=False) == 0


async def repaired() -> None:
    """Note the reservation in the same step as it is made."""
    assert await order(note_at_once=True) == 0
