"""Schedules that Hypothesis draws."""

from __future__ import annotations

import pytest
import trio
from hypothesis import find, given, settings

from awaitly_trio.testing import run_schedule, schedules


async def total() -> int:
    """Add up three deposits without a lock."""
    balance = 0

    async def deposit() -> None:
        nonlocal balance
        read = balance
        await trio.lowlevel.checkpoint()
        balance = read + 1

    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(deposit)
    return balance


@given(schedules())
def test_a_drawn_schedule_decides_a_run(schedule: list[int]) -> None:
    """The same numbers give the same run."""
    assert run_schedule(total, schedule) == run_schedule(total, schedule)


def test_a_failing_schedule_shrinks() -> None:
    """Hypothesis finds the bug, and shrinks to one deviation."""
    found = find(schedules(), lambda drawn: run_schedule(total, drawn) != 3)

    assert run_schedule(total, []) == 3
    assert sum(number != 0 for number in found) == 1


@settings(max_examples=5)
@given(schedules(max_size=3))
def test_the_number_of_choices_can_be_limited(schedule: list[int]) -> None:
    """After the drawn ones the choices are plain."""
    assert len(schedule) <= 3


def test_what_leaves_the_test_leaves_the_run() -> None:
    """A failure is the test's own, so Hypothesis sees one place."""

    async def test() -> None:
        raise LookupError("gone")

    with pytest.raises(LookupError, match="gone"):
        run_schedule(test, [1, 2])
