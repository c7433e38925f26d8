"""Random sagas, what they must leave behind, and a world that knows what they do leave.

After H. Garcia-Molina and K. Salem, "Sagas", SIGMOD 1987: a saga is a sequence
of steps, each with a compensation; it is executed as a whole, or what was
executed of it is compensated.  Here its parts are nested and run at once too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import trio

from awaitly_trio import Err, Ok, Step, run, workflow
from awaitly_trio.saga import saga

if TYPE_CHECKING:
    from collections.abc import Iterator

    from awaitly_trio import Result
    from awaitly_trio.saga import CompensationFailed

Fate: TypeAlias = Literal["works", "refuses", "breaks", "breaks_after", "interrupts"]
Undo: TypeAlias = Literal["works", "raises", "errs", "hangs"]
Kind: TypeAlias = Literal[
    "block", "handled_block", "sub", "handled_sub", "parallel", "nursery", "race", "settle"
]

AT_ONCE = frozenset(("parallel", "nursery", "race", "settle"))
UNITS = frozenset(("block", "handled_block", "sub", "handled_sub"))


@dataclass
class Leaf:
    """A compensated step: how long it takes before and after its effect, and how it ends."""

    name: int
    before: float
    after: float
    fate: Fate
    undo: Undo
    is_pivot: bool = False


@dataclass
class Part:
    """A part of a saga with parts of its own."""

    kind: Kind
    parts: list[Leaf | Part] = field(default_factory=list)

    def leaves(self) -> Iterator[Leaf]:
        """Yield the steps in it."""
        for part in self.parts:
            if isinstance(part, Leaf):
                yield part
            else:
                yield from part.leaves()


@dataclass(frozen=True)
class Refusal:
    """The planned error."""

    name: int


class Broken(Exception):
    """The defect."""


class Execution:
    """One execution of a saga: the effects that are there, and when things happened.

    ``told`` are the effects that reports named; ``committed`` those that a pivot
    made final.  ``started``, ``ended``, ``undoing`` and ``undone`` are instants
    on one clock of whole ticks.
    """

    def __init__(self, leaves: list[Leaf]) -> None:
        self.leaves = {leaf.name: leaf for leaf in leaves}
        self.effects: set[int] = set()
        self.told: list[int] = []
        self.committed: set[int] = set()
        self.started: dict[int, int] = {}
        self.ended: dict[int, int] = {}
        self.undoing: dict[int, int] = {}
        self.undone: dict[int, int] = {}
        self.violations: list[str] = []
        self._ticks = 0

    def tick(self) -> int:
        self._ticks += 1
        return self._ticks

    def check(self, holds: bool, what: str) -> None:
        """Note a violation: an assertion in a step would be a defect like any other."""
        if not holds:
            self.violations.append(what)

    def tell(self, failure: CompensationFailed[Any]) -> None:
        """Take a report, as the hook."""
        for left in failure.left:
            self.told.append(left.value[0] if isinstance(left.value, tuple) else left.value)

    async def do(self, name: int) -> Result[int, Refusal]:
        """Have the effect of a step."""
        leaf = self.leaves[name]
        self.started[name] = self.tick()
        await trio.sleep(leaf.before)
        if leaf.fate == "refuses":
            return Err(Refusal(name))
        if leaf.fate == "breaks":
            raise Broken(name)
        self.effects.add(name)
        await trio.sleep(leaf.after)
        if leaf.fate == "breaks_after":
            raise Broken(name)
        if leaf.fate == "interrupts":
            raise KeyboardInterrupt
        self.ended[name] = self.tick()
        return Ok(name)

    async def undo(self, name: int) -> Any:
        """Take away the effect of a step, if it is there; called at most once."""
        self.check(name not in self.undoing, f"{name} was undone twice")
        self.undoing[name] = self.tick()
        await trio.sleep(0.5)
        leaf = self.leaves[name]
        if leaf.undo == "raises":
            raise Broken(name)
        if leaf.undo == "errs":
            return Err(Refusal(name))
        if leaf.undo == "hangs":
            await trio.sleep_forever()
        self.effects.discard(name)
        self.undone[name] = self.tick()
        return None

    # --- running the parts; each returns the effects that have to be there afterwards

    async def all_of(self, parts: list[Leaf | Part], step: Step[Any]) -> set[int]:
        """Run parts one after the other."""
        kept: set[int] = set()
        for part in parts:
            kept |= await self.one(part, step)
        return kept

    async def one(self, part: Leaf | Part, step: Step[Any]) -> set[int]:
        """Run a step or a part."""
        if isinstance(part, Part):
            run_part: Any = getattr(self, part.kind)
            kept: set[int] = await run_part(part, step)
            return kept
        if part.is_pivot:
            await step.pivot(self.do, part.name)
            # Pivots stand where nothing runs beside them: all that is there is final.
            self.committed = set(self.effects)
        else:
            careful = step.options(compensate_unknown=self.undo)
            await careful.compensated(self.do, self.undo, part.name)
        return {part.name}

    async def block(self, part: Part, step: Step[Any]) -> set[int]:
        async with step.saga("block"):
            return await self.all_of(part.parts, step)

    async def handled_block(self, part: Part, step: Step[Any]) -> set[int]:
        try:
            return await self.block(part, step)
        except Exception:
            return self._gone(part)

    async def sub(self, part: Part, step: Step[Any]) -> set[int]:
        return await step(workflow(partial(self.all_of, part.parts)))

    async def handled_sub(self, part: Part, _step: Step[Any]) -> set[int]:
        result = await saga.run(partial(self.all_of, part.parts))
        return result.value if isinstance(result, Ok) else self._gone(part)

    async def parallel(self, part: Part, step: Step[Any]) -> set[int]:
        async def branch(inner: Leaf | Part) -> Result[set[int], Any]:
            return Ok(await self.one(inner, step))

        async with step.parallel() as group:
            handles = [group.start_soon(branch, inner) for inner in part.parts]
        return set[int]().union(*(handle.value for handle in handles))

    async def nursery(self, part: Part, step: Step[Any]) -> set[int]:
        kept: set[int] = set()

        async def branch(inner: Leaf | Part) -> None:
            kept.update(await self.one(inner, step))

        async with trio.open_nursery() as nursery:
            for inner in part.parts:
                nursery.start_soon(branch, inner)
        return kept

    async def race(self, part: Part, step: Step[Any]) -> set[int]:
        branches = [partial(run, partial(self.all_of, [inner])) for inner in part.parts]
        kept: set[int] = await step.race(*branches)
        others = {leaf.name for leaf in part.leaves()} - kept
        left = (others & self.effects) - set(self.told)
        self.check(not left, f"losers of a race left {left}")
        return kept

    async def settle(self, part: Part, step: Step[Any]) -> set[int]:
        branches = [partial(run, partial(self.all_of, [inner])) for inner in part.parts]
        settled = await step.settle(*branches, min_ok=1)
        return set[int]().union(*settled.values)

    def _gone(self, part: Part) -> set[int]:
        """Check that a part that failed and was handled left only what was told or is final."""
        there = {leaf.name for leaf in part.leaves()} & self.effects
        known = set(self.told) | self.committed
        self.check(there <= known, f"{there} was left by a part, {self.told} was told")
        return there & self.committed
