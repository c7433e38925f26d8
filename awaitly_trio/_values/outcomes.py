"""How a scope ended, and why.

A cancellation that one of our own scopes absorbed says what caused it; one that
came from outside carries the source and the reason that Trio recorded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, final

import msgspec

if TYPE_CHECKING:
    from typing import TypeAlias

Status: TypeAlias = Literal["ok", "error", "timed_out", "cancelled", "defect", "skipped"]
Why: TypeAlias = Literal[
    "deadline",
    "sibling_failed",
    "lost_race",
    "enough_succeeded",
    "too_many_errors",
    "closed",
    "outside",
]


@final
class Outcome(msgspec.Struct, frozen=True):
    """The end of a scope.

    ``value`` belongs to ``"ok"``; ``error`` to ``"error"`` and ``"timed_out"``;
    ``cause`` is the exception of a ``"defect"`` or what led to an error.
    ``why``, ``by``, ``source`` and ``reason`` belong to ``"cancelled"`` and
    ``"timed_out"``: what kind of cancellation it was, the path of the scope that
    caused it where it was one of ours, and Trio's own record of it.  ``why`` is
    also that of a time limit whose expiry is an own error or the value ``None``.
    ``cached`` tells that the value was remembered and nothing ran.
    ``notes`` are failures that lost against this one.
    """

    status: Status
    value: Any = None
    error: Any = None
    cause: Any = None
    why: Why | None = None
    by: str | None = None
    source: str | None = None
    reason: str | None = None
    cached: bool = False
    notes: tuple[str, ...] = ()
