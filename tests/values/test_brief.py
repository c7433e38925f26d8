"""The beginning of a ``repr``."""

from __future__ import annotations

import sys
import tracemalloc
from array import array
from collections import Counter, OrderedDict, UserList, defaultdict, deque
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from awaitly_trio import Err, Ok, TaggedError
from awaitly_trio._values.brief import DEPTH, brief
from awaitly_trio._values.plain import shown


@dataclass
class Order:
    number: int
    items: Any
    secret: str = field(default="x", repr=False)


@dataclass
class Terse:
    number: int

    def __repr__(self) -> str:
        return f"#{self.number}"


class Point(NamedTuple):
    x: Any
    y: Any


class Sparse(msgspec.Struct, repr_omit_defaults=True):
    number: int = 0


class Declined(TaggedError):
    reason: Any


class Names(list[Any]):
    """A subclass that says nothing of its own about its ``repr``."""


class Loading(list[Any]):
    """A list that loads what is in it when it is asked, as those of databases do."""

    def __iter__(self) -> Any:
        raise AssertionError("asked")


class Bag(set[Any]):
    """Likewise; sets name their subclasses."""


class Hostile:
    def __repr__(self) -> str:
        raise RuntimeError("no")


class Vague:
    def __repr__(self) -> Any:
        return 3


def containers(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Draw whatever holds other values."""
    several = st.lists(inner, max_size=4)
    keys = st.one_of(st.integers(), st.text(max_size=3), st.binary(max_size=3))
    mapping = st.dictionaries(keys, inner, max_size=4)
    return st.one_of(
        several,
        several.map(tuple),
        several.map(Names),
        several.map(deque),
        several.map(lambda each: deque(each, maxlen=9)),
        several.map(UserList),
        several.map(lambda each: ValueError(*each)),
        mapping,
        mapping.map(OrderedDict),
        mapping.map(lambda each: defaultdict(list, each)),
        mapping.map(MappingProxyType),
        st.sets(keys, max_size=4),
        st.frozensets(keys, max_size=4),
        st.sets(keys, max_size=4).map(Bag),
        st.builds(Order, st.integers(), inner),
        st.builds(Terse, inner),
        st.builds(Point, inner, inner),
        st.builds(Sparse, inner),
        st.builds(Declined, inner),
        st.builds(Ok, inner),
        st.builds(Err, inner),
    )


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=9),
    st.binary(max_size=9),
    st.binary(max_size=9).map(bytearray),
    st.sampled_from([int, len, KeyError("a"), KeyError(), Counter("abca"), range(3), object()]),
)
values = st.recursive(scalars, containers, max_leaves=12)


@given(values)
def test_what_is_short_is_its_repr(value: object) -> None:
    """Character by character, whatever is in it, but for addresses and lone surrogates."""
    assert brief(value, 100_000) == shown(value)


@given(values, st.integers(1, 60))
def test_what_is_long_is_the_beginning_of_its_repr(value: object, longest: int) -> None:
    """With a sign that there is more; a long text alone may be quoted in another way."""
    whole, told = shown(value), brief(value, longest)

    if len(whole) <= longest:
        assert told == whole
    else:
        assert told.endswith("…")
        assert len(told) <= longest + 1


def test_a_cut_shows_the_beginning() -> None:
    """In order, as ``repr`` has it."""
    assert brief({"b": [1, 2, 3], "a": 4}, 12) == "{'b': [1, 2,…"
    assert brief(Order(1, ["tea"] * 9), 24) == "Order(number=1, items=['…"
    assert brief("tea" * 99, 5) == "'teat…"


class Counted:
    """Counts how often instances are shown."""

    asked = 0

    def __repr__(self) -> str:
        Counted.asked += 1
        return "x"


@pytest.mark.parametrize(
    "wrap",
    [
        lambda many: many,
        tuple,
        dict.fromkeys,
        set,
        deque,
        lambda many: Order(1, many),
        lambda many: Ok([many]),
        ValueError,
        lambda many: Point(many, many),
        lambda many: [many] * 10_000,
        lambda many: [[[many] * 100] * 100] * 100,
    ],
    ids=range(11),
)
def test_what_would_not_be_seen_is_not_asked(wrap: Any) -> None:
    """However much there is, and however it is nested."""
    Counted.asked = 0

    brief(wrap([Counted() for _ in range(50_000)]), 1000)

    assert 0 < Counted.asked <= 1000


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (Counter(range(5000)), "<Counter of 5000 entries>"),
        (array("i", range(5000)), "<array of 5000 entries>"),
        (MappingProxyType(dict.fromkeys(range(5000))), "<mappingproxy of 5000 entries>"),
        (10**10_000, "<int of 33220 bits>"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_can_only_be_shown_whole_is_counted(value: object, told: str) -> None:
    """Containers that show themselves in another way than by their entries, and huge numbers."""
    assert brief(value, 1000) == told


@pytest.mark.parametrize("whole", ["x" * 10**8, b"x" * 10**8], ids=["text", "bytes"])
def test_a_long_text_is_not_copied(whole: Any) -> None:
    """Only its beginning is; a hundred megabytes more would be a surprise."""
    tracemalloc.start()
    try:
        told = brief([whole], 1000)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert len(told) == 1001
    assert peak < 1_000_000


def test_a_list_that_loads_when_it_is_asked_stays_unloaded() -> None:
    """Its ``repr`` does not ask either."""
    assert brief(Loading([1]), 100) == repr(Loading([1])) == "[1]"


def test_what_fails_is_described_where_it_stands() -> None:
    """What lies beside it is told all the same."""
    assert brief([1, Hostile(), 2], 100) == "[1, <Hostile whose repr raises RuntimeError>, 2]"
    assert brief(Vague(), 100) == "<Vague whose repr raises TypeError>"


def test_an_address_does_not_count() -> None:
    """What is left out takes no place."""
    assert brief([object()], 17) == "[<object object>]"


@dataclass(eq=False)
class Knot:
    """Something that can lie in a set which it holds."""

    holds: Any = None


def rings() -> list[Any]:
    """Return values of many kinds, each of which holds itself."""
    several: list[Any] = [1]
    inner: list[Any] = []
    around = (inner,)
    mapping: dict[str, Any] = {}
    ordered = OrderedDict[str, Any]()
    queue = deque[Any](maxlen=3)
    knot = Knot()
    several.append(several)
    inner.append(around)
    mapping["a"] = mapping
    ordered["a"] = ordered
    queue.append(queue)
    knot.holds = knot
    return [several, around, mapping, ordered, queue, knot, *map(ring_of, (set, frozenset, Bag))]


def ring_of(kind: Any) -> Any:
    """Return a set with something in it that holds this set."""
    knot = Knot()
    knot.holds = kind([knot])
    return knot.holds


@pytest.mark.parametrize("ring", rings(), ids=lambda ring: type(ring).__name__)
def test_a_value_that_holds_itself_is_its_repr(ring: Any) -> None:
    """It ends where Python ends it, and says so with the same words."""
    assert brief(ring, 100) == shown(ring)


def test_what_is_too_deep_for_anybody_to_read_ends() -> None:
    """Its ``repr`` would raise."""
    deep: list[Any] = []
    for _ in range(10 * sys.getrecursionlimit()):
        deep = [deep]

    assert brief(deep, 1000) == "[" * (DEPTH + 1) + "..." + "]" * (DEPTH + 1)


def test_a_brief_text_can_be_encoded() -> None:
    """What a ``repr`` of its own returns may hold the name of any file."""
    assert brief(Terse("\udcff"), 100) == r"#\udcff"  # type: ignore[arg-type]
