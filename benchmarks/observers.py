"""Observers that do nothing, so that only telling them is measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from awaitly_trio._values.outcomes import Outcome
    from awaitly_trio._values.scopes import Scope
    from awaitly_trio.events import Event


class Spans:
    """Told of starts and ends, as a tracer is."""

    def on_start(self, scope: Scope) -> None:
        """Do nothing."""

    def on_end(self, scope: Scope, outcome: Outcome) -> None:
        """Do nothing."""


class Records:
    """Given an event record for each start and end, as a log is."""

    def on_event(self, event: Event) -> None:
        """Do nothing."""
