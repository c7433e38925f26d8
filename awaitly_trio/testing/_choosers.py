"""Ways to decide a schedule, step by step; each is a pure function of its seed and the steps.

``RunOn`` is the plainest schedule: a task runs until it waits.  What other
choosers do is told as deviation from it, by preemptions: switches away from a
task that could have gone on.  ``RandomWalk`` reaches everything, but rarely lets one task
be many steps ahead; ``Priorities`` does that often.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from collections.abc import Sequence

PATIENCE = 64
"""Steps in a row after which ``RunOn`` takes a task for a loop that waits for the others."""


def run_on(runnable: list[int], steps: list[int]) -> int:
    """Return the task that ran last if it can go on, else the next in order of birth."""
    if not steps:
        return runnable[0]
    last = steps[-1]
    if last in runnable and not _spins(last, steps):
        return last
    return next((birth for birth in runnable if birth > last), runnable[0])


def _spins(last: int, steps: list[int]) -> bool:
    if len(steps) < PATIENCE or steps[-PATIENCE] != last:
        return False
    return steps[-PATIENCE:].count(last) == PATIENCE


@final
class RunOn:
    """Let each task run until it waits: the schedule with the fewest switches."""

    def pick(self, runnable: list[int], steps: list[int]) -> int:
        """Return the task that ran last if it can go on, else the next in order of birth."""
        return run_on(runnable, steps)


@final
class RandomWalk:
    """Pick any runnable task, each as likely as the others."""

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed).random

    def pick(self, runnable: list[int], steps: list[int]) -> int:  # noqa: ARG002
        """Return a task drawn from all that are runnable."""
        return runnable[int(self._random() * len(runnable))]


@final
class Priorities:
    """Run the task of the highest priority, and demote the first one at a few random choices.

    With n tasks, k choices and a bug that needs d orderings, one schedule
    finds it with a chance of at least 1 / (n * k ** (d - 1)).

    Source: Burckhardt, Kothari, Musuvathi, Nagarakatte: A Randomized Scheduler
    with Probabilistic Guarantees of Finding Bugs, ASPLOS 2010.

    Args:
      seed: Decides priorities and the choices at which they change.
      depth: The orderings a bug may need; ``depth - 1`` priorities change.
      horizon: About how many choices a schedule has.  Past twice as many every
        pick is random, so that tasks that wait for each other are not starved.
    """

    def __init__(self, seed: str, *, depth: int, horizon: int) -> None:
        self._random = random.Random(seed).random
        self._changes = {int(self._random() * horizon) for _ in range(depth - 1)}
        self._fair_from = 2 * horizon + PATIENCE
        self._priority: dict[int, float] = {}
        self._choices = 0

    def pick(self, runnable: list[int], steps: list[int]) -> int:  # noqa: ARG002
        """Return the runnable task of the highest priority."""
        priority = self._priority
        for birth in runnable:
            if birth not in priority:
                priority[birth] = self._random()
        choice = self._choices
        self._choices += 1
        if choice >= self._fair_from:
            return runnable[int(self._random() * len(runnable))]
        best = max(runnable, key=priority.__getitem__)
        if choice in self._changes:
            priority[best] = -1.0 - choice
            best = max(runnable, key=priority.__getitem__)
        return best


@final
class Script:
    """Follow turns, each a task and its number of steps; afterwards let tasks run on.

    A turn whose task cannot run is over: a script that was shortened, or made
    for another version of the test, still decides a schedule.
    """

    def __init__(self, turns: Sequence[tuple[int, int]]) -> None:
        self._turns = turns
        self._turn = 0
        self._left = turns[0][1] if turns else 0
        self._seen = 0

    def pick(self, runnable: list[int], steps: list[int]) -> int:
        """Return the task whose turn it is."""
        turns = self._turns
        for birth in steps[self._seen :]:
            self._count(birth)
        self._seen = len(steps)
        while self._turn < len(turns):
            birth = turns[self._turn][0]
            if self._left > 0 and birth in runnable:
                return birth
            self._next()
        return run_on(runnable, steps)

    def _count(self, birth: int) -> None:
        # A step at which no other task could run may belong to the turn, or
        # fall between two turns of a script that was shortened.
        if self._turn < len(self._turns) and self._left == 0:
            self._next()
        if self._turn < len(self._turns) and birth == self._turns[self._turn][0]:
            self._left -= 1

    def _next(self) -> None:
        self._turn += 1
        if self._turn < len(self._turns):
            self._left = self._turns[self._turn][1]
