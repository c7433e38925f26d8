"""Deterministic testing: virtual time, schedules that are explored, faults that are injected."""

from awaitly_trio.testing._clock import VirtualClock, clock_pinned, virtual_clock
from awaitly_trio.testing._errors import (
    ClockTrapError,
    DeadlockError,
    HungError,
    LivelockError,
    NondeterminismError,
    SchedulerBusyError,
    SchedulerUnavailableError,
)
from awaitly_trio.testing._exploration import Rules, explore
from awaitly_trio.testing._findings import Exploration, FailedSchedule, ScheduleError
from awaitly_trio.testing._injection import InjectedFailure, SimulatedCrash
from awaitly_trio.testing._sweep import cancel_everywhere, sweep, sweep_points
from awaitly_trio.testing._sweep_report import Ended, SweepError, SweepReport

__all__ = [
    "ClockTrapError",
    "DeadlockError",
    "Ended",
    "Exploration",
    "FailedSchedule",
    "HungError",
    "InjectedFailure",
    "LivelockError",
    "NondeterminismError",
    "Rules",
    "ScheduleError",
    "SchedulerBusyError",
    "SchedulerUnavailableError",
    "SimulatedCrash",
    "SweepError",
    "SweepReport",
    "VirtualClock",
    "cancel_everywhere",
    "clock_pinned",
    "explore",
    "sweep",
    "sweep_points",
    "virtual_clock",
]
