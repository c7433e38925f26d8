"""Jitter: how chance spreads delays, so that clients that failed together do not return together.

Sources: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015 (full, equal and
decorrelated).  Proportional is the plus or minus a share that most libraries know.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from awaitly_trio._policies.moves import Move, Plan, bounded

if TYPE_CHECKING:
    import random

    from awaitly_trio._policies.moves import Play, Sources, Spread

Jitter: TypeAlias = Literal["none", "full", "equal", "decorrelated", "proportional"]

DEFAULT_SHARE = 0.2
# The article's formula: the next delay is at most three times the one before.
_DECORRELATED_GROWTH = 3.0


class Jittered(Plan, frozen=True):
    """Spread the delays of ``inner``; ``share`` is for proportional jitter alone."""

    inner: Plan
    strategy: Jitter
    share: float = DEFAULT_SHARE

    def begin(self, sources: Sources) -> Play:
        """Return a play that adds a spread of its own to each move."""
        inner = self.inner.begin(sources)
        spread = spread_of(self.strategy, self.share, sources.chance)

        def play(given: object, elapsed: float, at_least: float) -> Move | None:
            move = inner(given, elapsed, at_least)
            if move is None:
                return None
            spreads = (*move.spreads, spread)
            return Move(move.delay, move.output, move.low, move.high, move.latest, spreads)

        return play

    def __repr__(self) -> str:
        share = f", share={self.share!r}" if self.strategy == "proportional" else ""
        return f"{self.inner!r}.jitter({self.strategy!r}{share})"


def check_jitter(strategy: str, share: float | None) -> None:
    """Refuse an unknown strategy, and a share that is out of range or would do nothing.

    Raises:
      ValueError: See above.
    """
    if strategy not in get_args(Jitter):
        known = ", ".join(map(repr, get_args(Jitter)))
        raise ValueError(f"jitter is {strategy!r}: choose one of {known}")
    if share is not None and strategy != "proportional":
        raise ValueError(f"share is {share!r}, but {strategy!r} jitter has none: leave it out")
    if share is not None and not 0 < share <= 1:
        raise ValueError(f"share is {share!r}: choose one above 0 and up to 1, such as 0.2")


def spread_of(strategy: Jitter, share: float, chance: random.Random) -> Spread:
    """Return a new spread of the given kind; each draws once per delay.

    Args:
      strategy: ``full`` draws from 0 to the delay, ``equal`` from half of it to all of it,
        ``proportional`` from ``1 - share`` to ``1 + share`` of it. ``decorrelated`` draws from the
        first delay it saw to three times its own last one, whatever the delay is by now.
        ``none`` does not draw.
      share: The share of proportional jitter.
      chance: Where it draws from.
    """
    if strategy == "decorrelated":
        return _decorrelated(chance)
    least, most = {
        "none": (1.0, 1.0),
        "full": (0.0, 1.0),
        "equal": (0.5, 1.0),
        "proportional": (1 - share, 1 + share),
    }[strategy]

    def spread(delay: float, low: float, high: float) -> float:
        return bounded(_between(chance, delay * least, delay * most), low, high)

    return spread


def _decorrelated(chance: random.Random) -> Spread:
    first = last = -1.0

    def spread(delay: float, low: float, high: float) -> float:
        nonlocal first, last
        if first < 0:
            first = last = delay
        # The cap is applied to the delay that is remembered too, as in the article:
        # otherwise the memory of a capped schedule grows without bound.
        last = bounded(_between(chance, first, last * _DECORRELATED_GROWTH), low, high)
        return last

    return spread


def _between(chance: random.Random, least: float, most: float) -> float:
    # With an endless end the sum below would be endless, or NaN.
    return most if most == math.inf else least + (most - least) * chance.random()
