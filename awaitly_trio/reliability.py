"""Protection of calls to what may fail: for plain async functions and, as policies, for steps."""

from __future__ import annotations

from awaitly_trio._policies.adaptive import Aimd, Gradient
from awaitly_trio._policies.bucket import API_RATE, EXTERNAL_RATE, Gcra, TokenBucket
from awaitly_trio._policies.budget import PurseStatistics, SharePurse, TokenPurse
from awaitly_trio._policies.circuit import (
    CRITICAL_BREAKER,
    LENIENT_BREAKER,
    STANDARD_BREAKER,
    BreakerSettings,
)
from awaitly_trio._policies.circuit_states import CircuitChange, CircuitEvent, CircuitState
from awaitly_trio._policies.fault_plan import Answer, Cancel, Delay, Fault, Hang, Raise
from awaitly_trio._policies.layers import Layer, Layered, Without
from awaitly_trio._policies.lru import CacheStatistics, ExpiringLru
from awaitly_trio._policies.rate_window import FixedWindow, SlidingWindow
from awaitly_trio._policies.retry import Retry
from awaitly_trio._policies.trip import (
    ConsecutiveFailures,
    FailureCount,
    RateOfCalls,
    RateOverTime,
)
from awaitly_trio._policies.typed_key import typed_key
from awaitly_trio._stores.redis_limiter import (
    RedisRateLimiter,
    RefusingRedisRateLimiter,
    redis_rate_limiter,
)
from awaitly_trio._tasks.adaptive import AdaptiveLimiter, is_overload
from awaitly_trio._tasks.breaker import BreakerCall, CircuitBreaker
from awaitly_trio._tasks.breaker_tally import BreakerStatistics
from awaitly_trio._tasks.budget import budget, token_budget
from awaitly_trio._tasks.bulkhead import Bulkhead, ConcurrencyLimiter
from awaitly_trio._tasks.cached import Cached, CachedStatistics, cached
from awaitly_trio._tasks.combined import CombinedLimiter
from awaitly_trio._tasks.fallback import Fallback, fallback_value
from awaitly_trio._tasks.fault import Injection, fault, faults, faulty
from awaitly_trio._tasks.hedge import Hedge, HedgeStatistics
from awaitly_trio._tasks.limiter import RateLimiter, RefusingRateLimiter
from awaitly_trio._tasks.loader import Loader, LoaderStatistics
from awaitly_trio._tasks.notices import HedgeEnded, HedgeStarted, Refused, Waited
from awaitly_trio._tasks.policy import Policy, merge, policy
from awaitly_trio._tasks.presets import (
    PolicyRegistry,
    UnknownPolicyError,
    retry_policies,
    service_policies,
    timeout_policies,
)
from awaitly_trio._tasks.rate_queue import RateStatistics
from awaitly_trio._tasks.repeat import repeat, ticks
from awaitly_trio._tasks.retry import attempts, retry
from awaitly_trio._tasks.revalidation import revalidating
from awaitly_trio._tasks.simulation import Load, ServerModel, SimulatedFailure, SimulationReport
from awaitly_trio._tasks.single_flight import FlightStatistics, SingleFlight
from awaitly_trio._tasks.slots import ConcurrencyStatistics, Slot
from awaitly_trio._tasks.throttle import Throttle, ThrottleStatistics
from awaitly_trio._tasks.timeout import Timeout, timeout
from awaitly_trio._values.errors import MissingKey
from awaitly_trio._values.refusals import CallRefusedError, SelfWaitError

__all__ = [
    "API_RATE",
    "CRITICAL_BREAKER",
    "EXTERNAL_RATE",
    "LENIENT_BREAKER",
    "STANDARD_BREAKER",
    "AdaptiveLimiter",
    "Aimd",
    "Answer",
    "BreakerCall",
    "BreakerSettings",
    "BreakerStatistics",
    "Bulkhead",
    "CacheStatistics",
    "Cached",
    "CachedStatistics",
    "CallRefusedError",
    "Cancel",
    "CircuitBreaker",
    "CircuitChange",
    "CircuitEvent",
    "CircuitState",
    "CombinedLimiter",
    "ConcurrencyLimiter",
    "ConcurrencyStatistics",
    "ConsecutiveFailures",
    "Delay",
    "ExpiringLru",
    "FailureCount",
    "Fallback",
    "Fault",
    "FixedWindow",
    "FlightStatistics",
    "Gcra",
    "Gradient",
    "Hang",
    "Hedge",
    "HedgeEnded",
    "HedgeStarted",
    "HedgeStatistics",
    "Injection",
    "Layer",
    "Layered",
    "Load",
    "Loader",
    "LoaderStatistics",
    "MissingKey",
    "Policy",
    "PolicyRegistry",
    "PurseStatistics",
    "Raise",
    "RateLimiter",
    "RateOfCalls",
    "RateOverTime",
    "RateStatistics",
    "RedisRateLimiter",
    "Refused",
    "RefusingRateLimiter",
    "RefusingRedisRateLimiter",
    "Retry",
    "SelfWaitError",
    "ServerModel",
    "SharePurse",
    "SimulatedFailure",
    "SimulationReport",
    "SingleFlight",
    "SlidingWindow",
    "Slot",
    "Throttle",
    "ThrottleStatistics",
    "Timeout",
    "TokenBucket",
    "TokenPurse",
    "UnknownPolicyError",
    "Waited",
    "Without",
    "attempts",
    "budget",
    "cached",
    "fallback_value",
    "fault",
    "faults",
    "faulty",
    "is_overload",
    "merge",
    "policy",
    "redis_rate_limiter",
    "repeat",
    "retry",
    "retry_policies",
    "revalidating",
    "service_policies",
    "ticks",
    "timeout",
    "timeout_policies",
    "token_budget",
    "typed_key",
]
