"""Hedged calls: a second call when the first is slow, and the first success wins.

See J. Dean and L. A. Barroso, "The Tail at Scale", Communications of the ACM 56 (2013).
"""

from __future__ import annotations

from functools import partial, update_wrapper
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast, final

import msgspec
import trio
from outcome import Error, Outcome, Value
from typing_extensions import ParamSpec

from awaitly_trio._policies.layers import Layer
from awaitly_trio._policies.percentile import RecentDurations
from awaitly_trio._tasks.budget import afford_hedge
from awaitly_trio._tasks.crew import Crew
from awaitly_trio._tasks.notices import HedgeEnded, HedgeStarted, tell
from awaitly_trio._values.duration import Duration, format_duration, seconds
from awaitly_trio._values.exits import Exit
from awaitly_trio._values.result import Err

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from typing_extensions import Never

    from awaitly_trio._values.outcomes import Status

P = ParamSpec("P")
T = TypeVar("T")

# With fewer calls known, a percentile says more of chance than of the service.
_ENOUGH = 20
_LOST = "another attempt of the hedged call has succeeded"
_PENDING: Outcome[Any] = Value(None)


@final
class HedgeStatistics(msgspec.Struct, frozen=True):
    """How many calls were made and how many of them hedged, and how often a hedge won.

    ``after`` is how many seconds a call may take at present before it is hedged.
    """

    calls: int
    hedged: int
    won: int
    after: float


@final
class Hedge:
    """Call again what takes too long, and take the first success.

    The attempts run at the same time, so hedge only what may be done twice.  An
    attempt that lost is cancelled and has ended when the call returns.  A failure
    is no success: it waits for the other attempts.  But a call that fails before it was
    hedged has failed; to call that again is the business of a retry.  When
    all attempts fail, the call ends as the one that failed first.

    Args:
      after: How long a call may take before it is hedged, and then each time before it is
        hedged again; in seconds or any other duration.
      percentile: Take this share of the latest calls as fast enough instead, such
        as 0.95; ``after`` holds until twenty calls are known.
      most: The most hedges of one call.
      memory: How many calls the percentile is taken of.

    Raises:
      ValueError: ``percentile`` is not between zero and one, ``most`` is below one, or
        ``memory`` below twenty.
    """

    __slots__ = (
        "_after",
        "_calls",
        "_durations",
        "_hedged",
        "_memory",
        "_most",
        "_percentile",
        "_won",
    )

    def __init__(
        self,
        after: Duration,
        *,
        percentile: float | None = None,
        most: int = 1,
        memory: int = 100,
    ) -> None:
        if percentile is not None and not 0 < percentile < 1:
            raise ValueError(f"percentile must be above 0 and below 1, not {percentile!r}")
        if most < 1:
            raise ValueError(f"most must be at least 1 hedge, not {most!r}")
        if memory < _ENOUGH:
            raise ValueError(f"memory must be at least {_ENOUGH} calls, not {memory!r}")
        self._after = seconds(after, "after")
        self._percentile = percentile
        self._most = most
        self._memory = memory
        self._durations = RecentDurations(memory)
        self._calls = self._hedged = self._won = 0

    async def __call__(
        self, fn: Callable[P, Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Call an async function, and again when it takes too long; ``Err`` is a failure.

        Each hedge is paid from the ``budget`` of the task, where it has one: without
        enough of it the call is not hedged.

        Raises:
          Exception: What the attempt raised that failed first, when all failed; or
            what a losing attempt raised when it was cancelled.
        """
        self._calls += 1
        heat = _Heat(partial(fn, *args, **kwargs))
        await heat.run(self._after_now(), self._most)
        self._hedged += heat.attempts > 1
        self._won += heat.winner > 0
        if self._percentile is not None and heat.winner >= 0:
            # That of the first attempt, though it may have been cut short: if only the
            # winners counted, calls would seem faster with every hedge.
            self._durations.add(heat.first_took)
        return heat.outcome.unwrap()

    def wrap(self, fn: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
        """Return the function hedged in this way."""
        return update_wrapper(partial(self, fn), fn)

    @property
    def layer(self) -> Layer[Never]:
        """What a hedge is as a layer of a policy."""
        after = f"after {format_duration(self._after)}"
        if self._percentile is not None:
            after = f"slower than {self._percentile:.0%} of calls"
        return Layer("hedge", f"hedge: up to {self._most} more, {after}")

    def fresh(self) -> Hedge:
        """Return a hedge with the same settings that knows of no call."""
        most, memory = self._most, self._memory
        return Hedge(self._after, percentile=self._percentile, most=most, memory=memory)

    def _after_now(self) -> float:
        if self._percentile is None or len(self._durations) < _ENOUGH:
            return self._after
        return self._durations.percentile(self._percentile)

    def statistics(self) -> HedgeStatistics:
        """Return a record of the calls, the hedges, and how long a call may take at present."""
        return HedgeStatistics(self._calls, self._hedged, self._won, self._after_now())

    def __repr__(self) -> str:
        return f"<Hedge after {self._after_now():.3g} s, {self._hedged} of {self._calls} hedged>"


@final
class _Heat(Generic[T]):
    """The attempts of one call: who has failed, and who has won."""

    __slots__ = (
        "__weakref__",
        "_failed",
        "_fn",
        "_settled",
        "attempts",
        "first_took",
        "outcome",
        "winner",
    )

    def __init__(self, fn: Callable[[], Awaitable[T]]) -> None:
        self._fn = fn
        self.outcome: Outcome[T] = _PENDING
        self._failed = 0
        self._settled = trio.Event()
        self.attempts = 0
        self.first_took = 0.0
        self.winner = -1

    async def run(self, after: float, most: int) -> None:
        """Run the first attempt, and more until one has succeeded or all have failed."""
        async with Crew() as crew:
            self._start(crew)
            for _ in range(most):
                with trio.move_on_after(after):
                    await self._settled.wait()
                if self._settled.is_set() or not afford_hedge():
                    break
                self._start(crew)

    def _start(self, crew: Crew) -> None:
        crew.nursery.start_soon(self._attempt, crew, self.attempts)
        self.attempts += 1

    async def _attempt(self, crew: Crew, index: int) -> None:
        started = trio.current_time()
        outcome: Outcome[T]
        status: Status = "cancelled"
        told: object = None
        tell(HedgeStarted, self, index + 1)
        try:
            value = await self._fn()
        except Exit as leaving:
            status = "error"
            crew.fail(leaving, index, "an attempt of the hedged call has left the run")
            return
        except Exception as error:
            outcome = Error(error)
            status, told = "defect", error
        else:
            outcome = Value(value)
            status = "ok"
            if isinstance(value, Err):
                status, told = "error", cast("Err[Any]", value).error
        finally:
            tell(HedgeEnded, self, index + 1, status, told)
            if not index:
                self.first_took = trio.current_time() - started
        self._judge(crew, index, outcome)

    def _judge(self, crew: Crew, index: int, outcome: Outcome[T]) -> None:
        if isinstance(outcome, Value) and not isinstance(outcome.value, Err):
            if self.winner < 0:
                self.winner = index
                self.outcome = outcome
                crew.end("lost_race", index, _LOST)
        elif self.winner < 0:
            if not self._failed:
                self.outcome = outcome
            self._failed += 1
            if self._failed == self.attempts:
                self._settled.set()
        elif isinstance(outcome, Error):
            # It failed at being cancelled: a defect, which a winner must not hide.
            crew.fail(outcome.error, index, _LOST)
