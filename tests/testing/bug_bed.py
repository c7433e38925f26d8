"""The bugs that exploration has to find, as modules; run it for the table of docs/testing.md.

Usage:
  bug_bed.py table            how many schedules, and how many plain runs, each bug takes
  bug_bed.py replay BUG CODE  fail as the schedule says: exit status 0 if the bug shows
  bug_bed.py keep             write the schedules that this CPython finds to schedules.txt
"""

from __future__ import annotations

import importlib.util
import statistics
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trio

from awaitly_trio.testing import DeadlockError, ScheduleError, explore, virtual_clock

if TYPE_CHECKING:
    from types import ModuleType

FOLDER = Path(__file__).parent / "bugs"
BUGS = sorted(path.stem for path in FOLDER.glob("*.py"))
KEPT = Path(__file__).parent / "schedules.txt"
SEEDS = range(5)
MOST_PLAIN_RUNS = 2000


def load(bug: str) -> ModuleType:
    """Return the module of a bug."""
    spec = importlib.util.spec_from_file_location(bug, FOLDER / f"{bug}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def find(bug: str, **options: Any) -> ScheduleError:
    """Return the failure that exploration finds in the broken half of a bug."""
    module = load(bug)
    try:
        explore(module.broken, **{"schedules": module.SCHEDULES, **options})
    except ScheduleError as error:
        return error
    raise AssertionError(f"{bug} was not found")


def kept_schedules() -> dict[str, str]:
    """Return the failing schedules in the repository, by bug."""
    lines = KEPT.read_text(encoding="utf-8").splitlines()
    return dict(line.split() for line in lines)


def plain_runs(bug: str) -> int | None:
    """Return after how many plain runs of Trio a bug shows; ``None`` if it never does."""
    broken = load(bug).broken
    for run in range(MOST_PLAIN_RUNS):
        try:
            virtual_clock().run(broken, patience=float("inf"))
        except (Exception, trio.TrioInternalError, DeadlockError):
            return run + 1
    return None


def table() -> str:
    """Return the table of all bugs in Markdown."""
    rows = ["| bug | schedules | preemptions | plain runs |", "|---|---|---|---|"]
    for bug in BUGS:
        found = [find(bug, seed=seed, schedules=10_000).schedule for seed in SEEDS]
        schedules = sorted(each.found_at for each in found)
        preemptions = min(each.preemptions for each in found)
        plain = [plain_runs(bug) for _ in SEEDS]
        if None in plain:
            shown = f"not in {MOST_PLAIN_RUNS}"
        else:
            shown = f"{statistics.median(each for each in plain if each):g}"
        span = f"{statistics.median(schedules):g} ({schedules[0]} to {schedules[-1]})"
        rows.append(f"| {bug.replace('_', ' ')} | {span} | {preemptions} | {shown} |")
    return "\n".join(rows)


def main(arguments: list[str]) -> int:
    """Do what the arguments say."""
    match arguments:
        case ["table"]:
            print(table())
            return 0
        case ["keep"]:
            found = [f"{bug} {find(bug).schedule.replay}\n" for bug in BUGS]
            KEPT.write_text("".join(found), encoding="utf-8")
            return 0
        case ["replay", bug, code]:
            found = find(bug, replay=code)
            print(found.schedule.story)
            return 0
        case _:
            print(__doc__)
            return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
