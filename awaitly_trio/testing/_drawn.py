"""Schedules that a property-based test draws, and shrinks itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias, final

from awaitly_trio.testing._choosers import run_on
from awaitly_trio.testing._session import Plan, Session

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from hypothesis.strategies import SearchStrategy

    from awaitly_trio.testing._session import Search

Deviations: TypeAlias = "Sequence[int]"
"""One number for each choice: 0 lets the task that ran last go on, others take another task."""


@final
class Drawn:
    """Follow deviations, one for each choice; afterwards let tasks run on."""

    def __init__(self, deviations: Deviations) -> None:
        self._deviations = deviations
        self._choices = 0

    def pick(self, runnable: list[int], steps: list[int]) -> int:
        """Return the task as far from the plain choice as this choice's number says."""
        plain = run_on(runnable, steps)
        if self._choices >= len(self._deviations):
            return plain
        by = self._deviations[self._choices]
        self._choices += 1
        return runnable[(runnable.index(plain) + by) % len(runnable)]


def schedules(max_size: int = 100) -> SearchStrategy[list[int]]:
    """Return a Hypothesis strategy of schedules, for ``run_schedule``.

    They shrink to few deviations from the schedule in which each task runs
    until it waits.

    Args:
      max_size: The most choices that are drawn; later ones are plain.
    """
    from hypothesis import strategies as st  # noqa: PLC0415  # an optional extra

    return st.lists(st.integers(0, 7), max_size=max_size)


def run_schedule(test: Callable[[], Awaitable[Any]], schedule: Deviations) -> Any:
    """Run an async function once, under a drawn schedule and in virtual time.

    Returns:
      What the function returns.

    Raises:
      BaseException: Whatever leaves the function.
      SchedulerUnavailableError: Schedules cannot be decided under this Trio.
    """

    def once() -> Search[Any]:
        attempt = yield Plan(Drawn(schedule), chance="0", alone=True)
        return attempt.ended

    return Session(test, once(), max_steps=100_000, patience=30.0).run().unwrap()
