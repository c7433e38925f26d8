"""How a saga undoes what it did: the order, the allowances, the retries, as one frozen record."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeAlias, cast, final

import msgspec

from awaitly_trio._policies.delays import exponential
from awaitly_trio._policies.retry import Retry
from awaitly_trio._policies.schedule import Schedule
from awaitly_trio._values.duration import Duration, seconds

UndoOrder: TypeAlias = Literal["newest_first", "overlap", "dependency"]
OnFailure: TypeAlias = Literal["go_on", "stop"]

_ORDERS = ("newest_first", "overlap", "dependency")
_ON_FAILURE = ("go_on", "stop")


@final
class SagaOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How a saga undoes what its completed steps did.

    Args:
      order: ``newest_first`` undoes one step after the other, the one that
        completed last first.  ``overlap`` undoes at once what was done at once:
        a step waits for those that began after it had completed.
        ``dependency`` undoes everything at once but what other steps named in
        their ``depends_on=``: a step waits for those that depend on it.
      timeout: Seconds that one compensation may take, all its attempts together.
      total_timeout: Seconds that all of them together may take.
      grace: Seconds that remain after an interrupt (Ctrl-C or ``SystemExit``),
        and that ``on_uncompensated`` may take.
      retry: Tries a failed compensation again.  A plain schedule retries after
        an ``Err`` and after any ``Exception``; a ``Retry`` says itself.
      on_failure: ``go_on`` with the others after a compensation failed, or ``stop``.
      on_uncompensated: Called with a ``CompensationFailed`` when something could
        not be undone; may be async.  What it raises is logged and changes nothing.
      forward: The schedule of ``step.retriable``.
      raises: Raise ``CompensationError`` rather than return ``CompensationFailed``.

    Raises:
      TypeError: A function is no function, or a schedule no schedule.
      ValueError: A word is unknown or a duration negative, or ``timeout``,
        ``total_timeout`` or ``grace`` is endless: a shield must end.
    """

    order: UndoOrder = "newest_first"
    timeout: Duration = 10.0
    total_timeout: Duration = 30.0
    grace: Duration = 5.0
    retry: Schedule[Any, Any] | Retry | None = None
    on_failure: OnFailure = "go_on"
    on_uncompensated: Callable[[Any], Any] | None = None
    forward: Schedule[Any, Any] | Retry = exponential(0.1, cap=30.0)
    raises: bool = False

    def __post_init__(self) -> None:
        _check_word("order", self.order, _ORDERS)
        _check_word("on_failure", self.on_failure, _ON_FAILURE)
        if self.on_uncompensated is not None and not callable(self.on_uncompensated):
            raise TypeError(f"on_uncompensated must be a function, got {self.on_uncompensated!r}")
        for name in ("timeout", "total_timeout", "grace"):
            msgspec.structs.force_setattr(self, name, _bounded(getattr(self, name), name))
        if self.retry is not None:
            msgspec.structs.force_setattr(self, "retry", _as_undo_retry(self.retry))

    @property
    def allowances(self) -> tuple[float, float, float]:
        """``timeout``, ``total_timeout`` and ``grace`` as seconds."""
        return cast("tuple[float, float, float]", (self.timeout, self.total_timeout, self.grace))


def _check_word(name: str, value: object, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, known))}, got {value!r}")


def _bounded(value: Duration, name: str) -> float:
    allowance = seconds(value, name)
    if allowance == float("inf"):
        raise ValueError(
            f"{name} is endless, but compensations run in a shield that nothing outside can "
            "end: give them a number of seconds"
        )
    return allowance


def _as_undo_retry(value: Schedule[Any, Any] | Retry) -> Retry:
    # An undo is mostly a plain function that raises, so that is what to retry.
    return value if isinstance(value, Retry) else Retry(value, exceptions=Exception)


DEFAULT_SAGA = SagaOptions()
