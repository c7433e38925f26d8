"""Async functions that remember what they returned.

The memory is ``_policies.lru``, and concurrent calls share one as in
``single_flight``.  This module decides what is remembered, and for how long.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from functools import partial, update_wrapper
from typing import Any, Generic, TypeVar, cast, final

import msgspec
import trio
from typing_extensions import ParamSpec

from awaitly_trio._policies.lru import ExpiringLru
from awaitly_trio._policies.typed_key import typed_key
from awaitly_trio._tasks.revalidation import refresh_soon
from awaitly_trio._tasks.single_flight import SingleFlight
from awaitly_trio._tasks.timeline import Timeline
from awaitly_trio._values.duration import Duration, seconds
from awaitly_trio._values.result import Err

P = ParamSpec("P")
T = TypeVar("T")


def never(error: Any) -> Duration:  # noqa: ARG001
    """Remember no error: what a cached function does unless told otherwise."""
    return 0.0


@final
class CachedStatistics(msgspec.Struct, frozen=True):
    """How a cached function has served since it was made.

    ``hits`` are calls answered from memory, ``stale`` those of them whose answer was
    being refreshed; ``made`` calls were made, and ``shared`` waited for one of those.
    """

    size: int
    capacity: float
    hits: int
    stale: int
    made: int
    shared: int
    evicted: int
    expired: int


@final
class CacheRules(msgspec.Struct, frozen=True, kw_only=True):
    """What a cached function remembers; see ``cached`` for the meaning."""

    ttl: float
    stale_for: float
    capacity: float
    key: Callable[..., Hashable] | None
    error_ttl: Callable[[Any], Duration]
    copy: Callable[[Any], Any] | None


@final
class _Answer(msgspec.Struct, frozen=True):
    value: Any
    fresh_until: float


@final
class Cached(Generic[P, T]):
    """An async function that remembers what it returned; ``cached`` makes one.

    It may be made at import time and serve one run after another; between runs its
    time stands still.  It is not thread-safe.
    """

    def __init__(self, fn: Callable[P, Awaitable[T]], rules: CacheRules) -> None:
        self._fn = fn
        self._rules = rules
        self._time = Timeline()
        self._kept: ExpiringLru[Hashable, _Answer] = ExpiringLru(rules.capacity)
        self._flight: SingleFlight[Hashable] = SingleFlight(self._keep)
        self._hits = self._stale = 0
        update_wrapper(cast("Callable[..., Any]", self), fn)

    async def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """Answer from memory, or from the same call under way, or make the call.

        An answer from memory is a cancellation point.

        Raises:
          TypeError: An argument cannot be part of a key.
        """
        key = self.key_of(*args, **kwargs)
        now = self._time.now()
        answer = self._kept.get(key, now, None)
        if answer is not None:
            is_stale = now >= answer.fresh_until
            if not is_stale or self._refresh_soon(key, *args, **kwargs):
                await trio.lowlevel.checkpoint_if_cancelled()
                self._hits += 1
                self._stale += is_stale
                return self._copied(answer.value)
        return self._copied(await self._flight(key, self._fn, *args, **kwargs))

    def key_of(self, *args: P.args, **kwargs: P.kwargs) -> Hashable:
        """Return the key under which a call with these arguments is remembered."""
        if self._rules.key is None:
            return typed_key(args, kwargs)
        return self._rules.key(*args, **kwargs)

    def forget(self, *args: P.args, **kwargs: P.kwargs) -> None:
        """Forget the call with these arguments; if it is under way, it will not be remembered."""
        key = self.key_of(*args, **kwargs)
        self._flight.forget(key)
        self._kept.discard(key)

    def clear(self) -> None:
        """Forget every call, those under way included."""
        self._flight.clear()
        self._kept.clear()

    def statistics(self) -> CachedStatistics:
        """Return a record of what is kept and of the totals."""
        kept, flight = self._kept.statistics(), self._flight.statistics()
        return CachedStatistics(
            size=kept.size,
            capacity=kept.capacity,
            hits=self._hits,
            stale=self._stale,
            made=flight.total_made,
            shared=flight.total_shared,
            evicted=kept.evicted,
            expired=kept.expired,
        )

    def _refresh_soon(self, key: Hashable, *args: P.args, **kwargs: P.kwargs) -> bool:
        return self._flight.is_flying(key) or refresh_soon(
            partial(self._flight, key, self._fn, *args, **kwargs)
        )

    def _keep(self, key: Hashable, value: Any) -> None:
        rules = self._rules
        ttl, stale_for = rules.ttl, rules.stale_for
        if value.__class__ is Err:
            ttl, stale_for = seconds(rules.error_ttl(value.error), "error_ttl"), 0.0
        if ttl:
            now = self._time.now()
            self._kept.put(key, _Answer(self._copied(value), now + ttl), now, ttl + stale_for)

    def _copied(self, value: T) -> T:
        copied: T = value if self._rules.copy is None else self._rules.copy(value)
        return copied


def cached(
    *,
    ttl: Duration,
    stale_for: Duration = 0.0,
    capacity: float = 1024,
    key: Callable[..., Hashable] | None = None,
    error_ttl: Callable[[Any], Duration] = never,
    copy: Callable[[Any], Any] | None = None,
) -> Callable[[Callable[P, Awaitable[T]]], Cached[P, T]]:
    """Make an async function remember what it returned, for each combination of arguments.

    A result that is ``Ok`` is remembered, and so is a value that is no result.  An
    exception never is, and an ``Err`` only as ``error_ttl`` says.  Concurrent
    calls with the same arguments share one.

    Args:
      ttl: How long an answer is fresh, in seconds or any other duration;
        ``math.inf`` for good.
      stale_for: How long after that it may still be given while it is refreshed, within
        a ``revalidating`` block; without one a stale answer is none.
      capacity: The most answers kept; the least recently used goes first.
      key: Makes the key of the arguments.  By default 1, 1.0 and True differ, and lists
        and dictionaries stand for what they hold.
      error_ttl: Tells for how long the error of an ``Err`` is remembered; 0 for not at all.
      copy: Makes the copy that is kept, and those that are given out, such as
        ``copy.deepcopy``.  By default all share one object: leave it as it is.

    Raises:
      ValueError: ``ttl`` or ``stale_for`` is out of range, or ``capacity`` below one.
    """
    fresh = seconds(ttl, "ttl")
    if not fresh:
        raise ValueError(f"ttl must be above 0 seconds, not {ttl!r}: to keep nothing, use no cache")
    rules = CacheRules(
        ttl=fresh,
        stale_for=seconds(stale_for, "stale_for"),
        capacity=capacity,
        key=key,
        error_ttl=error_ttl,
        copy=copy,
    )
    return partial(Cached, rules=rules)
