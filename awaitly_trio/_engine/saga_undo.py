"""Undoing one step of a failed saga, and the record of what came of it."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, final

import msgspec
import trio

from awaitly_trio._engine.cancellation import outcome_of_exception
from awaitly_trio._engine.options import StepOptions
from awaitly_trio._engine.pipeline import Call, perform
from awaitly_trio._engine.run import Run
from awaitly_trio._engine.saga_ledger import Entry, label_of, terms_of
from awaitly_trio._engine.watch import current_scope
from awaitly_trio._policies.retry import as_retry
from awaitly_trio._policies.saga import SagaOptions
from awaitly_trio._values.compensation import Uncompensated
from awaitly_trio._values.errors import TimedOut
from awaitly_trio._values.events import LeftBehind
from awaitly_trio._values.exits import Exit, leaves
from awaitly_trio._values.outcomes import Outcome
from awaitly_trio._values.result import Err, Ok

if TYPE_CHECKING:
    from awaitly_trio._values.compensation import WhyLeft
    from awaitly_trio._values.result import Result


@final
class Undoing(msgspec.Struct, eq=False):
    """One attempt to undo the entries of a saga, and what came of it.

    ``now`` tells Trio's time, ``end`` is when all of it stops; ``each`` and
    ``grace`` are allowances in seconds.  ``is_plain`` tells that calling a
    compensation is all there is to do; ``is_dead`` that the task is being thrown
    away, so that it can wait for nothing any more.  ``handled`` is what ended
    the saga, if it was an exception.

    ``undone`` are the entries whose compensation worked; ``left`` is what is
    still there; ``interrupts`` have to leave when all is done.  ``cut`` is
    the entry whose compensation was left by an exception, ``trace`` where that was.
    """

    run: Run
    options: SagaOptions
    now: Callable[[], float]
    end: float
    each: float
    grace: float
    is_plain: bool
    handled: BaseException | None = None
    is_stopped: bool = False
    is_dead: bool = False
    undone: list[Entry] = []
    left: list[Uncompensated] = []
    interrupts: list[BaseException] = []
    cut: Entry | None = None
    trace: TracebackType | None = None

    @property
    def is_over(self) -> bool:
        """Whether nothing more may be started."""
        return self.is_stopped or self.now() >= self.end

    def allowance(self, entry: Entry) -> float:
        """Return the seconds that the compensation of an entry may take."""
        detail = entry[4]
        return self.each if detail is None else detail.terms.allowances[0]

    def begin(self, entry: Entry, limit: trio.CancelScope) -> Any:
        """Call the compensation of an entry; return its answer, or what to await for it."""
        terms = terms_of(entry, self.options)
        if self.is_plain and terms.retry is None:
            return call_compensation(entry)
        retry = None if terms.retry is None else as_retry(terms.retry)
        call = Call(
            self.run,
            partial(_as_dependency, entry),
            options=StepOptions(name=label_of(entry), retry=retry),
            kind="compensation",
            composite=True,
            reads=partial(_read, self, entry, limit),
        )
        return perform(call)

    def settle(self, entry: Entry, answer: Any) -> None:
        """Record the answer of a compensation."""
        if answer.__class__ is Err:
            cause = answer.cause
            shown = self._shown(cause) if isinstance(cause, BaseException) else ""
            self.leave(entry, "failed", answer.error, shown)
            return
        detail = entry[4]
        self.undone.append(entry)
        if detail is not None and detail.forget is not None:
            detail.forget()

    def fail(self, entry: Entry, exc: Exception | Exit) -> None:
        """Record what a compensation raised."""
        if isinstance(exc, Exit):
            # A step inside the compensation failed.  That must neither end its run
            # a second time nor, if user code catches what ended the saga, at all.
            owner: Any = exc.run
            if owner.left is exc:
                owner.left = None
            self.leave(entry, "failed", exc.result.error, self._shown(exc))
        else:
            self.leave(entry, "failed", exc, self._shown(exc))

    def cut_off(self, entry: Entry, trace: TracebackType | None) -> None:
        """Record that a compensation took all its time; ``trace`` is where it hung."""
        error = TimedOut(label_of(entry), self.allowance(entry))
        self.leave(entry, "timed_out", error, "".join(traceback.format_tb(trace)))

    def leave(self, entry: Entry, why: WhyLeft, error: Any = None, shown: str = "") -> None:
        """Record that the effect of an entry is still there, and tell observers."""
        detail, value = entry[4], entry[2]
        key = None if detail is None else detail.key
        if detail is not None and detail.cut is not None:
            value = detail.cut[0]
        left = Uncompensated(label_of(entry), why, error, value, shown, key)
        self.left.append(left)
        if self.options.on_failure == "stop":
            self.is_stopped = True
        tell(self.run, LeftBehind, step=left.step, why=why, error=error)

    def interrupted(self, exc: BaseException, entries: list[Entry]) -> None:
        """Record an interrupt and the compensations it ended; the others get the grace."""
        ends = leaves([exc])
        self.interrupts.append(ends[0] if len(ends) == 1 else exc)
        if _any(exc, GeneratorExit):
            self.is_dead = self.is_stopped = True
        else:
            self.end = min(self.end, self.now() + self.grace)
        for entry in entries:
            self.leave(entry, "interrupted", exc, self._shown(exc))

    def _shown(self, exc: BaseException) -> str:
        """Return the traceback of an exception, without what ended the saga before it."""
        link: BaseException | None = exc
        while link is not None:
            if link.__context__ is self.handled:
                link.__context__ = None
            link = link.__context__
        return "".join(traceback.format_exception(type(exc), exc, exc.__traceback__))


_INTERRUPTS = (KeyboardInterrupt, SystemExit)


def begin_undoing(run: Run, options: SagaOptions, reason: object) -> Undoing:
    """Return an attempt that begins now.

    Args:
      run: The run in whose name compensations are called.
      options: Those of the saga.
      reason: Why the saga ended.
    """
    each, total, grace = options.allowances
    is_plain = run.closed or (run.watch is None and options.retry is None)
    handled = sys.exc_info()[1]
    if isinstance(reason, BaseException):
        if _any(reason, GeneratorExit):
            undoing = Undoing(run, options, _no_time, 0.0, each, grace, is_plain, handled)
            undoing.is_stopped = undoing.is_dead = True
            return undoing
        if _any(reason, _INTERRUPTS):
            total = min(total, grace)
    now = trio.lowlevel.current_clock().current_time
    return Undoing(run, options, now, now() + total, each, grace, is_plain, handled)


def _any(exc: BaseException, kinds: Any) -> bool:
    return any(isinstance(each, kinds) for each in leaves([exc]))


def _no_time() -> float:
    return 0.0


def call_compensation(entry: Entry) -> Any:
    """Call a compensation; return its answer, or what has to be awaited for it."""
    _fn, compensate, value, _ended, detail = entry
    if detail is None or detail.cut is None:
        return compensate(value)
    args, kwargs = detail.cut
    return compensate(*args, **kwargs)


async def _as_dependency(entry: Entry) -> Result[Any, Any]:
    answer: Any = call_compensation(entry)
    if hasattr(answer, "__await__"):
        answer = await answer
    return answer if answer.__class__ is Err else Ok(None)


def _read(undoing: Undoing, entry: Entry, limit: trio.CancelScope, exc: BaseException) -> Outcome:
    """Read what leaves a compensation; its own allowance is no cancellation from outside."""
    outcome = outcome_of_exception(exc)
    if outcome.status == "cancelled" and limit.cancel_called:
        error = TimedOut(label_of(entry), undoing.allowance(entry))
        return Outcome("timed_out", error=error, why="deadline", reason=outcome.reason)
    return outcome


def tell(run: Run, record: Callable[..., Any], **fields: Any) -> None:
    """Tell observers of something that happened in the current scope of a run, if it is open."""
    scope = current_scope.get()
    if run.watch is not None and scope is not None and not run.closed:
        run.watch.emit(record, scope, **fields)
