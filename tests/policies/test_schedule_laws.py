"""The algebra of schedules, as laws that hold for any composition."""

from __future__ import annotations

import math
import pickle
import random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from awaitly_trio._policies.delays import (
    delays_of,
    exponential,
    fibonacci,
    forever,
    linear,
    recurs,
    spaced,
    stop,
)
from awaitly_trio._policies.schedule import Schedule

if TYPE_CHECKING:
    from awaitly_trio._policies.jitter import Jitter

Any_schedule = Schedule[Any, Any]

DELAYS = st.floats(min_value=0, max_value=1000)
JITTERS: st.SearchStrategy[Jitter] = st.sampled_from(
    ["full", "equal", "decorrelated", "proportional"]
)
N = 12

PARTS: st.SearchStrategy[Any_schedule] = st.one_of(
    st.just(forever()),
    st.just(stop()),
    st.integers(0, 5).map(recurs),
    DELAYS.map(spaced),
    st.builds(exponential, DELAYS, factor=st.floats(0.5, 1e100)),
    DELAYS.map(linear),
    DELAYS.map(fibonacci),
    st.lists(DELAYS, max_size=5).map(delays_of),
)


def compositions(*, jittered: bool) -> st.SearchStrategy[Any_schedule]:
    """Draw schedules of any shape, nested a few levels deep."""

    def around(inner: st.SearchStrategy[Any_schedule]) -> st.SearchStrategy[Any_schedule]:
        unary = [
            st.builds(Schedule.cap, inner, DELAYS),
            st.builds(Schedule.floor, inner, DELAYS),
            st.builds(Schedule.up_to, inner, st.integers(0, 8)),
            st.builds(Schedule.up_to_elapsed, inner, DELAYS),
            st.builds(Schedule.map, inner, st.just(str)),
            st.builds(Schedule.and_then, inner, inner),
            st.builds(Schedule.union, inner, inner),
            st.builds(Schedule.intersect, inner, inner),
        ]
        return st.one_of(*unary, st.builds(Schedule.jitter, inner, JITTERS) if jittered else inner)

    return st.recursive(PARTS, around, max_leaves=5)


SCHEDULES = compositions(jittered=True)
STEADY = compositions(jittered=False)
TIMELESS = STEADY.filter(lambda schedule: not schedule.is_timed)


@given(SCHEDULES, st.integers())
def test_every_delay_is_a_duration(schedule: Any_schedule, seed: int) -> None:
    """No composition yields a negative, infinite or undefined delay."""
    delays = schedule.delays(N, rng=random.Random(seed))

    assert all(0 <= delay < math.inf for delay in delays)


@given(SCHEDULES, st.integers())
def test_one_seed_gives_one_run(schedule: Any_schedule, seed: int) -> None:
    """A schedule used twice with one seed gives the same delays: nothing is left behind."""
    first = schedule.delays(N, rng=random.Random(seed))

    assert schedule.delays(N, rng=random.Random(seed)) == first


@given(SCHEDULES)
def test_the_end_is_final(schedule: Any_schedule) -> None:
    """A driver that has stopped stays stopped, whatever it is told."""
    driver = schedule.up_to(5).start(random.Random(0))
    while driver.next(None):
        pass

    assert [driver.next(given) for given in (None, 1, "go")] == [None, None, None]


@given(SCHEDULES)
def test_a_schedule_survives_pickling(schedule: Any_schedule) -> None:
    """A pickled schedule is equal, hashes alike, and behaves alike."""
    copy = pickle.loads(pickle.dumps(schedule))

    assert copy == schedule
    assert hash(copy) == hash(schedule)
    assert copy.delays(N) == schedule.delays(N)


@given(SCHEDULES)
def test_intersection_with_forever_is_identity(schedule: Any_schedule) -> None:
    """``forever`` demands nothing, so both together are the other one."""
    assert (schedule & forever()).delays(N) == schedule.delays(N)
    assert (forever() & schedule).delays(N) == schedule.delays(N)


@given(SCHEDULES)
def test_union_with_stop_is_identity(schedule: Any_schedule) -> None:
    """``stop`` offers nothing, so either of them is the other one."""
    assert (schedule | stop()).delays(N) == schedule.delays(N)
    assert (stop() | schedule).delays(N) == schedule.delays(N)


@given(SCHEDULES)
def test_union_with_forever_never_waits_nor_ends(schedule: Any_schedule) -> None:
    """``forever`` absorbs in a union, as zero is the shortest delay and it never stops."""
    assert (schedule | forever()).delays(N) == [0.0] * N


@given(SCHEDULES)
def test_stop_is_neutral_in_a_sequence(schedule: Any_schedule) -> None:
    """A sequence with an empty phase is the other phase."""
    assert stop().and_then(schedule).delays(N) == schedule.delays(N)
    assert schedule.and_then(stop()).delays(N) == schedule.delays(N)


@given(TIMELESS, TIMELESS, TIMELESS)
def test_sequences_are_associative(a: Any_schedule, b: Any_schedule, c: Any_schedule) -> None:
    """How phases are bracketed does not matter."""
    assert a.and_then(b).and_then(c).delays(N) == a.and_then(b.and_then(c)).delays(N)


