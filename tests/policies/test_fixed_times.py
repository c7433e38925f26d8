"""Schedules of fixed times: what is due when, across changes of the clock."""

from __future__ import annotations

import pickle
import random
import sys
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from awaitly_trio._policies.delays import exponential, spaced
from awaitly_trio._policies.fixed_times import at_times, cron

if TYPE_CHECKING:
    from collections.abc import Callable

    from awaitly_trio._policies.schedule import Schedule

NOON = datetime(2024, 5, 1, 12, tzinfo=timezone.utc)
PARIS = ZoneInfo("Europe/Paris")


def due(schedule: Schedule[Any, datetime], now: datetime, n: int) -> list[str]:
    """Return the times that are due, for one who is always on time."""
    clock = [now.timestamp()]
    driver = schedule.start(random.Random(0), lambda: clock[0])
    found: list[str] = []
    elapsed = 0.0
    while len(found) < n and (tick := driver.next(None, elapsed)):
        clock[0] += tick.delay
        elapsed += tick.delay
        found.append(tick.output.isoformat())
    return found


def test_cron_waits_for_the_next_time() -> None:
    """The delay is what is missing to the next time that the expression names."""
    schedule = cron("*/5 * * * *")

    assert schedule.delays(3, now=NOON.timestamp() + 61) == [239, 300, 300]


def test_a_time_is_not_due_at_itself() -> None:
    """Started exactly on time, the schedule waits for the next one."""
    assert cron("0 12 * * *").delays(1, now=NOON.timestamp()) == [86400]


def test_times_that_pass_during_a_call_are_skipped() -> None:
    """A call that takes longer than the interval is not made up for."""
    clock = [NOON.timestamp()]
    driver = cron("*/5 * * * *").start(random.Random(0), lambda: clock[0])

    driver.next(None)
    clock[0] += 17 * 60
    tick = driver.next(None, 17 * 60)

    assert tick is not None
    assert tick.delay == 3 * 60


@pytest.mark.parametrize("drift", [-0.01, -3600])
def test_no_time_is_due_twice(drift: float) -> None:
    """Waking early by the wall clock, or a clock set back, does not repeat a time."""
    clock = [NOON.timestamp()]
    driver = cron("*/5 * * * *").start(random.Random(0), lambda: clock[0])

    first = driver.next(None)
    assert first is not None
    clock[0] += first.delay + drift
    second = driver.next(None, first.delay)

    assert second is not None
    assert second.output == first.output + timedelta(minutes=5)
    assert second.delay == pytest.approx(300 - drift)


def test_a_lost_hour_is_made_up_for() -> None:
    """When clocks go forward, a daily time within the lost hour falls on its end."""
    found = due(cron("30 2 * * *", zone=PARIS), datetime(2024, 3, 30, tzinfo=PARIS), 3)

    assert found == [
        "2024-03-30T02:30:00+01:00",
        "2024-03-31T03:00:00+02:00",
        "2024-04-01T02:30:00+02:00",
    ]


def test_a_repeated_hour_counts_once() -> None:
    """When clocks go back, a daily time within the repeated hour is due once."""
    found = due(cron("30 2 * * *", zone=PARIS), datetime(2024, 10, 26, tzinfo=PARIS), 3)

    assert found == [
        "2024-10-26T02:30:00+02:00",
        "2024-10-27T02:30:00+02:00",
        "2024-10-28T02:30:00+01:00",
    ]


def test_given_times_are_waited_for_in_order() -> None:
    """Past times are skipped, the rest come in order, and then the schedule ends."""
    times = [NOON + timedelta(hours=hours) for hours in (2, -1, 1)]

    assert at_times(times).delays(now=NOON.timestamp()) == [3600, 3600]


def test_fixed_times_combine_with_other_schedules() -> None:
    """A fixed time may begin a phase, and waits on while shorter delays come in between."""
    schedule = at_times([NOON + timedelta(seconds=90)]).and_then(spaced(5).up_to(1))

    assert schedule.delays(now=NOON.timestamp()) == [90, 5]
    assert (cron("0 13 * * *") | exponential(1000)).delays(3, now=NOON.timestamp()) == [
        1000,
        2000,
        600,
    ]


def test_fixed_times_look_at_the_elapsed_time() -> None:
    """Whether a time was waited for is read off the time that has passed."""
    assert cron("0 9 * * *").is_timed


def test_fixed_times_are_values() -> None:
    """They compare, hash, pickle and show themselves like other schedules."""
    schedule = cron("0 9 * * 1-5", zone=PARIS) & at_times([NOON])

    assert pickle.loads(pickle.dumps(schedule)) == schedule
    assert hash(cron("0 9 * * *")) == hash(cron("0 9 * * *"))
    assert repr(cron("0 9 * * *")) == "cron('0 9 * * *')"
    assert repr(schedule).startswith("(cron('0 9 * * 1-5', zone=zoneinfo.ZoneInfo(")


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: cron("* * *"), "cron expression is '\\* \\* \\*': Wrong number of fields"),
        (lambda: cron("61 * * * *"), "cron expression is '61 "),
        (lambda: at_times([NOON.replace(tzinfo=None)]), "has no zone: add one"),
        (lambda: cron("0 9 * * *").delays(), "follows the wall clock: give start"),
    ],
)
def test_what_names_no_time_is_refused(build: Callable[[], object], message: str) -> None:
    """Wrong expressions, times without a zone and a missing clock are errors that say so."""
    with pytest.raises(ValueError, match=message):
        build()


def test_a_rare_expression_is_found() -> None:
    """Leap days are years apart and still come."""
    assert due(cron("0 0 29 2 *"), NOON, 2) == [
        "2028-02-29T00:00:00+00:00",
        "2032-02-29T00:00:00+00:00",
    ]


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the reader of expressions the error says what to install."""
    monkeypatch.setitem(sys.modules, "cronsim", None)

    with pytest.raises(ImportError, match=r"pip install 'awaitly_trio\[cron\]'"):
        cron("* * * * *")
