"""A schedule told as a story: whose turn it was, and which line each turn reached."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

import trio.abc

from awaitly_trio.testing._tree import line_of, place_of

if TYPE_CHECKING:
    from trio.lowlevel import Task

    from awaitly_trio.testing._scheduler import Scheduler

LONGEST = 40
"""Turns shown; of a longer story the end, where it fails."""


@final
class Narrator(trio.abc.Instrument):
    """Notes after each step which task took it and which line it reached."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._told: list[tuple[int, str, int, str]] = []

    def after_task_step(self, task: Task) -> None:
        """Note one step; steps of one task in a row are one turn."""
        birth = self._scheduler.birth(task)
        if birth < 0:
            return
        steps = 1
        if self._told and self._told[-1][0] == birth:
            steps += self._told.pop()[2]
        place = place_of(task)
        reached = "its end" if place is None else line_of(*place)
        self._told.append((birth, task.name.rpartition(".")[2], steps, reached))

    def story(self) -> str:
        """Return one line for each turn."""
        left_out = len(self._told) - LONGEST
        lines = [f"  ... {left_out} turns before"] if left_out > 0 else []
        for birth, name, steps, place in self._told[-LONGEST:]:
            count = "1 step" if steps == 1 else f"{steps} steps"
            lines.append(f"  task {birth} {name}: {count}, to {place}")
        return "\n".join(lines)
