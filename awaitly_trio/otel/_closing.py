"""The end of a process: what waits is sent, and nobody waits for it for long."""

from __future__ import annotations

import atexit
import threading
from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE = 5.0
"""Seconds that the end of a process may take: a collector that is down must not keep it."""


@final
class Closing:
    """Does a work at the end of the process, in a thread that may be left behind.

    Args:
      work: It may block, and raises nothing.
    """

    def __init__(self, work: Callable[[], object]) -> None:
        self._work = work
        self.begin_anew()
        atexit.register(self._at_exit)

    def begin_anew(self) -> None:
        """Start the thread, and once more in a child that was forked: it has no threads."""
        self._ends, self._done = threading.Event(), threading.Event()
        # Made now, because from CPython 3.12 on none can be started at the end.
        threading.Thread(target=self._when_told, name="awaitly_trio.closing", daemon=True).start()

    def _when_told(self) -> None:
        ends, done = self._ends, self._done
        ends.wait()
        self._work()
        done.set()

    def _at_exit(self) -> None:
        self._ends.set()
        self._done.wait(PATIENCE)
