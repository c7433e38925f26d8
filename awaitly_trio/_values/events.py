"""Records of what happened in a run, and their one JSON form.

Everything that draws, stores, streams or asserts reads these records.  ``seq``
orders the events of a run tree; ``time`` is wall-clock seconds since 1970;
``scope`` is the id of the scope they belong to, ``path`` its path.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

import msgspec

from awaitly_trio._values.outcomes import Outcome
from awaitly_trio._values.plain import plain
from awaitly_trio._values.scopes import ScopeKind

if TYPE_CHECKING:
    from typing import TypeAlias

EVENT_VERSION = 1


class _Event(msgspec.Struct, frozen=True, tag_field="type"):
    seq: int
    time: float
    run_id: str
    scope: int
    path: str


@final
class ScopeStarted(_Event, frozen=True, tag="scope_started"):
    """A scope began; ``parent`` is the id of the enclosing scope, if there is one."""

    kind: ScopeKind
    name: str
    parent: int | None = None
    key: str | None = None
    attempt: int | None = None
    description: str | None = None
    tags: tuple[str, ...] = ()
    context: Any = None


@final
class ScopeEnded(_Event, frozen=True, tag="scope_ended"):
    """A scope ended after ``duration`` seconds of Trio's time, with its outcome."""

    kind: ScopeKind
    name: str
    duration: float
    outcome: Outcome


@final
class Retrying(_Event, frozen=True, tag="retrying"):
    """Attempt number ``attempt`` failed with ``error``; the next starts in ``delay`` seconds."""

    attempt: int
    delay: float
    error: Any


@final
class RetriesExhausted(_Event, frozen=True, tag="retries_exhausted"):
    """The last of ``attempts`` attempts, two or more, failed with ``error``.

    ``reason`` says why there was no further one: ``refused`` by the rule's
    predicate, ``exhausted``, or the next would have outlasted the ``deadline`` or the ``budget``.
    """

    attempts: int
    error: Any
    reason: str


@final
class StepTimedOut(_Event, frozen=True, tag="timed_out"):
    """An allowance of ``seconds`` ran out in attempt ``attempt``, or, if ``total``, for all."""

    seconds: float
    attempt: int
    total: bool = False


@final
class CacheHit(_Event, frozen=True, tag="cache_hit"):
    """A keyed step was answered from the cache, or by a concurrent step of the same key."""

    key: str
    shared: bool = False


@final
class CacheMiss(_Event, frozen=True, tag="cache_miss"):
    """A keyed step was not in the cache and runs."""

    key: str


@final
class StepSkipped(_Event, frozen=True, tag="skipped"):
    """A conditional step did not run."""

    name: str
    reason: str | None = None


@final
class Decided(_Event, frozen=True, tag="decided"):
    """A branch was chosen among ``options``."""

    name: str
    chosen: str
    options: tuple[str, ...] = ()


@final
class Progress(_Event, frozen=True, tag="progress"):
    """``done`` of ``total`` items have ended; ``total`` is ``None`` where it is not known."""

    done: int
    total: int | None = None


@final
class FellBack(_Event, frozen=True, tag="fell_back"):
    """A step failed with ``error`` and its fallback runs."""

    error: Any


@final
class HookRan(_Event, frozen=True, tag="hook_ran"):
    """A hook ended after ``duration`` seconds; ``refused`` tells that it stopped the run."""

    hook: str
    duration: float
    refused: bool = False


@final
class HookFailed(_Event, frozen=True, tag="hook_failed"):
    """A hook raised ``error``."""

    hook: str
    error: Any


@final
class Compensable(_Event, frozen=True, tag="compensable"):
    """A step completed, or was cut off midway if ``unknown``, and can be undone from now on."""

    step: str
    unknown: bool = False


@final
class PivotPassed(_Event, frozen=True, tag="pivot_passed"):
    """A pivot completed: the ``steps`` steps before it will not be undone any more."""

    steps: int


@final
class Undoing(_Event, frozen=True, tag="undoing"):
    """Saga ``saga`` failed or was cancelled, and ``steps`` steps are about to be undone."""

    saga: str
    steps: int


@final
class Undone(_Event, frozen=True, tag="undone"):
    """The steps ``undone`` of a saga were undone, in that order; ``left`` were not."""

    saga: str
    undone: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


@final
class LeftBehind(_Event, frozen=True, tag="left_behind"):
    """The effect of a step is still there; ``why`` is a word of ``Uncompensated``."""

    step: str
    why: str
    error: Any = None


Event: TypeAlias = (
    ScopeStarted
    | ScopeEnded
    | Retrying
    | RetriesExhausted
    | StepTimedOut
    | CacheHit
    | CacheMiss
    | StepSkipped
    | Decided
    | Progress
    | FellBack
    | HookRan
    | HookFailed
    | Compensable
    | PivotPassed
    | Undoing
    | Undone
    | LeftBehind
)


def event_to_wire(event: Event) -> dict[str, Any]:
    """Return the JSON form of an event: plain data, with ``version`` and ``type``.

    It never fails: ``plain`` says how what JSON cannot hold appears.
    """
    fields = {name: plain(getattr(event, name)) for name in event.__struct_fields__}
    return {"version": EVENT_VERSION, "type": event.__struct_config__.tag, **fields}
