"""The search of an exploration: which schedules to run, each twice, until one fails."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias, final

from awaitly_trio.testing._bounded import BoundedSearch, Prefix
from awaitly_trio.testing._choosers import Priorities, RandomWalk, RunOn, Script
from awaitly_trio.testing._errors import NondeterminismError
from awaitly_trio.testing._failures import kind_of
from awaitly_trio.testing._session import Plan
from awaitly_trio.testing._suspects import LIKELY_ELSE, Suspects
from awaitly_trio.testing._turns import turns_of, write_schedule

if TYPE_CHECKING:
    from awaitly_trio.testing._scheduler import Chooser
    from awaitly_trio.testing._session import Attempt, Search

Strategy: TypeAlias = Literal["auto", "random", "priorities", "exhaustive"]
STRATEGIES: tuple[Strategy, ...] = ("auto", "random", "priorities", "exhaustive")

DEPTHS = 4
"""Bug depths that ``priorities`` goes through; studies found few bugs deeper."""


class Choice(NamedTuple):
    """A chooser, the strategy it comes from, and the seed of chance that goes with it."""

    chooser: Chooser
    strategy: str
    chance: str


class Failed(NamedTuple):
    """The first failing run, and the choice that led to it."""

    attempt: Attempt
    choice: Choice


@final
class Order:
    """Decides which schedule comes next.

    Args:
      strategy: ``auto`` takes turns among the other three.
      seed: Decides everything.
    """

    def __init__(self, strategy: Strategy, seed: int) -> None:
        if strategy not in STRATEGIES:
            raise ValueError(f"strategy must be one of {', '.join(STRATEGIES)}, not {strategy!r}")
        self._strategy, self._seed = strategy, seed
        self._bounded = BoundedSearch(f"{seed}")
        self._horizon = 1
        self._index = 0

    @property
    def is_complete(self) -> bool:
        """Tell whether there is no other interleaving."""
        return self._bounded.is_complete

    def next(self) -> Choice | None:
        """Return the next choice; ``None`` when every interleaving was run."""
        index, seed = self._index, f"{self._seed}.{self._index}"
        self._index += 1
        kind = self._strategy
        if kind == "auto":
            kind = ("exhaustive", "random", "priorities")[index % 3]
        if self.is_complete:
            return None
        if kind == "exhaustive":
            prefix = self._bounded.next()
            # Each run repeats the beginning of an earlier one, so chance stays.
            return None if prefix is None else Choice(prefix, kind, f"{self._seed}")
        if index == 0:
            return Choice(RunOn(), kind, seed)
        if kind == "random":
            return Choice(RandomWalk(seed), kind, seed)
        depth = 1 + index // 3 % DEPTHS
        chooser = Priorities(seed, depth=depth, horizon=self._horizon)
        return Choice(chooser, kind, seed)

    def learn(self, choice: Choice, attempt: Attempt) -> None:
        """Use what a run showed: how long it was, and where it could have gone on otherwise."""
        self._horizon = max(self._horizon, attempt.trace.choices)
        if isinstance(choice.chooser, Prefix):
            self._bounded.learn(choice.chooser)


@final
class Hunt:
    """Asks for one schedule after another, and counts.

    Args:
      order: Decides which.
      schedules: The most it may ask for.
      twice: Whether to run each again and compare.
    """

    def __init__(self, order: Order, *, schedules: int, twice: bool) -> None:
        self._order, self._most, self._twice = order, schedules, twice
        self._seen: set[int] = set()
        self.schedules = self.runs = self.most_choices = 0

    @property
    def interleavings(self) -> int:
        """Return how many schedules differed from all before."""
        return len(self._seen)

    def search(self) -> Search[Failed | NondeterminismError | None]:
        """Ask for runs until one fails, one is not repeatable, or none is left."""
        while self.schedules < self._most and (choice := self._order.next()) is not None:
            attempt = yield Plan(choice.chooser, choice.chance)
            self._count(attempt)
            self._order.learn(choice, attempt)
            if self._twice or attempt.failure is not None:
                error = yield from repeated(attempt, choice.chance)
                self.runs += 1
                if error is not None:
                    return error
            if attempt.failure is not None:
                return Failed(attempt, choice)
        return None

    def _count(self, attempt: Attempt) -> None:
        self.schedules += 1
        self.runs += 1
        self._seen.add(hash(attempt.trace.steps))
        self.most_choices = max(self.most_choices, attempt.trace.choices)


def repeated(
    attempt: Attempt, chance: str, *, alone: bool = False
) -> Search[NondeterminismError | None]:
    """Repeat a run, and return what kept it from being the same; ``None`` if it was."""
    turns = turns_of(attempt.trace.steps)
    again = yield Plan(Script(turns), chance, alone=alone)
    found = difference(attempt, again)
    if found is None:
        return None
    suspects = Suspects()
    yield Plan(Script(turns), chance, profile=suspects)
    step, text = found
    causes = LIKELY_ELSE if alone else suspects.causes()
    return NondeterminismError(write_schedule(chance, turns), step, text, causes)


def difference(first: Attempt, second: Attempt) -> tuple[int, str] | None:
    """Return the first step at which two runs differ, and how; ``None`` for equal runs."""
    one, two = first.trace, second.trace
    if one.steps != two.steps or one.widths != two.widths:
        pairs = zip(zip(one.steps, one.widths), zip(two.steps, two.widths))  # noqa: B905
        shorter = min(len(one.steps), len(two.steps))
        at = next((i for i, (a, b) in enumerate(pairs) if a != b), shorter)
        return at, f"{_step(first, at)}, then {_step(second, at)}"
    if kind_of(first.failure) != kind_of(second.failure):
        return len(one.steps), f"it ended with {first.failure!r}, then with {second.failure!r}"
    if first.seconds != second.seconds:
        text = f"it took {first.seconds!r} virtual seconds, then {second.seconds!r}"
        return len(one.steps), text
    return None


def _step(attempt: Attempt, at: int) -> str:
    trace = attempt.trace
    if at >= len(trace.steps):
        return "the run was over"
    birth = trace.steps[at]
    return f"task {birth} ({trace.names[birth]}) ran, one of {trace.widths[at]}"
