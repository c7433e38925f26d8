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

__all__ = [
    "ClockTrapError",
    "DeadlockError",
    "Exploration",
    "FailedSchedule",
    "HungError",
    "LivelockError",
    "NondeterminismError",
    "Rules",
    "ScheduleError",
    "SchedulerBusyError",
    "SchedulerUnavailableError",
    "VirtualClock",
    "clock_pinned",
    "explore",
    "virtual_clock",
]
