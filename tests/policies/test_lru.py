"""The bounded, expiring map under every cache."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from awaitly_trio._policies.lru import ExpiringLru

MISSING = object()


def test_a_value_lives_for_its_ttl() -> None:
    """An entry is there until the very instant at which it expires."""
    cache: ExpiringLru[str, int] = ExpiringLru()

    cache.put("a", 1, now=10.0, ttl=5)

    assert cache.get("a", 14.9, MISSING) == 1
    assert cache.get("a", 15.0, MISSING) is MISSING


def test_none_is_a_value() -> None:
    """A cached ``None`` is told from nothing cached."""
    cache: ExpiringLru[str, None] = ExpiringLru()

    cache.put("a", None, now=0.0)

    assert cache.get("a", 0.0, MISSING) is None


def test_overwriting_clears_the_former_expiry() -> None:
    """A value put without a ttl stays, although the one before it was to expire."""
    cache: ExpiringLru[str, int] = ExpiringLru()
    cache.put("a", 1, now=0.0, ttl=5)

    cache.put("a", 2, now=1.0)

    assert cache.get("a", 1e9, MISSING) == 2


def test_overwriting_in_a_full_cache_evicts_nobody() -> None:
    """Only a new key makes another one go."""
    cache: ExpiringLru[str, int] = ExpiringLru(2)
    cache.put("a", 1, now=0.0)
    cache.put("b", 1, now=0.0)

    cache.put("b", 2, now=0.0)

    assert list(cache) == ["a", "b"]
    assert cache.statistics().evicted == 0


def test_the_least_recently_used_goes_first() -> None:
    """Reading an entry saves it from eviction; age alone does not condemn it."""
    cache: ExpiringLru[str, int] = ExpiringLru(2)
    cache.put("a", 1, now=0.0)
    cache.put("b", 1, now=0.0)
    cache.get("a", 0.0, MISSING)

    cache.put("c", 1, now=0.0)

    assert list(cache) == ["a", "c"]
    assert cache.statistics().evicted == 1


def test_discard_says_whether_it_found_anything() -> None:
    """Forgetting an unknown key is no error."""
    cache: ExpiringLru[str, int] = ExpiringLru()
    cache.put("a", 1, now=0.0)

    assert [cache.discard("a"), cache.discard("a")] == [True, False]


def test_clear_forgets_entries_and_keeps_the_counts() -> None:
    """A cleared cache is empty, and still knows how it has served."""
    cache: ExpiringLru[str, int] = ExpiringLru(4)
    cache.put("a", 1, now=0.0)
    cache.get("a", 0.0, None)
    shown = repr(cache)

    cache.clear()

    assert (shown, repr(cache)) == (
        "<ExpiringLru, 1 of 4 entries>",
        "<ExpiringLru, 0 of 4 entries>",
    )
    assert cache.statistics().hits == 1


def test_purge_drops_the_expired_only() -> None:
    """What is left after a purge is alive."""
    cache: ExpiringLru[str, int] = ExpiringLru()
    cache.put("a", 1, now=0.0, ttl=1)
    cache.put("b", 1, now=0.0, ttl=3)

    dropped = cache.purge(2.0)

    assert (dropped, list(cache)) == (1, ["b"])


def test_statistics_count_what_happened() -> None:
    """Hits, misses and expiries add up."""
    cache: ExpiringLru[str, int] = ExpiringLru(8)
    cache.put("a", 1, now=0.0, ttl=1)
    cache.get("a", 0.0, None)
    cache.get("a", 1.0, None)
    cache.get("b", 1.0, None)

    statistics = cache.statistics()

    assert (statistics.hits, statistics.misses, statistics.expired) == (1, 2, 1)
    assert (statistics.size, statistics.capacity) == (0, 8)


@pytest.mark.parametrize("capacity", [0, -1, math.nan])
def test_a_capacity_below_one_is_refused(capacity: float) -> None:
    """The message shows the value and the ways out."""
    with pytest.raises(ValueError, match=f"at least 1, not {capacity!r}.*use no cache"):
        ExpiringLru(capacity)


@pytest.mark.parametrize("ttl", [0, -1.5, math.nan])
def test_a_ttl_not_above_zero_is_refused(ttl: float) -> None:
    """A negative or NaN ttl neither expires an entry nor keeps it for ever."""
    cache: ExpiringLru[str, int] = ExpiringLru()

    with pytest.raises(ValueError, match=f"above 0 seconds, not {ttl!r}"):
        cache.put("a", 1, now=0.0, ttl=ttl)


@given(
    capacity=st.integers(1, 4),
    moves=st.lists(
        st.tuples(st.sampled_from(["put", "get", "discard"]), st.integers(0, 5), st.integers(0, 3)),
        max_size=40,
    ),
)
def test_it_agrees_with_a_list_kept_by_hand(
    capacity: int, moves: list[tuple[str, int, int]]
) -> None:
    """Whatever is done to it, it holds what a list in order of use would hold."""
    cache: ExpiringLru[int, int] = ExpiringLru(capacity)
    model: list[tuple[int, int, int]] = []  # key, value, expiry: least recently used first

    for now, (move, key, ttl) in enumerate(moves):
        known = [entry for entry in model if entry[0] == key]
        others = [entry for entry in model if entry[0] != key]
        if move == "put":
            cache.put(key, now, now, ttl + 1)
            surplus = 0 if known else max(0, len(others) + 1 - capacity)
            model = [*others[surplus:], (key, now, now + ttl + 1)]
        elif move == "discard":
            cache.discard(key)
            model = others
        else:
            live = [entry for entry in known if now < entry[2]]
            assert cache.get(key, now, -1) == (live[0][1] if live else -1)
            model = others + live

    assert list(cache) == [entry[0] for entry in model]
