"""Undoing what a failed saga did, one step after the other, in a shield that ends.

A cancel scope costs more than most of what happens here, so one scope serves
many compensations: its deadline moves on before each of them, and only when
one has been cut off the rest gets a new scope.
"""

from __future__ import annotations

import math
import traceback
from functools import partial
from typing import TYPE_CHECKING, Any, final

import trio

from awaitly_trio._engine.cancellation import outcome_of_exception
from awaitly_trio._engine.options import StepOptions
from awaitly_trio._engine.pipeline import Call, name_of, perform
from awaitly_trio._engine.watch import current_scope
from awaitly_trio._values.compensation import Uncompensated
from awaitly_trio._values.errors import TimedOut
from awaitly_trio._values.events import LeftBehind
from awaitly_trio._values.exits import Exit, leaves
from awaitly_trio._values.outcomes import Outcome
from awaitly_trio._values.result import Err, Ok

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from awaitly_trio._engine.run import Run
    from awaitly_trio._engine.saga_ledger import Entry
    from awaitly_trio._policies.saga import SagaOptions
    from awaitly_trio._values.compensation import WhyLeft
    from awaitly_trio._values.result import Result

_SLACK = 0.01
"""The share of an allowance that may pass before the deadline is moved for the next step."""


@final
class Undoing:
    """One attempt to undo the entries of a saga, and what came of it.

    ``end`` is Trio's time at which all of it stops; ``undone`` the entries
    whose compensation worked; ``left`` what is still there; ``interrupts``
    what has to leave when all is done.  ``is_dead`` tells that the task is
    being thrown away, so that it can wait for nothing any more.
    """

    __slots__ = (
        "each",
        "end",
        "grace",
        "interrupts",
        "is_dead",
        "is_stopped",
        "left",
        "options",
        "run",
        "undone",
    )

    def __init__(self, run: Run, options: SagaOptions, reason: object = None) -> None:
        self.run = run
        self.options = options
        self.each, total, self.grace = options.allowances
        self.undone: list[Entry] = []
        self.left: list[Uncompensated] = []
        self.interrupts: list[BaseException] = []
        self.is_stopped = self.is_dead = False
        self.end = math.inf
        if isinstance(reason, BaseException):
            self._heed(reason)
        if not self.is_dead:
            self.end = min(self.end, trio.current_time() + total)

    @property
    def is_over(self) -> bool:
        """Whether nothing more may be started."""
        return self.is_stopped or trio.current_time() >= self.end

    async def undo(self, entry: Entry, limit: trio.CancelScope) -> None:
        """Run the compensation of one entry inside ``limit`` and record what came of it.

        Raises:
          BaseException: What is neither a failure nor an exit: mostly the
            ``Cancelled`` of ``limit``.  Then nothing is recorded.
        """
        left = self.run.left
        try:
            answer = await self._answer(entry, limit)
        except Exception as exc:
            self.leave(entry, "failed", exc, _format(exc))
        except Exit as exc:
            # A step inside the compensation failed.  That must not end the run a
            # second time, nor another run whose step was used.
            self.run.left = left
            if exc.run is not self.run and getattr(exc.run, "left", None) is exc:
                exc.run.left = None  # type: ignore[attr-defined]
            self.leave(entry, "failed", exc.result.error, _format(exc))
        else:
            if type(answer) is Err:
                cause = answer.cause
                shown = _format(cause) if isinstance(cause, BaseException) else ""
                self.leave(entry, "failed", answer.error, shown)
            else:
                self.undone.append(entry)
                if entry.detail.forget is not None:
                    entry.detail.forget()

    async def _answer(self, entry: Entry, limit: trio.CancelScope) -> Any:
        run, retry = self.run, entry.terms.retry
        if run.closed or (run.watch is None and retry is None):
            return await compensate(entry)
        label = label_of(entry)
        call = Call(
            run,
            partial(_as_dependency, entry),
            options=StepOptions(name=label, key=entry.detail.key, retry=retry),  # type: ignore[arg-type]
            kind="compensation",
            composite=True,
            reads=partial(_read, entry, limit),
        )
        return await perform(call)

    def leave(self, entry: Entry, why: WhyLeft, error: Any = None, shown: str = "") -> None:
        """Record that the effect of an entry is still there, and tell observers."""
        cut, detail = entry.detail.cut, entry.detail
        value = entry.value if cut is None else cut[0]
        left = Uncompensated(label_of(entry), why, error, value, shown, detail.key)
        self.left.append(left)
        if self.options.on_failure == "stop":
            self.is_stopped = True
        tell(self.run, LeftBehind, step=left.step, why=why, error=error)

    def cut_off(self, entry: Entry, trace: TracebackType | None) -> None:
        """Record that a compensation took all its time; ``trace`` is where it hung."""
        error = TimedOut(label_of(entry), entry.terms.allowances[0])
        self.leave(entry, "timed_out", error, "".join(traceback.format_tb(trace)))

    def interrupted(self, exc: BaseException) -> None:
        """Remember what has to leave in the end; the rest gets no more than the grace."""
        self.interrupts.append(exc)
        self._heed(exc)

    def _heed(self, exc: BaseException) -> None:
        for each in leaves([exc]):
            if isinstance(each, GeneratorExit):
                self.is_dead = self.is_stopped = True
            elif isinstance(each, (KeyboardInterrupt, SystemExit)):
                self.end = min(self.end, trio.current_time() + self.grace)


