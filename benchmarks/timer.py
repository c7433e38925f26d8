"""Times of small pieces of work, measured side by side so that they can be compared.

A machine is never quiet, so no figure is worth much alone.  Works that are to be
compared run in turns, round after round, in one process; a ratio is taken within
each round and the median of all rounds is reported with its quartiles.
"""

from __future__ import annotations

import gc
import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, final

import trio

from awaitly_trio import Err

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    Work: TypeAlias = Callable[[int], Awaitable[object]]
    """Does one thing as often as it is told."""


@final
@dataclass(frozen=True)
class Sample:
    """Figures of one work, one for each round: seconds, or bytes."""

    figures: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle figure."""
        return statistics.median(self.figures)

    @property
    def quartiles(self) -> tuple[float, float]:
        """The figures that a quarter and three quarters of all stay below."""
        if len(self.figures) == 1:
            return self.figures[0], self.figures[0]
        low, _, high = statistics.quantiles(self.figures, n=4, method="inclusive")
        return low, high

    def divided_by(self, number: int) -> Sample:
        """Return the figures of one of so many equal parts of the work."""
        return Sample(tuple(each / number for each in self.figures))

    def __truediv__(self, other: Sample) -> Sample:
        """Divide round by round: what disturbs a round disturbs both of its figures."""
        return Sample(
            tuple(mine / its for mine, its in zip(self.figures, other.figures, strict=True))
        )


@final
@dataclass(frozen=True)
class Timer:
    """How thoroughly to measure.

    ``span`` is how many seconds one work is repeated for in one round.
    ``is_thorough`` tells rows with a long work whether to do all of it.
    ``clock`` counts the seconds of the processor that this process used: what else
    the machine does is then mostly left out.  Work that waits for a disk needs
    ``time.perf_counter`` instead.
    """

    rounds: int = 60
    span: float = 0.01
    clock: Callable[[], float] = time.process_time
    is_thorough: bool = True

    def compare(self, works: Mapping[str, Work]) -> dict[str, Sample]:
        """Measure works in turns; return the seconds of one repetition of each."""
        return trio.run(self._compare, works)

    def compare_runs(
        self, runs: Mapping[str, Callable[[], object]], rounds: int
    ) -> dict[str, Sample]:
        """Measure calls that are long enough by themselves, in turns; return their seconds."""
        figures: dict[str, list[float]] = {name: [] for name in runs}
        for number in range(rounds):
            for name in turned(list(runs), number):
                gc.collect()
                began = self.clock()
                runs[name]()
                figures[name].append(self.clock() - began)
        return {name: Sample(tuple(each)) for name, each in figures.items()}

    async def _compare(self, works: Mapping[str, Work]) -> dict[str, Sample]:
        repeats = {name: await self._repeats(work) for name, work in works.items()}
        figures: dict[str, list[float]] = {name: [] for name in works}
        for number in range(self.rounds):
            for name in turned(list(works), number):
                spent = await self._spent(works[name], repeats[name])
                figures[name].append(spent / repeats[name])
        return {name: Sample(tuple(each)) for name, each in figures.items()}

    async def _repeats(self, work: Work) -> int:
        """Find how many repetitions fill the span; this warms the work up, too."""
        repeats = 1
        while True:
            spent = await self._spent(work, repeats)
            if spent >= self.span / 2:
                return max(1, round(repeats * self.span / spent))
            repeats *= 2

    async def _spent(self, work: Work, repeats: int) -> float:
        # The collector is kept out as in ``timeit``: when it strikes depends on all
        # that ran before, not on the work at hand.
        gc.collect()
        gc.disable()
        try:
            began = self.clock()
            ended = await work(repeats)
            spent = self.clock() - began
        finally:
            gc.enable()
        # A workflow that failed would be quick.
        assert not isinstance(ended, Err), ended
        return spent


def turned(names: Sequence[str], number: int) -> list[str]:
    """Return names starting with another one in each round, so that none is always first."""
    start = number % len(names)
    return [*names[start:], *names[:start]]
