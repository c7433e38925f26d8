"""Which scope an event belongs to: an event names it, and its task is inside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from awaitly_trio._engine.watch import current_scope

if TYPE_CHECKING:
    from awaitly_trio._values.events import Event
    from awaitly_trio._values.scopes import Scope


def scope_of(event: Event) -> Scope | None:
    """Return the scope of an event that is being told; ``None`` if the task has left it.

    Ids are unique in one tree of runs only, so a table of them would confuse two trees.
    """
    scope = current_scope.get()
    while scope is not None and scope.id != event.scope:
        scope = scope.parent
    return scope


def step_name(scope: Scope) -> str:
    """Return the name by which people know a scope: for an attempt, that of its step."""
    if scope.kind == "attempt" and scope.parent is not None:
        return scope.parent.name
    return scope.name
