"""Ending a run from outside its tasks: a clock, a scheduler or a watchdog found it stuck."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast, final

import outcome
import trio

from awaitly_trio.testing._run_loop import drop_shields

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")


@final
class Guard:
    """Cancels the guarded work with an error that tells why, which then is its outcome.

    ``error`` is that error, ``None`` while nothing was found.
    """

    def __init__(self) -> None:
        self.error: Exception | None = None
        self._scope: trio.CancelScope | None = None

    @property
    def is_watching(self) -> bool:
        """Tell whether there is work that can be cancelled."""
        return self._scope is not None

    def stop(self, error: Exception) -> None:
        """Cancel the guarded work because of ``error``.

        Work that is still there on the second call loses its shields.  Where
        that does not help either, or nothing is watched, the error is raised
        here, which breaks the run loop.
        """
        if self.error is None and self._scope is not None:
            self.error = error
            self._scope.cancel(reason=f"{type(error).__name__}: the test harness ends the run")
            return
        self.error = self.error or error
        if self._scope is None or not drop_shields():
            raise self.error

    def watch(self, scope: trio.CancelScope | None) -> None:
        """Take the scope of new work, or let go of the former with ``None``."""
        self._scope = scope
        if scope is not None:
            self.error = None

    async def run(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do the work and return its value; raise ``error`` when it was stopped.

        Any other exception of the work propagates; beside ``error`` it is its cause.
        """
        ended: outcome.Outcome[Any] = outcome.Value(None)
        with trio.CancelScope() as scope:
            self.watch(scope)
            ended = await outcome.acapture(work)
        self.watch(None)
        if self.error is not None:
            raise self.error from getattr(ended, "error", None)
        return cast("T", ended.unwrap())
