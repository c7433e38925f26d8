"""Observers of tests: one keeps the events of runs, one checks that scopes are paired."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from awaitly_trio._values.events import Event
    from awaitly_trio._values.outcomes import Outcome
    from awaitly_trio._values.scopes import Scope


@final
class Recorder:
    """An observer that keeps every event it is told of in ``events``."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def on_event(self, event: Event) -> None:
        """Keep an event."""
        self.events.append(event)


@final
class Pairing:
    """An observer that checks that every scope that starts ends once, within its run."""

    def __init__(self) -> None:
        self._open: dict[int, Scope] = {}
        self._wrong: list[str] = []

    def on_start(self, scope: Scope) -> None:
        """Note a start."""
        if scope.owner.scope is not scope and scope.owner.scope.ended is not None:
            self._wrong.append(f"{scope.path} started after its run had ended")
        self._open[id(scope)] = scope

    def on_end(self, scope: Scope, outcome: Outcome) -> None:  # noqa: ARG002
        """Note an end."""
        if self._open.pop(id(scope), None) is None:
            self._wrong.append(f"{scope.path} ended without a start, or twice")

    def check(self) -> None:
        """Return if starts and ends are paired.

        Raises:
          AssertionError: They are not; the error names the scopes.
        """
        never = [f"{scope.path} never ended" for scope in self._open.values()]
        if self._wrong or never:
            raise AssertionError("; ".join([*self._wrong, *never]))
