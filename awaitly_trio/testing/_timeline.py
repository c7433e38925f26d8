"""A recorded run that can be stepped through, forward and backward."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

import msgspec

from awaitly_trio._values.callables import name_of
from awaitly_trio._values.events import Event, ScopeEnded, ScopeStarted
from awaitly_trio._values.outcomes import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """What was so at one moment of a run.

    ``event`` is the last event by then, ``None`` at the beginning; ``seconds``
    the time since the first.  ``running`` are the paths of the open scopes in
    order of their start, ``ended`` those of the others with their outcomes.
    """

    event: Event | None
    seconds: float
    running: tuple[str, ...]
    ended: dict[str, Outcome]

    def value(self, path: str) -> Any:
        """Return the value that a scope had given by then.

        Raises:
          KeyError: It had not ended, or there is no such scope.
          ValueError: It had ended without a value.
        """
        outcome = self.ended[path]
        if outcome.status != "ok":
            raise ValueError(f"{path!r} ended with {outcome}")
        return outcome.value


@final
class Timeline:
    """Moves through the events of a run; it stands at the end first.

    Args:
      events: The events of one run, in order: those of a harness, say.
    """

    def __init__(self, events: Sequence[Event]) -> None:
        self.events = tuple(events)
        self._position = len(self.events)

    def __len__(self) -> int:
        return len(self.events)

    def __iter__(self) -> Iterator[Moment]:
        """Go through the run from its beginning, one moment after each event."""
        return (self._moment(position) for position in range(1, len(self.events) + 1))

    def state(self) -> Moment:
        """Return what was so at the current moment."""
        return self._moment(self._position)

    def at(self, event: Event | int) -> Moment:
        """Go to the moment after an event, given itself or by its ``seq``.

        Raises:
          LookupError: It is not in this timeline.
        """
        seq = event if isinstance(event, int) else event.seq
        for position, each in enumerate(self.events):
            if each.seq == seq:
                return self._go(position + 1)
        raise LookupError(f"there is no event number {seq} here, only {len(self)} events")

    def before(self, step: Callable[..., Any] | str) -> Moment:
        """Go to the moment before the first start of a step, named as in a harness.

        Raises:
          LookupError: There is no such step.
        """
        return self._go(self._start_of(step))

    def after(self, step: Callable[..., Any] | str) -> Moment:
        """Go to the moment after the end of a step, of the first of that name.

        Raises:
          LookupError: There is no such step, or it never ended.
        """
        start = self.events[self._start_of(step)]
        for position, event in enumerate(self.events):
            if isinstance(event, ScopeEnded) and _same_scope(event, start):
                return self._go(position + 1)
        raise LookupError(f"{start.path!r} never ended")

    def forward(self) -> Moment:
        """Go one event on; at the end, stay there."""
        return self._go(min(self._position + 1, len(self.events)))

    def back(self) -> Moment:
        """Go one event back; at the beginning, stay there."""
        return self._go(max(self._position - 1, 0))

    def show(self) -> str:
        """Return the whole run as text: seconds, indented scopes and outcomes."""
        return "\n".join(self._lines())

    def _go(self, position: int) -> Moment:
        self._position = position
        return self.state()

    def _start_of(self, step: Callable[..., Any] | str) -> int:
        name = step if isinstance(step, str) else name_of(step)
        for position, event in enumerate(self.events):
            if isinstance(event, ScopeStarted) and name in {event.name, event.path}:
                return position
        names = [event.path for event in self.events if isinstance(event, ScopeStarted)]
        raise LookupError(f"no scope is called {name!r} here, only {', '.join(names)}")

    def _moment(self, position: int) -> Moment:
        running: dict[tuple[str, int], str] = {}
        ended: dict[str, Outcome] = {}
        for event in self.events[:position]:
            scope = (event.run_id, event.scope)
            if isinstance(event, ScopeStarted):
                running[scope] = event.path
            elif isinstance(event, ScopeEnded):
                running.pop(scope, None)
                ended[event.path] = event.outcome
        last = self.events[position - 1] if position else None
        seconds = 0.0 if last is None else last.time - self.events[0].time
        return Moment(event=last, seconds=seconds, running=tuple(running.values()), ended=ended)

    def _lines(self) -> Iterator[str]:
        depth: dict[tuple[str, int], int] = {}
        for event in self.events:
            scope = (event.run_id, event.scope)
            if isinstance(event, ScopeStarted):
                above = 0 if event.parent is None else depth.get((event.run_id, event.parent), 0)
                depth[scope] = above + 1
            indent = "  " * max(depth.get(scope, 1) - 1, 0)
            yield f"{event.time - self.events[0].time:10.3f}s {indent}{shown(event)}"


def shown(event: Event) -> str:
    """Return an event as one line: ``>`` for a start, ``<`` for an end, ``.`` for others."""
    if isinstance(event, ScopeStarted):
        return f"> {event.kind} {event.name}"
    if isinstance(event, ScopeEnded):
        return f"< {event.name}: {_ending(event.outcome)}"
    return f"  . {_fields(event)}"


def _same_scope(one: Event, other: Event) -> bool:
    return (one.run_id, one.scope) == (other.run_id, other.scope)


def _ending(outcome: Outcome) -> str:
    parts: list[str] = [outcome.status]
    if outcome.status == "ok":
        parts.append(repr(outcome.value))
    elif outcome.error is not None:
        parts.append(repr(outcome.error))
    elif outcome.cause is not None:
        parts.append(repr(outcome.cause))
    if outcome.why is not None:
        parts.append(f"({outcome.why}{f' by {outcome.by}' if outcome.by else ''})")
    return " ".join(parts)


_COMMON = {"seq", "time", "run_id", "scope", "path"}


def _fields(event: Event) -> str:
    shown = [
        f"{name}={getattr(event, name)!r}"
        for name in event.__struct_fields__
        if name not in _COMMON
    ]
    return f"{type(event).__name__} {', '.join(shown)}"
