"""Deterministic testing: virtual time, schedules that are explored, faults that are injected."""

from awaitly_trio.testing._clock import VirtualClock, clock_pinned, virtual_clock
from awaitly_trio.testing._drawn import run_schedule, schedules
from awaitly_trio.testing._errors import (
    ClockTrapError,
    DeadlockError,
    HungError,
    LivelockError,
    NondeterminismError,
    SchedulerBusyError,
    SchedulerUnavailableError,
)
from awaitly_trio.testing._expectations import expect_err, expect_ok
from awaitly_trio.testing._exploration import Rules, explore
from awaitly_trio.testing._fakes import RecordedCall, fake
from awaitly_trio.testing._findings import Exploration, FailedSchedule, ScheduleError
from awaitly_trio.testing._forking import fork
from awaitly_trio.testing._harness import Harness, UnscriptedStepError
from awaitly_trio.testing._injection import InjectedFailure, SimulatedCrash
from awaitly_trio.testing._normal_form import Divergence, check_snapshot, compare, snapshot
from awaitly_trio.testing._recorder import Recorder
from awaitly_trio.testing._scripts import (
    OverlappingScriptError,
    ScriptExhaustedError,
    delayed,
    hangs,
    raises,
    real,
    returns,
)
from awaitly_trio.testing._sweep import cancel_everywhere, sweep, sweep_points
from awaitly_trio.testing._sweep_report import Ended, SweepError, SweepReport
from awaitly_trio.testing._timeline import Moment, Timeline

__all__ = [
    "ClockTrapError",
    "DeadlockError",
    "Divergence",
    "Ended",
    "Exploration",
    "FailedSchedule",
    "Harness",
    "HungError",
    "InjectedFailure",
    "LivelockError",
    "Moment",
    "NondeterminismError",
    "OverlappingScriptError",
    "RecordedCall",
    "Recorder",
    "Rules",
    "ScheduleError",
    "SchedulerBusyError",
    "SchedulerUnavailableError",
    "ScriptExhaustedError",
    "SimulatedCrash",
    "SweepError",
    "SweepReport",
    "Timeline",
    "UnscriptedStepError",
    "VirtualClock",
    "cancel_everywhere",
    "check_snapshot",
    "clock_pinned",
    "compare",
    "delayed",
    "expect_err",
    "expect_ok",
    "explore",
    "fake",
    "fork",
    "hangs",
    "raises",
    "real",
    "returns",
    "run_schedule",
    "schedules",
    "snapshot",
    "sweep",
    "sweep_points",
    "virtual_clock",
]
