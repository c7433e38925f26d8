"""The end of a saga: handed on when it succeeded, undone when it did not, and what is told then."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import trio

from awaitly_trio._engine.saga_ledger import labels_of
from awaitly_trio._engine.saga_orders import undo_all
from awaitly_trio._engine.saga_place import enclosing, end, join
from awaitly_trio._engine.saga_undo import Undoing, begin_undoing, tell
from awaitly_trio._values import events
from awaitly_trio._values.compensation import CompensationError, CompensationFailed
from awaitly_trio._values.exits import verdict
from awaitly_trio._values.notes import FailureNote, note
from awaitly_trio._values.result import Err, Ok

if TYPE_CHECKING:
    from awaitly_trio._engine.saga_ledger import Entry, Ledger
    from awaitly_trio._values.result import Result

logger = logging.getLogger("awaitly_trio")


async def conclude_saga(
    ledger: Ledger, result: Result[Any, Any], leaving: BaseException | None
) -> tuple[Result[Any, Any], BaseException | None]:
    """End the saga of a run whose body is over.

    Returns:
      What the run ends with: its result, or what has to leave instead.
    """
    if leaving is not None:
        undoing = await unwind(ledger, leaving)
    elif type(result) is Err:
        undoing = await unwind(ledger, result.error, result.cause)
    else:
        join(ledger)
        return result, None
    if undoing is not None and undoing.interrupts:
        if leaving is None and type(result) is Err:
            failed = FailureNote("the saga had failed with", result.error)
            note(undoing.interrupts[0], failed)
        leaving = verdict([*undoing.interrupts, *([] if leaving is None else [leaving])])
    if not ledger.residue:
        return result, leaving
    hand_up(ledger)
    if leaving is not None or type(result) is Ok:
        return result, leaving
    return _reported(ledger, undoing, result)


async def unwind(ledger: Ledger, error: Any, cause: Any = None) -> Undoing | None:
    """Undo what a failed saga did, tell who wants to know, and keep what is left.

    Returns:
      What came of it, whose interrupts have to leave; ``None`` where there was
      nothing to undo.
    """
    end(ledger, "undone")
    entries = ledger.entries
    if not entries:
        return None
    ledger.entries = []
    if ledger.is_merged:
        entries.sort(key=_ended)
    run = ledger.run
    undoing = begin_undoing(run, ledger.options, error)
    if run.watch is not None:
        tell(run, events.Undoing, saga=ledger.name, steps=len(entries))
    for entry in reversed(await undo_all(undoing, entries)):
        undoing.leave(entry, "not_started")
    if run.watch is not None:
        left = tuple(each.step for each in undoing.left)
        undone = labels_of(undoing.undone)
        tell(run, events.Undone, saga=ledger.name, undone=undone, left=left)
    if undoing.left:
        ledger.residue = (*ledger.residue, *undoing.left)
        await _alarm(ledger, undoing, error, cause)
    return undoing


def _ended(entry: Entry) -> int:
    return entry[3]


async def _alarm(ledger: Ledger, undoing: Undoing, error: Any, cause: Any) -> None:
    """Log what could not be undone, and call the hook."""
    failure = CompensationFailed(error, tuple(undoing.left), labels_of(undoing.undone), cause)
    logger.error("saga %r: %s", ledger.name, failure)
    if isinstance(error, BaseException):
        for each in undoing.left:
            said = f"not undone: {each.step} ({each.why})"
            note(error, said if each.error is None else FailureNote(said, each.error))
    hook = ledger.options.on_uncompensated
    if hook is None or undoing.is_dead:
        return
    # Shielded like the compensations themselves: what a cancelled saga could not
    # undo is what its owner most needs to hear of.  The grace bounds it.
    with trio.move_on_after(undoing.grace, shield=True) as limit:
        try:
            answer = hook(failure)
            if hasattr(answer, "__await__"):
                await answer
        except Exception:  # law 6: reporting never changes an outcome
            logger.exception("on_uncompensated raised for saga %r", ledger.name)
    if limit.cancelled_caught:
        logger.error("on_uncompensated of saga %r took too long", ledger.name)


def hand_up(ledger: Ledger) -> None:
    """Let the saga around one name in its own report what is left of this one."""
    outer = enclosing(ledger) if ledger.residue else None
    if outer is not None:
        outer.residue += ledger.residue


def _reported(
    ledger: Ledger, undoing: Undoing | None, result: Err[Any]
) -> tuple[Result[Any, Any], BaseException | None]:
    """Put what is left into the result, in the way that the saga asks for."""
    error, cause, left = result.error, result.cause, ledger.residue
    if type(cause) is CompensationFailed:
        cause = cause.cause
    if type(error) is CompensationFailed:
        # A saga inside failed in the same way: one report names all that is left.
        inner: CompensationFailed[Any] = error
        error, cause = inner.error, inner.cause
        left = (*inner.left, *(each for each in left if _is_new(each, inner.left)))
    undone = () if undoing is None else labels_of(undoing.undone)
    failure = CompensationFailed(error, left, undone, cause)
    if ledger.options.raises:
        raised = CompensationError(failure)
        raised.__cause__ = cause if isinstance(cause, BaseException) else None
        return result, raised
    if ledger.run.settings.is_saga:
        return Err(failure, result.cause), None
    return Err(result.error, failure), None


def _is_new(each: object, known: tuple[object, ...]) -> bool:
    return all(each is not other for other in known)
