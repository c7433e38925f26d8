"""Schedules: the delays of each kind, how they combine, and what is refused."""

from __future__ import annotations

import math
import pickle
import random
import re
from typing import Any

import pytest

from awaitly_trio._policies.delays import (
    delays_of,
    every,
    exponential,
    fibonacci,
    forever,
    linear,
    once,
    recurs,
    spaced,
    stop,
    unfold,
)
from awaitly_trio._policies.schedule import Schedule, Tick


def untyped(value: object) -> Any:
    """Hide a wrong type from the checker, which would refuse it before the test could."""
    return value


def outputs(schedule: Schedule[Any, Any], n: int = 100) -> list[Any]:
    """Return what a schedule puts out when every call leads to ``None``."""
    driver = schedule.start(random.Random(0))
    found: list[Any] = []
    while len(found) < n and (tick := driver.next(None)):
        found.append(tick.output)
    return found


def is_small(value: float) -> bool:
    """Return whether a number is below two."""
    return value < 2


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (forever(), [0, 0, 0, 0, 0]),
        (recurs(3), [0, 0, 0]),
        (once(), [0]),
        (stop(), []),
        (spaced(5), [5, 5, 5, 5, 5]),
        (spaced("250ms"), [0.25] * 5),
        (exponential(100), [100, 200, 400, 800, 1600]),
        (exponential(100, factor=3), [100, 300, 900, 2700, 8100]),
        (exponential(8, factor=0.5), [8, 4, 2, 1, 0.5]),
        (exponential(0), [0, 0, 0, 0, 0]),
        (linear(100), [100, 200, 300, 400, 500]),
        (linear(1, increment="500ms"), [1, 1.5, 2, 2.5, 3]),
        (linear(5, increment=0), [5, 5, 5, 5, 5]),
        (fibonacci(100), [100, 100, 200, 300, 500]),
        (delays_of([1, "2s", 0.5]), [1, 2, 0.5]),
        (delays_of([]), []),
        (every(2), [2, 2, 2, 2, 2]),
        (every("100ms", attempts=4), [pytest.approx(0.1)] * 3),
    ],
    ids=repr,
)
def test_delays_of_each_kind(schedule: Schedule[Any, Any], expected: list[float]) -> None:
    """Each constructor gives the delays that its name says."""
    assert schedule.delays(5) == expected


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (exponential(1, attempts=3), [1, 2]),
        (exponential(1, attempts=1), []),
        (exponential(1, cap=3, attempts=5), [1, 2, 3, 3]),
        (linear(1, cap=2, attempts=4), [1, 2, 2]),
        (fibonacci(1, cap=2, attempts=5), [1, 1, 2, 2]),
        (spaced(1, attempts=2), [1]),
    ],
    ids=repr,
)
def test_attempts_count_the_first_call(schedule: Schedule[Any, Any], expected: list[float]) -> None:
    """Three attempts are one call and two repetitions, so two delays."""
    assert schedule.delays() == expected


