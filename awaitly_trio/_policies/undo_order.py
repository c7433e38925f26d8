"""In which order the steps of a saga may be undone at once, as agendas that are worked off.

An agenda names steps by their index.  It says which may be undone now, and, told
that one has been, which may be undone next.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, final

if TYPE_CHECKING:
    from collections.abc import Sequence


class Agenda(Protocol):
    """What may be undone when."""

    def start(self) -> list[int]:
        """Return the steps that wait for nothing; called once, first."""
        ...

    def done(self, index: int) -> list[int]:
        """Be told that a step is undone, or given up; return those that waited for it only."""
        ...


@final
class OverlapAgenda:
    """A step is undone after all that began when it had completed.

    Steps that overlapped in time are undone at once: nothing says which of them
    came first.  What precedes what is an interval order, so two sorted lists
    and a mark in each replace the graph.

    Args:
      spans: The start and the end of each step, as numbers of one clock.
    """

    def __init__(self, spans: Sequence[tuple[int, int]]) -> None:
        indices = range(len(spans))
        self._starts = [start for start, _ in spans]
        self._ends = [end for _, end in spans]
        self._by_start = sorted(indices, key=self._starts.__getitem__, reverse=True)
        self._by_end = sorted(indices, key=self._ends.__getitem__, reverse=True)
        self._finished = [False] * len(spans)
        self._settled = 0
        self._released = 0

    def start(self) -> list[int]:
        """Return the steps after which none began."""
        return self._release()

    def done(self, index: int) -> list[int]:
        """Return the steps whose successors are all done now."""
        self._finished[index] = True
        by_start = self._by_start
        while self._settled < len(by_start) and self._finished[by_start[self._settled]]:
            self._settled += 1
        return self._release()

    def _release(self) -> list[int]:
        # The newest start that is not done decides: who ended before it has to wait.
        newest = -1
        if self._settled < len(self._by_start):
            newest = self._starts[self._by_start[self._settled]]
        released: list[int] = []
        while self._released < len(self._by_end):
            index = self._by_end[self._released]
            if self._ends[index] < newest:
                break
            released.append(index)
            self._released += 1
        return released


@final
class DependencyAgenda:
    """A step is undone after all that depend on it.

    Args:
      names: What each step may be called by others, in the order of completion.
      needs: What each step names as that on which it depends.  Of what it names,
        only those that completed before it count.
    """

    def __init__(self, names: Sequence[tuple[str, ...]], needs: Sequence[tuple[str, ...]]) -> None:
        self._needs: list[set[int]] = []
        self._waits = [0] * len(names)
        known: dict[str, list[int]] = {}
        for index, wanted in enumerate(needs):
            found = {other for name in wanted for other in known.get(name, ())}
            self._needs.append(found)
            for other in found:
                self._waits[other] += 1
            for name in set(names[index]):
                known.setdefault(name, []).append(index)

    def start(self) -> list[int]:
        """Return the steps on which none depends, the newest first."""
        return [index for index in reversed(range(len(self._waits))) if not self._waits[index]]

    def done(self, index: int) -> list[int]:
        """Return the steps on which only this one depended."""
        released: list[int] = []
        for other in self._needs[index]:
            self._waits[other] -= 1
            if not self._waits[other]:
                released.append(other)
        return sorted(released, reverse=True)
