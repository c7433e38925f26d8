"""What one schedule can be turned into: each combinator is a plan around another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

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


def _word(wanted: bool) -> str:  # noqa: FBT001
    return "while" if wanted else "until"
