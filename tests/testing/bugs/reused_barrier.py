"""A fast task meets the barrier a second time before the slow ones have left it.

It has to be a whole round ahead.
"""

from __future__ import annotations

import trio

SCHEDULES = 20


class Barrier:
    """Lets tasks go on when all of them have arrived; may be used again."""

    def __init__(self, parties: int, *, generations: bool) -> None:
        self._parties, self._generations = parties, generations
        self._arrived = 0
        self._open = trio.Event()

    async def wait(self) -> None:
        """Wait for the others."""
        gate = self._open
        self._arrived += 1
        if self._arrived == self._parties:
            self._arrived = 0
            gate.set()
            if self._generations:
                self._open = trio.Event()
            await trio.lowlevel.checkpoint()
            if not self._generations:
                self._open = trio.Event()
            return
        await gate.wait()


async def rounds(*, generations: bool) -> None:
    """Let two tasks take three rounds; nobody may be a round ahead."""
    barrier = Barrier(2, generations=generations)
    at = [0, 0]

    async def task(number: int) -> None:
        for _ in range(3):
            at[number] += 1
            await barrier.wait()
            assert abs(at[0] - at[1]) <= 1

    async with trio.open_nursery() as nursery:
        nursery.start_soon(task, 0)
        nursery.start_soon(task, 1)


async def broken() -> None:
    """Make the new gate one step after the old one opened."""
    await rounds(generations=False)


async def repaired() -> None:
    """Make the new gate in the same step."""
    await rounds(generations=True)
