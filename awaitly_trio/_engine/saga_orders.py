"""Undoing many steps: one after the other, or at once what is independent.

Everything runs in shields, since a cancelled saga would otherwise leave what it
did; each shield has a deadline, so what waits outside waits in bounded time.
"""

from __future__ import annotations

import math
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
    while entries and not undoing.is_over:
        turns = _Turns(undoing, entries)
        try:
            with trio.CancelScope(deadline=turns.rearm(entries[-1]), shield=True) as limit:
                await turns.take(limit)
        except Exception as exc:  # what was left of a group after its Cancelled was caught
            if turns.current is not None:
                undoing.fail(turns.current, exc)
        except BaseException as exc:  # noqa: ASYNC103  # leaves when all is done
            undoing.interrupted(exc, [] if turns.current is None else [turns.current])
        else:
            if turns.current is not None:
                undoing.cut_off(turns.current, turns.trace)
    return entries


@final
class _Turns:
    """Compensations that share one cancel scope.

    A scope costs more than most compensations, so its deadline moves on before
    each of them, where time has passed, and only when one has been cut off the
    next gets a new scope.
    """

    __slots__ = ("_allowance", "_armed", "_entries", "_undoing", "_until", "current", "trace")

    def __init__(self, undoing: Undoing, entries: list[Entry]) -> None:
        self._undoing, self._entries = undoing, entries
        self._armed = self._until = self._allowance = -math.inf
        self.current: Entry | None = None
        self.trace: TracebackType | None = None

    def rearm(self, entry: Entry) -> float:
        """Return the deadline for an entry that is about to be undone."""
        self._armed = self._undoing.now()
        self._allowance = self._undoing.allowance(entry)
        self._until = min(self._armed + self._allowance, self._undoing.end)
        return self._until

    async def take(self, limit: trio.CancelScope) -> None:
        """Undo one entry after the other until one is cut off."""
        undoing, entries = self._undoing, self._entries
        clock, is_plain = undoing.now, undoing.is_plain
        rearm_at = self._armed + self._allowance * _SLACK
        while entries:
            now = clock()
            if now > rearm_at or entries[-1][4] is not None:
                if now >= self._until:
                    # The one before swallowed its cancellation; the next needs another scope.
                    return
                limit.deadline = self.rearm(entries[-1])
                rearm_at = self._armed + self._allowance * _SLACK
            entry = self.current = entries.pop()
            try:
                if is_plain and entry[4] is None:
                    answer = entry[1](entry[2])
                else:
                    answer = undoing.begin(entry, limit)
                if answer is not None and hasattr(answer, "__await__"):
                    answer = await answer
            except (Exception, Exit) as exc:
                undoing.fail(entry, exc)
            except BaseException as exc:
                self.trace = exc.__traceback__
                raise
            else:
                undoing.settle(entry, answer)
            self.current = None
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
