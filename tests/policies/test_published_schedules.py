"""What other libraries publish of their schedules, as tables, done with ours.

The cases are written anew from tenacity's and Effect's documentation and the behaviour that
their own tests pin.  Where we differ on purpose, the reason stands beside the case.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from awaitly_trio._policies.delays import (
    delays_of,
    every,
    exponential,
    fibonacci,
    forever,
    linear,
    recurs,
    spaced,
    stop,
)

if TYPE_CHECKING:
    from awaitly_trio._policies.schedule import Schedule

TENACITY_WAITS: list[tuple[str, Schedule[Any, Any], dict[int, float]]] = [
    # (theirs, ours, the delay after the n-th attempt)
    ("wait_none()", forever(), {1: 0, 18: 0}),
    ("wait_fixed(1)", spaced(1), {1: 1, 12: 1}),
    ("wait_incrementing(500, 100)", linear(500, increment=100), {1: 500, 2: 600, 3: 700}),
    ("wait_exponential()", exponential(1), {1: 1, 2: 2, 3: 4, 8: 128}),
    ("wait_exponential(max=40)", exponential(1, cap=40), {6: 32, 7: 40, 8: 40, 50: 40}),
    ("wait_exponential(min=20)", exponential(1).floor(20), {1: 20, 5: 20, 6: 32, 20: 524288}),
    (
        "wait_exponential(min=20, multiplier=2)",
        exponential(2).floor(20),
        {1: 20, 4: 20, 5: 32, 20: 1048576},
    ),
    (
        "wait_exponential(min=10, max=100)",
        exponential(1, cap=100).floor(10),
        {1: 10, 4: 10, 5: 16, 8: 100, 20: 100},
    ),
    (
        # Theirs repeats the last part for ever; ours says so.
        "wait_chain(1, 1, 4, 4, 8)",
        delays_of([1, 1, 4, 4]).and_then(spaced(8)),
        {1: 1, 2: 1, 3: 4, 4: 4, 5: 8, 10: 8},
    ),
]


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [case[1:] for case in TENACITY_WAITS],
    ids=[c[0] for c in TENACITY_WAITS],
)
def test_waits_of_tenacity(schedule: Schedule[Any, Any], expected: dict[int, float]) -> None:
    """Each wait strategy has a schedule with the same delays.  Source: tenacity's wait tests."""
    delays = schedule.delays(max(expected))

    assert {n: delays[n - 1] for n in expected} == expected


def between(least: float, most: float) -> Schedule[Any, int]:
    """Return delays drawn evenly between two, as ``wait_random`` does."""
    middle, reach = (least + most) / 2, (most - least) / 2
    return spaced(middle).jitter("proportional", share=reach / middle)


@pytest.mark.parametrize(
    ("schedule", "least", "most"),
    [
        (between(1, 20), 1, 20),
        (between(0, 2), 0, 2),
        # A random and a fixed wait added up are one random wait.
        (between(5, 8), 5, 8),
        # wait_random_exponential(multiplier=1, max=60) is what the AWS article calls full jitter.
        (exponential(1, cap=60, jitter="full"), 0, 60),
    ],
    ids=["wait_random", "wait_random without min", "wait_combine", "wait_random_exponential"],
)
def test_random_waits_of_tenacity(schedule: Any, least: float, most: float) -> None:
    """Random waits lie in the published range and vary.  Source: tenacity's wait tests."""
    delays = schedule.delays(1000)

    assert len(set(delays)) > 1
    assert all(least <= delay <= most for delay in delays)


AFTER_DELAY = spaced(0.1).up_to_elapsed(1)
AFTER_ATTEMPT = spaced(0.1).up_to(3)

