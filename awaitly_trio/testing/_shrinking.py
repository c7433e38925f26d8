"""Makes a failing schedule plain: as few switches between tasks as it needs to fail."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, final

from awaitly_trio.testing._bounded import BoundedSearch
from awaitly_trio.testing._choosers import Script
from awaitly_trio.testing._failures import kind_of
from awaitly_trio.testing._session import Plan
from awaitly_trio.testing._turns import turns_merged, turns_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from awaitly_trio.testing._session import Attempt, Search
    from awaitly_trio.testing._turns import Turns


class Plainest(NamedTuple):
    """A failing schedule, and whether every plainer one was seen to pass."""

    attempt: Attempt
    turns: Turns
    is_proved: bool


@final
class Shrinker:
    """Looks for a plainer schedule with the same failure.

    Args:
      attempt: The failing run.
      chance: The seed of the test's randomness, which stays.
      runs: How many runs it may ask for.
    """

    def __init__(self, attempt: Attempt, *, chance: str, runs: int) -> None:
        self._best = attempt
        self._kind = kind_of(attempt.failure)
        self._chance, self._left = chance, runs

    def search(self) -> Search[Plainest]:
        """Ask for runs, and return the plainest failing one."""
        yield from self._shorten()
        is_proved = yield from self._look_for_fewer_preemptions()
        yield from self._shorten()
        return Plainest(self._best, (yield from self._cut_tail()), is_proved)

    def _shorten(self) -> Search[None]:
        improved = True
        while improved and self._left > 0:
            improved = False
            for turns in _plainer(turns_of(self._best.trace.steps)):
                if (yield from self._try(turns)):
                    improved = True
                    break
                if self._left <= 0:
                    break

    def _try(self, turns: Turns) -> Search[bool]:
        self._left -= 1
        attempt = yield Plan(Script(turns), self._chance)
        if kind_of(attempt.failure) != self._kind or _cost(attempt) >= _cost(self._best):
            return False
        self._best = attempt
        return True

    def _look_for_fewer_preemptions(self) -> Search[bool]:
        """Run every schedule with fewer preemptions, where there are few enough."""
        bound = self._best.trace.preemptions - 1
        if bound < 0:
            return True
        plain = BoundedSearch(self._chance, bound=bound)
        while self._left > 0 and (prefix := plain.next()) is not None:
            self._left -= 1
            attempt = yield Plan(prefix, self._chance)
            plain.learn(prefix)
            if kind_of(attempt.failure) == self._kind and _cost(attempt) < _cost(self._best):
                self._best = attempt
                # Those before it had fewer or as many preemptions, and passed.
                return True
        return plain.is_complete

    def _cut_tail(self) -> Search[Turns]:
        """Leave out the turns at the end that happen by themselves."""
        turns = turns_of(self._best.trace.steps)
        low, high = 0, len(turns)
        while low < high:
            middle = (low + high) // 2
            attempt = yield Plan(Script(turns[:middle]), self._chance)
            if attempt.trace.steps == self._best.trace.steps:
                high = middle
            else:
                low = middle + 1
        return turns[:high]


def _cost(attempt: Attempt) -> tuple[int, int, int]:
    trace = attempt.trace
    return trace.preemptions, trace.switches, len(trace.steps)


def _plainer(turns: Turns) -> Iterator[Turns]:
    """Yield schedules with fewer turns: long cuts first, then one turn moved or left out."""
    count = len(turns)
    size = count // 2
    while size >= 1:
        for start in range(0, count - size + 1, size):
            yield turns_merged(turns[:start] + turns[start + size :])
        size //= 2
    for at, (birth, _) in enumerate(turns):
        later = next((i for i in range(at + 1, count) if turns[i][0] == birth), None)
        if later is None:
            continue
        rest = turns[at + 1 : later]
        # The task runs on to where its next turn would have taken it ...
        yield turns_merged((*turns[:at], turns[at], turns[later], *rest, *turns[later + 1 :]))
        # ... or its turn waits for the next one.
        yield turns_merged((*turns[:at], *rest, turns[at], turns[later], *turns[later + 1 :]))
