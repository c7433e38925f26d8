"""Circuit breakers: stop calling what keeps failing, and find out when it works again.

The state machine is ``_policies.circuit``, and what counts is decided in
``breaker_tally``.  This module is the ways to call through a breaker.
"""

from __future__ import annotations

from functools import partial, update_wrapper
from typing import TYPE_CHECKING, Any, TypeVar, final

import trio
from typing_extensions import ParamSpec

from awaitly_trio._policies.circuit import STANDARD_BREAKER, BreakerSettings
from awaitly_trio._policies.circuit_states import CircuitChange, CircuitEvent, CircuitState
from awaitly_trio._policies.layers import Layer
from awaitly_trio._tasks.breaker_tally import BreakerStatistics, BreakerTally
from awaitly_trio._tasks.notices import Refused, tell, who_listens
from awaitly_trio._values.duration import format_duration
from awaitly_trio._values.errors import CircuitOpen
from awaitly_trio._values.refusals import CallRefusedError
from awaitly_trio._values.result import Err, Ok

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import TracebackType

P = ParamSpec("P")
T = TypeVar("T")
E = TypeVar("E")


def every_failure(error: Any) -> bool:  # noqa: ARG001
    """Count every error and every exception, as a breaker does unless told otherwise."""
    return True


@final
class CircuitBreaker:
    """Refuse calls to a service that keeps failing, and probe it after a while.

    A call admitted before the last change of state does not count after it.
    ``Cancelled``, and whatever else is no ``Exception``, is neither failure nor
    success: it gives a probe's place to the next caller.  So does the
    refusal of another breaker or limiter further in.

    A breaker may be made at import time, be shared by all tasks of a run, and
    serve one run after another; between runs its time stands still.  It is
    not thread-safe.

    Args:
      name: What its refusals are called.
      settings: When it trips, for how long, and what closes it again.
      counts: Tells from the error of an ``Err``, or from an exception, whether
        it is a failure.  What is none is a success: the service has answered.
      on_change: Is called after each change of state.  What it raises is logged only.
    """

    __slots__ = ("_counts", "_settings", "_tally", "name")

    def __init__(
        self,
        name: str,
        settings: BreakerSettings = STANDARD_BREAKER,
        *,
        counts: Callable[[Any], bool] = every_failure,
        on_change: Callable[[CircuitChange], object] | None = None,
    ) -> None:
        self.name = name
        self._settings, self._counts = settings, counts
        self._tally = BreakerTally(name, settings, counts, on_change)

    def __call__(
        self, fn: Callable[P, Awaitable[Ok[T] | Err[E]]], /, *args: P.args, **kwargs: P.kwargs
    ) -> Awaitable[Ok[T] | Err[E | CircuitOpen]]:
        """Call a function that returns a result, unless the service is to be spared.

        A refusal is a cancellation point; a call adds none of its own.
        """
        return self._guarded(fn)(*args, **kwargs)

    def wrap(
        self, fn: Callable[P, Awaitable[Ok[T] | Err[E]]]
    ) -> Callable[P, Awaitable[Ok[T] | Err[E | CircuitOpen]]]:
        """Return the function guarded by this breaker, for those who call it often."""
        return update_wrapper(self._guarded(fn), fn)

    def _guarded(
        self, fn: Callable[P, Awaitable[Ok[T] | Err[E]]]
    ) -> Callable[P, Awaitable[Ok[T] | Err[E | CircuitOpen]]]:
        tally = self._tally
        circuit = tally.circuit
        time = tally.time
        if not circuit.counts_failures_only:
            return partial(self._call, fn)

        # Written out for speed: while it is closed, this breaker only counts a success.
        async def guarded(*args: P.args, **kwargs: P.kwargs) -> Ok[T] | Err[E | CircuitOpen]:
            era = circuit.closed_era
            if not era:
                remaining = circuit.refusing_until - time.now()
                if remaining > 0:
                    await trio.lowlevel.checkpoint_if_cancelled()
                    tally.refused += 1
                    if who_listens():
                        tell(Refused, tally.name, "breaker")
                    return Err(CircuitOpen(tally.name, remaining))
                return await self._call(fn, *args, **kwargs)
            try:
                # Passing an empty dictionary on would cost a fifth of a bare await.
                result = await (fn(*args, **kwargs) if kwargs else fn(*args))  # type: ignore[call-arg]
            except Exception as error:
                tally.judge_error(era, error, 0.0)
                raise
            if result.__class__ is Err:
                tally.judge(era, result, 0.0)
            else:
                tally.successes += 1
            return result

        return guarded

    async def _call(
        self, fn: Callable[P, Awaitable[Ok[T] | Err[E]]], /, *args: P.args, **kwargs: P.kwargs
    ) -> Ok[T] | Err[E | CircuitOpen]:
        tally = self._tally
        now = tally.time.now()
        era = tally.circuit.admit(now)
        if not era:
            await trio.lowlevel.checkpoint_if_cancelled()
            return Err(tally.refuse(now))
        try:
            result = await fn(*args, **kwargs)
        except Exception as error:
            tally.judge_error(era, error, now)
            raise
        except BaseException:
            tally.circuit.forgo(era)
            raise
        tally.judge(era, result, now)
        return result

    @property
    def layer(self) -> Layer[CircuitOpen]:
        """What a breaker is as a layer of a policy."""
        return Layer("breaker", f"breaker {self.name!r}", (CircuitOpen,))

    def fresh(self) -> CircuitBreaker:
        """Return an unused breaker with the same settings, of whose changes nobody is told."""
        return CircuitBreaker(self.name, self._settings, counts=self._counts)

    def guard(self) -> BreakerCall:
        """Return a ``with`` block for code that has no result: it fails when it raises.

        Raises:
          CallRefusedError: On entry, when the service is to be spared.
        """
        return BreakerCall(self._tally)

    @property
    def state(self) -> CircuitState:
        """What the next caller would find; asking changes nothing."""
        return self._tally.statistics().state

    def record(self, error: object = None) -> None:
        """Count a call made elsewhere: a success, or a failure if there is an error.

        It must be called in a run.  A breaker that refuses calls ignores it.
        """
        self._tally.observe(error)

    def open(self) -> None:
        """Refuse calls from now on, as if the breaker had tripped; one that is open waits anew.

        It must be called in a run, for the wait needs a clock.
        """
        self._tally.circuit.fire(CircuitEvent.OPENED, self._tally.time.now())

    def isolate(self) -> None:
        """Refuse calls until ``reset``, however long that takes."""
        self._tally.circuit.fire(CircuitEvent.ISOLATED, self._tally.time.latest())

    def reset(self) -> None:
        """Close the breaker and forget all failures; calls under way do not count any more."""
        self._tally.circuit.fire(CircuitEvent.RESET, self._tally.time.latest())

    def statistics(self) -> BreakerStatistics:
        """Return a record of the state, of what the rule remembers, and of the totals."""
        return self._tally.statistics()

    def __repr__(self) -> str:
        """Say what the next caller would find."""
        statistics = self.statistics()
        wait = statistics.retry_after
        until = f" for {format_duration(wait)} more" if 0 < wait < float("inf") else ""
        return f"<CircuitBreaker {self.name!r}, {statistics.state.value}{until}>"


