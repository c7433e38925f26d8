"""What an exploration found: a record of what passed, or the error that shows the failure."""

from __future__ import annotations

import msgspec

from awaitly_trio._values.errors import AwaitlyError
from awaitly_trio.testing._failures import said


class Exploration(msgspec.Struct, frozen=True, kw_only=True):
    """What was run without a failure.

    ``test`` is its name, ``seed`` repeats the exploration.  ``schedules``
    were decided, ``interleavings`` of them differ, and ``runs`` counts second
    runs too.  ``is_complete`` tells that there are no other interleavings,
    ``most_choices`` at how many steps of one schedule there was something to
    decide.  ``is_decided`` is false where Trio's own order had to do.
    """

    test: str
    seed: int
    schedules: int
    interleavings: int
    runs: int
    most_choices: int
    is_complete: bool
    is_decided: bool = True


class FailedSchedule(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule under which a test fails.

    ``replay`` is that schedule as text, ``found_at`` the number of schedules
    it took, ``strategy`` what found it.  ``switches`` counts steps taken by
    another task than the one before, ``preemptions`` those that left a task
    that could have gone on; ``is_plainest`` tells that each schedule with fewer
    preemptions passes.  ``story`` has a line for each turn.
    """

    test: str
    seed: int
    replay: str
    found_at: int
    strategy: str
    switches: int
    preemptions: int
    is_plainest: bool
    story: str


class ScheduleError(AwaitlyError, AssertionError):
    """Raised when a test fails under some schedule; the failure is its ``__cause__``.

    ``schedule`` tells which, and how to repeat it.
    """

    def __init__(self, schedule: FailedSchedule, failure: BaseException) -> None:
        super().__init__(schedule, failure)
        self.schedule, self.failure = schedule, failure

    def __str__(self) -> str:
        found = self.schedule
        proof = " (none with fewer preemptions fails)" if found.is_plainest else ""
        return (
            f"{found.test} fails under schedule {found.found_at} ({found.strategy}) "
            f"of seed {found.seed}: {said(self.failure)}\n"
            f"it needs {_counted(found.preemptions, 'preemption')} and "
            f"{_counted(found.switches, 'switch', 'es')}{proof}:\n"
            f"{found.story}\n"
            f"replay it with: explore({found.test.rpartition('.')[2]}, replay={found.replay!r})\n"
            f"or with: pytest --replay-schedule={found.replay}"
        )


def _counted(number: int, noun: str, plural: str = "s") -> str:
    return f"{number} {noun}{'' if number == 1 else plural}"
