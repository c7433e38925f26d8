"""Protection of calls to what may fail: for plain async functions and, as policies, for steps."""

from __future__ import annotations

from awaitly_trio._policies.adaptive import Aimd, Gradient
from awaitly_trio._policies.bucket import Gcra, TokenBucket
from awaitly_trio._policies.budget import PurseStatistics, SharePurse, TokenPurse
from awaitly_trio._policies.circuit import BreakerSettings
from awaitly_trio._policies.circuit_states import CircuitChange, CircuitEvent, CircuitState
from awaitly_trio._policies.layers import Layer, Layered, Without
from awaitly_trio._policies.rate_window import FixedWindow, SlidingWindow
from awaitly_trio._policies.retry import Retry
from awaitly_trio._tasks.adaptive import AdaptiveLimiter
from awaitly_trio._tasks.breaker import CircuitBreaker
from awaitly_trio._tasks.budget import budget, token_budget
from awaitly_trio._tasks.bulkhead import Bulkhead, ConcurrencyLimiter
from awaitly_trio._tasks.combined import CombinedLimiter
from awaitly_trio._tasks.fallback import Fallback, fallback_value
from awaitly_trio._tasks.hedge import Hedge
from awaitly_trio._tasks.limiter import RateLimiter
from awaitly_trio._tasks.policy import Policy, merge, policy
from awaitly_trio._tasks.presets import (
    PolicyRegistry,
    UnknownPolicyError,
    retry_policies,
    service_policies,
    timeout_policies,
)
from awaitly_trio._tasks.repeat import repeat, ticks
from awaitly_trio._tasks.retry import attempts, retry
from awaitly_trio._tasks.simulation import Load, ServerModel, SimulatedFailure, SimulationReport
from awaitly_trio._tasks.timeout import Timeout, timeout

__all__ = [
    "AdaptiveLimiter",
    "Aimd",
    "BreakerSettings",
    "Bulkhead",
    "CircuitBreaker",
    "CircuitChange",
    "CircuitEvent",
    "CircuitState",
    "CombinedLimiter",
    "ConcurrencyLimiter",
    "Fallback",
    "FixedWindow",
    "Gcra",
    "Gradient",
    "Hedge",
    "Layer",
    "Layered",
    "Load",
    "Policy",
    "PolicyRegistry",
    "PurseStatistics",
    "RateLimiter",
    "Retry",
    "ServerModel",
    "SharePurse",
    "SimulatedFailure",
    "SimulationReport",
    "SlidingWindow",
    "Timeout",
    "TokenBucket",
    "TokenPurse",
    "UnknownPolicyError",
    "Without",
    "attempts",
    "budget",
    "fallback_value",
    "merge",
    "policy",
    "repeat",
    "retry",
    "retry_policies",
    "service_policies",
    "ticks",
    "timeout",
    "timeout_policies",
    "token_budget",
]