@final
class BreakerCall:
    """One call through a breaker, as a ``with`` block that is entered once.

    Leaving the block normally is a success, an exception is judged by the
    breaker's ``counts``, and ``Cancelled`` is neither.
    """

    __slots__ = ("_era", "_settled", "_started", "_tally")

    def __init__(self, tally: BreakerTally) -> None:
        self._tally = tally
        self._era = 0
        self._settled = False
        self._started = 0.0

    def judge(self, result: Ok[Any] | Err[Any]) -> None:
        """Count a result now, whatever becomes of the block; the first verdict stands."""
        if not self._settled:
            self._settled = True
            self._tally.judge(self._era, result, self._started)

    def fail(self, error: object = None) -> None:
        """Count a failure now, whatever becomes of the block; the first verdict stands."""
        self.judge(Err(error))

    def __enter__(self) -> BreakerCall:
        """Enter if the breaker admits it."""
        self._started = self._tally.time.now()
        self._era = self._tally.circuit.admit(self._started)
        if not self._era:
            raise CallRefusedError(self._tally.refuse(self._started))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._settled:
            return
        self._settled = True
        if error is None:
            self._tally.settle(self._era, self._started, failed=False)
        elif isinstance(error, Exception):
            self._tally.judge_error(self._era, error, self._started)
        else:
            self._tally.circuit.forgo(self._era)
