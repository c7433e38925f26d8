"""Where chance comes from: one seeded source for all jitter and all ids of a task tree.

Tests and the schedule explorer scope their own source, so that one seed gives
one run; everything else shares a source that the operating system seeded.
"""

from __future__ import annotations

import random
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator

_chance: ContextVar[random.Random | None] = ContextVar("awaitly_trio.chance", default=None)
_unseeded = random.Random()


def chance() -> random.Random:
    """Return the source of randomness of the current task tree."""
    return _chance.get() or _unseeded


@contextmanager
def seeded(source: random.Random | int) -> Generator[random.Random]:
    """Make a source, or one seeded with an integer, that of the block and the tasks it starts."""
    chosen = source if isinstance(source, random.Random) else random.Random(source)
    token = _chance.set(chosen)
    try:
        yield chosen
    finally:
        _chance.reset(token)
