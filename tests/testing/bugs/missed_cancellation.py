"""A stop that comes before the worker can be stopped is forgotten."""

from __future__ import annotations

import trio

SCHEDULES = 10


class Worker:
    """Works until it is stopped."""

    def __init__(self, *, remembers: bool) -> None:
        self._remembers = remembers
        self._stopped = False
        self._scope: trio.CancelScope | None = None

    async def work(self) -> None:
        """Connect, then wait for jobs until stopped."""
        await trio.lowlevel.checkpoint()
        with trio.CancelScope() as self._scope:
            if self._remembers and self._stopped:
                return
            await trio.sleep_forever()

    def stop(self) -> None:
        """End the work."""
        self._stopped = True
        if self._scope is not None:
            self._scope.cancel(reason="stopped")


async def start_and_stop(*, remembers: bool) -> None:
    """Start a worker and stop it from another task."""
    worker = Worker(remembers=remembers)

    async def stopper() -> None:
        await trio.lowlevel.checkpoint()
        await trio.lowlevel.checkpoint()
        worker.stop()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(worker.work)
        nursery.start_soon(stopper)


async def broken() -> None:
    """Cancel the scope, if there is one yet."""
    await start_and_stop(remembers=False)


async def repaired() -> None:
    """Remember the stop as well."""
    await start_and_stop(remembers=True)
