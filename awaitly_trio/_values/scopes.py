"""A scope: one stretch of work with a start, an end, a name and a place in the tree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, cast, final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

ScopeKind: TypeAlias = Literal[
    "workflow",
    "step",
    "attempt",
    "parallel",
    "all",
    "race",
    "settle",
    "map",
    "batch",
    "resource",
    "saga",
    "compensation",
    "sleep",
    "approval",
    "decision",
    "ambient",
]

_ESCAPES = str.maketrans({"%": "%25", "/": "%2F", "#": "%23"})


@final
class RunInfo(msgspec.Struct, frozen=True):
    """What identifies a run: its id, the workflow's name and the caller's context."""

    run_id: str
    workflow: str
    context: Any = None


@final
class Scope(msgspec.Struct, eq=False):
    """One stretch of work of a run.

    ``id`` counts the scopes of a run tree from 1 in order of their start.
    ``number`` counts the scopes of one name under one parent, from 1.
    ``started`` is Trio's time in seconds; ``ended`` likewise, ``None`` until then.
    ``attempt`` is the number of the attempt, in attempt scopes only.
    ``arguments`` and ``keywords`` are those of the call of a workflow or a step, and
    ``dependency`` is what the step calls.
    ``owner`` is the engine's state of the run; observers leave it alone.
    """

    id: int
    kind: ScopeKind
    name: str
    run: RunInfo
    parent: Scope | None
    number: int
    started: float
    owner: Any = None
    dependency: Any = None
    arguments: tuple[Any, ...] = ()
    keywords: dict[str, Any] | None = None
    key: str | None = None
    attempt: int | None = None
    description: str | None = None
    tags: tuple[str, ...] = ()
    ended: float | None = None
    names: dict[str, int] | None = None
    _path: str | None = None

    def occurrence(self, name: str) -> int:
        """Count one more child of a name, and return its number."""
        names = self.names
        if names is None:
            self.names = {name: 1}
            return 1
        names[name] = number = names.get(name, 0) + 1
        return number

    @property
    def path(self) -> str:
        """The names from the outermost workflow to this scope, joined by ``/``.

        From the second scope of a name on, ``#2`` and so on follow it.  The characters
        that separate are escaped in names as in URLs, so no two scopes of a run share a path.
        """
        path = self._path
        if path is None:
            name, above = self.name, self.parent
            # Most are names of functions, which hold nothing to escape.
            path = name if name.isidentifier() else name.translate(_ESCAPES)
            if self.number != 1:
                path = f"{path}#{self.number}"
            if above is not None:
                path = f"{path_of(above)}/{path}"
            # Kept, because every event of a scope has it, and its children's begin with it.
            self._path = path
        return path

    def __repr__(self) -> str:
        state = "running" if self.ended is None else "ended"
        return f"<Scope {self.kind} {self.path!r} {state}>"


path_of = cast("Callable[[Scope], str]", vars(Scope)["path"].fget)
"""Return the path of a scope: what its property does, which before CPython 3.12 is called at
several times the price of a function.  Every traced step asks.
"""
