"""The states of a circuit breaker and the table of its transitions.

``TRANSITIONS`` is the whole of the state logic: the machine follows it, and the
diagram in the docs is drawn from it.
"""

from __future__ import annotations

import enum
from types import MappingProxyType
from typing import TYPE_CHECKING, final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping


class CircuitState(enum.Enum):
    """What a breaker does with the next call."""

    CLOSED = "closed"
    """It admits every call and counts the outcomes."""
    OPEN = "open"
    """It refuses every call, until its wait is over."""
    HALF_OPEN = "half open"
    """It admits a few probes, whose outcomes decide."""
    ISOLATED = "isolated"
    """It refuses every call, until a person resets it."""


class CircuitEvent(enum.Enum):
    """What can move a breaker from one state to another."""

    TRIPPED = "tripped"
    WAIT_OVER = "wait over"
    PROBES_PASSED = "probes passed"
    PROBES_FAILED = "probes failed"
    PROBES_OVERDUE = "probes overdue"
    OPENED = "opened by hand"
    ISOLATED = "isolated by hand"
    RESET = "reset by hand"


_BY_HAND = {
    CircuitEvent.OPENED: CircuitState.OPEN,
    CircuitEvent.ISOLATED: CircuitState.ISOLATED,
    CircuitEvent.RESET: CircuitState.CLOSED,
}

TRANSITIONS: Mapping[CircuitState, Mapping[CircuitEvent, CircuitState]] = MappingProxyType(
    {
        CircuitState.CLOSED: MappingProxyType(
            {CircuitEvent.TRIPPED: CircuitState.OPEN, **_BY_HAND}
        ),
        CircuitState.OPEN: MappingProxyType(
            {
                CircuitEvent.WAIT_OVER: CircuitState.HALF_OPEN,
                **_BY_HAND,
            }
        ),
        CircuitState.HALF_OPEN: MappingProxyType(
            {
                CircuitEvent.PROBES_PASSED: CircuitState.CLOSED,
                CircuitEvent.PROBES_FAILED: CircuitState.OPEN,
                CircuitEvent.PROBES_OVERDUE: CircuitState.OPEN,
                **_BY_HAND,
            }
        ),
        # Whoever isolated a service does not want it probed: opening it by hand is no way out.
        CircuitState.ISOLATED: MappingProxyType(
            {
                **_BY_HAND,
                CircuitEvent.OPENED: CircuitState.ISOLATED,
            }
        ),
    }
)
"""Where each event leads from each state; an event that is not listed cannot occur there."""


@final
class CircuitChange(msgspec.Struct, frozen=True):
    """A breaker went from one state to another."""

    name: str
    before: CircuitState
    event: CircuitEvent
    after: CircuitState
