"""A world in which steps leave effects and compensations take them away, for tests of sagas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import trio

from awaitly_trio import Err, Ok

if TYPE_CHECKING:
    from collections.abc import Callable

    from awaitly_trio import Result


@dataclass(frozen=True)
class Refused:
    """A planned error."""

    what: str = "refused"


class World:
    """Effects that are there now, and a log of all that came and went.

    ``done`` lists effects in the order in which they came, ``undone`` in the
    order in which they went.
    """

    def __init__(self) -> None:
        self.effects: list[str] = []
        self.done: list[str] = []
        self.undone: list[str] = []
        self.began: list[str] = []

    def add(self, name: str) -> None:
        """Let an effect happen."""
        assert name not in self.effects, f"{name} happened twice"
        self.effects.append(name)
        self.done.append(name)

    def remove(self, name: str) -> None:
        """Take an effect away; fails if it is not there."""
        assert name in self.effects, f"{name} was undone, but is not there: {self.effects}"
        self.effects.remove(name)
        self.undone.append(name)

    async def do(self, name: str, after: float = 0.0) -> Result[str, Refused]:
        """Let an effect happen after a wait; nothing waits after it."""
        await trio.sleep(after)
        self.add(name)
        return Ok(name)

    async def undo(self, name: str) -> None:
        """Take an effect away after a checkpoint."""
        self.began.append(name)
        await trio.lowlevel.checkpoint()
        self.remove(name)

    def undoing_after(self, seconds: float) -> Callable[[str], Any]:
        """Return a compensation that takes some time."""

        async def undo_slowly(name: str) -> None:
            self.began.append(name)
            await trio.sleep(seconds)
            self.remove(name)

        return undo_slowly


async def refuse(what: str = "refused", after: float = 0.0) -> Result[Any, Refused]:
    """Fail as planned after a wait."""
    await trio.sleep(after)
    return Err(Refused(what))


async def hang(*_args: object) -> Any:
    """Never end by itself."""
    await trio.sleep_forever()


async def breaks(*_args: object) -> Any:
    """Raise a defect."""
    await trio.lowlevel.checkpoint()
    raise ValueError("broken")