def test_fibonacci_has_no_plateau() -> None:
    """The sequence grows as far as floats go."""
    delays = fibonacci(1).delays(70)

    assert delays[49] == 12_586_269_025
    assert delays[69] == delays[68] + delays[67]


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (forever().up_to(3), [0, 0, 0]),
        (spaced(1).up_to(5), [1, 1, 1, 1, 1]),
        (spaced(1).up_to(0), []),
        (spaced(1).up_to(math.inf).up_to(2), [1, 1]),
        (exponential(100).cap(500).up_to(5), [100, 200, 400, 500, 500]),
        (exponential(100).floor(300).up_to(4), [300, 300, 400, 800]),
        (exponential(1).floor(10).cap(5).up_to(2), [5, 5]),
        (exponential(1).cap(5).floor(10).up_to(2), [5, 5]),
        (recurs(3).and_then(spaced(1)).up_to(5), [0, 0, 0, 1, 1]),
        (recurs(1).and_then(recurs(1)).and_then(recurs(1)), [0, 0, 0]),
        (stop().and_then(recurs(2)), [0, 0]),
        ((exponential(100) | spaced(500)).up_to(4), [100, 200, 400, 500]),
        (recurs(2) | recurs(3), [0, 0, 0]),
        ((spaced(500) & exponential(100)).up_to(4), [500, 500, 500, 800]),
        (recurs(2) & recurs(3), [0, 0]),
    ],
    ids=repr,
)
def test_combinations(schedule: Schedule[Any, Any], expected: list[float]) -> None:
    """Limits, bounds, sequences, unions and intersections give the expected delays."""
    assert schedule.delays() == expected


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ((recurs(1) | recurs(2)).and_then(recurs(1)), 3),
        (recurs(1).and_then(recurs(1)) | recurs(1).and_then(recurs(2)), 3),
        (recurs(1).and_then(recurs(1)) & recurs(1).and_then(recurs(2)), 2),
        ((recurs(2) & recurs(3)).and_then(recurs(2)), 4),
        ((recurs(1) | stop()).and_then(recurs(1) | stop()), 2),
    ],
    ids=repr,
)
def test_nested_combinations_end(schedule: Schedule[Any, Any], expected: int) -> None:
    """Combinations of combinations go on as often as their parts say."""
    assert len(schedule.delays()) == expected


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (exponential(200, cap=30_000, attempts=9), [200, 400, 800, 1600, 3200, 6400, 12800, 25600]),
        (
            exponential(0.1).up_to(5).and_then(spaced(10).up_to(3)),
            [0.1, 0.2, 0.4, 0.8, 1.6, 10, 10, 10],
        ),
        (
            exponential(100)
            .up_to(3)
            .and_then(spaced(500).up_to(2))
            .and_then(spaced(1000).up_to(2)),
            [100, 200, 400, 500, 500, 1000, 1000],
        ),
        (
            (exponential(100) & spaced(200)).cap(5000).up_to(5),
            [200, 200, 400, 800, 1600],
        ),
        ((delays_of([50]).and_then(spaced(200)) | spaced(100)).up_to(4), [50, 100, 100, 100]),
        (
            (spaced(1000) & exponential(100, factor=2)).up_to(6),
            [1000, 1000, 1000, 1000, 1600, 3200],
        ),
        (spaced("5m").up_to(2), [300, 300]),
    ],
    ids=["payment", "database", "webhook", "e-mail", "job", "api", "poll"],
)
def test_real_schedules(schedule: Schedule[Any, Any], expected: list[float]) -> None:
    """Schedules as services use them, twice from one value."""
    assert schedule.delays() == expected
    assert schedule.delays() == expected


def test_back_off_with_jitter_cap_and_limit() -> None:
    """The usual composite gives five delays under its cap."""
    schedule = exponential(1, cap=30).jitter("proportional").up_to(5)

    delays = schedule.delays()

    assert len(delays) == 5
    assert delays == sorted(delays)
    assert max(delays) <= 30


@pytest.mark.parametrize(
    "wrap",
    [
        lambda s: s.cap(1e9),
        lambda s: s.floor(0),
        lambda s: s.map(str),
        lambda s: s.tap(str),
        lambda s: s.jitter("none"),
        lambda s: s.up_to(100),
        lambda s: s.up_to_elapsed(math.inf),
        lambda s: s.while_input(lambda _: True),
        lambda s: s.until_output(lambda _: False),
        lambda s: s | stop(),
        lambda s: s & forever(),
    ],
)
def test_no_combinator_forgets_what_is_inside(wrap: Any) -> None:
    """A phase change inside is seen through every combinator outside."""
    phases = spaced(0.1).up_to(2).and_then(spaced(1).up_to(2)) | recurs(0)

    assert wrap(phases).delays() == [0.1, 0.1, 1, 1]


def test_outputs_count_or_are_the_delay() -> None:
    """Steady schedules count from zero, growing ones put out their delay before any cap."""
    assert outputs(recurs(3)) == [0, 1, 2]
    assert outputs(spaced(7).up_to(3)) == [0, 1, 2]
    assert outputs(exponential(1, cap=2, attempts=4)) == [1, 2, 4]


