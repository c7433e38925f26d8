"""Telling observers what happens, without letting them change it.

A watch belongs to a tree of runs.  It numbers scopes and events, so their order
is total, and it calls observers in the task in which the thing happens, so an
observer that keeps a context (a tracer, say) finds the right one.
"""

from __future__ import annotations

import logging
from contextvars import ContextVar
from itertools import count
from typing import TYPE_CHECKING, Any, Protocol

import trio

from awaitly_trio._tasks.clocks import wall_clock
from awaitly_trio._values.callables import is_async
from awaitly_trio._values.events import ScopeEnded, ScopeStarted
from awaitly_trio._values.outcomes import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from awaitly_trio._values.events import Event
    from awaitly_trio._values.scopes import Scope

logger = logging.getLogger("awaitly_trio")

current_scope: ContextVar[Scope | None] = ContextVar("awaitly_trio.scope", default=None)


class Observer(Protocol):
    """What may watch a run; any of the three methods may be missing.

    They are called synchronously, in the task that runs the scope: of several
    observers the last to be told of a start is the first to be told of the end.
    One that raises is logged and counted, and changes nothing else.

    A fourth, ``on_notice``, is told what breakers, limiters and hedges do for a run,
    or in a block that is watched: ``CircuitChange``, ``Waited``, ``Refused``,
    ``HedgeStarted`` and ``HedgeEnded``.  They belong to no scope, and have no number.

    Two optional attributes say more.  ``event_types`` names the classes of events
    that ``on_event`` wants, all if it is missing; the others are not built.  Of
    observers with the same ``role`` the innermost one counts: that of the run
    before that of the block around it.
    """

    def on_start(self, scope: Scope) -> None:
        """Be told that a scope began."""

    def on_end(self, scope: Scope, outcome: Outcome) -> None:
        """Be told that a scope ended; called exactly once for each start."""

    def on_event(self, event: Event) -> None:
        """Be told of every event, starts and ends of scopes among them, as a record."""


