"""Retry budgets: how much extra load repeated calls may be, whatever each of them would like.

A purse counts calls and pays for retries and hedges.  Pure bookkeeping: the caller says what
time it is.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Literal, Protocol, TypeAlias, final

import msgspec

from awaitly_trio._policies.schedule import check_count
from awaitly_trio._values.duration import Duration, seconds
from awaitly_trio._values.errors import TimedOut

Use: TypeAlias = Literal["retry", "hedge"]

_SLOTS = 10
# A share of 0.29 of a hundred calls is 29 retries, but as floats a little less.
_ROUNDING = 1e-9


class PurseStatistics(msgspec.Struct, frozen=True):
    """What a purse has seen in all: calls, what it paid for, and what it refused."""

    calls: int
    retries: int
    hedges: int
    refused: int


class Purse(Protocol):
    """What pays for the extra calls of a task tree."""

    def count_call(self, now: float) -> None:
        """Take note of a call that would happen in any case."""
        ...

    def can_afford(self, use: Use, error: object, now: float) -> bool:
        """Return whether there is enough for one more."""
        ...

    def pay(self, use: Use, error: object, now: float) -> float:
        """Pay for one more, and return the price."""
        ...

    def refund(self, price: float | None) -> None:
        """Take note of a success, with the price of its last retry, or ``None`` without one."""
        ...

    def refuse(self) -> None:
        """Take note of a retry or hedge that did not happen."""
        ...

    def statistics(self) -> PurseStatistics:
        """Return the totals."""
        ...


class _Slot(msgspec.Struct):
    """What happened in one tenth of the window."""

    number: int
    calls: int = 0
    retry: int = 0
    hedge: int = 0


@final
class SharePurse:
    """Let retries and hedges each be a share of the recent calls, and a minimum beside it.

    The design is that of Finagle's retry budget ("Retry Budgets", Finagle blog, 2016): what a call
    deposits expires, so that a long quiet time does not save up for a storm of retries.

    Args:
      retries: Share of the calls that may be retries, from 0; ``math.inf`` for any number.
      hedges: The same for hedges.
      minimum: Retries, and hedges, in each window that need no calls.
      window: How long a call counts, above zero; ``math.inf`` for ever.

    Raises:
      ValueError: A number is negative or NaN, or the window zero.
    """

    __slots__ = ("_most", "_slots", "_totals", "_width", "minimum", "refused")

    def __init__(self, retries: float, hedges: float, minimum: int, window: Duration) -> None:
        self._most = {"retry": _share(retries, "retries"), "hedge": _share(hedges, "hedges")}
        self.minimum = check_count(minimum, "minimum", least=0)
        length = seconds(window, "window")
        if not length:
            raise ValueError("window is 0: choose one above zero, such as '10s'")
        self._width = length / _SLOTS
        self._slots: deque[_Slot] = deque(maxlen=_SLOTS)
        self._totals = _Slot(0)
        self.refused = 0

    def count_call(self, now: float) -> None:
        """Take note of a call that would happen in any case."""
        self._slot(now).calls += 1
        self._totals.calls += 1

    def can_afford(self, use: Use, error: object, now: float) -> bool:  # noqa: ARG002
        """Return whether one more is within the share of the recent calls, or the minimum."""
        self._slot(now)
        calls = sum(slot.calls for slot in self._slots)
        spent = sum(getattr(slot, use) for slot in self._slots)
        return bool(spent + 1 <= self.minimum + self._most[use] * calls + _ROUNDING)

    def pay(self, use: Use, error: object, now: float) -> float:  # noqa: ARG002
        """Count one more."""
        for slot in (self._slot(now), self._totals):
            setattr(slot, use, getattr(slot, use) + 1)
        return 1.0

    def refund(self, price: float | None) -> None:
        """Do nothing: what was done was extra load, even if it succeeded."""

    def refuse(self) -> None:
        """Take note of a retry or hedge that did not happen."""
        self.refused += 1

    def statistics(self) -> PurseStatistics:
        """Return the totals."""
        totals = self._totals
        return PurseStatistics(totals.calls, totals.retry, totals.hedge, self.refused)

    def _slot(self, now: float) -> _Slot:
        """Return the current slot, without those that have expired."""
        number = 0 if self._width == math.inf else math.floor(now / self._width)
        # Another run has another clock, which may stand anywhere: what it cannot place is dropped.
        while self._slots and not number - _SLOTS < self._slots[0].number <= number:
            self._slots.popleft()
        if not self._slots or self._slots[-1].number != number:
            self._slots.append(_Slot(number))
        return self._slots[-1]


@final
class TokenPurse:
    """Pay for retries and hedges out of tokens, which successes earn back.

    The design and its numbers are those of the standard retry mode of the AWS SDKs ("Retry
    behavior", AWS SDKs and Tools Reference Guide): a retry costs 5 tokens of 500, after a timeout
    10; a success returns the price of its last retry, or 1 token if it needed none.

    Args:
      capacity: Tokens at the start, and at most.
      retry_cost: The price of a retry, and of a hedge.
      timeout_cost: The price of a retry after a timeout.
      earned: Tokens that a success at the first attempt earns.

    Raises:
      ValueError: A number is negative, NaN or infinite.
    """

    __slots__ = (
        "_calls",
        "_hedges",
        "_refused",
        "_retries",
        "capacity",
        "earned",
        "retry_cost",
        "timeout_cost",
        "tokens",
    )

    def __init__(
        self, capacity: float, retry_cost: float, timeout_cost: float, earned: float
    ) -> None:
        self.capacity = self.tokens = _tokens(capacity, "capacity")
        self.retry_cost = _tokens(retry_cost, "retry_cost")
        self.timeout_cost = _tokens(timeout_cost, "timeout_cost")
        self.earned = _tokens(earned, "earned")
        self._calls = self._retries = self._hedges = self._refused = 0

    def count_call(self, now: float) -> None:  # noqa: ARG002
        """Take note of a call that would happen in any case."""
        self._calls += 1

    def can_afford(self, use: Use, error: object, now: float) -> bool:  # noqa: ARG002
        """Return whether there are enough tokens."""
        return self._price(error) <= self.tokens

    def pay(self, use: Use, error: object, now: float) -> float:  # noqa: ARG002
        """Take the tokens."""
        price = self._price(error)
        self.tokens -= price
        if use == "retry":
            self._retries += 1
        else:
            self._hedges += 1
        return price

    def refund(self, price: float | None) -> None:
        """Put tokens back, up to the capacity."""
        earned = self.earned if price is None else price
        self.tokens = min(self.tokens + earned, self.capacity)

    def refuse(self) -> None:
        """Take note of a retry or hedge that did not happen."""
        self._refused += 1

    def statistics(self) -> PurseStatistics:
        """Return the totals."""
        return PurseStatistics(self._calls, self._retries, self._hedges, self._refused)

    def _price(self, error: object) -> float:
        timed_out = isinstance(error, (TimedOut, TimeoutError))
        return self.timeout_cost if timed_out else self.retry_cost


def _share(value: float, name: str) -> float:
    if isinstance(value, bool) or not value >= 0:
        raise ValueError(f"{name} is {value!r}: write a share of the calls, such as 0.1")
    return value


def _tokens(value: float, name: str) -> float:
    if isinstance(value, bool) or not 0 <= value < math.inf:
        raise ValueError(f"{name} is {value!r}: write a number of tokens, zero or more")
    return value
