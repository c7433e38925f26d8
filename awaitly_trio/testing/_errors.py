"""What a test run can find: each is an exception whose text is the finding.

They mean a wrong program, a wrong test or an unsuitable Trio, so they derive
from ``AwaitlyError``; those that report a failed test are ``AssertionError``s too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from awaitly_trio._values.errors import AwaitlyError

if TYPE_CHECKING:
    from collections.abc import Sequence


class DeadlockError(AwaitlyError):
    """Raised when every task waits and nothing is left that could wake one.

    ``tree`` shows each task with the line it waits on.
    """

    def __init__(self, why: str, tree: str) -> None:
        super().__init__(why, tree)
        self.why, self.tree = why, tree

    def __str__(self) -> str:
        return f"{self.why}\n{self.tree}"


class HungError(AwaitlyError):
    """Raised when a run made no end within its patience, measured in real seconds.

    ``tree`` shows where each task, or the thread that never came back to Trio, is.
    """

    def __init__(self, patience: float, tree: str) -> None:
        super().__init__(patience, tree)
        self.patience, self.tree = patience, tree

    def __str__(self) -> str:
        return (
            f"the run did not end within {self.patience:g} real seconds; it hangs here "
            f"(give a longer patience if the work is real):\n{self.tree}"
        )


class LivelockError(AwaitlyError):
    """Raised when a schedule takes more steps than it may: tasks run, nothing ends."""

    def __init__(self, steps: int, tree: str) -> None:
        super().__init__(steps, tree)
        self.steps, self.tree = steps, tree

    def __str__(self) -> str:
        return (
            f"the run did not end within {self.steps} steps: tasks keep each other busy, "
            f"or max_steps is too small for this test\n{self.tree}"
        )


class ClockTrapError(AwaitlyError):
    """Raised where virtual time would run past work that needs real time."""

    def __init__(self, threads: int, tree: str) -> None:
        super().__init__(threads, tree)
        self.threads, self.tree = threads, tree

    def __str__(self) -> str:
        return (
            f"virtual time was about to jump while {self.threads} thread(s) were at work, so "
            "every time limit would have passed at once: hold the clock with "
            f"`with clock_pinned():` around the work, or use the real clock\n{self.tree}"
        )


class SchedulerUnavailableError(AwaitlyError):
    """Raised when this Trio does not let its schedule be decided.

    ``missing`` names the private parts of Trio that are gone or behave differently.
    """

    def __init__(self, trio_version: str, missing: Sequence[str]) -> None:
        super().__init__(trio_version, tuple(missing))
        self.trio_version, self.missing = trio_version, tuple(missing)

    def __str__(self) -> str:
        return (
            f"schedules cannot be decided under trio {self.trio_version}: "
            f"{', '.join(self.missing)}; use another version of Trio, or pass "
            "degrade=True to repeat the test under Trio's own random order, without replay"
        )


class SchedulerBusyError(AwaitlyError):
    """Raised when an exploration starts inside another, or beside one in another thread."""

    def __str__(self) -> str:
        return (
            "another exploration is deciding the schedule: Trio has one such hook for the "
            "whole process, so end that one first, or run this one in another process"
        )


class NondeterminismError(AwaitlyError):
    """Raised when one seed gave two different runs.

    ``step`` is the first step that differs, ``causes`` what most likely decided it.
    """

    def __init__(self, seed: str, step: int, difference: str, causes: Sequence[str]) -> None:
        super().__init__(seed, step, difference, tuple(causes))
        self.seed, self.step = seed, step
        self.difference, self.causes = difference, tuple(causes)

    def __str__(self) -> str:
        likely = "\n".join(f"  - {cause}" for cause in self.causes)
        return (
            f"schedule {self.seed} ran twice and differed at step {self.step}: "
            f"{self.difference}\nlikely cause:\n{likely}"
        )