class Watch:
    """The observers of a tree of runs, with their counters."""

    __slots__ = (
        "_end_readers",
        "_ends",
        "_events",
        "_readers",
        "_start_readers",
        "_starts",
        "_wall",
        "failures",
        "ids",
        "listeners",
        "now",
        "observers",
        "sequence",
    )

    def __init__(self, observers: Iterable[object], parent: Watch | None = None) -> None:
        inherited = () if parent is None else parent.observers
        self.observers: tuple[object, ...] = cast_of((*inherited, *observers))
        self._starts = _methods(self.observers, "on_start")
        # Who is told of a start within the span of another's is told of its end likewise.
        self._ends = _methods(self.observers[::-1], "on_end")
        self._events = _methods(self.observers, "on_event")
        self.listeners = listeners_of(self.observers)
        """Who is told what breakers, limiters and hedges do for a run."""
        self._readers: dict[object, tuple[Callable[..., object], ...]] = {}
        self._start_readers = self.readers(ScopeStarted)
        self._end_readers = self.readers(ScopeEnded)
        self.ids: Iterator[int] = count(1) if parent is None else parent.ids
        self.sequence: Iterator[int] = count(1) if parent is None else parent.sequence
        self.now = trio.lowlevel.current_clock().current_time
        self._wall = wall_clock()
        self.failures = 0
        """How many calls of observers raised."""

    def readers(self, record: object) -> tuple[Callable[..., object], ...]:
        """Return who wants events of a class; without a reader none is built."""
        if not self._events:
            return ()
        found = self._readers.get(record)
        if found is None:
            found = self._readers[record] = tuple(
                tell for tell in self._events if wants(tell, record)
            )
        return found

    def next_id(self) -> int:
        """Return the id of the next scope."""
        return next(self.ids)

    def start(self, scope: Scope) -> None:
        """Tell that a scope began."""
        scope.owner.live[scope.id] = scope
        for tell in self._starts:
            try:
                tell(scope)
            except Exception as exc:  # law 6: an observer never changes a run
                self._failed(tell, exc)
        if self._start_readers:
            parent, run = scope.parent, scope.run
            event = ScopeStarted(
                seq=next(self.sequence),
                time=self._wall(),
                run_id=run.run_id,
                scope=scope.id,
                path=scope.path,
                kind=scope.kind,
                name=scope.name,
                parent=None if parent is None else parent.id,
                key=scope.key,
                attempt=scope.attempt,
                description=scope.description,
                tags=scope.tags,
                context=run.context,
            )
            self._hand_on(event, self._start_readers)

    def end(self, scope: Scope, outcome: Outcome) -> None:
        """Tell that a scope ended; only the first time counts."""
        if scope.ended is not None:
            return
        scope.ended = self.now()
        scope.owner.live.pop(scope.id, None)
        for tell in self._ends:
            try:
                tell(scope, outcome)
            except Exception as exc:  # law 6: an observer never changes a run
                self._failed(tell, exc)
        if self._end_readers:
            event = ScopeEnded(
                seq=next(self.sequence),
                time=self._wall(),
                run_id=scope.run.run_id,
                scope=scope.id,
                path=scope.path,
                kind=scope.kind,
                name=scope.name,
                duration=scope.ended - scope.started,
                outcome=outcome,
            )
            self._hand_on(event, self._end_readers)

    def end_left(self, run: Scope) -> None:
        """Tell of those scopes of a run that it ends before them.

        They belong to tasks that the body started in a nursery from outside.
        """
        for scope in [*reversed(run.owner.live.values())]:
            if scope is not run:
                self.end(scope, Outcome("cancelled", why="closed", reason="the run has ended"))

    def emit(self, record: Callable[..., Event], scope: Scope, **fields: Any) -> None:
        """Build an event of a scope and hand it on; nothing is built when nobody reads it."""
        readers = self.readers(record)
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


def check_observers(observers: tuple[object, ...]) -> tuple[object, ...]:
    """Return observers that can be told something, synchronously.

    Raises:
      TypeError: One is a class, or has none of the three methods, or an async one.
    """
    for observer in observers:
        if isinstance(observer, type):
            msg = f"observer {observer!r} is a class: write {observer.__name__}()"
            raise TypeError(msg)
        methods = [getattr(observer, name, None) for name in ("on_start", "on_end", "on_event")]
        if not any(map(callable, methods)):
            msg = f"observer {observer!r} has none of on_start, on_end and on_event: add one"
            raise TypeError(msg)
        methods.append(getattr(observer, "on_notice", None))
        for method in filter(is_async, methods):
            msg = f"observer has the async {method!r}, but is called synchronously: use a plain def"
            raise TypeError(msg)
    return observers


def cast_of(observers: Iterable[object]) -> tuple[object, ...]:
    """Return each observer once, although it may watch several runs around this one.

    A role is played by the last who has it.
    """
    played: dict[object, object] = {}
    for observer in observers:
        role = getattr(observer, "role", None)
        if role is not None:
            # Taken out first, so that it stands where its player was given.
            played.pop(role, None)
        played.setdefault(id(observer) if role is None else role, observer)
    return tuple(played.values())


def listeners_of(observers: Iterable[object]) -> tuple[Callable[..., object], ...]:
    """Return how those are told who want to know of breakers, limiters and hedges."""
    return _methods(observers, "on_notice")


def wants(tell: Callable[..., object], record: object) -> bool:
    """Tell whether the observer of a method wants events of a class."""
    types = getattr(getattr(tell, "__self__", None), "event_types", None)
    return types is None or record in types


def _methods(observers: Iterable[object], name: str) -> tuple[Callable[..., object], ...]:
    found = [getattr(observer, name, None) for observer in observers]
    return tuple(method for method in found if method is not None)
