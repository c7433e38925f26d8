"""Row 8: two failures and a success without waits, beside stamina doing the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from awaitly_trio import Err, Ok, Result, Step, spaced, workflow
from benchmarks.lines import Line
from benchmarks.peers import peer

if TYPE_CHECKING:
    from benchmarks.timer import Timer, Work

stamina = peer("stamina")


class Flaky:
    """Fails twice and then succeeds, over and over."""

    def __init__(self) -> None:
        self.calls = 0

    @property
    def fails(self) -> bool:
        """Count a call and tell whether it fails."""
        self.calls += 1
        return self.calls % 3 != 0

    async def call(self, value: int) -> Result[int, str]:
        """Fail with an ``Err``."""
        return Err("refused") if self.fails else Ok(value)

    async def call_raising(self, value: int) -> int:
        """Fail by raising."""
        if self.fails:
            raise ValueError
        return value


@workflow
async def retried(step: Step[str], repeats: int) -> None:
    """Take steps of three attempts each."""
    flaky = Flaky()
    patient = step.options(retry=spaced(0, attempts=3))
    for _ in range(repeats):
        await patient(flaky.call, 1)


async def three_awaits(repeats: int) -> None:
    """Call three times, with nothing between."""
    flaky = Flaky()
    for _ in range(repeats):
        await flaky.call(1)
        await flaky.call(1)
        await flaky.call(1)


async def with_stamina(repeats: int) -> None:
    """Let stamina repeat."""
    patient = stamina.retry(on=ValueError, attempts=3, wait_initial=0, wait_jitter=0, wait_max=0)
    call = patient(Flaky().call_raising)
    for _ in range(repeats):
        await call(1)


def measure(timer: Timer) -> list[Line]:
    """Compare with stamina where it is installed, and with three awaits."""
    works: dict[str, Work] = {"ours": retried, "awaits": three_awaits}
    if stamina is not None:
        stamina.instrumentation.set_on_retry_hooks([])  # they would write a log
        works["stamina"] = with_stamina
    found = timer.compare(works)
    work, ours = "two failures, then `Ok`, no wait", found["ours"]
    lines = [Line(work, ours, "three bare awaits", found["awaits"])]
    if stamina is not None:
        lines.insert(0, Line(work, ours, "stamina", found["stamina"], most=0.05))
    return lines
