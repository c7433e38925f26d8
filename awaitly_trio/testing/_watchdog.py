"""A watchdog in real time: it ends a run that hangs and shows where each task is."""

from __future__ import annotations

import _thread
import sys
import threading
import traceback
from typing import TYPE_CHECKING, TypeVar, final

import trio
import trio.lowlevel

from awaitly_trio.testing._errors import HungError
from awaitly_trio.testing._tree import tree_of_tasks

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Self

    from awaitly_trio.testing._guard import Guard

T = TypeVar("T")

GRACE = 1.0
"""Real seconds in which a run loop that is not stuck itself answers."""


@final
class Watchdog:
    """Watches the runs inside its block from a thread; each ``beat`` is a sign of life.

    Args:
      guard: What ends the work that hangs.
      patience: Real seconds without a beat after which a run hangs; it is
        ended within twice that time.  ``math.inf`` watches nothing.
    """

    def __init__(self, guard: Guard, patience: float) -> None:
        self._guard, self._patience = guard, patience
        self._watched = threading.get_ident()
        self._over = threading.Event()
        self._beats = 0
        self._token: trio.lowlevel.TrioToken | None = None
        self._answered = threading.Event()
        self._interrupted = False

    def __enter__(self) -> Self:
        if self._patience < threading.TIMEOUT_MAX:
            # A ``threading.Thread`` would have this thread wait until it runs, which
            # takes as long as several runs of a small test.
            _thread.start_new_thread(self._watch, ())
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()

    def enter_run(self) -> None:
        """Take the current Trio run as the one to watch."""
        self._token = trio.lowlevel.current_trio_token()
        self.beat()

    def beat(self) -> None:
        """Start the patience anew."""
        self._beats += 1

    def interpret(self, run: Callable[[], T]) -> T:
        """Return what a call of ``trio.run`` returns; raise what the guard found instead."""
        try:
            return run()
        except trio.TrioInternalError as broken:
            # The only way out for a task that shields itself and waits forever.
            if self._guard.error is not None:
                raise self._guard.error from broken
            raise
        except KeyboardInterrupt:
            if self._interrupted and self._guard.error is not None:
                raise self._guard.error from None
            raise

    def _watch(self) -> None:
        seen = 0
        while not self._over.wait(self._patience):
            if self._beats == seen and self._end_run():
                return
            seen = self._beats

    def _end_run(self) -> bool:
        token = self._token
        if token is None:
            return False
        self._answered.clear()
        try:
            token.run_sync_soon(self._stop_inside)
        except trio.RunFinishedError:
            return False
        if not self._answered.wait(GRACE) and not self._over.is_set():
            self._interrupt()
            return True
        return False

    def _stop_inside(self) -> None:
        self._answered.set()
        self._guard.stop(HungError(self._patience, tree_of_tasks()))

    def _interrupt(self) -> None:
        frame = sys._current_frames().get(self._watched)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        stack = "".join(traceback.format_stack(frame)) if frame is not None else ""
        error = HungError(self._patience, f"a task never comes back to Trio:\n{stack}")
        if self._watched == threading.main_thread().ident:
            self._guard.error = error
            self._interrupted = True
            _thread.interrupt_main()
        else:
            # No other thread can be interrupted; the reader at least sees where it is.
            sys.stderr.write(f"{error}\n")
