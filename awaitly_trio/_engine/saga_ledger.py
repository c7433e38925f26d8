"""What a saga would have to undo: the records, and what is read off them.

Each run has a ledger of its own as soon as it needs one, and so has each saga
block, and each branch of which only some count.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, final

import msgspec

from awaitly_trio._engine.run import Run
from awaitly_trio._policies.saga import SagaOptions
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


@final
class Branch(msgspec.Struct, eq=False):
    """A branch of which only some count: its ledger begins with the first thing to undo."""

    run: Run
    above: Place
    ledger: Ledger | None = None
    is_over: bool = False


Place: TypeAlias = "Ledger | Branch | Run"
"""Where a saga is: a block, a branch, or a run outside of those."""


def detailed(entries: list[Entry], terms: SagaOptions) -> list[Entry]:
    """Return entries that remember on what terms they are undone, wherever they go."""
    detail = Detail(terms)
    return [entry if entry[4] is not None else (*entry[:4], detail) for entry in entries]


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
