"""What a policy does to a server, found out in virtual time before it is done to a real one."""

from __future__ import annotations

import math
import random
from bisect import bisect_left
from collections import Counter
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any, TypeAlias, final

import msgspec
import trio

from awaitly_trio._policies.schedule import check_count
from awaitly_trio._tasks.sources import chance, seeded
from awaitly_trio._values.duration import Duration, format_duration, seconds
from awaitly_trio._values.result import Err, Ok

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Answer: TypeAlias = Ok[Any] | Err[Any]
    Server: TypeAlias = Callable[[], Awaitable[Answer]]

# Clients that begin at one instant begin a nanosecond apart: Trio runs what is due at
# one instant in random order, and one seed is to give one report.
_APART = 1e-9


@final
class SimulatedFailure(msgspec.Struct, frozen=True):
    """What a model of a server fails with: ``reason`` is ``"failure"`` or ``"outage"``."""

    reason: str


@final
class ServerModel(msgspec.Struct, frozen=True, kw_only=True):
    """A server that takes time, has few hands, and fails.

    Like most servers it works to the end on a call whose caller has given up.

    Args:
      latency: How long it works on a call.
      spread: The share by which that varies to either side, up to 1.
      failures: The share of calls that fail, from 0 to 1.
      outages: Spans of time, as seconds from the start, in which it fails at once.
      capacity: How many calls it works on at once; the others stand in line.

    Raises:
      ValueError: A number is out of range.
    """

    latency: Duration = 0.1
    spread: float = 0.0
    failures: float = 0.0
    outages: tuple[tuple[float, float], ...] = ()
    capacity: float = math.inf

    def __post_init__(self) -> None:
        seconds(self.latency, "latency")
        for name, value in (("spread", self.spread), ("failures", self.failures)):
            if not 0 <= value <= 1:
                raise ValueError(f"{name} is {value!r}: write a share from 0 to 1")
        if self.capacity != math.inf:
            check_count(self.capacity, "capacity", least=1)

    def start(self, nursery: trio.Nursery) -> Server:
        """Return a server that nobody has called yet; its work is done in the nursery."""
        started = trio.current_time()
        hands = trio.CapacityLimiter(self.capacity)

        async def work(answers: list[Answer], answered: trio.Event) -> None:
            async with hands:
                answers.append(await self._answer(trio.current_time() - started))
            answered.set()

        async def call() -> Answer:
            answers: list[Answer] = []
            answered = trio.Event()
            nursery.start_soon(work, answers, answered)
            await answered.wait()
            return answers[0]

        return call

    async def _answer(self, now: float) -> Answer:
        if any(begin <= now < end for begin, end in self.outages):
            return Err(SimulatedFailure("outage"))
        swing = self.spread * (2 * chance().random() - 1)
        await trio.sleep(seconds(self.latency) * (1 + swing))
        failed = chance().random() < self.failures
        return Err(SimulatedFailure("failure")) if failed else Ok(None)


@final
class Load(msgspec.Struct, frozen=True, kw_only=True):
    """How many calls there are, and how many begin in a second; all at once if not given.

    Raises:
      ValueError: There is no call, or the rate is not above zero.
    """

    calls: int
    rate: float = math.inf

    def __post_init__(self) -> None:
        check_count(self.calls, "calls", least=1)
        if not self.rate > 0:
            raise ValueError(f"rate is {self.rate!r}: it must be above zero")


@final
class SimulationReport(msgspec.Struct, frozen=True):
    """What came of a simulation.

    ``calls`` were made through the policy, and ``executions`` reached the server, at most
    ``peak_rate`` of them within one second.  The last call ended after ``completion_time``
    seconds.  ``errors`` counts failed calls by the kind of error; ``median`` and ``slowest``, which
    is the 99th percentile, are seconds that a call took.
    """

    calls: int
    executions: int
    peak_rate: int
    succeeded: int
    errors: dict[str, int]
    completion_time: float
    median: float
    slowest: float

    @property
    def amplification(self) -> float:
        """Executions for each call: the load that the policy makes of one."""
        return self.executions / self.calls

    def __str__(self) -> str:
        failed = ", ".join(f"{count} {name}" for name, count in self.errors.items()) or "none"
        took = [format_duration(round(x, 3)) for x in (self.median, self.slowest)]
        return (
            f"{self.succeeded} of {self.calls} calls succeeded (failed: {failed}); "
            f"{self.executions} executions, at most {self.peak_rate} in a second; "
            f"half took up to {took[0]}, nearly all up to {took[1]}; "
            f"done after {format_duration(round(self.completion_time, 3))}"
        )


def run_simulation(
    wrap: Callable[[Server], Server], server: ServerModel | Server, load: Load, seed: int
) -> SimulationReport:
    """Send a load through what ``wrap`` makes of a server, in virtual time, and count.

    Raises:
      RuntimeError: It is called within a run of Trio, of which it needs one for itself.
    """
    # A program that only runs policies shall not load the testing tools of Trio.
    from trio.testing import MockClock  # noqa: PLC0415

    if trio.lowlevel.in_trio_run():
        raise RuntimeError(
            "a simulation is a run of Trio itself: call it outside of one, or in a thread"
        )
    record = _Record()
    trio.run(_drive, record, wrap, server, load, seed, clock=MockClock(autojump_threshold=0))
    return record.report(load)


@final
class _Record:
    """When the server was called, and what came of the calls through the policy."""

    def __init__(self) -> None:
        self.executions: list[float] = []
        self.ended: list[float] = []
        self.took: list[float] = []
        self.errors: Counter[str] = Counter()

    def report(self, load: Load) -> SimulationReport:
        """Sum it up."""
        failed = sum(self.errors.values())
        # Of a single call there is no percentile but itself.
        slowest = quantiles(self.took, n=100)[-1] if len(self.took) > 1 else self.took[0]
        return SimulationReport(
            calls=load.calls,
            executions=len(self.executions),
            peak_rate=self._peak(),
            succeeded=load.calls - failed,
            errors=dict(sorted(self.errors.items())),
            completion_time=max(self.ended),
            median=median(self.took),
            slowest=min(slowest, max(self.took)),
        )

    def _peak(self) -> int:
        times = sorted(self.executions)
        # A call of the next second may look a rounding error early.
        ends = (bisect_left(times, time + 1 - _APART) for time in times)
        return max((end - begin for begin, end in enumerate(ends)), default=0)


async def _drive(
    record: _Record,
    wrap: Callable[[Server], Server],
    server: ServerModel | Server,
    load: Load,
    seed: int,
) -> None:
    started = trio.current_time()
    async with trio.open_nursery() as hands:
        answer = server.start(hands) if isinstance(server, ServerModel) else server

        async def execution() -> Answer:
            record.executions.append(trio.current_time() - started)
            return await answer()

        guarded = wrap(execution)

        async def client(number: int) -> None:
            # A source of its own, so that chance does not depend on the order of the tasks.
            with seeded(random.Random(f"{seed}/{number}")):
                await trio.sleep(number / load.rate + number * _APART)
                began = trio.current_time()
                result = await guarded()
            now = trio.current_time()
            record.took.append(now - began)
            record.ended.append(now - started)
            if isinstance(result, Err):
                record.errors[type(result.error).__name__] += 1

        async with trio.open_nursery() as clients:
            for number in range(load.calls):
                clients.start_soon(client, number)
        hands.cancel_scope.cancel(reason="the simulated clients are done")
