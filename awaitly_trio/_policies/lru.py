"""A bounded map whose entries expire: the memory under every cache of the package.

Pure bookkeeping.  The caller says what time it is, in seconds of any clock
that never runs backwards, and keeps to that clock.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import TYPE_CHECKING, Generic, TypeVar, final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

K = TypeVar("K", bound="Hashable")
V = TypeVar("V")
D = TypeVar("D")


@final
class CacheStatistics(msgspec.Struct, frozen=True):
    """What a cache holds, and how it has served since it was made.

    ``evicted`` counts live entries that had to go for newer ones, ``expired``
    entries found past their time.  ``capacity`` is ``math.inf`` where nothing bounds it.
    """

    size: int
    capacity: float
    hits: int
    misses: int
    evicted: int
    expired: int


@final
class ExpiringLru(Generic[K, V]):
    """Remember values by key for a time, and forget the least recently used when full.

    Reading an entry makes it the most recently used; so does writing it.
    Keys compare as in a ``dict``: see ``typed_key`` where 1, 1.0 and True must differ.

    Args:
      capacity: The most entries kept; ``math.inf`` for no bound.

    Raises:
      ValueError: ``capacity`` is below one, or NaN.
    """

    __slots__ = ("_capacity", "_entries", "_evicted", "_expired", "_hits", "_misses")

    def __init__(self, capacity: float = math.inf) -> None:
        if not capacity >= 1:
            raise ValueError(
                f"capacity must be at least 1, not {capacity!r}: "
                "to keep nothing, use no cache; to keep everything, pass math.inf"
            )
        self._capacity = capacity
        self._entries: OrderedDict[K, tuple[V, float]] = OrderedDict()
        self._hits = self._misses = self._evicted = self._expired = 0

    def get(self, key: K, now: float, default: D) -> V | D:
        """Return the live value under a key, or the default.

        An entry is live until, and no longer at, the instant it was put plus its ttl.
        """
        entry = self._entries.get(key)
        if entry is None:
            self._misses += 1
            return default
        value, expires_at = entry
        if now >= expires_at:
            del self._entries[key]
            self._expired += 1
            self._misses += 1
            return default
        self._entries.move_to_end(key)
        self._hits += 1
        return value

    def put(self, key: K, value: V, now: float, ttl: float = math.inf) -> None:
        """Keep a value for ``ttl`` seconds, instead of any value kept under the key.

        Nothing of the former entry stays, its expiry least of all.  The least
        recently used entry goes, but only when a new key finds no room.

        Raises:
          ValueError: ``ttl`` is not above zero.
        """
        if not ttl > 0:
            raise ValueError(
                f"ttl must be above 0 seconds, not {ttl!r}: "
                "discard the key instead, or pass math.inf to keep it for good"
            )
        if key not in self._entries and len(self._entries) >= self._capacity:
            _, (_, expires_at) = self._entries.popitem(last=False)
            if now >= expires_at:
                self._expired += 1
            else:
                self._evicted += 1
        self._entries[key] = (value, now + ttl)
        self._entries.move_to_end(key)

    def discard(self, key: K) -> bool:
        """Forget one key; tell whether anything was kept under it."""
        return self._entries.pop(key, None) is not None

    def clear(self) -> None:
        """Forget every entry; the counts of ``statistics()`` go on."""
        self._entries.clear()

    def purge(self, now: float) -> int:
        """Drop every expired entry and return how many there were; takes time linear in size."""
        dead = [key for key, (_, expires_at) in self._entries.items() if now >= expires_at]
        for key in dead:
            del self._entries[key]
        self._expired += len(dead)
        return len(dead)

    def __len__(self) -> int:
        """Count the entries kept, among them those expired that nobody asked for since."""
        return len(self._entries)

    def __iter__(self) -> Iterator[K]:
        """Yield the keys kept, least recently used first."""
        return iter(self._entries)

    def __repr__(self) -> str:
        """Say how full the map is."""
        return f"<ExpiringLru, {len(self._entries)} of {self._capacity} entries>"

    def statistics(self) -> CacheStatistics:
        """Return a record of the size, the capacity and the counts so far."""
        return CacheStatistics(
            size=len(self._entries),
            capacity=self._capacity,
            hits=self._hits,
            misses=self._misses,
            evicted=self._evicted,
            expired=self._expired,
        )
