"""The laws of the engine, on random workflows under random schedules, in virtual time."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from tree_model import End, of_dep
from tree_run import World
from trees import Sub, trees

from awaitly_trio.testing import run_schedule, schedules

if TYPE_CHECKING:
    from trees import Body


def expected(body: Body, patience: float) -> End:
    """Return the end that the reference model works out."""
    end = of_dep(Sub(body), 0.0, patience)
    return end if end.at < patience else End(patience, "cancelled")


def check(tree: tuple[Body, float], schedule: list[int], *, watched: bool) -> bytes:
    """Run a tree under a schedule, compare it with the model, and return its log."""
    world = World(watched=watched)

    end = run_schedule(partial(world.execute, *tree), schedule)

    assert end == expected(*tree)
    return world.recorder.log()


@given(trees(), schedules())
def test_a_run_ends_as_the_model_says(tree: tuple[Body, float], schedule: list[int]) -> None:
    """Outcome and duration; nothing is left running, and every scope has ended."""
    check(tree, schedule, watched=True)


@given(trees(), schedules())
def test_watching_makes_no_difference(tree: tuple[Body, float], schedule: list[int]) -> None:
    """An unwatched run ends as the same model says."""
    check(tree, schedule, watched=False)


@given(trees(), schedules())
def test_one_schedule_gives_one_log(tree: tuple[Body, float], schedule: list[int]) -> None:
    """Byte for byte."""
    assert check(tree, schedule, watched=True) == check(tree, schedule, watched=True)


def check_hostile(tree: tuple[Body, float], schedule: list[int]) -> None:
    """Run a tree twice, for which only the laws can say what must be."""
    logs: list[bytes] = []
    ends: list[End] = []
    for _ in range(2):
        world = World(watched=True)
        ends.append(run_schedule(partial(world.execute, *tree), schedule))
        logs.append(world.recorder.log())

    assert ends[0] == ends[1]
    assert logs[0] == logs[1]


@given(trees(hostile=True), schedules())
def test_laws_hold_whatever_cancelled_work_does(
    tree: tuple[Body, float], schedule: list[int]
) -> None:
    """It may clean up, raise, return, fail or end another run: nothing is left and all is told."""
    check_hostile(tree, schedule)


@pytest.mark.slow
@settings(max_examples=1000)
@given(trees(depth=5, hostile=True), schedules(max_size=300))
def test_laws_hold_in_large_runs_whatever_cancelled_work_does(
    tree: tuple[Body, float], schedule: list[int]
) -> None:
    """The same, deeper and more often."""
    check_hostile(tree, schedule)


@pytest.mark.slow
@settings(max_examples=1500)
@given(trees(depth=5), schedules(max_size=300))
def test_a_large_run_ends_as_the_model_says(tree: tuple[Body, float], schedule: list[int]) -> None:
    """The same, deeper and more often."""
    check(tree, schedule, watched=True)
    check(tree, schedule, watched=False)
