"""Row 4: creating an ``Ok`` beside an object with one slot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from awaitly_trio import Ok
from benchmarks.lines import Line
from benchmarks.peers import peer

if TYPE_CHECKING:
    from benchmarks.timer import Timer, Work

returns = peer("returns.result")


class Slotted:
    """The least that a class written by hand costs."""

    __slots__ = ("value",)

    def __init__(self, value: int) -> None:
        self.value = value


async def ours(repeats: int) -> None:
    """Make an ``Ok``."""
    for _ in range(repeats):
        Ok(1)


async def slotted(repeats: int) -> None:
    """Make an object."""
    for _ in range(repeats):
        Slotted(1)


async def success(repeats: int) -> None:
    """Make the success of ``returns``."""
    make = returns.Success
    for _ in range(repeats):
        make(1)


def measure(timer: Timer) -> list[Line]:
    """Compare the two."""
    works: dict[str, Work] = {"ours": ours, "limit": slotted}
    if returns is not None:
        works["returns"] = success
    found = timer.compare(works)
    return [
        Line(
            "creating an `Ok`",
            found["ours"],
            "object with a slot",
            found["limit"],
            most=0.6,
            peers={"returns": found.get("returns")},
        )
    ]
