"""What the tools find can be copied, sent to another process, and read."""

from __future__ import annotations

import copy
import pickle

import pytest

from awaitly_trio.testing import (
    ClockTrapError,
    DeadlockError,
    FailedSchedule,
    HungError,
    LivelockError,
    NondeterminismError,
    OverlappingScriptError,
    ScheduleError,
    SchedulerBusyError,
    SchedulerUnavailableError,
    ScriptExhaustedError,
    SweepError,
    UnscriptedStepError,
)
from awaitly_trio.testing._points import Point

SCHEDULE = FailedSchedule(
    test="test_sale",
    seed=1,
    replay="v1/0/0",
    found_at=2,
    strategy="random",
    switches=1,
    preemptions=0,
    is_plainest=False,
    story="  task 0",
)
ERRORS = [
    (ClockTrapError(1, "tree"), "1 thread(s) were at work"),
    (DeadlockError("stuck", "tree"), "stuck\ntree"),
    (HungError(3, "tree"), "within 3 real seconds"),
    (LivelockError(9, "tree"), "within 9 steps"),
    (NondeterminismError("v1/0/0", 4, "more", ["a thread"]), "differed at step 4: more"),
    (OverlappingScriptError("mail"), "calls of mail overlap"),
    (ScheduleError(SCHEDULE, LookupError("x")), "0 preemptions and 1 switch:"),
    (SchedulerBusyError(), "another exploration"),
    (SchedulerUnavailableError("9", ["a hook"]), "under trio 9: a hook"),
    (ScriptExhaustedError("mail", 2), "after all 2 answers"),
    (SweepError(Point("cancel", 3), "a/b", "x.py:1", LookupError("x")), "cancel:3 in step 'a/b'"),
    (SweepError(None, "", "", LookupError("x")), "already without a fault"),
    (UnscriptedStepError("a/b", "mail"), "step 'a/b' called mail"),
]


@pytest.mark.parametrize(("error", "text"), ERRORS, ids=lambda each: type(each).__name__)
def test_a_finding_survives_copy_and_pickle(error: Exception, text: str) -> None:
    """A test runner that works in several processes shows the same message."""
    assert text in str(error)

    for again in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert type(again) is type(error)
        assert str(again) == str(error)
