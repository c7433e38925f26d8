"""Every interleaving once, those with the fewest preemptions first.

Most concurrency bugs need few preemptions, so a search in this order finds
them early and shows them in their simplest form; where it comes to its end, the
test holds under all interleavings.

Source: Musuvathi, Qadeer: Iterative Context Bounding for Systematic Testing of
Multithreaded Programs, PLDI 2007.
"""

from __future__ import annotations

import heapq
import random
from typing import TYPE_CHECKING, final

from awaitly_trio.testing._choosers import run_on

if TYPE_CHECKING:
    from collections.abc import Sequence

LARGEST_QUEUE = 100_000
"""Schedules remembered for later; beyond it the search cannot be complete any more."""


@final
class Prefix:
    """Make the first choices as told, then let tasks run on; remember what was offered."""

    def __init__(self, told: Sequence[int]) -> None:
        self.told = told
        self.taken: list[int] = []
        self.offered: list[list[int]] = []
        self.running: list[int | None] = []

    def pick(self, runnable: list[int], steps: list[int]) -> int:
        """Return the choice told for this point, or the task that ran last."""
        at = len(self.taken)
        chosen = self.told[at] if at < len(self.told) else run_on(runnable, steps)
        if chosen not in runnable:
            # Only a test that is not deterministic comes here; its second run tells.
            chosen = run_on(runnable, steps)
        last = steps[-1] if steps else None
        self.offered.append(runnable)
        self.running.append(last if last in runnable else None)
        self.taken.append(chosen)
        return chosen


@final
class BoundedSearch:
    """Hands out a chooser for each interleaving that was not run yet.

    Args:
      seed: Decides the order among schedules with equally many preemptions.
      bound: The most preemptions a schedule may have.
    """

    def __init__(self, seed: str, *, bound: int | None = None) -> None:
        self._random = random.Random(seed).random
        self._bound = bound
        self._dropped = False
        # Preemptions, order among equals, the choices of the run it branches
        # off, where, and to which task.
        self._queue: list[tuple[int, float, Sequence[int], int, int]] = []
        self._begun = False

    @property
    def is_complete(self) -> bool:
        """Tell whether each interleaving within the bound was handed out."""
        return self._begun and not self._queue and not self._dropped

    def next(self) -> Prefix | None:
        """Return the chooser of the next schedule; ``None`` when there is no other."""
        if not self._begun:
            self._begun = True
            return Prefix(())
        if not self._queue:
            return None
        _, _, taken, at, other = heapq.heappop(self._queue)
        return Prefix((*taken[:at], other))

    def learn(self, prefix: Prefix) -> None:
        """Queue the schedules that branch off one that was run."""
        preemptions = 0
        first_free = len(prefix.told)
        taken = tuple(prefix.taken)
        for at, (chosen, offered, running) in enumerate(
            zip(taken, prefix.offered, prefix.running)  # noqa: B905
        ):
            if at >= first_free:
                for other in offered:
                    if other != chosen:
                        cost = preemptions + (running is not None and other != running)
                        self._push(cost, taken, at, other)
            preemptions += running is not None and chosen != running

    def _push(self, cost: int, taken: Sequence[int], at: int, other: int) -> None:
        if self._bound is not None and cost > self._bound:
            return
        if len(self._queue) >= LARGEST_QUEUE:
            self._dropped = True
            return
        heapq.heappush(self._queue, (cost, self._random(), taken, at, other))
