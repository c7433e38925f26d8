"""Which saga a step belongs to, and who answers for it when that saga has succeeded.

A context variable leads from a step to the innermost place, through nurseries
and sub-workflows, whether somebody watches or not.
"""

from __future__ import annotations

from contextvars import Token
from typing import TYPE_CHECKING, Any, Literal

from awaitly_trio._engine.run import Run, current_saga
from awaitly_trio._engine.saga_ledger import Branch, Ledger, detailed
from awaitly_trio._policies.saga import DEFAULT_SAGA

if TYPE_CHECKING:
    from awaitly_trio._engine.saga_ledger import Entry, Place
    from awaitly_trio._policies.saga import SagaOptions


def around(place: Place) -> Place | None:
    """Return what encloses a block, branch or run, ``None`` for the outermost."""
    if type(place) is not Run:
        return place.above
    # The run's token remembers what the variable held before the run set it.
    token: Token[Place | None] | None = place.token
    before: Any = None if token is None else token.old_value
    return None if before is Token.MISSING else before


def ledger_at(place: Place) -> Ledger | None:
    """Return the ledger of a place, if it has one by now."""
    if type(place) is Ledger:
        return place
    ledger: Ledger | None = place.ledger if type(place) is Branch else place.saga
    return ledger


def open_at(place: Place) -> Ledger | None:
    """Return the ledger of a place, which may begin now; ``None`` if the place has ended."""
    found = ledger_at(place)
    if found is not None:
        return found
    if type(place) is Branch:
        return None if place.is_over else _branch_ledger(place)
    return None if place.closed else root_of(place)  # type: ignore[union-attr,arg-type]


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


def _branch_ledger(branch: Branch) -> Ledger:
    branch.ledger = _block_at(branch.above, branch.run, "branch", None)
    return branch.ledger


def block_in(run: Run, name: str, options: SagaOptions | None = None) -> Ledger:
    """Return a new ledger for a block of a run that begins in this task."""
    return _block_at(place_of(run), run, name, options)


def _block_at(place: Place, run: Run, name: str, options: SagaOptions | None) -> Ledger:
    _has_inside(place)
    options = options or options_at(place)
    block = Ledger(run, options, name, place, options.order == "newest_first", is_direct=False)
    outer = open_at(place)
    if outer is not None:
        if outer.blocks is None:
            outer.blocks = set()
        outer.blocks.add(block)
    return block


def branches_in(run: Run, size: int) -> list[Branch]:
    """Return the places of branches that begin in this task and are all seen to their end."""
    place = place_of(run)
    run.has_blocks = True
    if run.saga is not None:
        run.saga.is_direct = False
    return [Branch(run, place) for _ in range(size)]


def _has_inside(place: Place | None) -> None:
    """Let the ledgers at a place and around it know that there is one inside them."""
    while place is not None:
        if type(place) is Run:
            place.has_blocks = True
        ledger = ledger_at(place)
        if ledger is not None:
            ledger.is_direct = False
        place = around(place)


def options_at(place: Place | None) -> SagaOptions:
    """Return the options of the innermost saga that has some."""
    while place is not None:
        options: SagaOptions | None = None
        if type(place) is Ledger:
            options = place.options
        elif type(place) is Run:
            options = place.settings.saga
        if options is not None:
            return options
        place = around(place)
    return DEFAULT_SAGA


def place_of(run: Run) -> Place:
    """Return the innermost open block or branch of a run in which this task is, or the run."""
    place: Place | None = current_saga.get()
    while place is not None and place is not run:
        if type(place) is not Run and place.run is run and _is_open(place):
            return place
        place = around(place)
    return run


def _is_open(place: Place) -> bool:
    ledger = ledger_at(place)
    if type(place) is Branch and ledger is None:
        return not place.is_over
    return ledger is not None and ledger.state == "open"


def ledger_of(run: Run) -> Ledger:
    """Return the ledger to which a step of this run and task belongs."""
    return open_at(place_of(run)) or root_of(run)


def enclosing(ledger: Ledger) -> Ledger | None:
    """Return the innermost open saga around one, ``None`` where there is none to answer to.

    What a compensation does is final: a saga that is being undone takes nothing.
    """
    place = around(ledger.run) if ledger.above is None else ledger.above
    while place is not None:
        found = open_at(place)
        if found is not None and found.state != "joined":
            return found if found.state == "open" else None
        place = around(place)
    return None


def end(ledger: Ledger, state: Literal["joined", "undone"]) -> None:
    """End a saga, and with it those inside it whose block was never left.

    That takes an interrupt between two instructions, or a task that outlives the
    block that it was started in.
    """
    while ledger.blocks:
        join(next(iter(ledger.blocks)))
    ledger.state = state
    ledger.is_quick = ledger.is_direct = False
    outer = None if ledger.above is None else ledger_at(ledger.above)
    if outer is not None and outer.blocks is not None:
        outer.blocks.discard(ledger)


def join(ledger: Ledger, outer: Ledger | None = None) -> None:
    """End a saga that succeeded: what it would undo belongs to another one from now on.

    That is ``outer``, or the saga around it, if there is one.
    """
    if ledger.is_direct:
        ledger.state = "joined"
        ledger.is_quick = ledger.is_direct = False
        ledger.entries.clear()
        return
    end(ledger, "joined")
    if ledger.entries or ledger.residue:
        outer = outer or enclosing(ledger)
        if outer is not None:
            outer.entries += detailed(ledger.entries, ledger.options)
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
        ledger = ledger_at(place)
        if ledger is not None:
            dropped += len(ledger.entries)
            ledger.entries.clear()
        place = around(place)
    return dropped
