"""An observer that keeps what it is told, and what must be true of any such record."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeVar

from awaitly_trio._values.events import ScopeEnded, ScopeStarted, event_to_wire

if TYPE_CHECKING:
    from awaitly_trio._values.events import Event
    from awaitly_trio._values.outcomes import Outcome
    from awaitly_trio._values.scopes import Scope

E = TypeVar("E")


class Recorder:
    """Keeps every start, end and event in the order of their arrival."""

    def __init__(self) -> None:
        self.started: list[Scope] = []
        self.ended: list[tuple[Scope, Outcome]] = []
        self.events: list[Event] = []

    def on_start(self, scope: Scope) -> None:
        self.started.append(scope)

    def on_end(self, scope: Scope, outcome: Outcome) -> None:
        self.ended.append((scope, outcome))

    def on_event(self, event: Event) -> None:
        self.events.append(event)

    def of(self, kind: type[E]) -> list[E]:
        """Return the events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def kinds(self) -> list[str]:
        """The type tags of all events, with the path of starts and ends."""
        return [_shown(event) for event in self.events]

    @property
    def paths(self) -> list[str]:
        """The paths of all scopes, in order of their start."""
        return [event.path for event in self.of(ScopeStarted)]

    def outcome(self, path: str) -> Outcome:
        """Return how the scope of a path ended."""
        found = [event.outcome for event in self.of(ScopeEnded) if event.path == path]
        assert len(found) == 1, f"{path!r} ended {len(found)} times; there are {self.paths}"
        return found[0]

    def named(self, name: str) -> Outcome:
        """Return how the one scope of a name ended."""
        found = [event.outcome for event in self.of(ScopeEnded) if event.name == name]
        assert len(found) == 1, f"{name!r} ended {len(found)} times; there are {self.paths}"
        return found[0]

    def log(self) -> bytes:
        """Return all events as JSON lines."""
        return b"\n".join(_line(event) for event in self.events)

    def check_laws_of_each_run(self) -> None:
        """Check the laws where several runs, each with its own order, were recorded."""
        for run in dict.fromkeys(event.run_id for event in self.events):
            alone = Recorder()
            alone.events = [event for event in self.events if event.run_id == run]
            alone.started = [scope for scope in self.started if scope.run.run_id == run]
            alone.ended = [(s, o) for s, o in self.ended if s.run.run_id == run]
            alone.check_laws()

    def check_laws(self) -> None:
        """Fail unless starts and ends are paired, ordered and inside their parents."""
        sequence = [event.seq for event in self.events]
        assert sequence == sorted(set(sequence)), f"not in order: {sequence}"
        open_scopes: dict[int, int | None] = {}
        closed: set[int] = set()
        for event in self.events:
            if isinstance(event, ScopeStarted):
                assert event.scope not in open_scopes | dict.fromkeys(closed), f"twice: {event}"
                assert event.parent is None or event.parent in open_scopes, f"orphan: {event}"
                open_scopes[event.scope] = event.parent
            else:
                assert event.scope in open_scopes, f"outside its scope: {event}"
            if isinstance(event, ScopeEnded):
                inside = [each for each, parent in open_scopes.items() if parent == event.scope]
                assert not inside, f"ended before its children {inside}: {event}"
                del open_scopes[event.scope]
                closed.add(event.scope)
        assert not open_scopes, f"never ended: {open_scopes}"
        assert [scope.id for scope in self.started] == [e.scope for e in self.of(ScopeStarted)]
        assert [scope.id for scope, _ in self.ended] == [e.scope for e in self.of(ScopeEnded)]
        paths = self.paths
        assert len(set(paths)) == len(paths), f"paths are not unique: {paths}"


def _shown(event: Event) -> str:
    form: dict[str, Any] = event_to_wire(event)
    return f"{form['type']} {event.path}"


def _line(event: Event) -> bytes:
    return json.dumps(event_to_wire(event), sort_keys=True).encode()
