"""Known concurrency bugs are found, shown and reproduced; their repaired twins pass."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from testing.bug_bed import BUGS, find, kept_schedules, load

from awaitly_trio.testing import Rules, explore

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

BED = Path(__file__).parent / "bug_bed.py"


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("bug", BUGS)
def test_a_bug_is_found_within_its_number_of_schedules(bug: str, seed: int) -> None:
    """Each bug takes no more schedules than its module states, whatever the seed."""
    error = find(bug, seed=seed)

    assert error.schedule.found_at <= load(bug).SCHEDULES
    assert error.schedule.story


@pytest.mark.parametrize("bug", BUGS)
def test_a_repaired_twin_passes(bug: str) -> None:
    """What was repaired holds under three times as many schedules."""
    module = load(bug)

    found = explore(module.repaired, schedules=3 * module.SCHEDULES)

    assert found.interleavings > 1


@pytest.mark.parametrize("bug", BUGS)
def test_a_bug_is_shown_in_its_plainest_form(bug: str) -> None:
    """The failing schedule of each needs at most one preemption, and that is proved."""
    schedule = find(bug, rules=Rules(shrink_runs=2000)).schedule

    assert schedule.preemptions <= 1
    assert schedule.is_plainest


def test_the_bed_holds_bugs_enough() -> None:
    """Fewer than fifteen would prove little."""
    assert len(BUGS) >= 15


@pytest.mark.slow
@pytest.mark.parametrize("bug", BUGS)
def test_a_printed_schedule_shows_the_bug_in_another_process(
    bug: str, fresh_python: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    """The replay line tells the same story to a colleague, who has another hash seed."""
    schedule = find(bug).schedule

    run = fresh_python(str(BED), "replay", bug, schedule.replay)

    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == schedule.story.strip()


@pytest.mark.parametrize("bug", BUGS)
def test_the_same_schedule_is_found_by_every_python(bug: str) -> None:
    """The schedules in the repository, found by one CPython, are what every other finds.

    A Trio that takes other steps changes them: run ``bug_bed.py keep`` then.
    """
    assert find(bug).schedule.replay == kept_schedules()[bug]


@pytest.mark.parametrize("bug", BUGS)
def test_a_printed_schedule_shows_the_bug_under_every_python(bug: str) -> None:
    """The text that one CPython printed fails under this one, in the same way."""
    found = find(bug, replay=kept_schedules()[bug])

    assert found.schedule.story == find(bug).schedule.story
