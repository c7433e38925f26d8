"""Injects one fault into one run, and notes where it struck."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, NamedTuple, final

import trio
import trio.abc
import trio.lowlevel

from awaitly_trio._engine.watch import current_scope
from awaitly_trio._values.result import Err
from awaitly_trio.testing._tree import is_library, line_of, place_of

if TYPE_CHECKING:
    from trio.lowlevel import Task

    from awaitly_trio._values.scopes import Scope
    from awaitly_trio.testing._interception import Visit
    from awaitly_trio.testing._points import Point
    from awaitly_trio.testing._scheduler import Scheduler
    from awaitly_trio.testing._tree import Place


class InjectedFailure(Exception):  # noqa: N818  # it stands for a defect of the program
    """The defect that the fault ``raise`` puts in the place of a step."""


class SimulatedCrash(BaseException):
    """The end of the process that the fault ``crash`` simulates; no handler may stop it."""


class StepCall(NamedTuple):
    """A step that a workflow took, with the function it called."""

    path: str
    dependency: Any


@final
class Injector(trio.abc.Instrument):
    """Lets a run go on until its point, strikes there, and notes what was reached.

    Args:
      point: Where to strike; ``None`` only surveys.
      error: What an ``error`` fault fails the step with.
      scheduler: Tells which tasks are the test's.
    """

    def __init__(self, point: Point | None, error: Any, scheduler: Scheduler) -> None:
        self._point, self._error, self._scheduler = point, error, scheduler
        self._scope: trio.CancelScope | None = None
        self.instants = 0
        self._visits = 0
        self._struck: Scope | None = None
        self.calls: list[StepCall] = []
        self._place: Place | None = None
        self.path = "" if point is None else point.path
        self.struck_at: int | None = None

    def enter(self, scope: trio.CancelScope) -> None:
        """Begin to count, in a scope that a ``cancel`` fault cancels."""
        self._scope = scope

    def leave(self) -> None:
        """Stop counting: what follows is no part of the test."""
        self._scope = None

    def after_task_step(self, task: Task) -> None:
        """Count a step of the test's tasks, and cancel the test after the one asked for."""
        if self._scope is None or self._scheduler.birth(task) < 0:
            return
        self.instants += 1
        point = self._point
        if point is not None and point.kind == "cancel" and self.instants == point.index:
            scope = task.context.get(current_scope)
            self.path = "" if scope is None or scope.kind == "ambient" else scope.path
            self._strike(place_of(task))
            self._scope.cancel(reason=f"sweep: cancelled at {point}")

    async def visit(self, visit: Visit) -> Any:
        """Do what a step calls for, or strike instead: in all attempts of the step."""
        point = self._point
        if visit.attempt == 1:
            self._visits += 1
            if point is None:
                self.calls.append(StepCall(visit.scope.path, visit.dependency))
            elif self._visits == point.index:
                self._struck = visit.scope
        if point is None or visit.scope is not self._struck:
            return await visit.go_on()
        self._strike(_caller())
        if point.detail == "after":
            await visit.go_on()
        else:
            await trio.lowlevel.checkpoint()
        return await self._fault(point)

    async def _fault(self, point: Point) -> Any:
        if point.kind == "error":
            return Err(self._error)
        if point.kind == "raise":
            raise InjectedFailure(f"injected at {point}")
        if point.kind == "crash":
            raise SimulatedCrash(f"injected at {point}")
        return await trio.sleep_forever()

    @property
    def place(self) -> str:
        """The line that was struck, with its source."""
        return "" if self._place is None else line_of(*self._place)

    def _strike(self, place: Place | None) -> None:
        if self.struck_at is None:
            self._place, self.struck_at = place, self._scheduler.step_count()


def _caller() -> Place | None:
    """Return the innermost place of the program's own code that is running."""
    frame = inspect.currentframe()
    while frame is not None:
        if not is_library(frame.f_code.co_filename):
            return frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name
        frame = frame.f_back
    return None
