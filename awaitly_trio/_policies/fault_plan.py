"""What goes wrong where: faults as values, and the seeded plan that decides when they strike.

Pure.  In the manner of FoundationDB's "buggify" a plan may leave points out
altogether: of two seeds one then never sees a fault that the other sees often.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any, TypeAlias, final

import msgspec
from msgspec.structs import force_setattr

from awaitly_trio._values.duration import Duration, seconds


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """Something that goes wrong at a point: how likely, from when on, and how often.

    Args:
      chance: The share of the times it strikes, above 0 and at most 1.
      skip: How many times the point is passed unharmed at first.
      most: How many times it strikes at most.
    """

    chance: float = 1.0
    skip: int = 0
    most: float = math.inf

    def __post_init__(self) -> None:
        if not 0 < self.chance <= 1:
            raise ValueError(f"chance must be above 0 and at most 1, not {self.chance!r}")
        if self.skip < 0:
            raise ValueError(f"skip must be 0 or more times, not {self.skip!r}")
        if not self.most >= 1:
            raise ValueError(f"most must be at least 1 time, not {self.most!r}")


@final
class Raise(Fault, frozen=True):
    """An exception is raised: what ``make`` returns, such as an exception class."""

    make: Callable[[], Exception]


@final
class Answer(Fault, frozen=True):
    """The function is not called and returns this instead, such as an ``Err``."""

    value: Any


@final
class Delay(Fault, frozen=True):
    """Time passes: between ``least`` and ``longest``, which is ``least`` unless given."""

    least: Duration
    longest: Duration | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        least = seconds(self.least, "least")
        longest = least if self.longest is None else seconds(self.longest, "longest")
        if not least <= longest < math.inf:
            raise ValueError(
                f"a delay needs least <= longest < inf, but these are {self.least!r} and "
                f"{self.longest!r}: for a delay without end there is Hang"
            )
        force_setattr(self, "least", least)
        force_setattr(self, "longest", longest)

    def length(self, chance: random.Random) -> float:
        """Return how many seconds pass this time."""
        return chance.uniform(seconds(self.least), seconds(self.longest or self.least))


@final
class Hang(Fault, frozen=True):
    """Nothing happens any more, until the task is cancelled."""


@final
class Cancel(Fault, frozen=True):
    """The block that injects the faults is cancelled, as it might be from outside."""


Faults: TypeAlias = Mapping[str, Fault]


@final
class FaultPlan:
    """Decides at each point whether a fault strikes.

    Every point has a source of chance of its own, made of the seed and its name: what
    happens there does not depend on what happens elsewhere, or when.

    Args:
      faults: The fault of each point; a name may be a pattern such as ``"db.*"``, and
        the first that fits counts.
      seed: Decides everything.
      share: The share of the points that are taken part in at all.

    Raises:
      ValueError: ``share`` is not above 0 and at most 1.
    """

    __slots__ = ("_faults", "_points", "_seed", "_share")

    def __init__(self, faults: Faults, seed: int, share: float = 1.0) -> None:
        if not 0 < share <= 1:
            raise ValueError(f"share must be above 0 and at most 1, not {share!r}")
        self._faults = dict(faults)
        self._seed = seed
        self._share = share
        self._points: dict[str, _Point] = {}

    def strike(self, name: str) -> Fault | None:
        """Return the fault that strikes at a point this time, if one does."""
        return self._point(name).strike()

    def source(self, name: str) -> random.Random:
        """Return the source of chance of a point."""
        return self._point(name).source

    def _point(self, name: str) -> _Point:
        if name not in self._points:
            source = random.Random(f"{self._seed} {name}")
            takes_part = source.random() < self._share
            fits = (fault for key, fault in self._faults.items() if fnmatchcase(name, key))
            self._points[name] = _Point(source, next(fits, None) if takes_part else None)
        return self._points[name]


@final
class _Point:
    """One point of a program, with the fault that may strike there."""

    __slots__ = ("_fault", "_passed", "_struck", "source")

    def __init__(self, source: random.Random, fault: Fault | None) -> None:
        self.source = source
        self._fault = fault
        self._passed = self._struck = 0

    def strike(self) -> Fault | None:
        fault = self._fault
        if fault is None:
            return None
        self._passed += 1
        # Drawn each time, so that ``skip`` and ``most`` do not shift what chance decides.
        is_unlucky = self.source.random() < fault.chance
        if not is_unlucky or self._passed <= fault.skip or self._struck >= fault.most:
            return None
        self._struck += 1
        return fault