@given(STEADY, STEADY)
def test_union_and_intersection_are_commutative(a: Any_schedule, b: Any_schedule) -> None:
    """Which side is written first does not matter."""
    assert (a | b).delays(N) == (b | a).delays(N)
    assert (a & b).delays(N) == (b & a).delays(N)


@given(STEADY, STEADY, STEADY)
def test_unions_are_associative(a: Any_schedule, b: Any_schedule, c: Any_schedule) -> None:
    """How unions are bracketed does not matter."""
    assert ((a | b) | c).delays(N) == (a | (b | c)).delays(N)


@given(STEADY, STEADY, STEADY)
def test_intersections_are_associative(a: Any_schedule, b: Any_schedule, c: Any_schedule) -> None:
    """How intersections are bracketed does not matter."""
    assert ((a & b) & c).delays(N) == (a & (b & c)).delays(N)


@given(STEADY)
def test_union_and_intersection_with_itself_are_identity(schedule: Any_schedule) -> None:
    """A schedule combined with itself is itself."""
    assert (schedule | schedule).delays(N) == schedule.delays(N)
    assert (schedule & schedule).delays(N) == schedule.delays(N)


@given(SCHEDULES, st.integers(0, 6), st.integers(0, 6))
def test_the_smaller_count_wins(schedule: Any_schedule, a: int, b: int) -> None:
    """Two limits of the count are the smaller one."""
    assert schedule.up_to(a).up_to(b).delays(N) == schedule.up_to(min(a, b)).delays(N)


@given(SCHEDULES, DELAYS, DELAYS)
def test_the_lower_cap_and_the_higher_floor_win(schedule: Any_schedule, a: float, b: float) -> None:
    """Bounds of one kind combine to the stricter one, in any order."""
    assert schedule.cap(a).cap(b).delays(N) == schedule.cap(min(a, b)).delays(N)
    assert schedule.floor(a).floor(b).delays(N) == schedule.floor(max(a, b)).delays(N)


@given(TIMELESS, DELAYS, DELAYS, JITTERS, st.permutations(["cap", "floor", "jitter"]))
def test_cap_floor_and_jitter_commute(
    schedule: Any_schedule, low: float, high: float, jitter: Jitter, order: list[str]
) -> None:
    """Bounds and jitter mean the same in whatever order they are written."""
    layers = {"cap": high, "floor": low, "jitter": jitter}
    written = schedule
    for name in order:
        written = getattr(written, name)(layers[name])

    assert written.delays(N) == schedule.jitter(jitter).floor(low).cap(high).delays(N)


@given(SCHEDULES, DELAYS, st.lists(st.sampled_from(["floor", "jitter", "map", "tap", "up_to"])))
def test_a_cap_holds_through_whatever_is_written_outside(
    schedule: Any_schedule, high: float, outside: list[str]
) -> None:
    """The cap is applied last even when it is written first."""
    written = schedule.cap(high)
    arguments: dict[str, Any] = {
        "floor": 1000.0,
        "jitter": "proportional",
        "map": str,
        "tap": str,
        "up_to": 9,
    }
    for name in outside:
        written = getattr(written, name)(arguments[name])

    assert all(delay <= high for delay in written.delays(N))


@given(SCHEDULES, SCHEDULES, DELAYS, DELAYS, JITTERS)
def test_caps_of_both_sides_hold_in_combinations(
    a: Any_schedule, b: Any_schedule, left: float, right: float, jitter: Jitter
) -> None:
    """A union has the lower cap while both go on, an intersection the higher, jitter included."""
    capped = (a.cap(left) & b.cap(right)).jitter(jitter)
    either = (forever().and_then(a).cap(left) | forever().and_then(b).cap(right)).jitter(jitter)

    assert all(delay <= max(left, right) for delay in capped.delays(N))
    assert all(delay <= min(left, right) for delay in either.delays(N))


@given(SCHEDULES, DELAYS, st.one_of(st.none(), JITTERS), st.integers())
def test_the_elapsed_limit_is_never_overshot(
    schedule: Any_schedule, limit: float, outside: Jitter | None, seed: int
) -> None:
    """The sum of the delays stays within the limit, even with jitter written outside."""
    written = schedule.up_to_elapsed(limit).jitter(outside or "none")

    delays = written.delays(N, rng=random.Random(seed))

    assert sum(delays) <= limit * (1 + 1e-9)


@given(STEADY)
def test_neutral_layers_change_nothing(schedule: Any_schedule) -> None:
    """Layers that allow everything leave every delay as it was: no inner state is dropped."""
    layered = (
        schedule.cap(math.inf)
        .floor(0)
        .jitter("none")
        .map(str)
        .tap(str)
        .while_input(lambda _: True)
        .until_output(lambda _: False)
        .up_to(math.inf)
        .up_to_elapsed(math.inf)
    )

    assert layered.delays(N) == schedule.delays(N)


@pytest.mark.parametrize("jitter", ["full", "equal", "decorrelated", "proportional"])
@given(schedule=TIMELESS, seed=st.integers())
def test_jitter_changes_delays_and_nothing_else(
    schedule: Any_schedule, seed: int, jitter: Jitter
) -> None:
    """Jitter neither ends a schedule nor prolongs it."""
    plain = schedule.cap(1000)

    assert len(plain.jitter(jitter).delays(N, rng=random.Random(seed))) == len(plain.delays(N))
