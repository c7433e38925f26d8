"""A scheduler that runs one task at a time, in an order a chooser decides.

It takes the place of Trio's private random source.  Of each batch of runnable
tasks it lets one run and puts the others back, so that a task woken by that
step may be next: every interleaving can be reached, where Trio's own shuffle
reaches some.  Tasks are known by their birth number in the run, the same in
each process.
"""

from __future__ import annotations

import random
from itertools import pairwise
from threading import get_ident
from typing import TYPE_CHECKING, Protocol, final

import msgspec

from awaitly_trio.testing._run_loop import private_module, run_queue

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable
    from typing import Any

    from trio.lowlevel import Task

OUTSIDE = -1
"""The number of tasks that are no part of the test: Trio's own and the harness."""


class Chooser(Protocol):
    """Decides which task runs next, wherever more than one could."""

    def pick(self, runnable: list[int], steps: list[int]) -> int:
        """Return one of ``runnable``, which is sorted; ``steps`` is who ran so far."""
        ...


class Trace(msgspec.Struct, frozen=True):
    """Who ran in one schedule, and among how many.

    ``steps`` holds the birth number of the task of each step, ``widths`` how
    many tasks were runnable, ``names`` the tasks' names by birth number, and
    ``preemptions`` how many switches left a task that could have gone on.
    """

    steps: tuple[int, ...]
    widths: tuple[int, ...]
    names: tuple[str, ...]
    preemptions: int

    @property
    def choices(self) -> int:
        """Return at how many steps there was more than one task to choose from."""
        return sum(width > 1 for width in self.widths)

    @property
    def switches(self) -> int:
        """Return how often a step was taken by another task than the one before."""
        steps = self.steps
        return sum(a != b for a, b in pairwise(steps))


@final
class Scheduler(random.Random):
    """Stands in for Trio's random source; its ``shuffle`` picks the one task to run.

    It decides nothing between ``end`` and ``begin``, and in other threads.
    """

    def __init__(self) -> None:
        super().__init__(0)
        self._thread = get_ident()
        self._module: Any = private_module()
        self._births: dict[Task, int] = {}
        self._tasks: list[Task] = []
        self._steps: list[int] = []
        self._widths: list[int] = []
        self._preemptions = 0
        self._chooser: Chooser | None = None
        self._limit = 0
        self._on_limit: Callable[[], None] | None = None

    def begin(self, chooser: Chooser, *, limit: int, on_limit: Callable[[], None]) -> None:
        """Start a schedule; ``on_limit`` is called at each step from number ``limit`` on."""
        self._births, self._tasks, self._steps, self._widths = {}, [], [], []
        self._preemptions = 0
        self._limit, self._on_limit = limit, on_limit
        self._chooser = chooser

    def end(self) -> Trace:
        """End the schedule, let go of its tasks and return who ran."""
        self._chooser = None
        names = tuple(task.name for task in self._tasks)
        self._births, self._tasks = {}, []
        return Trace(tuple(self._steps), tuple(self._widths), names, self._preemptions)

    def birth(self, task: Task) -> int:
        """Return the number of a task: 0 for the first of the test, ``OUTSIDE`` for others."""
        return self._births.get(task, OUTSIDE)

    def step_count(self) -> int:
        """Return how many steps the test has taken in this schedule."""
        return len(self._steps)

    def allow(self, limit: int) -> None:
        """Let the schedule go on, up to another number of steps."""
        self._limit = limit

    def shuffle(self, batch: list[Task]) -> None:  # type: ignore[override]
        """Leave in ``batch`` the one task to run, and put the others back."""
        chooser = self._chooser
        if chooser is None or not batch or get_ident() != self._thread:
            return
        births = self._births
        runnable: list[int] = []
        for task in batch:
            birth = births.get(task)
            if birth is None:
                birth = self._register(task)
            if birth == OUTSIDE:
                # Trio's own tasks go first and are no choice: the order among
                # them means nothing to a test, and would double its schedules.
                self._keep(task, batch)
                return
            runnable.append(birth)
        steps = self._steps
        chosen = runnable[0]
        if len(runnable) > 1:
            chosen = self._choose(chooser, runnable)
            self._keep(batch[runnable.index(chosen)], batch)
        steps.append(chosen)
        self._widths.append(len(runnable))
        if len(steps) >= self._limit and self._on_limit is not None:
            self._on_limit()

    def _choose(self, chooser: Chooser, runnable: list[int]) -> int:
        steps = self._steps
        chosen = chooser.pick(runnable, steps)
        if steps and chosen != steps[-1] and steps[-1] in runnable:
            self._preemptions += 1
        return chosen

    def _register(self, task: Task) -> int:
        nursery = task.parent_nursery
        # Children of Trio's first task: its system tasks, and the main task,
        # which is the harness; the test is a child of that.
        if nursery is None or nursery.parent_task.parent_nursery is None:
            birth = OUTSIDE
        else:
            birth = len(self._tasks)
            self._tasks.append(task)
        self._births[task] = birth
        return birth

    def _keep(self, chosen: Task, batch: list[Task]) -> None:
        queue: deque[Task] = run_queue(self._module)
        queue.extend(task for task in batch if task is not chosen)
        batch[:] = [chosen]
