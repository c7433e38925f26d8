"""Telling observers what happens, without letting them change it.

A watch belongs to a tree of runs.  It numbers scopes and events, so their order
is total, and it calls observers in the task in which the thing happens, so an
observer that keeps a context (a tracer, say) finds the right one.
"""

from __future__ import annotations

import logging
from contextvars import ContextVar
from itertools import count
from typing import TYPE_CHECKING, Any

import trio

from awaitly_trio._tasks.clocks import wall_clock
from awaitly_trio._values.events import ScopeEnded, ScopeStarted
from awaitly_trio._values.outcomes import Outcome
from awaitly_trio._values.scopes import path_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from awaitly_trio._engine.audience import Audience
    from awaitly_trio._engine.observing import Blocks
    from awaitly_trio._values.events import Event
    from awaitly_trio._values.scopes import Scope

logger = logging.getLogger("awaitly_trio")

current_scope: ContextVar[Scope | None] = ContextVar("awaitly_trio.scope", default=None)


class Watch:
    """The observers of a tree of runs, with their counters."""

    __slots__ = ("_wall", "audience", "blocks", "failures", "ids", "now", "sequence")

    def __init__(self, audience: Audience, blocks: Blocks, parent: Watch | None = None) -> None:
        self.audience = audience
        self.blocks = blocks
        """Those around the run; their observers are in the audience."""
        self.ids: Iterator[int] = count(1) if parent is None else parent.ids
        self.sequence: Iterator[int] = count(1) if parent is None else parent.sequence
        self.now = trio.lowlevel.current_clock().current_time
        self._wall = wall_clock()
        self.failures = 0
        """How many calls of observers raised."""

    def next_id(self) -> int:
        """Return the id of the next scope."""
        return next(self.ids)

    def start(self, scope: Scope) -> None:
        """Tell that a scope began."""
        scope.owner.live[scope.id] = scope
        for tell in self.audience.starts:
            try:
                tell(scope)
            except Exception as exc:  # law 6: an observer never changes a run
                self._failed(tell, exc)
        if self.audience.start_readers:
            parent, run = scope.parent, scope.run
            event = ScopeStarted(
                seq=next(self.sequence),
                time=self._wall(),
                run_id=run.run_id,
                scope=scope.id,
                path=path_of(scope),
                kind=scope.kind,
                name=scope.name,
                parent=None if parent is None else parent.id,
                key=scope.key,
                attempt=scope.attempt,
                description=scope.description,
                tags=scope.tags,
                context=run.context,
            )
            self._hand_on(event, self.audience.start_readers)

    def end(self, scope: Scope, outcome: Outcome) -> None:
        """Tell that a scope ended; only the first time counts."""
        if scope.ended is not None:
            return
        scope.ended = self.now()
        scope.owner.live.pop(scope.id, None)
        for tell in self.audience.ends:
            try:
                tell(scope, outcome)
            except Exception as exc:  # law 6: an observer never changes a run
                self._failed(tell, exc)
        if self.audience.end_readers:
            event = ScopeEnded(
                seq=next(self.sequence),
                time=self._wall(),
                run_id=scope.run.run_id,
                scope=scope.id,
                path=path_of(scope),
                kind=scope.kind,
                name=scope.name,
                duration=scope.ended - scope.started,
                outcome=outcome,
            )
            self._hand_on(event, self.audience.end_readers)

    def end_left(self, run: Scope) -> None:
        """Tell of those scopes of a run that it ends before them.

        They belong to tasks that the body started in a nursery from outside.
        """
        for scope in [*reversed(run.owner.live.values())]:
            if scope is not run:
                self.end(scope, Outcome("cancelled", why="closed", reason="the run has ended"))

    def emit(self, record: Callable[..., Event], scope: Scope, **fields: Any) -> None:
        """Build an event of a scope and hand it on; nothing is built when nobody reads it."""
        readers = self.audience.readers(record)
        if not readers or scope.ended is not None:
            return
        event = record(
            seq=next(self.sequence),
            time=self._wall(),
            run_id=scope.run.run_id,
            scope=scope.id,
            path=scope.path,
            **fields,
        )
        self._hand_on(event, readers)

    def _hand_on(self, event: Event, readers: tuple[Callable[..., object], ...]) -> None:
        for tell in readers:
            try:
                tell(event)
            except Exception as exc:  # law 6: an observer never changes a run
                self._failed(tell, exc)

    def _failed(self, tell: Callable[..., object], exc: Exception) -> None:
        self.failures += 1
        logger.error("observer %r raised; the run goes on without it", tell, exc_info=exc)
