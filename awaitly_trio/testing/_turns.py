"""A schedule as text: whose turn it is and for how many steps.

The text replays a schedule in another process and under another CPython,
because it names tasks by birth and steps by count, and nothing else decides a
run: ``v1/<chance>/0x3.1.0x2`` is three steps of task 0, one of task 1, two of task 0.
"""

from __future__ import annotations

import re
from itertools import groupby
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable

Turns: TypeAlias = "tuple[tuple[int, int], ...]"
"""Pairs of a task's birth number and its number of steps."""

_TEXT = re.compile(r"v1/(?P<chance>[^/\s]+)/(?P<turns>(\d+(x\d+)?(\.\d+(x\d+)?)*)?)")


def turns_of(steps: Iterable[int]) -> Turns:
    """Return the turns that a sequence of steps is made of."""
    return tuple((birth, len(list(group))) for birth, group in groupby(steps))


def turns_merged(turns: Iterable[tuple[int, int]]) -> Turns:
    """Return the turns with neighbours of one task made one, and empty ones left out."""
    whole = (
        (birth, sum(count for _, count in group))
        for birth, group in groupby(turns, key=lambda turn: turn[0])
    )
    return tuple(turn for turn in whole if turn[1] > 0)


def write_schedule(chance: str, turns: Turns) -> str:
    """Return the text of a schedule; ``chance`` seeds the test's own randomness."""
    shown = (f"{birth}x{count}" if count != 1 else f"{birth}" for birth, count in turns)
    return f"v1/{chance}/{'.'.join(shown)}"


def read_schedule(text: str) -> tuple[str, Turns]:
    """Return the seed of chance and the turns of a schedule's text.

    Raises:
      ValueError: The text is no schedule, or one of another version.
    """
    match = _TEXT.fullmatch(text.strip())
    if match is None:
        raise ValueError(
            f"{text!r} is no schedule: copy the text after `replay=` from the failure, "
            "such as 'v1/0.7/0x3.1.0x2'"
        )
    parts = (part.partition("x") for part in match["turns"].split(".") if part)
    return match["chance"], tuple((int(birth), int(count or 1)) for birth, _, count in parts)
