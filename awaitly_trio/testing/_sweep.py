"""Strikes a workflow with a fault at every point it has, and checks what is left."""

from __future__ import annotations

import inspect
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, final

import outcome
import trio

from awaitly_trio._engine.interposing import choosing
from awaitly_trio._engine.observing import observing
from awaitly_trio._values.duration import seconds as in_seconds
from awaitly_trio.testing._choosers import RunOn
from awaitly_trio.testing._declared_errors import declared_errors, example_of
from awaitly_trio.testing._errors import NondeterminismError
from awaitly_trio.testing._hunt import difference
from awaitly_trio.testing._injection import InjectedFailure, Injector, SimulatedCrash
from awaitly_trio.testing._interception import intercepted_by
from awaitly_trio.testing._points import FAULTS, FaultKind, Point, check_faults
from awaitly_trio.testing._recorder import Pairing, Recorder
from awaitly_trio.testing._session import Plan, Session
from awaitly_trio.testing._suspects import LIKELY_ELSE
from awaitly_trio.testing._sweep_report import Ended, SweepError, SweepReport

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping
    from datetime import timedelta

    from awaitly_trio.testing._session import Attempt, Search

CHANCE = "0"
"""The seed of jitter and ids in every run of a sweep: only the fault differs."""


def sweep(
    workflow: Callable[..., Awaitable[Any]],
    *,
    make: Callable[[], Any] | None = None,
    invariant: Callable[..., object] | None = None,
    faults: tuple[FaultKind, ...] = FAULTS,
    errors: Mapping[type, Any] | None = None,
    limit: float | timedelta | str = 86_400.0,
    watched: bool = True,
    replay: str | None = None,
) -> SweepReport:
    """Run an async function once to find its points, then once for each point and fault.

    All runs are in virtual time, under the one schedule in which each task
    runs until it waits.  After each, also after the one without a fault, the
    invariant is asked; what leaves the function besides the fault itself, and
    scopes that started and did not end, are failures too.

    Args:
      workflow: A workflow or any async function; called with what ``make``
        returns, or with nothing.
      make: Makes what one run works on, anew for each.
      invariant: Asserts; called with what ``make`` returned, if given, and a
        record of how the run ended.  May be async.
      faults: ``cancel`` cancels from outside after each step of the tasks.
        The others strike at each step of the workflow: ``error`` fails it
        with each error its dependency declares, ``raise`` with an exception,
        ``deadline`` lets it hang until a limit passes, ``crash`` ends the
        program before it and after it.
      errors: Examples of error types that cannot be made from empty fields.
      limit: The caller's time limit, in virtual seconds, for ``deadline``.
      watched: Whether workflows have their scopes; ``False`` strikes the shorter
        way of runs that nobody watches, and only ``cancel`` can.
      replay: The text of one point to strike instead of all.

    Raises:
      SweepError: At the smallest point that fails, in the order of ``faults``.
      NondeterminismError: Two runs differed before their fault.
      SchedulerUnavailableError: Schedules cannot be decided under this Trio.
      ValueError: A fault is unknown or cannot strike unwatched, no example of
        an error can be made, or ``replay`` is no point of this workflow.
    """
    __tracebackhide__ = True
    check_faults(faults)
    if not watched and faults != ("cancel",):
        raise ValueError(f"only 'cancel' strikes a run that nobody watches, not {faults!r}")
    sweeper = Sweeper(workflow, make, invariant, errors or {}, in_seconds(limit, "limit"))
    sweeper.watched = watched
    return sweeper.run(faults, replay)


def sweep_points(
    workflow: Callable[..., Awaitable[Any]],
    *,
    make: Callable[[], Any] | None = None,
    faults: tuple[FaultKind, ...] = FAULTS,
    errors: Mapping[type, Any] | None = None,
) -> list[str]:
    """Return the points of a sweep as texts, to make a test of each.

    Use it in ``pytest.mark.parametrize`` and give each to ``sweep(replay=...)``.
    Arguments and exceptions are those of ``sweep``.
    """
    check_faults(faults)
    sweeper = Sweeper(workflow, make, None, errors or {}, 0.0)
    return sweeper.points(faults)


def cancel_everywhere(
    workflow: Callable[..., Awaitable[Any]],
    *,
    make: Callable[[], Any] | None = None,
    invariant: Callable[..., object] | None = None,
    watched: bool = True,
) -> SweepReport:
    """Cancel an async function after each step of its tasks, and check what is left.

    It is ``sweep`` with the one fault ``cancel``.
    """
    return sweep(workflow, make=make, invariant=invariant, faults=("cancel",), watched=watched)


