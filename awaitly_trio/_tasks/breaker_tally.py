"""How a circuit breaker counts: the outcome of each call, judged once and handed to its circuit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

import msgspec

from awaitly_trio._policies.circuit import BreakerSettings, Circuit
from awaitly_trio._policies.circuit_states import CircuitChange, CircuitState
from awaitly_trio._tasks.listener import Listener
from awaitly_trio._tasks.notices import Refused, tell
from awaitly_trio._tasks.timeline import Timeline
from awaitly_trio._values.errors import CircuitOpen, QueueFull, RateLimited
from awaitly_trio._values.refusals import CallRefusedError
from awaitly_trio._values.result import Err, Ok

if TYPE_CHECKING:
    from collections.abc import Callable

# A breaker or limiter further in refused: the service was not asked, so nothing was learnt.
_NO_OUTCOME = (CircuitOpen, RateLimited, QueueFull, CallRefusedError)


@final
class BreakerStatistics(msgspec.Struct, frozen=True):
    """How a breaker stands.

    ``calls``, ``failures`` and ``slow`` are those that its rule remembers now.  The
    totals are since it was made: of the failures ``total_late`` came after the state
    had changed and did not count; ``total_refused`` calls were not made.
    ``retry_after`` is how many seconds remain until a call may be admitted.
    """

    name: str
    state: CircuitState
    retry_after: float
    calls: int
    failures: int
    slow: int
    probes_running: int
    total_successes: int
    total_failures: int
    total_late: int
    total_refused: int
    listener_failures: int


@final
class BreakerTally:
    """One breaker's circuit and clock, and the totals of what became of its calls."""

    __slots__ = (
        "_counts",
        "_listener",
        "circuit",
        "failures",
        "late",
        "name",
        "refused",
        "successes",
        "time",
    )

    def __init__(
        self,
        name: str,
        settings: BreakerSettings,
        counts: Callable[[Any], bool],
        on_change: Callable[[CircuitChange], object] | None,
    ) -> None:
        self.name = name
        self._counts = counts
        self._listener = Listener(on_change)
        self.circuit = Circuit(name, settings, self._changed)
        self.time = Timeline()
        self.successes = self.failures = self.late = self.refused = 0

    def refuse(self, now: float) -> CircuitOpen:
        """Count a refusal and return it."""
        self.refused += 1
        tell(Refused, self.name, "breaker")
        return CircuitOpen(self.name, max(0.0, self.circuit.refusing_until - now))

    def _changed(self, change: CircuitChange) -> None:
        tell(lambda: change)
        self._listener.tell(change)

    def judge(self, era: int, result: Ok[Any] | Err[Any], started: float) -> None:
        """Count what a call returned."""
        if isinstance(result, Err):
            self.judge_error(era, result.error, started)
        else:
            self.settle(era, started, failed=False)

    def judge_error(self, era: int, error: Any, started: float) -> None:
        """Count the error of an ``Err``, or an exception."""
        if isinstance(error, _NO_OUTCOME):
            self.circuit.forgo(era)
            return
        try:
            failed = self._counts(error)
        except BaseException:
            self.circuit.forgo(era)
            raise
        self.settle(era, started, failed=failed)

    def settle(self, era: int, started: float, *, failed: bool) -> None:
        """Count a success or a failure."""
        now = self.time.now()
        in_time = self.circuit.settle(era, now, failed=failed, elapsed=now - started)
        if failed:
            self.failures += 1
            self.late += not in_time
        else:
            self.successes += 1

    def observe(self, error: object) -> None:
        """Count a call made elsewhere: a success unless there is an error that counts."""
        failed = error is not None and self._counts(error)
        if failed:
            self.failures += 1
        else:
            self.successes += 1
        self.circuit.observe(self.time.now(), failed=failed)

    def statistics(self) -> BreakerStatistics:
        """Return a record of the state, the window and the totals."""
        now = self.time.latest()
        window = self.circuit.window
        window.forget(now)
        return BreakerStatistics(
            name=self.name,
            state=self.circuit.state_at(now),
            retry_after=self.circuit.retry_after(now),
            calls=window.calls,
            failures=window.failures,
            slow=window.slow,
            probes_running=self.circuit.probes_running,
            total_successes=self.successes,
            total_failures=self.failures,
            total_late=self.late,
            total_refused=self.refused,
            listener_failures=self._listener.failures,
        )
