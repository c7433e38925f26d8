"""Random workflows as data: trees of everything a body can do, with times that never tie.

Each leaf, pause and limit has a number of seconds whose fraction is a power of four of
its own.  Sums of a few of them are exact and all different, so it is never up to the
scheduler what comes first.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable

BUDGET = 18
"""Numbers that a tree may use: more fractions would not be exact any more."""

Mode: TypeAlias = Literal["error", "own", "none"]


@dataclass(frozen=True)
class Leaf:
    """Takes its time, then ends; ``cut_off`` is what it does when it is cancelled."""

    id: int
    seconds: float
    ends: Literal["ok", "err", "crash"]
    cut_off: Literal["leave", "clean up", "crash", "ok", "err", "exit"] = "leave"


@dataclass(frozen=True)
class Sub:
    """A workflow of its own, used as a dependency."""

    body: Body


@dataclass(frozen=True)
class Script:
    """Another leaf for each attempt."""

    leaves: tuple[Leaf, ...]


Dep: TypeAlias = Leaf | Sub | Script


@dataclass(frozen=True)
class Opts:
    """The options of one step, or of a block."""

    timeout: float = math.inf
    total: float = math.inf
    mode: Mode = "error"
    pause: float | None = None
    attempts: int = 1
    fallback: Leaf | None = None


PLAIN = Opts()


@dataclass(frozen=True)
class Do:
    """One step."""

    dep: Dep
    opts: Opts = PLAIN


@dataclass(frozen=True)
class Seq:
    """One after the other."""

    parts: tuple[Body, ...]


@dataclass(frozen=True)
class Parallel:
    """Branches of a parallel block, each with options, all with a limit."""

    branches: tuple[Do, ...]
    opts: Opts = PLAIN


@dataclass(frozen=True)
class Nursery:
    """Parts of the body in a nursery of its own."""

    parts: tuple[Body, ...]


@dataclass(frozen=True)
class Block:
    """All, race, settle or map of dependencies, with a limit on the whole."""

    kind: Literal["all", "race", "finished", "settle", "map"]
    deps: tuple[Dep, ...]
    opts: Opts = PLAIN
    min_ok: int | None = None
    max_errors: int | None = None
    limit: int = 1


@dataclass(frozen=True)
class Swallow:
    """A body that handles every exception it can."""

    part: Body


@dataclass(frozen=True)
class Limited:
    """A part of the body under a time limit of Trio's own."""

    part: Body
    seconds: float


Body: TypeAlias = "Do | Seq | Parallel | Nursery | Block | Swallow | Limited"


@dataclass
class Maker:
    """Draws one tree; ``used`` counts the numbers that have been given out."""

    draw: Callable[[Any], Any]
    hostile: bool = False
    used: int = 0
    leaves: int = 0
    kinds: tuple[str, ...] = field(
        default=("do", "seq", "parallel", "nursery", "block", "swallow", "limited")
    )

    @property
    def is_spent(self) -> bool:
        return self.used >= BUDGET

    def seconds(self) -> float:
        """Return a time that no other sum of times equals."""
        self.used += 1
        whole: int = self.draw(st.integers(0, 9))
        return whole + 4.0**-self.used

    def leaf(self) -> Leaf:
        self.leaves += 1
        ends = self.draw(st.sampled_from(["ok", "ok", "ok", "err", "crash"]))
        if not self.hostile:
            return Leaf(self.leaves, self.seconds(), ends)
        cut_off = self.draw(st.sampled_from(["leave", "clean up", "crash", "ok", "err", "exit"]))
        return Leaf(self.leaves, self.seconds(), ends, cut_off)

    def dep(self, depth: int) -> Dep:
        if depth and not self.is_spent and self.draw(st.booleans()):
            return Sub(self.body(depth - 1))
        return self.leaf()

    def deps(self, depth: int) -> tuple[Dep, ...]:
        return tuple(self.dep(depth) for _ in range(self.draw(st.integers(1, 3))))

    def limit(self) -> Opts:
        """Draw the limit of a block, mostly none."""
        if self.is_spent or self.draw(st.integers(0, 3)):
            return PLAIN
        return Opts(timeout=self.seconds(), mode=self.mode())

    def mode(self) -> Mode:
        mode: Mode = self.draw(st.sampled_from(["error", "own", "none"]))
        return mode

    def step(self, depth: int) -> Do:
        """Draw one step with its options."""
        drawn = self.draw(st.sampled_from(["plain", "plain", "limits", "retry", "fallback"]))
        if drawn == "plain" or self.used + 6 > BUDGET:
            return Do(self.dep(depth))
        if drawn == "limits":
            opts = Opts(timeout=self.seconds(), total=self.seconds(), mode=self.mode())
            return Do(self.dep(depth), opts)
        if drawn == "fallback":
            return Do(self.dep(depth), Opts(fallback=self.leaf()))
        script = Script(tuple(self.leaf() for _ in range(3)))
        limited = self.draw(st.booleans())
        timeout = self.seconds() if limited else math.inf
        opts = Opts(
            timeout=timeout,
            mode=self.mode() if limited else "error",
            pause=self.seconds(),
            attempts=3,
        )
        return Do(script, opts)

    def body(self, depth: int) -> Body:
        """Draw a body of at most this depth."""
        kind = self.draw(st.sampled_from(self.kinds)) if depth and not self.is_spent else "do"
        below = max(depth - 1, 0)
        if kind == "do":
            return self.step(below)
        if kind == "parallel":
            count = self.draw(st.integers(1, 3))
            return Parallel(tuple(self.step(below) for _ in range(count)), self.limit())
        if kind == "block":
            return self.block(below)
        if kind == "swallow":
            return Swallow(self.body(below))
        if kind == "limited":
            return Limited(self.body(below), self.seconds())
        parts = tuple(self.body(below) for _ in range(self.draw(st.integers(1, 3))))
        return Seq(parts) if kind == "seq" else Nursery(parts)

    def block(self, depth: int) -> Block:
        """Draw a block of several dependencies."""
        kind = self.draw(st.sampled_from(["all", "race", "finished", "settle", "map"]))
        deps = self.deps(depth)
        if kind == "settle":
            bound = st.none() | st.integers(0, len(deps))
            low, high = self.draw(bound), self.draw(bound)
            return Block(kind, deps, self.limit(), min_ok=low or None, max_errors=high)
        return Block(kind, deps, self.limit(), limit=self.draw(st.integers(1, 3)))


@st.composite
def trees(draw: Any, depth: int = 3, *, hostile: bool = False) -> tuple[Body, float]:
    """Draw a body, and after how many seconds its caller gives up.

    Leaves that are ``hostile`` do not simply leave when they are cancelled.
    """
    maker = Maker(draw, hostile)
    patience = maker.seconds() + draw(st.sampled_from([0, 3, 300]))
    return maker.body(depth), patience
