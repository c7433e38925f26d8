"""What may be set for a step and for a run, as frozen records.

A set of options is checked once, when it is made, never on each call.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import MethodType
from typing import Any, cast, final

import msgspec

from awaitly_trio._policies.retry import Retry, as_retry
from awaitly_trio._values.duration import seconds
from awaitly_trio._values.result import Ok

MISSING: Any = object()
"""Stands for "not given" wherever ``None`` is a value of its own."""

EXPIRED: Ok[None] = Ok(None)
"""The very result of a step that timed out where ``on_timeout`` is ``None``: a cache has to know
it from a ``None`` that the step gave."""


@final
class StepOptions(msgspec.Struct, frozen=True):
    """The options of one configured step, checked and in seconds.

    The last five follow from the others: ``undoes`` tells whether something is set that only
    a compensated step can honour; ``changes_flow`` whether anything but the name and the
    texts for observers is set; ``only_retries`` and ``only_times`` that all
    there is are retries of planned errors, where a success needs nothing, or a timeout;
    ``protected`` is the last dependency and what ``protect`` made of it.
    """

    name: str | None = None
    key: str | None = None
    timeout: float | None = None
    total_timeout: float | None = None
    on_timeout: Any = MISSING
    retry: Retry | None = None
    fallback: Any = None
    policy: Any = None
    description: str | None = None
    tags: tuple[str, ...] = ()
    compensate_unknown: Any = None
    depends_on: tuple[str, ...] = ()

    undoes: bool = False
    changes_flow: bool = False
    only_retries: bool = False
    only_times: bool = False
    protected: tuple[Any, Any] | None = None

    def __post_init__(self) -> None:
        others = (self.key, self.total_timeout, self.fallback, self.policy)
        undoes = self.compensate_unknown is not None or bool(self.depends_on)
        rest = undoes or any(each is not None for each in others)
        retry, timeout = self.retry, self.timeout
        retries_plainly = retry is not None and not (retry.exceptions or retry.schedule.is_timed)
        # Read on every call, but decided once.
        decide = msgspec.structs.force_setattr
        decide(self, "undoes", undoes)
        decide(self, "changes_flow", rest or timeout is not None or retry is not None)
        decide(self, "only_retries", retries_plainly and timeout is None and not rest)
        decide(self, "only_times", timeout is not None and retry is None and not rest)
        decide(self, "protected", None)

    def protect(self, fn: Any) -> Any:
        """Return a dependency within the policy.

        It is made once for a dependency that is called again and again.  Only the
        last one is kept: a new function for each call would fill the memory.
        """
        kept = self.protected
        # A method is made anew whenever it is read; of other things, equal ones
        # may do different work.
        if kept is None or not (
            kept[0] is fn or (type(fn) is type(kept[0]) is MethodType and fn == kept[0])
        ):
            kept = (fn, self.policy.wrap(fn))
            msgspec.structs.force_setattr(self, "protected", kept)
        return kept[1]

    @property
    def is_limited(self) -> bool:
        """Whether a timeout is set."""
        return self.timeout is not None or self.total_timeout is not None


NO_OPTIONS = StepOptions()


def changed(options: StepOptions, changes: dict[str, Any]) -> StepOptions:
    """Return options with some of them replaced.

    Raises:
      TypeError: A name is unknown, or a value has the wrong type.
      ValueError: A value is out of range, or the options contradict each other.
    """
    unknown = sorted(set(changes) - _CHECKS.keys())
    if unknown:
        msg = f"unknown option {', '.join(map(repr, unknown))}: a step takes {', '.join(_CHECKS)}"
        raise TypeError(msg)
    checked = {name: _CHECKS[name](value, name) for name, value in changes.items()}
    made: StepOptions = msgspec.structs.replace(options, **checked)
    if made.on_timeout is not MISSING and not made.is_limited:
        msg = f"on_timeout={made.on_timeout!r} does nothing without timeout= or total_timeout="
        raise ValueError(msg)
    return made


def check_label(value: object, name: str) -> str:
    """Return a name or key that is a string with something in it.

    Raises:
      TypeError: It is no string.
      ValueError: It is empty.
    """
    if not isinstance(value, str):
        msg = f"{name} must be a string, got {value!r}"
        raise TypeError(msg)
    if not value:
        msg = f"{name} must not be empty: leave it out, or give it a name"
        raise ValueError(msg)
    return value


def _label(value: object, name: str) -> str | None:
    return None if value is None else check_label(value, name)


def _allowance(value: Any, name: str) -> float | None:
    if value is None:
        return None
    allowance = seconds(value, name)
    return None if allowance == float("inf") else allowance


def _schedule(value: Any, _name: str) -> Retry | None:
    return None if value is None else as_retry(value)


def _function(value: Any, name: str) -> Any:
    if value is not None and not callable(value):
        msg = f"{name} must be a function of the error that returns a Result, got {value!r}"
        raise TypeError(msg)
    return value


def _undo(value: Any, name: str) -> Any:
    if value is not None and not callable(value):
        msg = f"{name} must be a function of the step's arguments, got {value!r}"
        raise TypeError(msg)
    return value


def _policy(value: Any, name: str) -> Any:
    if value is not None and not callable(getattr(value, "wrap", None)):
        msg = f"{name} must be a policy, a thing with a wrap method, got {value!r}"
        raise TypeError(msg)
    return value


def _text(value: object, name: str) -> str | None:
    if value is not None and not isinstance(value, str):
        msg = f"{name} must be a string, got {value!r}"
        raise TypeError(msg)
    return value


def _labels(value: object, name: str) -> tuple[str, ...]:
    if isinstance(value, str):
        msg = f"{name} must be several strings, got the one string {value!r}: write ({value!r},)"
        raise TypeError(msg)
    if not isinstance(value, Iterable):
        msg = f"{name} must be several strings, got {value!r}"
        raise TypeError(msg)
    return tuple(check_label(each, name) for each in cast("Iterable[object]", value))


def _anything(value: Any, _name: str) -> Any:
    return value


_CHECKS: dict[str, Any] = {
    "name": _label,
    "key": _label,
    "timeout": _allowance,
    "total_timeout": _allowance,
    "on_timeout": _anything,
    "retry": _schedule,
    "fallback": _function,
    "policy": _policy,
    "description": _text,
    "tags": _labels,
    "compensate_unknown": _undo,
    "depends_on": _labels,
}