TENACITY_STOPS: list[tuple[str, Schedule[Any, Any], list[tuple[int, float, bool]]]] = [
    # (theirs, ours, [(attempts made, seconds since the first began, stops)])
    ("stop_never", forever(), [(3, 6546, False)]),
    ("stop_after_attempt(3)", recurs(2), [(2, 6546, False), (3, 6546, True)]),
    (
        # Theirs stops when the time is up, so that a wait may end after it; ours does not begin a
        # wait that would.  It is their stop_before_delay.
        "stop_before_delay(1)",
        AFTER_DELAY,
        [(2, 0.89, False), (2, 0.91, True), (2, 1, True), (2, 1.001, True)],
    ),
    (
        "stop_any(stop_before_delay(1), stop_after_attempt(4))",
        AFTER_DELAY & AFTER_ATTEMPT,
        [(1, 0.1, False), (2, 0.8, False), (4, 0.8, True), (3, 1.8, True), (4, 1.8, True)],
    ),
    (
        "stop_all(stop_before_delay(1), stop_after_attempt(4))",
        AFTER_DELAY | AFTER_ATTEMPT,
        [(1, 0.1, False), (2, 0.8, False), (4, 0.8, False), (3, 1.8, False), (4, 1.8, True)],
    ),
]


@pytest.mark.parametrize(
    ("schedule", "cases"), [case[1:] for case in TENACITY_STOPS], ids=[c[0] for c in TENACITY_STOPS]
)
def test_stops_of_tenacity(schedule: Any, cases: list[tuple[int, float, bool]]) -> None:
    """Each stop condition is a limit of a schedule.  Source: tenacity's stop tests."""
    for attempts, elapsed, stops in cases:
        driver = schedule.start(random.Random(0))
        for _ in range(attempts - 1):
            driver.next(None, 0.0)

        assert (driver.next(None, elapsed) is None) is stops, (attempts, elapsed)


EFFECT: list[tuple[str, Schedule[Any, Any], list[float]]] = [
    ("exponential('1 minutes')", exponential("1m"), [60, 120, 240, 480, 960]),
    ("fibonacci('1 seconds')", fibonacci(1), [1, 1, 2, 3, 5, 8, 13]),
    ("linear('1 seconds')", linear(1), [1, 2, 3, 4, 5]),
    ("fromDelays(1, 2, 3, 4)", delays_of([1, 2, 3, 4]), [1, 2, 3, 4]),
    ("fixed('5 seconds')", every(5), [5, 5, 5]),
    ("recurs(2) & exponential", recurs(2) & exponential("1m"), [60, 120]),
    ("stop | (spaced & stop)", stop() | (spaced(2) & stop()), []),
    # Theirs gives up when the time is over, ours before a wait that would end after it: the same
    # five waits, after which theirs would begin a sixth if the calls took no time at all.
    ("spaced('1 seconds').upTo('5 seconds')", spaced(1).up_to_elapsed(5), [1, 1, 1, 1, 1]),
]


@pytest.mark.parametrize(
    ("schedule", "expected"), [case[1:] for case in EFFECT], ids=[case[0] for case in EFFECT]
)
def test_schedules_of_effect(schedule: Schedule[Any, Any], expected: list[float]) -> None:
    """Schedules of Effect have the same delays here.  Source: Effect's schedule tests."""
    assert schedule.delays(len(expected) or 5) == expected


def test_a_union_of_effect_goes_on_while_either_does() -> None:
    """A finished side no longer shortens the delay: no wait, and then each second.

    Source: Effect's schedule tests, ``recurWhile(identity)`` united with ``fixed("1 seconds")``.
    """
    schedule = forever().while_input(lambda given: given is True) | every(1)
    driver = schedule.start(random.Random(0))
    elapsed = 0.0

    delays: list[float] = []
    for given in (True, False, False, False):
        tick = driver.next(given, elapsed)
        assert tick is not None
        elapsed += tick.delay
        delays.append(tick.delay)

    assert delays == [0, 1, 1, 1]


DIFFERENCES = [
    (
        "tenacity",
        "stop_after_delay stops when the time is up, so that a wait may end after it.",
        "A wait that would end after the time does not begin: it is their stop_before_delay.",
    ),
    (
        "Effect",
        "upTo gives up when the time is over.",
        "It gives up before a wait that would end after the time.",
    ),
]
