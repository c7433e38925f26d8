"""A permit is taken and then lost, when the cancellation comes before the ``try``."""

from __future__ import annotations

import trio

SCHEDULES = 60


async def workers(*, guarded: bool) -> None:
    """Cancel one of two workers that share a permit; the other must get it."""
    permits = trio.Semaphore(1)
    scope = trio.CancelScope()

    async def cancelled_one() -> None:
        with scope:
            await permits.acquire()
            if guarded:
                try:
                    await trio.lowlevel.checkpoint()
                finally:
                    permits.release()
                return
            await trio.lowlevel.checkpoint()
            try:
                await trio.lowlevel.checkpoint()
            finally:
                permits.release()

    async def other_one() -> None:
        async with permits:
            await trio.lowlevel.checkpoint()

    async def canceller() -> None:
        for _ in range(2):
            await trio.lowlevel.checkpoint()
        scope.cancel(reason="enough")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(cancelled_one)
        nursery.start_soon(other_one)
        nursery.start_soon(canceller)


async def broken() -> None:
    """Wait between taking the permit and guarding it."""
    await workers(guarded=False)


async def repaired() -> None:
    """Guard it at once."""
    await workers(guarded=True)
