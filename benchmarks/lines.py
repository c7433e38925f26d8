"""One line of the table: a work, what it is compared with, and what it should reach."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.timer import Sample


@final
@dataclass(frozen=True)
class Line:
    """A work beside its limit.

    ``most`` is the highest ratio to the limit that still meets the goal and
    ``seconds`` the highest time; a line without either is there for orientation.
    ``peers`` are other libraries that do the same, ``None`` for one not installed.
    """

    work: str
    ours: Sample
    limit: str
    beside: Sample
    most: float | None = None
    seconds: float | None = None
    peers: Mapping[str, Sample | None] = field(default_factory=dict)
    unit: str = "s"

    @property
    def is_met(self) -> bool | None:
        """Whether the goal was reached; ``None`` where there is none."""
        if self.seconds is not None:
            return self.ours.median <= self.seconds
        if self.most is not None:
            return (self.ours / self.beside).median <= self.most
        return None

    def cells(self) -> list[str]:
        """Return the line as the cells of a row of the table, without its number."""
        ratio = self.ours / self.beside
        low, high = ratio.quartiles
        return [
            self.work,
            amount(self.ours.median, self.unit),
            self.limit,
            amount(self.beside.median, self.unit),
            f"**{ratio.median:.2f}** ({low:.2f} to {high:.2f})",
            self._goal(),
            ", ".join(f"{name} {self._peer(each)}" for name, each in self.peers.items()),
        ]

    def _goal(self) -> str:
        if self.is_met is None:
            return ""
        goal = f"{self.most:g}" if self.seconds is None else amount(self.seconds, "s")
        return f"≤ {goal}, {'met' if self.is_met else '**missed**'}"

    def _peer(self, sample: Sample | None) -> str:
        return "-" if sample is None else amount(sample.median, self.unit)


SIZES = {
    "s": {"s": 1.0, "ms": 1e-3, "µs": 1e-6, "ns": 1e-9},
    "B": {"MiB": 2.0**20, "KiB": 2.0**10, "B": 1.0},
}


def amount(figure: float, unit: str) -> str:
    """Show seconds or bytes in the unit that suits their size, with three digits."""
    sizes = SIZES[unit]
    name = next((name for name, size in sizes.items() if figure >= size), list(sizes)[-1])
    return f"{figure / sizes[name]:.3g} {name}"
