"""Which fault strikes when."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest

from awaitly_trio._policies.fault_plan import Answer, Cancel, Delay, FaultPlan, Hang, Raise


def strikes(plan: FaultPlan, point: str, times: int) -> list[bool]:
    """Return at which of so many times a fault strikes at a point."""
    return [plan.strike(point) is not None for _ in range(times)]


def test_a_seed_decides_everything() -> None:
    """One seed gives one series, another one another."""
    faults = {"db": Hang(chance=0.5)}

    first, again, other = (strikes(FaultPlan(faults, seed), "db", 50) for seed in (1, 1, 2))

    assert first == again != other
    assert 10 < sum(first) < 40


def test_points_do_not_disturb_each_other() -> None:
    """What happens at one is the same, whoever passes another one meanwhile."""
    faults = {"*": Hang(chance=0.5)}
    alone, crowded = FaultPlan(faults, 1), FaultPlan(faults, 1)

    expected = strikes(alone, "db", 50)
    seen: list[bool] = []
    for i in range(50):
        crowded.strike(f"other {i % 3}")
        seen += strikes(crowded, "db", 1)

    assert seen == expected


def test_the_first_pattern_that_fits_counts() -> None:
    """A point without a fault is never struck."""
    special, usual = Hang(), Cancel()
    plan = FaultPlan({"db.save": special, "db.*": usual}, seed=1)

    assert [plan.strike(point) for point in ("db.save", "db.load", "http")] == [
        special,
        usual,
        None,
    ]


def test_a_fault_may_begin_late_and_end_early() -> None:
    """The first times are unharmed, and it strikes no more often than told."""
    plan = FaultPlan({"db": Hang(skip=2, most=3)}, seed=1)

    assert strikes(plan, "db", 8) == [False, False, True, True, True, False, False, False]


def test_a_share_of_the_points_takes_part() -> None:
    """A point is struck in the whole plan or not at all."""
    plan = FaultPlan({"*": Hang()}, seed=1, share=0.25)

    series = [strikes(plan, f"point {i}", 3) for i in range(200)]

    assert all(len(set(each)) == 1 for each in series)
    assert 25 < sum(each[0] for each in series) < 75


def test_a_delay_is_between_its_bounds() -> None:
    """Or exactly as long as told."""
    source = random.Random(1)

    lengths = [Delay("50ms", "2s").length(source) for _ in range(50)]

    assert 0.05 <= min(lengths) < 0.5
    assert 1.5 < max(lengths) <= 2
    assert Delay("1m").length(source) == 60


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Hang(chance=0), "chance must be above 0 and at most 1, not 0"),
        (lambda: Hang(chance=math.nan), "chance must be above 0 and at most 1, not nan"),
        (lambda: Raise(OSError, skip=-1), "skip must be 0 or more times, not -1"),
        (lambda: Answer(1, most=0), "most must be at least 1 time, not 0"),
        (lambda: Delay(2, 1), "a delay needs least <= longest < inf, but these are 2 and 1"),
        (lambda: Delay(math.inf), "for a delay without end there is Hang"),
        (lambda: Delay(-1), "least is -1"),
        (lambda: FaultPlan({}, 1, share=0), "share must be above 0 and at most 1, not 0"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(make: Any, message: str) -> None:
    """The message shows the value."""
    with pytest.raises(ValueError, match=message):
        make()
