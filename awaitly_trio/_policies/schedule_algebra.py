"""How schedules combine: each combinator is a plan around other plans."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from awaitly_trio._policies.moves import Move, Plan, shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from awaitly_trio._policies.moves import Play, Sources


class Around(Plan, frozen=True):
    """A plan around one other, shown as a method call on it."""

    verb: ClassVar[str]
    inner: Plan

    def __repr__(self) -> str:
        inner, *options = self._fields()
        return f"{inner!r}.{self.verb}({', '.join(map(shown, options))})"


class UpTo(Around, frozen=True):
    """End after so many moves."""

    verb: ClassVar[str] = "up_to"
    moves: int

    def begin(self, sources: Sources) -> Play:
        """Return a play that counts what it lets through."""
        inner, left = self.inner.begin(sources), self.moves

        def play(given: object, elapsed: float, at_least: float) -> Move | None:
            nonlocal left
            if not left:
                return None
            left -= 1
            return inner(given, elapsed, at_least)

        return play


class UpToElapsed(Around, frozen=True):
    """End before a move whose delay would end later than the limit."""

    verb: ClassVar[str] = "up_to_elapsed"
    limit: float

    @property
    def is_timed(self) -> bool:
        """Always true: this is where the time is looked at."""
        return True

    def begin(self, sources: Sources) -> Play:
        """Return a play that settles each delay, to know where it ends."""
        inner, limit = self.inner.begin(sources), self.limit

        def play(given: object, elapsed: float, at_least: float) -> Move | None:
            move = inner(given, elapsed, at_least)
            if move is None:
                return None
            delay = move.settle()
            # A sum, not a difference: 0.9 + 0.1 ends at 1.0, but 1.0 - 0.9 is less than 0.1.
            if not elapsed + max(delay, at_least) <= limit:
                return None
            # Jitter that is written outside may not carry the delay past the limit either.
            latest = min(move.latest, max(limit - elapsed, delay))
            return Move(delay, move.output, move.low, move.high, latest)

        return play


class Cap(Around, frozen=True):
    """Let no delay exceed a limit, whatever is written inside or outside."""

    verb: ClassVar[str] = "cap"
    limit: float

    def begin(self, sources: Sources) -> Play:
        """Return a play that lowers the upper bound."""
        inner, limit = self.inner.begin(sources), self.limit

        def play(given: object, elapsed: float, at_least: float) -> Move | None:
            move = inner(given, elapsed, at_least)
            if move is None or move.high <= limit:
                return move
            return Move(move.delay, move.output, move.low, limit, move.latest, move.spreads)

        return play


class Floor(Around, frozen=True):
    """Let no delay be below a limit, unless a cap is lower."""

    verb: ClassVar[str] = "floor"
    limit: float

    def begin(self, sources: Sources) -> Play:
        """Return a play that raises the lower bound."""
        inner, limit = self.inner.begin(sources), self.limit

        def play(given: object, elapsed: float, at_least: float) -> Move | None:
            move = inner(given, elapsed, at_least)
            if move is None or move.low >= limit:
                return move
            if min(limit, move.high) > move.latest:
                return None
            return Move(move.delay, move.output, limit, move.high, move.latest, move.spreads)

        return play


class WhileInput(Around, frozen=True):
    """End before a move whose input does not answer the predicate as wanted."""

    predicate: Callable[[Any], bool]
    wanted: bool

    def begin(self, sources: Sources) -> Play:
        """Return a play that asks before the inner one moves."""
        inner, predicate, wanted = self.inner.begin(sources), self.predicate, self.wanted

        def play(given: Any, elapsed: float, at_least: float) -> Move | None:
            if bool(predicate(given)) is not wanted:
                return None
            return inner(given, elapsed, at_least)

        return play

    def __repr__(self) -> str:
        return f"{self.inner!r}.{_word(self.wanted)}_input({shown(self.predicate)})"


class WhileOutput(Around, frozen=True):
    """End instead of a move whose output does not answer the predicate as wanted."""

    predicate: Callable[[Any], bool]
    wanted: bool

    def begin(self, sources: Sources) -> Play:
        """Return a play that asks after the inner one moved."""
        inner, predicate, wanted = self.inner.begin(sources), self.predicate, self.wanted

        def play(given: Any, elapsed: float, at_least: float) -> Move | None:
            move = inner(given, elapsed, at_least)
            if move is None or bool(predicate(move.output)) is not wanted:
                return None
            return move

        return play

    def __repr__(self) -> str:
        return f"{self.inner!r}.{_word(self.wanted)}_output({shown(self.predicate)})"


class Mapped(Around, frozen=True):
    """Replace each output."""

    verb: ClassVar[str] = "map"
    fn: Callable[[Any], Any]

    def begin(self, sources: Sources) -> Play:
        """Return a play with other outputs."""
        inner, fn = self.inner.begin(sources), self.fn

        def play(given: Any, elapsed: float, at_least: float) -> Move | None:
            move = inner(given, elapsed, at_least)
            if move is None:
                return None
            output = fn(move.output)
            return Move(move.delay, output, move.low, move.high, move.latest, move.spreads)

        return play


class Tapped(Around, frozen=True):
    """Show each output to a function."""

    verb: ClassVar[str] = "tap"
    fn: Callable[[Any], object]

    def begin(self, sources: Sources) -> Play:
        """Return a play that calls the function on each move."""
        inner, fn = self.inner.begin(sources), self.fn

        def play(given: Any, elapsed: float, at_least: float) -> Move | None:
            move = inner(given, elapsed, at_least)
            if move is not None:
                fn(move.output)
            return move

        return play


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


def _word(wanted: bool) -> str:  # noqa: FBT001
    return "while" if wanted else "until"


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
