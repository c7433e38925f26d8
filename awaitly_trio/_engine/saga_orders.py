"""Undoing many steps: one after the other, or at once what is independent.

Everything runs in shields, since a cancelled saga would otherwise leave what it
did; each shield has a deadline, so what waits outside waits in bounded time.
"""

from __future__ import annotations

from types import CoroutineType
from typing import TYPE_CHECKING, final

import trio

from awaitly_trio._engine.saga_ledger import label_of
from awaitly_trio._policies.undo_order import DependencyAgenda, OverlapAgenda
from awaitly_trio._values.exits import Exit

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from types import TracebackType

    from awaitly_trio._engine.saga_ledger import Entry
    from awaitly_trio._engine.saga_undo import Undoing
    from awaitly_trio._policies.undo_order import Agenda

_SLACK = 0.01
"""The share of an allowance that may pass before the deadline is moved for the next step."""


def undo_all(undoing: Undoing, entries: list[Entry]) -> Awaitable[list[Entry]]:
    """Undo entries, which are in the order of their completion, in the order of the saga.

    Returns:
      What gives, awaited, those that were never begun.
    """
    order = undoing.options.order
    if order == "newest_first" or len(entries) == 1:
        return _in_turn(undoing, entries)
    if order == "overlap":
        return _at_once(undoing, entries, OverlapAgenda([_span(each) for each in entries]))
    names = [_names(each) for each in entries]
    needs = [() if each[4] is None else each[4].depends_on for each in entries]
    return _at_once(undoing, entries, DependencyAgenda(names, needs))


def _span(entry: Entry) -> tuple[int, int]:
    ended, detail = entry[3], entry[4]
    return (ended if detail is None else detail.started or ended), ended


def _names(entry: Entry) -> tuple[str, ...]:
    detail = entry[4]
    label = label_of(entry)
    return (label,) if detail is None or detail.key is None else (label, detail.key)


# --- one after the other


async def _in_turn(undoing: Undoing, entries: list[Entry]) -> list[Entry]:
    """Undo entries one after the other, taking each from the end of the list."""
    while entries and not undoing.is_stopped:
        now = undoing.now()
        if now >= undoing.end:
            break
        until = min(now + undoing.allowance(entries[-1]), undoing.end)
        try:
            with trio.CancelScope(deadline=until, shield=True) as limit:
                await _take(undoing, entries, limit, now)
        except Exception as exc:  # what was left of a group after its Cancelled was caught
            if undoing.cut is not None:
                undoing.fail(undoing.cut, exc)
        except BaseException as exc:  # noqa: ASYNC103  # leaves when all is done
            undoing.interrupted(exc, [] if undoing.cut is None else [undoing.cut])
        else:
            if undoing.cut is not None:
                undoing.cut_off(undoing.cut, undoing.trace)
        undoing.cut = None
    return entries


async def _take(
    undoing: Undoing, entries: list[Entry], limit: trio.CancelScope, armed: float
) -> None:
    """Undo one entry after the other until one is ``cut``, which ``undoing`` then names.

    A scope costs more than most compensations, so one serves many: its deadline
    moves on before each of them, where time has passed since it was ``armed``,
    and only after one was cut off the rest gets a new scope.
    """
    clock, is_plain = undoing.now, undoing.is_plain
    rearm_at = armed + undoing.each * _SLACK
    while entries:
        entry = entries.pop()
        detail = entry[4]
        if (now := clock()) > rearm_at or detail is not None:
            if now >= limit.deadline:
                # The one before swallowed its cancellation; the rest needs another scope.
                entries.append(entry)
                return
            allowance = undoing.allowance(entry)
            limit.deadline = min(now + allowance, undoing.end)
            rearm_at = now + allowance * _SLACK
        try:
            plain = is_plain and detail is None
            answer = entry[1](entry[2]) if plain else undoing.begin(entry, limit)
            if answer.__class__ is CoroutineType or hasattr(answer, "__await__"):
                answer = await answer
        except (Exception, Exit) as exc:
            undoing.fail(entry, exc)
        except BaseException as exc:
            undoing.cut, undoing.trace = entry, exc.__traceback__
            raise
        else:
            undoing.settle(entry, answer)
        if undoing.is_stopped:
            return


# --- at once


async def _at_once(undoing: Undoing, entries: list[Entry], agenda: Agenda) -> list[Entry]:
    """Undo entries as their agenda allows; each has its own allowance."""
    crowd = _Crowd(undoing, entries, agenda)
    while crowd.ready and not undoing.is_over:
        cut_by: BaseException | None = None
        try:
            async with trio.open_nursery() as nursery:
                nursery.cancel_scope.shield = True
                nursery.cancel_scope.deadline = undoing.end
                crowd.launch(nursery)
        except BaseException as exc:  # noqa: ASYNC103  # leaves when all is done
            cut_by = exc
        crowd.gather_up(cut_by)
    return crowd.waiting


@final
class _Crowd:
    """Compensations that run at once, those that may begin, and those that have to wait."""

    __slots__ = ("_agenda", "_begun", "_entries", "_running", "_undoing", "ready")

    def __init__(self, undoing: Undoing, entries: list[Entry], agenda: Agenda) -> None:
        self._undoing, self._entries, self._agenda = undoing, entries, agenda
        self._begun = [False] * len(entries)
        self._running: dict[int, TracebackType | None] = {}
        self.ready = agenda.start()

    @property
    def waiting(self) -> list[Entry]:
        """The entries that were never begun."""
        return [entry for entry, begun in zip(self._entries, self._begun, strict=True) if not begun]

    def launch(self, nursery: trio.Nursery) -> None:
        """Begin all that may begin."""
        while self.ready and not self._undoing.is_over:
            index = self.ready.pop(0)
            self._begun[index] = True
            self._running[index] = None
            nursery.start_soon(self._work, index, nursery)

    def gather_up(self, cut_by: BaseException | None) -> None:
        """Record what was cut off when the nursery ended before its time."""
        cut = dict(self._running)
        entries = [self._entries[index] for index in cut]
        if cut_by is not None:
            self._undoing.interrupted(cut_by, entries)
        else:
            for entry, trace in zip(entries, cut.values(), strict=True):
                self._undoing.cut_off(entry, trace)
        for index in cut:
            self._finish(index)

    @trio.lowlevel.enable_ki_protection  # an interrupt ends compensations, not their record
    async def _work(self, index: int, nursery: trio.Nursery) -> None:
        undoing, entry = self._undoing, self._entries[index]
        trace: TracebackType | None = None
        try:
            # Inside the shield of them all, so that one that hangs holds up no other.
            with trio.move_on_after(undoing.allowance(entry)) as limit:
                try:
                    answer = undoing.begin(entry, limit)
                    if answer is not None and hasattr(answer, "__await__"):
                        answer = await answer
                except (Exception, Exit) as exc:
                    undoing.fail(entry, exc)
                except BaseException as exc:
                    trace = self._running[index] = exc.__traceback__
                    raise
                else:
                    undoing.settle(entry, answer)
            if limit.cancelled_caught:
                undoing.cut_off(entry, trace)
        except Exception as exc:  # what was left of a group after its Cancelled was caught
            undoing.fail(entry, exc)
        self._finish(index)
        self.launch(nursery)

    def _finish(self, index: int) -> None:
        del self._running[index]
        self.ready += self._agenda.done(index)
