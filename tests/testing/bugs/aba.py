"""A value was A, became B and is A again: the comparison sees no change.

One task has to be several steps ahead of the other, which has to stand still
at one of its steps meanwhile.
"""

from __future__ import annotations

import trio

SCHEDULES = 50


async def stack(*, counted: bool) -> None:
    """Pop from a linked stack by compare-and-set while another task pops and pushes."""
    below: dict[str, str | None] = {"a": "b", "b": "c", "c": None}
    top: str | None = "a"
    changes = 0
    free: list[str] = []

    async def pop(who: list[str]) -> None:
        nonlocal top, changes
        while top is not None:
            seen, under, at = top, below[top], changes
            await trio.lowlevel.checkpoint()
            if top == seen and (not counted or changes == at):
                top, changes = under, changes + 1
                who.append(seen)
                return

    async def push(node: str) -> None:
        nonlocal top, changes
        await trio.lowlevel.checkpoint()
        below[node] = top
        top, changes = node, changes + 1

    async def busy() -> None:
        mine: list[str] = []
        await pop(mine)
        await pop(mine)
        await push(mine[0])
        free.append(mine[1])

    async def slow() -> None:
        mine: list[str] = []
        await pop(mine)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(slow)
        nursery.start_soon(busy)
    assert top not in free


async def broken() -> None:
    """Compare the top of the stack."""
    await stack(counted=False)


async def repaired() -> None:
    """Compare a count of its changes too."""
    await stack(counted=True)
