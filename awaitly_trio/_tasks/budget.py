"""Budgets that flow down the task tree: nested retries draw on one purse.

Without one, three layers that each make three attempts are 27 calls of an outage.
"""

from __future__ import annotations

import math
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, final

import msgspec
import trio

from awaitly_trio._policies.budget import Purse, SharePurse, TokenPurse

if TYPE_CHECKING:
    from collections.abc import Generator
    from contextvars import Token

    from awaitly_trio._policies.budget import Use
    from awaitly_trio._values.duration import Duration


class _Spending(msgspec.Struct, frozen=True):
    """The purses that all have to pay, outermost first, and how many know of the current call."""

    purses: tuple[Purse, ...] = ()
    counted: int = 0


_NONE = _Spending()
_spending: ContextVar[_Spending | None] = ContextVar("awaitly_trio.spending", default=None)


@contextmanager
def budget(
    *,
    retries: float = math.inf,
    hedges: float = math.inf,
    minimum: int = 3,
    window: Duration = 10.0,
) -> Generator[SharePurse]:
    """Limit the retries and hedges of the block, and of the tasks it starts, to a share of calls.

    A call that is made within an attempt of another is part of that one and earns nothing.  Inside
    another budget both have to afford a retry.

    Args:
      retries: Share of the calls that may be retries, such as 0.1.
      hedges: Share of the calls that may be hedges, such as 0.05.
      minimum: Retries, and hedges, in each window that need no calls.
      window: How long a call counts.

    Raises:
      ValueError: A number is negative or NaN, or the window zero.
    """
    purse = SharePurse(retries, hedges, minimum, window)
    token = _open(purse)
    try:
        yield purse
    finally:
        _spending.reset(token)


@contextmanager
def token_budget(
    *,
    capacity: float = 500,
    retry_cost: float = 5,
    timeout_cost: float = 10,
    earned: float = 1,
) -> Generator[TokenPurse]:
    """Let the retries and hedges of the block, and of the tasks it starts, cost tokens.

    The defaults are those of the AWS SDKs; see ``TokenPurse``.

    Args:
      capacity: Tokens at the start, and at most.
      retry_cost: The price of a retry, and of a hedge.
      timeout_cost: The price of a retry after a timeout.
      earned: Tokens that a success at the first attempt earns.

    Raises:
      ValueError: A number is negative, NaN or infinite.
    """
    purse = TokenPurse(capacity, retry_cost, timeout_cost, earned)
    token = _open(purse)
    try:
        yield purse
    finally:
        _spending.reset(token)


is_budgeted = _spending.get
"""Return something true if the current task has a budget to keep to.

Asked before every call that may be retried, so it is no function of Python.
"""


def afford_hedge() -> bool:
    """Pay for a hedge, and return whether all budgets of the current task could."""
    return _pay(_current().purses, "hedge", None) is not None


@final
class Account:
    """One call and its retries under the budgets of the task: a ``with`` block around them all."""

    __slots__ = ("_is_outermost", "_prices", "_purses", "_token")

    def __init__(self) -> None:
        self._prices: list[float] | None = None
        self._purses: tuple[Purse, ...] = ()
        self._is_outermost = False
        self._token: Token[_Spending | None] | None = None

    def __enter__(self) -> Account:
        """Count the call, unless it is part of one that has been counted."""
        spending = _current()
        self._purses = spending.purses
        uncounted = spending.purses[spending.counted :]
        self._is_outermost = bool(uncounted)
        for purse in uncounted:
            purse.count_call(trio.current_time())
        self._token = _spending.set(_Spending(spending.purses, len(spending.purses)))
        return self

    def __exit__(self, *exc: object) -> None:
        if self._token is not None:
            _spending.reset(self._token)

    def afford(self, error: object) -> bool:
        """Pay for a retry, and return whether all budgets could."""
        prices = _pay(self._purses, "retry", error)
        self._prices = prices or self._prices
        return prices is not None

    def succeed(self) -> None:
        """Take note that the call succeeded in the end."""
        if self._prices is not None:
            for purse, price in zip(self._purses, self._prices, strict=True):
                purse.refund(price)
        elif self._is_outermost:
            for purse in self._purses:
                purse.refund(None)


def _current() -> _Spending:
    return _spending.get() or _NONE


def _open(purse: Purse) -> Token[_Spending | None]:
    outer = _current()
    return _spending.set(_Spending((*outer.purses, purse), outer.counted))


def _pay(purses: tuple[Purse, ...], use: Use, error: object) -> list[float] | None:
    """Return what each purse has paid, or ``None`` where one could not, and then none does."""
    now = trio.current_time() if purses else 0.0
    short = [purse for purse in purses if not purse.can_afford(use, error, now)]
    if short:
        for purse in short:
            purse.refuse()
        return None
    return [purse.pay(use, error, now) for purse in purses]
