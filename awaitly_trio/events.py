"""What observers see: scopes, outcomes, and a record of each event with its JSON form."""

from __future__ import annotations

from awaitly_trio._engine.audience import Observer
from awaitly_trio._engine.observing import observing
from awaitly_trio._values.events import (
    EVENT_VERSION,
    CacheHit,
    CacheMiss,
    Decided,
    Event,
    FellBack,
    HookFailed,
    HookRan,
    Progress,
    RetriesExhausted,
    Retrying,
    ScopeEnded,
    ScopeStarted,
    StepSkipped,
    StepTimedOut,
    event_to_wire,
)
from awaitly_trio._values.outcomes import Outcome, Status, Why
from awaitly_trio._values.scopes import RunInfo, Scope, ScopeKind

__all__ = [
    "EVENT_VERSION",
    "CacheHit",
    "CacheMiss",
    "Decided",
    "Event",
    "FellBack",
    "HookFailed",
    "HookRan",
    "Observer",
    "Outcome",
    "Progress",
    "RetriesExhausted",
    "Retrying",
    "RunInfo",
    "Scope",
    "ScopeEnded",
    "ScopeKind",
    "ScopeStarted",
    "Status",
    "StepSkipped",
    "StepTimedOut",
    "Why",
    "event_to_wire",
    "observing",
]