def test_outputs_of_phases_and_pairs() -> None:
    """A sequence passes both phases' outputs on; unions and intersections pair them."""
    one, ten = once().map(lambda _: 1), once().map(lambda _: 10)

    assert outputs(one.and_then(ten)) == [1, 10]
    assert outputs(one | recurs(2)) == [(1, 0), (None, 1)]
    assert outputs(recurs(2) | one) == [(0, 1), (1, None)]
    assert outputs(one & recurs(2)) == [(1, 0)]


def test_tap_sees_every_output_and_changes_none() -> None:
    """A tap is called once for each tick, not for the end."""
    seen: list[int] = []

    passed = outputs(recurs(3).tap(seen.append))

    assert seen == passed == [0, 1, 2]


def test_ticks_are_numbered_and_the_end_is_final() -> None:
    """A driver numbers the calls that ended, and once it says stop it stays stopped."""
    driver = recurs(2).while_input(lambda given: given != "stop").start(random.Random(0))

    assert driver.next("go") == Tick(0.0, 0, 1)
    assert driver.next("stop") is None
    assert driver.next("go") is None


def test_an_ended_side_of_a_union_stays_ended() -> None:
    """A child that has stopped is not asked again, even if it would answer."""
    picky = spaced(1).while_input(lambda given: given == "go")
    driver = (picky | spaced(5)).start(random.Random(0))

    delays = [tick.delay for given in ("go", "no", "go") if (tick := driver.next(given))]

    assert delays == [1, 5, 5]


@pytest.mark.parametrize(
    ("schedule", "given", "expected"),
    [
        (forever().while_input(is_small), [0, 1, 2, 0], 2),
        (forever().until_input(is_small), [3, 2, 1, 3], 2),
        (forever().while_output(is_small), [0, 0, 0, 0], 2),
        (forever().until_output(lambda n: n == 3), [0, 0, 0, 0], 3),
    ],
    ids=["while_input", "until_input", "while_output", "until_output"],
)
def test_conditions_on_input_and_output(
    schedule: Schedule[Any, Any], given: list[int], expected: int
) -> None:
    """``while`` stops at the first that fails, ``until`` at the first that passes."""
    driver = schedule.start(random.Random(0))

    ticks = [driver.next(each) for each in given]

    assert [tick is not None for tick in ticks] == [n < expected for n in range(len(given))]


def test_elapsed_limit_is_never_overshot() -> None:
    """A delay that would end past the limit is not begun; one that ends on it is."""
    assert spaced(400).up_to_elapsed(1000).delays() == [400, 400]
    assert spaced(500).up_to_elapsed(1000).delays() == [500, 500]
    assert exponential(1).up_to_elapsed("10s").delays() == [1, 2, 4]


def test_elapsed_limit_counts_the_time_of_the_calls() -> None:
    """The limit looks at the caller's clock, not at the sum of the delays."""
    driver = spaced(1).up_to_elapsed(10).start(random.Random(0))

    assert driver.next(None, elapsed=8.5) is not None
    assert driver.next(None, elapsed=9.5) is None


def test_elapsed_limit_of_a_second_phase_counts_from_its_beginning() -> None:
    """Each phase has its own time, so a sequence does not eat the second one's allowance."""
    schedule = spaced(4).up_to(2).and_then(spaced(1).up_to_elapsed(3))

    assert schedule.delays() == [4, 4, 1, 1, 1]


@pytest.mark.parametrize(
    "schedule",
    [
        spaced(3).up_to_elapsed(10).floor(4),
        spaced(3).floor(4).up_to_elapsed(10),
        spaced(3).up_to_elapsed(10) & spaced(4),
    ],
    ids=repr,
)
def test_nothing_outside_carries_a_delay_past_the_elapsed_limit(
    schedule: Schedule[Any, Any],
) -> None:
    """A longer delay imposed from outside ends the schedule rather than break its limit."""
    assert schedule.delays() == [4, 4]


def test_every_keeps_to_its_interval() -> None:
    """What a call takes is part of the interval, and intervals that it fills are skipped.

    Source: Effect, ``Schedule.fixed``: started at 0 and again at 6.5, five seconds are 5 and 10.
    """
    driver = every(5).start(random.Random(0))

    ticks = [driver.next(None, elapsed) for elapsed in (0, 6.5, 10, 10.1, 27)]

    assert [(tick.delay, tick.output) for tick in ticks if tick] == [
        (5, 1),
        (3.5, 2),
        (5, 3),
        (pytest.approx(4.9), 3),
        (3, 6),
    ]


