"""How two schedules combine: one after the other, either, or both."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from awaitly_trio._policies.moves import Move, Plan

if TYPE_CHECKING:
    from awaitly_trio._policies.moves import Play, Sources


class AndThen(Plan, frozen=True):
    """Follow the first plan to its end, then the second from its beginning."""

    first: Plan
    second: Plan

    def begin(self, sources: Sources) -> Play:
        """Return a play whose second phase has its own time and state."""
        first: Play | None = self.first.begin(sources)
        second: Play | None = None
        began = 0.0

        def play(given: object, elapsed: float, at_least: float) -> Move | None:
            nonlocal first, second, began
            if first is not None:
                move = first(given, elapsed, at_least)
                if move is not None:
                    return move
                first, began = None, elapsed
            # Begun only now, so that a second phase that reads the clock starts here.
            second = second or self.second.begin(sources)
            return second(given, elapsed - began, at_least)

        return play

    def __repr__(self) -> str:
        return f"{self.first!r}.and_then({self.second!r})"


class Union(Plan, frozen=True):
    """Go on while either plan does, at the shorter delay."""

    left: Plan
    right: Plan

    def begin(self, sources: Sources) -> Play:
        """Return a play that asks neither child again once that child has ended."""
        left: Play | None = self.left.begin(sources)
        right: Play | None = self.right.begin(sources)

        def play(given: object, elapsed: float, at_least: float) -> Move | None:
            nonlocal left, right
            a = left(given, elapsed, at_least) if left else None
            b = right(given, elapsed, at_least) if right else None
            left, right = left if a else None, right if b else None
            if a is None or b is None:
                return _alone(a, b)
            delay, output = min(a.settle(), b.settle()), (a.output, b.output)
            low, high = min(_least(a), _least(b)), min(a.high, b.high)
            # The longer limit: past the shorter one, the other child goes on alone.
            return Move(delay, output, low, high, max(a.latest, b.latest))

        return play

    def __repr__(self) -> str:
        return f"({self.left!r} | {self.right!r})"


class Intersect(Plan, frozen=True):
    """Go on while both plans do, at the longer delay."""

    left: Plan
    right: Plan

    def begin(self, sources: Sources) -> Play:
        """Return a play that advances both children on every move."""
        left, right = self.left.begin(sources), self.right.begin(sources)

        def play(given: object, elapsed: float, at_least: float) -> Move | None:
            a, b = left(given, elapsed, at_least), right(given, elapsed, at_least)
            if a is None or b is None:
                return None
            delay, output = max(a.settle(), b.settle()), (a.output, b.output)
            low, high = max(_least(a), _least(b)), max(a.high, b.high)
            latest = min(a.latest, b.latest)
            if delay > latest:
                return None
            return Move(delay, output, low, high, latest)

        return play

    def __repr__(self) -> str:
        return f"({self.left!r} & {self.right!r})"


def _least(move: Move) -> float:
    """Return the floor of one side, where its own cap has lowered it."""
    return min(move.low, move.high, move.latest)


def _alone(a: Move | None, b: Move | None) -> Move | None:
    """Return the move of the one child that goes on, with ``None`` for the other's output."""
    if a is not None:
        return msgspec.structs.replace(a, output=(a.output, None))
    if b is not None:
        return msgspec.structs.replace(b, output=(None, b.output))
    return None
