"""What a saga would have to undo, and which saga a completed step belongs to.

Each run has a ledger of its own as soon as it needs one, and so has each saga
block.  A context variable leads from a step to the innermost of them, through
nurseries and sub-workflows, whether somebody watches or not.
"""

from __future__ import annotations

from contextvars import Token
from itertools import count
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, final

import msgspec

from awaitly_trio._engine.run import Run, current_saga
from awaitly_trio._policies.saga import DEFAULT_SAGA, SagaOptions
from awaitly_trio._values.compensation import Uncompensated

if TYPE_CHECKING:
    from collections.abc import Callable

tick = count(1).__next__
"""Numbers the starts and completions of compensated steps, so that sagas can compare them."""


@final
class Detail(msgspec.Struct, frozen=True):
    """What only some entries need.

    ``started`` is the tick of the step's start.  ``cut`` holds the arguments
    of a step that was cut off midway: then the compensation gets those.
    ``forget`` lets a cache forget the step once it is undone.
    """

    started: int = 0
    name: str = ""
    key: str | None = None
    depends_on: tuple[str, ...] = ()
    cut: tuple[tuple[Any, ...], dict[str, Any]] | None = None
    forget: Callable[[], object] | None = None


_PLAIN = Detail()


@final
class Entry(msgspec.Struct, eq=False):
    """One completed step that would have to be undone.

    ``terms`` are the options of the saga in which it completed, at tick ``ended``.
    """

    fn: Any
    compensate: Any
    value: Any
    terms: SagaOptions
    ended: int
    detail: Detail = _PLAIN


@final
class Ledger(msgspec.Struct, eq=False):
    """What one saga, a run or a block of it, would have to undo.

    ``state`` is ``"open"`` while the saga lasts; ``"joined"`` when it
    succeeded, and its entries belong to the saga around it; ``"undone"``
    from the moment it failed.  ``is_quick`` tells that a completed step is
    simply appended.  ``above`` is the block or run around a block.
    ``residue`` is what could not be undone in it and in sagas inside it.
    ``replayed`` are the keys of steps that were answered from a record.
    """

    run: Run
    options: SagaOptions
    name: str
    above: Ledger | Run | None = None
    is_quick: bool = True
    state: Literal["open", "joined", "undone"] = "open"
    entries: list[Entry] = []
    residue: list[Uncompensated] = []
    replayed: set[str] = set()
    is_merged: bool = False


Place: TypeAlias = "Ledger | Run"
"""Where a saga is: a block, or a run outside of its blocks."""

def around(place: Place) -> Place | None:
    """Return the block or run that encloses a block or run, ``None`` for the outermost."""
    if isinstance(place, Ledger):
        return place.above
    # The run's token remembers what the variable held before the run set it.
    before: Any = None if place.token is None else place.token.old_value
    return None if before is Token.MISSING else before


def make_ledger(
    run: Run, name: str, options: SagaOptions | None = None, above: Place | None = None
) -> Ledger:
    """Make the ledger of a block, or of a run if there is no ``above``.

    Without options of its own it has those of the saga around it.
    """
    place: Place | None = above or run
    while options is None and place is not None:
        options = place.options if isinstance(place, Ledger) else place.settings.saga
        place = around(place)
    options = options or DEFAULT_SAGA
    return Ledger(run, options, name, above, options.order == "newest_first")


def root_of(run: Run) -> Ledger:
    """Return the ledger of a run, which begins with the first thing to undo."""
    ledger: Ledger | None = run.saga
    if ledger is None:
        ledger = run.saga = make_ledger(run, run.name)
    return ledger


def place_of(run: Run) -> Place:
    """Return the innermost open block of a run in which this task is, or the run itself."""
    place: Place | None = current_saga.get()
    while place is not None and place is not run:
        if isinstance(place, Ledger) and place.run is run and place.state == "open":
            return place
        place = around(place)
    return run


def ledger_of(run: Run) -> Ledger:
    """Return the ledger to which a step of this run and task belongs."""
    place = place_of(run)
    return place if isinstance(place, Ledger) else root_of(place)


def enclosing(ledger: Ledger) -> Ledger | None:
    """Return the innermost open saga around one, ``None`` where there is none to answer to.

    What a compensation does is final: a saga that is being undone takes nothing.
    """
    place = around(ledger.run) if ledger.above is None else ledger.above
    while place is not None:
        if isinstance(place, Ledger):
            found = place
        elif place.closed:
            found = None
        else:
            found = root_of(place)
        if found is not None and found.state != "joined":
            return found if found.state == "open" else None
        place = around(place)
    return None


def join(ledger: Ledger) -> None:
    """End a saga that succeeded: what it would undo belongs to the saga around it, if any."""
    ledger.state, ledger.is_quick = "joined", False
    if not ledger.entries and not ledger.residue:
        return
    outer = enclosing(ledger)
    if outer is not None:
        outer.entries += ledger.entries
        outer.residue += ledger.residue
        outer.is_merged = True
    ledger.entries = []


def keep(ledger: Ledger, entry: Entry) -> bool:
    """Take an entry into a ledger, or into the one that its saga joined.

    Returns:
      Whether somebody answers for it.  ``False`` means that its saga has
      already been undone, so the caller has to undo this too.
    """
    place: Ledger | None = ledger
    while place is not None and place.state == "joined":
        place = enclosing(place)
    if place is None:
        return True
    if place.state == "undone":
        return False
    place.entries.append(entry)
    return True


def commit(run: Run) -> int:
    """Drop all that the sagas around this task would undo; return how many steps that was."""
    dropped = 0
    place: Place | None = place_of(run)
    while place is not None:
        ledger: Ledger | None = place if isinstance(place, Ledger) else place.saga
        if ledger is not None:
            dropped += len(ledger.entries)
            ledger.entries.clear()
        place = around(place)
    return dropped