def test_a_demanded_delay_breaks_a_cap_but_no_elapsed_limit() -> None:
    """``Retry-After`` is longer than our cap if the server says so, but ends a limited schedule."""
    capped = spaced(1).cap(2).start(random.Random(0))
    limited = spaced(1).up_to_elapsed(10).and_then(once()).start(random.Random(0))

    waited = capped.next(None, at_least=7)

    assert waited is not None
    assert waited.delay == 7
    assert limited.next(None, at_least=11) == Tick(11.0, 0, 1)
    assert limited.next(None) is None


def test_only_schedules_with_an_elapsed_limit_look_at_the_time() -> None:
    """``is_timed`` tells whether a caller has to read the clock, at any depth."""
    assert not (exponential(1).jitter() | recurs(2)).is_timed
    assert (recurs(2) | spaced(1).up_to_elapsed(5).cap(1)).is_timed


@pytest.mark.parametrize("grow", [exponential(1, factor=1e200), fibonacci(1e308), linear(1e308)])
def test_overflow_saturates_at_the_cap(grow: Schedule[Any, Any]) -> None:
    """Growth past the largest float meets the cap instead of an OverflowError."""
    assert grow.cap(5).delays(4)[2:] == [5, 5]


@pytest.mark.parametrize("grow", [exponential(1, factor=1e200), fibonacci(1e308), linear(1e308)])
def test_an_endless_delay_is_the_end(grow: Schedule[Any, Any]) -> None:
    """Without a cap, a delay that no float can hold stops the schedule: nobody waits for ever."""
    assert all(math.isfinite(delay) for delay in grow.delays(10))
    assert len(grow.delays(10)) < 10


def test_unfold_builds_a_schedule_from_a_function() -> None:
    """A schedule of one's own keeps its state, inside any combinator."""

    def halve(state: float, given: object) -> tuple[float, str, float] | None:
        return None if state < 1 else (state, str(given), state / 2)

    schedule = unfold(8.0, halve)

    assert (schedule.cap(5) | stop()).delays() == [5, 4, 2, 1]
    assert outputs(schedule, 1) == ["None"]


def test_unfold_refuses_what_is_no_delay() -> None:
    """A function that returns a negative delay is named in the error."""
    schedule = unfold(0, broken_step)

    with pytest.raises(ValueError, match="the delay of broken_step is -1"):
        schedule.delays()


def broken_step(state: int, given: object) -> tuple[float, int, int]:
    """Return a delay that no schedule can have."""
    return -1, 0, state


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: spaced(-1), "delay is -1, but must be zero or more"),
        (lambda: spaced(math.nan), "delay is nan"),
        (lambda: spaced("inf"), "delay is 'inf': a delay must be finite"),
        (lambda: exponential(1, factor=0), "factor is 0: it must be above zero"),
        (lambda: exponential(1, factor=math.nan), "factor is nan"),
        (lambda: exponential(1, factor=math.inf), "factor is inf"),
        (lambda: exponential(-0.1), "initial is -0.1"),
        (lambda: exponential(1, cap=-1), "cap is -1"),
        (lambda: exponential(1, attempts=0), "attempts is 0: it must be 1 or more"),
        (lambda: linear(1, increment=-1), "increment is -1"),
        (lambda: every(0), "interval is 0: write one above zero"),
        (lambda: recurs(-1), "times is -1: it must be 0 or more"),
        (lambda: spaced(1).up_to(-2), "times is -2"),
        (lambda: spaced(1).cap(math.nan), "cap is nan"),
        (lambda: spaced(1).floor(math.inf), "floor is inf: a delay must be finite"),
        (lambda: spaced(1).up_to_elapsed(-1), "limit is -1"),
        (lambda: delays_of([1, -2]), "delay 1 is -2"),
        (
            lambda: spaced(1).jitter(untyped("ful")),
            "jitter is 'ful': choose one of 'none', 'full'",
        ),
        (lambda: spaced(1).jitter("full", share=0.1), "share is 0.1, but 'full' jitter has none"),
        (lambda: spaced(1).jitter("proportional", share=0), "share is 0: choose one above 0"),
        (lambda: spaced(1).jitter("proportional", share=1.5), "share is 1.5"),
        (lambda: spaced(1).jitter("proportional", share=math.nan), "share is nan"),
    ],
)
def test_numbers_out_of_range_are_refused(build: Any, message: str) -> None:
    """Overflow, NaN and negative numbers are refused with the value shown."""
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        build()


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: recurs(untyped(2.5)), "times is 2.5: write a whole number"),
        (lambda: recurs(untyped(math.inf)), "times is inf: write a whole number"),
        (lambda: spaced(1).up_to(math.nan), "times is nan"),
        (lambda: exponential(1, attempts=2.5), "attempts is 2.5"),
        (lambda: exponential(1, attempts=True), "attempts is True"),
        (lambda: exponential(untyped(None)), "initial is None, a NoneType"),
    ],
)
def test_wrong_types_are_refused(build: Any, message: str) -> None:
    """Counts are whole numbers, and a bool is not one."""
    with pytest.raises(TypeError, match="^" + re.escape(message)):
        build()


