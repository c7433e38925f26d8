"""How a run is left early: the private exit, and what wins when several things leave at once.

An exit is no ``Exception``, so ``except Exception`` cannot eat it, and it names
its run, so an inner run lets the exit of an outer one pass.
"""

from __future__ import annotations

import sys
from itertools import count
from typing import TYPE_CHECKING, Any, NoReturn, cast, final

from awaitly_trio._values.kinds import type_name
from awaitly_trio._values.notes import FailureNote, note
from awaitly_trio._values.plain import shown
from awaitly_trio._values.result import Err, Ok

if TYPE_CHECKING:
    from collections.abc import Iterable

    from awaitly_trio._values.result import Result

if sys.version_info >= (3, 11):
    from builtins import BaseExceptionGroup
else:
    from exceptiongroup import BaseExceptionGroup

_ALSO = "also failed"
exit_order = count()
"""Numbers the exits of the process, so that the earliest is known."""


@final
class Exit(BaseException):
    """Leaves the body of one run with a planned failure.

    The fields live in ``args``: building the exception then costs no Python frame.
    """

    args: tuple[object, Err[Any], int]

    @property
    def run(self) -> object:
        """The run that this exit belongs to."""
        return self.args[0]

    @property
    def result(self) -> Err[Any]:
        """The failure that the run ends with."""
        return self.args[1]

    @property
    def order(self) -> int:
        """Position among all exits of the process; the smallest came first."""
        return self.args[2]

    def __str__(self) -> str:
        return f"{self._kind} leaves its run: let it pass, do not catch it"

    def __repr__(self) -> str:
        # A nursery puts this in the reason of what it cancels, and a traceback shows what
        # came before it, for every log to read: neither the run, with all that its caller
        # gave it, nor what is in the error belongs there.
        return f"Exit({self._kind})"

    @property
    def _kind(self) -> str:
        error: object = self.result.error
        return type_name(type(error))


def check_result(value: Any) -> Result[Any, Any]:
    """Return what a dependency gave, if it is a Result.

    Raises:
      TypeError: It is something else.
    """
    if type(value) is not Ok and type(value) is not Err:
        refuse_result(value)
    return cast("Result[Any, Any]", value)


def refuse_result(value: object) -> NoReturn:
    """Raise the ``TypeError`` for something that should have been a Result."""
    msg = (
        f"expected Ok or Err, got {shown(value)} of type {type(value).__name__}: return a Result "
        "from the dependency, or call throwing code with step.catch"
    )
    raise TypeError(msg)


def leaves(exceptions: Iterable[BaseException]) -> list[BaseException]:
    """List the exceptions in groups of any depth, in order."""
    found: list[BaseException] = []
    for exception in exceptions:
        if isinstance(exception, BaseExceptionGroup):
            group = cast("BaseExceptionGroup[BaseException]", exception)
            found += leaves(group.exceptions)
        else:
            found.append(exception)
    return found


def verdict(failures: list[BaseException]) -> BaseException:
    """Decide what leaves a block in which several things failed.

    Cancellation and its kind leave, with the defects beside them; then defects
    win over exits; then the earliest exit wins.  What does not win is noted on
    what does, so nothing is lost.

    Returns:
      One of the failures, or a group of those that must leave together.
    """
    if len(failures) == 1:
        return failures[0]
    exits = [each for each in leaves(failures) if isinstance(each, Exit)]
    others = [each for each in failures if not _only_exits(each)]
    if others:
        winner = others[0] if len(others) == 1 else BaseExceptionGroup("several failures", others)
        beaten = exits
    else:
        winner = _earliest(exits)
        beaten = [each for each in exits if each is not winner]
    for each in beaten:
        note(winner, FailureNote(_ALSO, each.result.error))
    return winner


def _only_exits(exception: BaseException) -> bool:
    return all(isinstance(each, Exit) for each in leaves([exception]))


def _earliest(exits: list[Exit]) -> BaseException:
    """Return the first exit, or one for each run when several runs are being left."""
    first: dict[int, Exit] = {}
    for each in sorted(exits, key=lambda each: each.order):
        first.setdefault(id(each.run), each)
    winners = list(first.values())
    return winners[0] if len(winners) == 1 else BaseExceptionGroup("several runs end", winners)


def part_of(run: object, group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Decide what a group that reaches the boundary of a run means to that run.

    Returns:
      The run's own exit where nothing else is in the group; otherwise what is
      left without the run's own exits: defects only, as an ``ExceptionGroup``,
      or a group that holds a cancellation or an exit of another run and must
      be raised again.
    """
    own, rest = group.split(lambda each: isinstance(each, Exit) and each.run is run)
    exits = [] if own is None else [each for each in leaves([own]) if isinstance(each, Exit)]
    if rest is None:
        return verdict(list(exits))
    for each in exits:
        note(rest, FailureNote(_ALSO, each.result.error))
    return rest


__all__ = [
    "BaseExceptionGroup",
    "Exit",
    "check_result",
    "exit_order",
    "leaves",
    "part_of",
    "refuse_result",
    "verdict",
]
