"""Who is told what: observers, sorted once by what they want to know.

Observers come from blocks (``observing``), from a run around and from the run itself.
An audience is made when they are given, not for each run that they watch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, final

from awaitly_trio._values.callables import is_async
from awaitly_trio._values.events import ScopeEnded, ScopeStarted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import TypeAlias

    from awaitly_trio._values.events import Event
    from awaitly_trio._values.outcomes import Outcome
    from awaitly_trio._values.scopes import Scope

    Tell: TypeAlias = Callable[..., object]


class Observer(Protocol):
    """What may watch a run; any of the three methods may be missing.

    They are called synchronously, in the task that runs the scope: of several
    observers the last to be told of a start is the first to be told of the end.
    One that raises is logged and counted, and changes nothing else.

    A fourth, ``on_notice``, is told what breakers, limiters and hedges do for a run,
    or in a block that is watched: ``CircuitChange``, ``Waited``, ``Refused``,
    ``HedgeStarted`` and ``HedgeEnded``.  They belong to no scope, and have no number.

    Three optional attributes say more.  ``event_types`` names the classes of events
    that ``on_event`` wants, all if it is missing; the others are not built.  Of
    observers with the same ``role`` the innermost one counts: that of the run
    before that of the block around it.  One whose ``encloses`` is true is told of
    starts before all others and of ends after them, wherever it was given: a tracer,
    in whose span the others then are.
    """

    def on_start(self, scope: Scope) -> None:
        """Be told that a scope began."""

    def on_end(self, scope: Scope, outcome: Outcome) -> None:
        """Be told that a scope ended; called exactly once for each start."""

    def on_event(self, event: Event) -> None:
        """Be told of every event, starts and ends of scopes among them, as a record."""


def _cast_of(observers: Iterable[object]) -> tuple[object, ...]:
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
    return tuple(sorted(played.values(), key=lambda each: not getattr(each, "encloses", False)))


def _wants(tell: Tell, record: object) -> bool:
    """Tell whether the observer of a method wants events of a class."""
    types = _types_for(tell)
    return types is None or record in types


def _types_for(tell: Tell) -> tuple[object, ...] | None:
    """Return the classes of events that the observer of a method wants; ``None`` for all."""
    types: tuple[object, ...] | None = getattr(getattr(tell, "__self__", None), "event_types", None)
    return types


def _methods(observers: Iterable[object], name: str) -> tuple[Tell, ...]:
    found = [getattr(observer, name, None) for observer in observers]
    return tuple(method for method in found if method is not None)


@final
class Audience:
    """Observers in the order in which they are told, each of them once.

    ``starts``, ``ends``, ``start_readers``, ``end_readers`` and ``listeners`` are their
    methods: who is told of starts and ends, who reads the records of both, and who is told
    what breakers, limiters and hedges do.  ``is_deaf`` tells that nobody wants any of it:
    such observers only play a role, so that no other does.
    """

    __slots__ = (
        "_events",
        "_readers",
        "end_readers",
        "ends",
        "is_deaf",
        "listeners",
        "observers",
        "start_readers",
        "starts",
    )

    def __init__(self, observers: Iterable[object]) -> None:
        self.observers = _cast_of(observers)
        self.starts = _methods(self.observers, "on_start")
        # Who is told of a start within the span of another's is told of its end likewise.
        self.ends = _methods(self.observers[::-1], "on_end")
        self.listeners = _methods(self.observers, "on_notice")
        self._events = _methods(self.observers, "on_event")
        self._readers: dict[object, tuple[Tell, ...]] = {}
        self.start_readers = self.readers(ScopeStarted)
        self.end_readers = self.readers(ScopeEnded)
        told = (*self.starts, *self.ends, *self.listeners)
        self.is_deaf = not told and all(_types_for(tell) == () for tell in self._events)

    def __bool__(self) -> bool:
        return bool(self.observers)

    def readers(self, record: object) -> tuple[Tell, ...]:
        """Return who wants events of a class; without a reader none is built."""
        if not self._events:
            return ()
        found = self._readers.get(record)
        if found is None:
            found = tuple(tell for tell in self._events if _wants(tell, record))
            self._readers[record] = found
        return found

    def joined_by(self, observers: Iterable[object]) -> Audience:
        """Return an audience of these and of others, who are nearer to what is watched."""
        added = tuple(observers)
        return Audience((*self.observers, *added)) if added else self


NOBODY = Audience(())


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
