"""Traces, metrics and logs of runs, through OpenTelemetry.

``install()`` turns them on for a program.  The observers may also be given one by one,
to a block (``awaitly_trio.observing``), a workflow or a run (``options(observers=[...])``).
"""

from __future__ import annotations

from awaitly_trio._policies.telemetry_switch import Signal
from awaitly_trio.otel._disclosure import Redact
from awaitly_trio.otel._installation import Telemetry, install
from awaitly_trio.otel._lines import BoundLogger
from awaitly_trio.otel._logs import CorrelationFilter, Logs, add_ids, current_ids
from awaitly_trio.otel._metrics import BOUNDARIES, Metrics
from awaitly_trio.otel._propagation import (
    Carried,
    add_link,
    carrier,
    continued_from,
    linked_to,
    resumed_from,
)
from awaitly_trio.otel._tracing import Tracing, Untraced

__all__ = [
    "BOUNDARIES",
    "BoundLogger",
    "Carried",
    "CorrelationFilter",
    "Logs",
    "Metrics",
    "Redact",
    "Signal",
    "Telemetry",
    "Tracing",
    "Untraced",
    "add_ids",
    "add_link",
    "carrier",
    "continued_from",
    "current_ids",
    "install",
    "linked_to",
    "resumed_from",
]