async def in_turn(undoing: Undoing, entries: list[Entry]) -> None:
    """Undo entries one after the other, taking each from the end of the list."""
    while entries and not undoing.is_over:
        turns = Turns(undoing, entries)
        try:
            # Shielded, or a cancelled saga would leave everything as it is; each
            # compensation has its allowance and all of them have one together.
            with trio.move_on_at(undoing.end, shield=True) as limit:
                await turns.take(limit)
        except Exception as exc:  # what was left of a group after its Cancelled was caught
            turns.failed(exc)
        except BaseException as exc:  # noqa: ASYNC103  # raised by the saga when all is done
            turns.interrupted(exc)
        else:
            turns.expired()


@final
class Turns:
    """Compensations that share one cancel scope."""

    __slots__ = ("_current", "_entries", "_trace", "_undoing")

    def __init__(self, undoing: Undoing, entries: list[Entry]) -> None:
        self._undoing, self._entries = undoing, entries
        self._current: Entry | None = None
        self._trace: TracebackType | None = None

    async def take(self, limit: trio.CancelScope) -> None:
        """Undo one entry after the other until one is cut off."""
        undoing, entries = self._undoing, self._entries
        armed, until, allowance = -math.inf, math.inf, 0.0
        while entries and not undoing.is_stopped:
            entry = entries[-1]
            wanted = undoing.each if entry.terms is undoing.options else entry.terms.allowances[0]
            now = trio.current_time()
            if now >= until:
                # The one before swallowed its cancellation; the next needs a scope of its own.
                return
            if now - armed > allowance * _SLACK or wanted != allowance:
                armed, allowance, until = now, wanted, min(now + wanted, undoing.end)
                limit.deadline = until
            del entries[-1]
            self._current = entry
            try:
                await undoing.undo(entry, limit)
            except BaseException as exc:
                self._trace = exc.__traceback__
                raise
            self._current = None

    def expired(self) -> None:
        """Record the compensation that the scope cut off, if it did."""
        if self._current is not None:
            self._undoing.cut_off(self._current, self._trace)

    def failed(self, exc: Exception) -> None:
        """Record a compensation that was cut off and failed to clean up."""
        if self._current is not None:
            self._undoing.leave(self._current, "failed", exc, _format(exc))

    def interrupted(self, exc: BaseException) -> None:
        """Record a compensation that an interrupt ended."""
        self._undoing.interrupted(exc)
        if self._current is not None:
            self._undoing.leave(self._current, "interrupted", exc, _format(exc))


async def compensate(entry: Entry) -> Any:
    """Call the compensation of an entry and wait for it if it is async."""
    cut = entry.detail.cut
    args, kwargs = ((entry.value,), {}) if cut is None else cut
    answer = entry.compensate(*args, **kwargs)
    if answer is not None and hasattr(answer, "__await__"):
        answer = await answer
    return answer


async def _as_dependency(entry: Entry) -> Result[Any, Any]:
    answer = await compensate(entry)
    return answer if type(answer) is Err else Ok(None)


def tell(run: Run, record: Callable[..., Any], **fields: Any) -> None:
    """Tell observers of something that happened in the current scope of a run, if it is open."""
    scope = current_scope.get()
    if run.watch is not None and scope is not None and not run.closed:
        run.watch.emit(record, scope, **fields)


def label_of(entry: Entry) -> str:
    """Return the name of the step that an entry undoes."""
    return entry.detail.name or name_of(entry.fn)


def _read(entry: Entry, limit: trio.CancelScope, exc: BaseException) -> Outcome:
    """Read what leaves a compensation; its own allowance is no cancellation from outside."""
    outcome = outcome_of_exception(exc)
    if outcome.status == "cancelled" and limit.cancel_called:
        error = TimedOut(label_of(entry), entry.terms.allowances[0])
        return Outcome("timed_out", error=error, why="deadline", reason=outcome.reason)
    return outcome


def _format(exc: BaseException) -> str:
    return "".join(traceback.format_exception(type(exc), exc, exc.__traceback__))