SHOWN = [
    (
        exponential(0.1, factor=3, cap="30s", attempts=5),
        "exponential(0.1, factor=3.0).cap(30.0).up_to(4)",
    ),
    (exponential(1, jitter="full"), "exponential(1.0).jitter('full')"),
    (recurs(2), "forever().up_to(2)"),
    (linear(1, increment=2), "linear(1.0, increment=2.0)"),
    (linear(1).jitter("proportional"), "linear(1.0).jitter('proportional', share=0.2)"),
    (fibonacci(1).floor(2).up_to_elapsed(60), "fibonacci(1.0).floor(2.0).up_to_elapsed(60.0)"),
    (delays_of([1, 2]), "delays_of([1.0, 2.0])"),
    (every("1m"), "every(60.0)"),
    (
        (spaced(1) | recurs(1)).and_then(spaced(2) & spaced(3)),
        "(spaced(1.0) | forever().up_to(1)).and_then((spaced(2.0) & spaced(3.0)))",
    ),
]


@pytest.mark.parametrize(("schedule", "text"), SHOWN)
def test_repr_is_the_code_that_builds_it(schedule: Schedule[Any, Any], text: str) -> None:
    """The ``repr`` reads as code and evaluates to an equal schedule."""
    assert repr(schedule) == text
    assert eval(text) == schedule  # noqa: S307


def test_repr_names_functions() -> None:
    """Functions are shown by their names."""
    schedule = forever().while_output(is_small).until_input(is_small).map(str).tap(repr)

    assert repr(schedule) == (
        "forever().while_output(is_small).until_input(is_small).map(str).tap(repr)"
    )
    assert repr(unfold(1, broken_step)) == "unfold(1, broken_step)"


def test_schedules_are_values() -> None:
    """Equal schedules are equal, hash alike and survive pickling; different ones differ."""
    one = (exponential(1).while_output(is_small) | recurs(2)).jitter("decorrelated")
    same = (exponential(1).while_output(is_small) | recurs(2)).jitter("decorrelated")
    other = (exponential(1).until_output(is_small) | recurs(2)).jitter("decorrelated")

    assert one == same == pickle.loads(pickle.dumps(one))
    assert hash(one) == hash(same)
    assert one != other
    assert spaced(1).cap(2) != spaced(1).floor(2)


def test_a_schedule_cannot_be_changed() -> None:
    """A schedule is frozen, so that sharing it is safe."""
    with pytest.raises(AttributeError):
        spaced(1).plan = None  # type: ignore[misc,assignment]


def test_two_uses_of_one_schedule_do_not_meet() -> None:
    """Drivers of one value keep their states apart."""
    schedule = exponential(1).up_to(3).and_then(spaced(9)) | recurs(0)
    first, second = schedule.start(random.Random(0)), schedule.start(random.Random(0))

    interleaved = [driver.next(None) for _ in range(5) for driver in (first, second)]

    assert [tick.delay for tick in interleaved if tick] == [1, 1, 2, 2, 4, 4, 9, 9, 9, 9]
