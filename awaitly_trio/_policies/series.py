"""The plans that others are made of: no delay, the same, growing, listed, or computed."""

from __future__ import annotations

import math
from itertools import count
from typing import TYPE_CHECKING, Any

from awaitly_trio._policies.moves import Move, Plan, shown
from awaitly_trio._values.duration import Duration, seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from awaitly_trio._policies.moves import Play, Sources

DOUBLE = 2.0
# Elapsed times are sums of floats and may fall this share of an interval short of a whole one.
_ROUNDING = 1e-9


class Series(Plan, frozen=True):
    """A plan whose moves do not depend on what happens."""

    def moves(self) -> Iterator[Move]:
        """Yield the moves in order."""
        raise NotImplementedError

    def begin(self, sources: Sources) -> Play:  # noqa: ARG002
        """Return a play that takes one move after the other."""
        moves = self.moves()
        return lambda _given, _elapsed, _at_least: next(moves, None)


class Spaced(Plan, frozen=True):
    """The same delay for ever; the output counts from zero."""

    delay: float

    def begin(self, sources: Sources) -> Play:  # noqa: ARG002
        """Return a play that counts; it is the commonest, so it does without an iterator."""
        delay, number = self.delay, -1

        def play(given: object, elapsed: float, at_least: float) -> Move:  # noqa: ARG001
            nonlocal number
            number += 1
            return Move(delay, number)

        return play

    def __repr__(self) -> str:
        return f"spaced({self.delay!r})" if self.delay else "forever()"


class Exponential(Series, frozen=True):
    """Delays that grow by a factor; the output is the delay before bounds and jitter."""

    initial: float
    factor: float

    def moves(self) -> Iterator[Move]:
        """Yield products; past the largest float they stay infinite, without an overflow."""
        delay = self.initial
        while True:
            yield Move(delay, delay)
            delay *= self.factor

    def __repr__(self) -> str:
        factor = "" if self.factor == DOUBLE else f", factor={self.factor!r}"
        return f"exponential({self.initial!r}{factor})"


class Linear(Series, frozen=True):
    """Delays that grow by an increment; the output is the delay before bounds and jitter."""

    initial: float
    increment: float

    def moves(self) -> Iterator[Move]:
        """Yield each delay from its number, since a running sum of 0.1 would drift."""
        for n in count():
            delay = self.initial + n * self.increment
            yield Move(delay, delay)

    def __repr__(self) -> str:
        increment = "" if self.increment == self.initial else f", increment={self.increment!r}"
        return f"linear({self.initial!r}{increment})"


class Fibonacci(Series, frozen=True):
    """Delays of which each is the sum of the two before."""

    initial: float

    def moves(self) -> Iterator[Move]:
        """Yield multiples of the first delay; past the largest float they stay infinite."""
        delay, following = self.initial, self.initial
        while True:
            yield Move(delay, delay)
            delay, following = following, delay + following

    def __repr__(self) -> str:
        return f"fibonacci({self.initial!r})"


class Listed(Series, frozen=True):
    """The given delays, and then the end; the output counts from zero."""

    delays: tuple[float, ...]

    def moves(self) -> Iterator[Move]:
        """Yield the delays as given."""
        return (Move(delay, n) for n, delay in enumerate(self.delays))

    def __repr__(self) -> str:
        return f"delays_of({list(self.delays)!r})"


class Every(Plan, frozen=True):
    """The multiples of an interval since the start; the output is the number of the multiple."""

    interval: float

    @property
    def is_timed(self) -> bool:
        """Always true: the delay is what is left of an interval."""
        return True

    def begin(self, sources: Sources) -> Play:  # noqa: ARG002
        """Return a play without state: the time that has passed says it all."""
        interval = self.interval

        def play(given: object, elapsed: float, at_least: float) -> Move:  # noqa: ARG001
            number = math.floor(elapsed / interval + _ROUNDING) + 1
            return Move(max(number * interval - elapsed, 0.0), number)

        return play

    def __repr__(self) -> str:
        return f"every({self.interval!r})"


class Unfold(Plan, frozen=True):
    """Delays that a function computes from its own state and the input."""

    initial: Any
    step: Callable[[Any, Any], tuple[Duration, Any, Any] | None]

    def begin(self, sources: Sources) -> Play:  # noqa: ARG002
        """Return a play that holds the function's state."""
        state, step = self.initial, self.step

        def play(given: Any, elapsed: float, at_least: float) -> Move | None:  # noqa: ARG001
            nonlocal state
            found = step(state, given)
            if found is None:
                return None
            delay, output, state = found
            return Move(check_finite(delay, f"the delay of {shown(step)}"), output)

        return play

    def __repr__(self) -> str:
        return f"unfold({self.initial!r}, {shown(self.step)})"


def check_finite(delay: Duration, name: str) -> float:
    """Return a delay in seconds, or refuse an endless one, which nobody could wait for.

    Raises:
      TypeError: It is no duration.
      ValueError: It is negative, NaN or infinite.
    """
    found = seconds(delay, name)
    if found == math.inf:
        raise ValueError(f"{name} is {delay!r}: a delay must be finite; stop() never goes on")
    return found
