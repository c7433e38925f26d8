"""Known concurrency bugs are found, shown and reproduced; their repaired twins pass."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from testing.bug_bed import BUGS, find, load

from awaitly_trio.testing import Rules, explore

if TYPE_CHECKING:
    from collections.abc import Callable

BED = Path(__file__).parent / "bug_bed.py"


def other_pythons() -> list[str]:
    """Return interpreters of other versions that have what the package needs.

    They are those of tox beside this one, and those that ``AWAITLY_PYTHONS``
    names, separated like a path.
    """
    named = os.environ.get("AWAITLY_PYTHONS", "").split(os.pathsep)
    beside = sorted(map(str, Path(sys.prefix).parent.glob("py3*/bin/python")))
    check = f"import trio, sys; sys.exit(sys.version_info[:2] == {sys.version_info[:2]})"
    return [
        python
        for python in (*named, *beside)
        if python
        and Path(python).exists()
        and subprocess.run([python, "-c", check], capture_output=True, check=False).returncode == 0
    ]


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


@pytest.mark.integration
@pytest.mark.parametrize("bug", BUGS)
def test_a_printed_schedule_shows_the_bug_under_another_python(bug: str, package: Path) -> None:
    """Nothing in a schedule depends on the version of CPython."""
    pythons = other_pythons()
    if not pythons:
        pytest.skip("no other CPython has Trio; name some in AWAITLY_PYTHONS")
    schedule = find(bug).schedule

    for python in pythons:
        run = subprocess.run(
            [python, str(BED), "replay", bug, schedule.replay],
            env={"PYTHONPATH": str(package.parent)},
            capture_output=True,
            text=True,
            check=False,
        )

        assert run.returncode == 0, f"{python}: {run.stderr}"
        assert run.stdout.strip() == schedule.story.strip()
