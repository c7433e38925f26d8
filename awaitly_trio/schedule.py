"""Schedules: when to try or do something again, as values that combine."""

from __future__ import annotations

from awaitly_trio._policies.delays import (
    delays_of,
    every,
    exponential,
    fibonacci,
    forever,
    linear,
    once,
    recurs,
    spaced,
    stop,
    unfold,
)
from awaitly_trio._policies.fixed_times import at_times, cron
from awaitly_trio._policies.jitter import Jitter
from awaitly_trio._policies.retry import Retry, RetryDriver, as_retry, is_planned, retry_after
from awaitly_trio._policies.schedule import Driver, Schedule, Tick
from awaitly_trio._values.duration import Duration, format_duration, seconds, to_iso

__all__ = [
    "Driver",
    "Duration",
    "Jitter",
    "Retry",
    "RetryDriver",
    "Schedule",
    "Tick",
    "as_retry",
    "at_times",
    "cron",
    "delays_of",
    "every",
    "exponential",
    "fibonacci",
    "forever",
    "format_duration",
    "is_planned",
    "linear",
    "once",
    "recurs",
    "retry_after",
    "seconds",
    "spaced",
    "stop",
    "to_iso",
    "unfold",
]
