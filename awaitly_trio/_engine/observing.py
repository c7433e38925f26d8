"""Blocks in which runs are watched, and the watch of a run that begins in them.

Who watches a run comes from the blocks around it, from the run around it, and from the
run itself: the nearer one plays a role that several have.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, final

import msgspec

from awaitly_trio._engine.audience import NOBODY, Audience, check_observers
from awaitly_trio._engine.watch import Watch, current_scope
from awaitly_trio._tasks.notices import listen
from awaitly_trio._values.scopes import RunInfo, Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable


@final
class Blocks(msgspec.Struct, frozen=True, eq=False):
    """The blocks in which a task is watched, from outside in, and the audience of them all."""

    each: tuple[Audience, ...] = ()
    audience: Audience = NOBODY

    def inside(self, block: Audience) -> Blocks:
        """Return these blocks and one more inside them."""
        return Blocks((*self.each, block), self.audience.joined_by(block.observers))

    def without(self, blocks: Iterable[Audience]) -> Blocks:
        """Return those that are not among others; they need not end in the order they began."""
        gone = frozenset(map(id, blocks))
        found = Blocks()
        for block in self.each:
            if id(block) not in gone:
                found = found.inside(block)
        return found


NO_BLOCKS = Blocks()

_blocks: ContextVar[Blocks] = ContextVar("awaitly_trio.observers", default=NO_BLOCKS)


@contextmanager
def observing(*observers: object) -> Generator[None]:
    """Watch every run that starts in the block, and in the tasks that the block starts.

    Entered before ``trio.run`` it watches the whole program.

    Raises:
      TypeError: An observer has none of the methods of ``Observer``, or an async one.
    """
    stop = observe(*observers)
    try:
        yield
    finally:
        stop()


def observe(*observers: object) -> Callable[[], None]:
    """Watch every run from here on, as ``observing`` does in a block.

    Returns:
      What ends it, for the same task or thread to call; it may be forgotten.

    Raises:
      TypeError: An observer has none of the methods of ``Observer``, or an async one.
    """
    block = Audience(check_observers(observers))
    _be_in(_blocks.get().inside(block))
    return lambda: _be_in(_blocks.get().without((block,)))


def _be_in(blocks: Blocks) -> None:
    """Let a task and those it starts be watched in these blocks, and in no others."""
    _blocks.set(blocks)
    above = scope_around()
    outer = None if above is None else above.owner.heritage
    audience = blocks.audience
    if outer is not None:
        audience = outer.audience.joined_by(_entered_in(outer).observers)
    listen(audience.listeners)
    # A run looks at the scope first, and for nothing else where it finds none.
    scope = current_scope.get()
    if scope is None and blocks.each:
        current_scope.set(Scope(0, "ambient", "ambient", RunInfo("", ""), None, 1, 0.0))
    elif scope is not None and scope.kind == "ambient" and not blocks.each:
        current_scope.set(None)


def watch_of(own: Audience, outer: Watch | None) -> Watch | None:
    """Return the watch of a run, if somebody watches: that of the run around it, where it can.

    Args:
      own: The observers of the run itself.
      outer: The watch of the run around it.
    """
    blocks = _blocks.get()
    if outer is None:
        around = blocks.audience
        if not own:
            return Watch(around, blocks) if around else None
        return Watch(around.joined_by(own.observers) if around else own, blocks)
    entered = _entered_in(outer)
    if not entered and not own:
        return outer
    nearer = (*entered.observers, *own.observers)
    return Watch(outer.audience.joined_by(nearer), blocks, outer)


def _entered_in(outer: Watch) -> Audience:
    """Return who watches only since a run began: in blocks that its body has entered.

    Those around the run stand before it, not between it and what is inside: there they
    would take the roles of its own observers.
    """
    blocks = _blocks.get()
    return NOBODY if blocks is outer.blocks else blocks.without(outer.blocks.each).audience


def scope_around() -> Scope | None:
    """Return the scope around this task, if it belongs to a run that still lasts."""
    scope = current_scope.get()
    if scope is None or scope.kind == "ambient":
        return None
    # Otherwise a task outlived the run that started it: its context still holds
    # the scope, but nothing of that run may be told or used any more.
    return None if scope.owner.closed else scope
