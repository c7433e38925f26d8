"""What a saga would have to undo, and which saga a completed step belongs to.

Each run has a ledger of its own as soon as it needs one, and so has each saga
block.  A context variable leads from a step to the innermost of them, through
nurseries and sub-workflows, whether somebody watches or not.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import Token
from itertools import count
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, final

import msgspec

from awaitly_trio._engine.run import Run, current_saga
from awaitly_trio._policies.saga import DEFAULT_SAGA, SagaOptions
from awaitly_trio._values.callables import name_of
from awaitly_trio._values.compensation import Uncompensated

if TYPE_CHECKING:
    from collections.abc import Sequence

tick = count(1).__next__
"""Numbers the starts and completions of compensated steps, so that sagas can compare them."""


@final
class Detail(msgspec.Struct, frozen=True):
    """What only some entries need.

    ``terms`` are the options of the saga in which the step ran, ``started``
    is the tick of its start, 0 where nobody asked.  ``cut`` holds the arguments
    of a step that was cut off midway: then the compensation gets those.
    ``forget`` lets a cache forget the step once it is undone.
    """

    terms: SagaOptions
    started: int = 0
    name: str = ""
    key: str | None = None
    depends_on: tuple[str, ...] = ()
    cut: tuple[tuple[Any, ...], dict[str, Any]] | None = None
    forget: Callable[[], object] | None = None


Entry: TypeAlias = tuple[Any, Any, Any, int, Detail | None]
"""A completed step: its function, its compensation, its value, the tick of its end, the rest.

The tick is 0 where there was no other ledger yet.  A bare tuple, because making
one is most of what a compensated step costs.
"""


@final
class Ledger(msgspec.Struct, eq=False):
    """What one saga, a run or a block of it, would have to undo.

    ``above`` is the block or run around a block, ``None`` for that of a run.
    ``entries`` are in the order of their completion, unless ``is_merged``.
    ``is_quick`` tells that a completed step is simply appended; ``is_direct``
    that moreover there is no other ledger, neither around it nor inside it, so
    that its entries need no tick to be put in order.  ``state`` is
    ``"joined"`` when the saga succeeded, and its entries belong to the one
    around it, and ``"undone"`` from the moment it failed.  ``residue`` is what
    could not be undone in it and in sagas inside it.  ``blocks`` are the sagas
    inside it that have not ended; ``replayed`` are the keys of steps that were
    answered from the record of their own run.
    """

    run: Run
    options: SagaOptions
    name: str
    above: Place | None
    is_quick: bool
    is_direct: bool
    entries: list[Entry] = []
    state: Literal["open", "joined", "undone"] = "open"
    is_merged: bool = False
    residue: tuple[Uncompensated, ...] = ()
    blocks: set[Ledger] | None = None
    replayed: set[str] | None = None


Place: TypeAlias = "Ledger | Run"
"""Where a saga is: a block, or a run outside of its blocks."""


def around(place: Place) -> Place | None:
    """Return the block or run that encloses a block or run, ``None`` for the outermost."""
    if type(place) is Ledger:
        return place.above
    # The run's token remembers what the variable held before the run set it.
    token: Token[Place | None] | None = place.token
    before: Any = None if token is None else token.old_value
    return None if before is Token.MISSING else before


def root_of(run: Run) -> Ledger:
    """Return the ledger of a run, which begins with the first thing to undo."""
    ledger: Ledger | None = run.saga
    if ledger is None:
        place, options = around(run), run.settings.saga
        is_alone = place is None and not run.has_blocks
        if place is not None:
            options = options or options_at(place)
            _has_inside(place)
        options = options or DEFAULT_SAGA
        is_quick = options.order == "newest_first"
        ledger = Ledger(run, options, run.name, None, is_quick, is_quick and is_alone)
        run.saga = ledger
    return ledger


def block_in(run: Run, name: str, options: SagaOptions | None = None) -> Ledger:
    """Return a new ledger for a block of a run that begins in this task."""
    place = place_of(run)
    _has_inside(place)
    options = options or options_at(place)
    outer = place if isinstance(place, Ledger) else root_of(place)
    block = Ledger(run, options, name, place, options.order == "newest_first", is_direct=False)
    if outer.blocks is None:
        outer.blocks = set()
    outer.blocks.add(block)
    return block


def branches_in(run: Run, size: int) -> list[Ledger]:
    """Return new ledgers for branches that begin in this task and are all seen to their end."""
    place = place_of(run)
    _has_inside(place)
    options = options_at(place)
    is_quick = options.order == "newest_first"
    return [Ledger(run, options, "branch", place, is_quick, False) for _ in range(size)]  # noqa: FBT003


def _has_inside(place: Place | None) -> None:
    """Let the ledgers at a place and around it know that there is one inside them."""
    while place is not None:
        if not isinstance(place, Ledger):
            place.has_blocks = True
        ledger: Ledger | None = place if isinstance(place, Ledger) else place.saga
        if ledger is not None:
            ledger.is_direct = False
        place = around(place)


def options_at(place: Place | None) -> SagaOptions:
    """Return the options of the innermost saga that has some."""
    while place is not None:
        options: SagaOptions | None
        options = place.options if isinstance(place, Ledger) else place.settings.saga
        if options is not None:
            return options
        place = around(place)
    return DEFAULT_SAGA


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
            found: Ledger | None = place
        else:
            found = None if place.closed else root_of(place)
        if found is not None and found.state != "joined":
            return found if found.state == "open" else None
        place = around(place)
    return None


def is_blank(ledger: Ledger) -> bool:
    """Whether nothing was ever entered in a ledger, and nothing can be any more."""
    return not (ledger.entries or ledger.residue or ledger.blocks)


def end(ledger: Ledger, state: Literal["joined", "undone"]) -> None:
    """End a saga, and with it those inside it whose block was never left.

    That takes an interrupt between two instructions, or a task that outlives the
    block that it was started in.
    """
    while ledger.blocks:
        join(next(iter(ledger.blocks)))
    ledger.state = state
    ledger.is_quick = ledger.is_direct = False
    above = ledger.above
    if above is not None:
        outer: Ledger | None = above if isinstance(above, Ledger) else above.saga
        if outer is not None and outer.blocks is not None:
            outer.blocks.discard(ledger)


def join(ledger: Ledger) -> None:
    """End a saga that succeeded: what it would undo belongs to the saga around it, if any."""
    if ledger.is_direct:
        ledger.state = "joined"
        ledger.is_quick = ledger.is_direct = False
        ledger.entries.clear()
        return
    end(ledger, "joined")
    if ledger.entries or ledger.residue:
        outer = enclosing(ledger)
        if outer is not None:
            outer.entries += detailed(ledger.entries, ledger.options)
            outer.residue += ledger.residue
            outer.is_merged = True
        ledger.entries = []


def detailed(entries: list[Entry], terms: SagaOptions) -> list[Entry]:
    """Return entries that remember on what terms they are undone, wherever they go."""
    detail = Detail(terms)
    return [entry if entry[4] is not None else (*entry[:4], detail) for entry in entries]


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


def label_of(entry: Entry) -> str:
    """Return the name of the step of an entry."""
    detail = entry[4]
    return name_of(entry[0]) if detail is None or not detail.name else detail.name


def labels_of(entries: Sequence[Entry]) -> tuple[str, ...]:
    """Return the names of the steps of entries."""
    return tuple(label_of(entry) for entry in entries)


def terms_of(entry: Entry, options: SagaOptions) -> SagaOptions:
    """Return the options on which an entry is undone: those of its own saga, else ``options``."""
    return options if entry[4] is None else entry[4].terms
