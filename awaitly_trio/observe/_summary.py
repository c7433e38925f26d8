"""The wide event: one record for each run, with all that one asks of it afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

import msgspec

from awaitly_trio._engine.watch import current_scope
from awaitly_trio._tasks.clocks import wall_clock
from awaitly_trio._values.events import FellBack, Retrying, StepTimedOut
from awaitly_trio._values.kinds import error_type
from awaitly_trio._values.outcomes import Outcome, Status
from awaitly_trio._values.plain import tellable
from awaitly_trio._values.scopes import ScopeKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from awaitly_trio._values.events import Event
    from awaitly_trio._values.scopes import Scope


@final
class ScopeSummary(msgspec.Struct, frozen=True):
    """What became of one scope of a run.

    ``started`` counts in seconds from the start of the run.  ``error`` is the type
    of what went wrong, or the error itself where it is a code such as ``"not_found"``;
    ``why`` says what cancelled it.  Of values nothing is told; names and keys are, and
    can be encoded.
    """

    path: str
    kind: ScopeKind
    name: str
    started: float
    duration: float
    status: Status
    key: str | None = None
    attempts: int = 1
    cached: bool = False
    error: str | None = None
    why: str | None = None


@final
class RunSummary(msgspec.Struct, frozen=True):
    """What became of a run, the runs inside it included.

    ``started`` is wall-clock seconds since 1970.  ``scopes`` are in order of their
    start, attempts being counted in their steps; ``left_out`` more were not kept.
    """

    run_id: str
    workflow: str
    started: float
    duration: float
    status: Status
    scopes: tuple[ScopeSummary, ...]
    error: str | None = None
    why: str | None = None
    retries: int = 0
    timeouts: int = 0
    fallbacks: int = 0
    left_out: int = 0

    def to_wire(self) -> dict[str, Any]:
        """Return plain data for a line of JSON."""
        wire: dict[str, Any] = msgspec.to_builtins(self)
        return wire


@final
class _Tally:
    """What is known so far of a run under way."""

    __slots__ = ("attempts", "counts", "ended", "left_out", "started")

    def __init__(self, started: float) -> None:
        self.started = started
        self.attempts: dict[Scope, int] = {}
        self.ended: list[tuple[int, ScopeSummary]] = []
        self.counts: dict[type, int] = {Retrying: 0, StepTimedOut: 0, FellBack: 0}
        self.left_out = 0


@final
class Summaries:
    """An observer that makes one record of each outermost run, and hands it on when it ends.

    Args:
      sink: Called with each ``RunSummary`` in the task of the run: it must not block.
      most: How many scopes a record holds; those that end later are only counted.

    Raises:
      ValueError: ``most`` is negative.
    """

    event_types = (Retrying, StepTimedOut, FellBack)

    def __init__(self, sink: Callable[[RunSummary], object], *, most: int = 1000) -> None:
        if most < 0:
            raise ValueError(f"most must be 0 or more, not {most!r}")
        self._sink = sink
        self._most = most
        self._tallies: dict[Scope, _Tally] = {}

    def on_start(self, scope: Scope) -> None:
        """Begin a record where the outermost run begins that this observer watches."""
        if self._run_of(scope) is None:
            self._tallies[scope] = _Tally(wall_clock()())

    def on_end(self, scope: Scope, outcome: Outcome) -> None:
        """Note how a scope ended; hand the record on where its run does."""
        run = self._run_of(scope)
        if run is None or scope.ended is None:
            return
        tally = self._tallies[run]
        if scope is run:
            del self._tallies[run]
            self._sink(_summed_up(run, tally, outcome))
        elif scope.kind == "attempt":
            if scope.parent is not None:
                tally.attempts[scope.parent] = scope.attempt or 1
        else:
            attempts = tally.attempts.pop(scope, 1)
            if len(tally.ended) < self._most:
                found = _scope_summary(scope, run, outcome, attempts)
                tally.ended.append((scope.id, found))
            else:
                tally.left_out += 1

    def on_event(self, event: Event) -> None:
        """Count retries, time-outs and fallbacks."""
        scope = current_scope.get()
        run = None if scope is None else self._run_of(scope)
        if run is not None:
            self._tallies[run].counts[type(event)] += 1

    def _run_of(self, scope: Scope) -> Scope | None:
        """Return the outermost run around a scope that is watched."""
        above: Scope | None = scope
        while above is not None and above not in self._tallies:
            above = above.parent
        return above


def _scope_summary(scope: Scope, run: Scope, outcome: Outcome, attempts: int) -> ScopeSummary:
    return ScopeSummary(
        path=tellable(scope.path),
        kind=scope.kind,
        name=tellable(scope.name),
        started=scope.started - run.started,
        duration=(scope.ended or scope.started) - scope.started,
        status=outcome.status,
        key=None if scope.key is None else tellable(scope.key),
        attempts=attempts,
        cached=outcome.cached,
        error=_error(outcome),
        why=outcome.why,
    )


def _summed_up(run: Scope, tally: _Tally, outcome: Outcome) -> RunSummary:
    counts = tally.counts
    return RunSummary(
        run_id=tellable(run.run.run_id),
        workflow=tellable(run.run.workflow),
        started=tally.started,
        duration=(run.ended or run.started) - run.started,
        status=outcome.status,
        scopes=tuple(each for _, each in sorted(tally.ended, key=lambda pair: pair[0])),
        error=_error(outcome),
        why=outcome.why,
        retries=counts[Retrying],
        timeouts=counts[StepTimedOut],
        fallbacks=counts[FellBack],
        left_out=tally.left_out,
    )


def _error(outcome: Outcome) -> str | None:
    thing = outcome.cause if outcome.status == "defect" else outcome.error
    return None if thing is None else error_type(thing)