@final
class Sweeper:
    """One sweep of one workflow."""

    def __init__(
        self,
        workflow: Callable[..., Awaitable[Any]],
        make: Callable[[], Any] | None,
        invariant: Callable[..., object] | None,
        errors: Mapping[type, Any],
        limit: float,
    ) -> None:
        self._workflow, self._make, self._invariant = workflow, make, invariant
        self._errors, self._limit = errors, limit
        self.watched = True
        self._point: Point | None = None
        self._injector: Injector
        self._session: Session[Injector | Exception]
        self._counts: dict[str, int] = {}

    def run(self, faults: tuple[FaultKind, ...], replay: str | None) -> SweepReport:
        """Strike at every point, or at the one of a text; raise for the first that fails."""
        __tracebackhide__ = True
        found = self._search(self._swept(faults, replay))
        if isinstance(found, SweepError):
            raise found from found.failure
        if isinstance(found, Exception):
            raise found
        return SweepReport(
            points=self._counts,
            instants=found.instants,
            steps=tuple(call.path for call in found.calls),
        )

    def points(self, faults: tuple[FaultKind, ...]) -> list[str]:
        """Return the texts of all points."""
        found = self._search(self._survey())
        if isinstance(found, Exception):
            raise found
        return [f"{point}" for point, _ in self._points_of(found, faults)]

    def _search(self, search: Search[Injector | Exception]) -> Injector | Exception:
        self._session = Session(self._once, search, max_steps=1_000_000, patience=30.0)
        return self._session.run()

    def _swept(
        self, faults: tuple[FaultKind, ...], replay: str | None
    ) -> Search[Injector | Exception]:
        whole = yield self._plan(None, None)
        found = yield from self._surveyed(whole)
        if isinstance(found, Exception):
            return found
        points = list(self._points_of(found, faults))
        if replay is not None:
            points = [pair for pair in points if f"{pair[0]}" == replay]
            if not points:
                return ValueError(f"{replay!r} is no point of this workflow; see sweep_points")
        for point, error in points:
            attempt = yield self._plan(point, error)
            astray = self._astray(whole, attempt, point)
            if astray is not None:
                return astray
            if attempt.failure is not None:
                injector = self._injector
                return SweepError(point, injector.path, injector.place, attempt.failure)
            self._counts[point.kind] = self._counts.get(point.kind, 0) + 1
        return found

    def _survey(self) -> Search[Injector | Exception]:
        first = yield self._plan(None, None)
        return (yield from self._surveyed(first))

    def _surveyed(self, first: Attempt) -> Search[Injector | Exception]:
        """Run a second time without a fault, and return what there is to strike."""
        if first.failure is not None:
            return SweepError(None, "", "", first.failure)
        second = yield self._plan(None, None)
        found = difference(first, second)
        if found is not None:
            return NondeterminismError("without a fault", *found, LIKELY_ELSE)
        return self._injector

    def _points_of(
        self, found: Injector, faults: tuple[FaultKind, ...]
    ) -> Iterator[tuple[Point, Any]]:
        examples: dict[int, list[tuple[str, Any]]] = {}
        for kind in faults:
            if kind == "cancel":
                yield from ((Point(kind, i + 1), None) for i in range(found.instants))
                continue
            for index, (path, dependency) in enumerate(found.calls, start=1):
                if kind == "error":
                    if id(dependency) not in examples:
                        examples[id(dependency)] = self._examples(dependency)
                    for name, error in examples[id(dependency)]:
                        yield Point(kind, index, path, name), error
                else:
                    for detail in ("before", "after") if kind == "crash" else ("",):
                        yield Point(kind, index, path, detail), None

    def _examples(self, dependency: Any) -> list[tuple[str, Any]]:
        return [
            (error.__name__, example_of(error, self._errors))
            for error in declared_errors(dependency)
        ]

    def _plan(self, point: Point | None, error: Any) -> Plan:
        self._point = point
        self._injector = Injector(point, error, self._session.scheduler)
        counts = point is None or point.kind == "cancel"
        return Plan(RunOn(), CHANCE, instrument=self._injector if counts else None)

    def _astray(self, whole: Attempt, attempt: Attempt, point: Point) -> Exception | None:
        """Return the error of a run that was not, up to its fault, like the one without."""
        struck, steps = self._injector.struck_at, attempt.trace.steps
        if struck is None:
            reached = "the point was not reached"
            return NondeterminismError(f"{point}", len(steps), reached, LIKELY_ELSE)
        if steps[:struck] != whole.trace.steps[:struck]:
            differs = "it differs from the run without a fault"
            return NondeterminismError(f"{point}", struck, differs, LIKELY_ELSE)
        return None

    async def _once(self) -> None:
        """Run the workflow with the planned fault, and check what is left."""
        point, pairing, recorder = self._point, Pairing(), Recorder()
        # Event objects cost time, and only an invariant reads them.
        observers = (pairing,) if self._invariant is None else (pairing, recorder)
        made = () if self._make is None else (self._make(),)
        started = trio.current_time()
        with ExitStack() as stack:
            if self.watched:
                stack.enter_context(observing(*observers))
            if self.watched and (point is None or point.kind != "cancel"):
                stack.enter_context(choosing(intercepted_by(self._injector.visit)))
            ended = await self._struck(made)
        error = getattr(ended, "error", None)
        left, cancelled = without_faults(error)
        if left is not None:
            raise left
        pairing.check()
        if self._invariant is not None:
            record = Ended(
                point=None if point is None else f"{point}",
                value=getattr(ended, "value", None),
                error=error,
                cancelled=cancelled,
                events=tuple(recorder.events),
                seconds=trio.current_time() - started,
            )
            answer = self._invariant(*made, record)
            if inspect.isawaitable(answer):
                await answer

    async def _struck(self, made: tuple[Any, ...]) -> outcome.Outcome[Any]:
        point = self._point
        ended: outcome.Outcome[Any] = outcome.Value(None)
        with trio.CancelScope() as scope:
            if point is not None and point.kind == "deadline":
                scope.deadline = trio.current_time() + self._limit
            self._injector.enter(scope)
            ended = await outcome.acapture(self._workflow, *made)
        self._injector.leave()
        return ended


def without_faults(error: BaseException | None) -> tuple[BaseException | None, bool]:
    """Return what is left of an exception without cancellation and our faults.

    Returns:
      The rest, or ``None``; and whether there was a cancellation in it.
    """
    if error is None:
        return None, False
    inner = getattr(error, "exceptions", None)
    if inner is None:
        cancelled = isinstance(error, trio.Cancelled)
        ours = cancelled or isinstance(error, (InjectedFailure, SimulatedCrash))
        return (None if ours else error), cancelled
    parts = [without_faults(each) for each in inner]
    return (error if any(left for left, _ in parts) else None), any(each for _, each in parts)
