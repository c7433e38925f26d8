"""What keyed steps remember: one value for each workflow and key.

Values are copied when they are put in and again when they are handed out, so
no run can change what another one sees.
"""

from __future__ import annotations

import copy
import math
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, final

import trio

from awaitly_trio._engine.options import EXPIRED
from awaitly_trio._policies.lru import ExpiringLru
from awaitly_trio._tasks.timeline import Timeline
from awaitly_trio._values.duration import seconds
from awaitly_trio._values.errors import TimedOut, UnexpectedError
from awaitly_trio._values.events import CacheHit, CacheMiss
from awaitly_trio._values.result import Err, Ok

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from awaitly_trio._engine.pipeline import Call
    from awaitly_trio._policies.lru import CacheStatistics
    from awaitly_trio._values.duration import Duration
    from awaitly_trio._values.result import Result

    Key = tuple[str, str]

_UNCHANGEABLE = frozenset((type(None), bool, int, float, complex, str, bytes))


@final
class StepCache:
    """Remembers the results of steps that have a key, for the runs that share it.

    Several concurrent steps of one workflow and key run once and share the
    result.  If the one that runs is cancelled or raises, another takes over.
    Timeouts, defects and cancellation are never remembered.

    Args:
      capacity: The most results kept; the least recently used goes first.
      ttl: Seconds for which a result is kept.
      copy: Makes the copy that protects a value; ``None`` shares the very object.
      replay_errors: Remember planned errors as well as values.

    Raises:
      ValueError: ``capacity`` is below one or ``ttl`` is not above zero.
    """

    __slots__ = ("_copy", "_flights", "_kept", "_replay_errors", "_timeline", "_ttl")

    def __init__(
        self,
        capacity: float = math.inf,
        *,
        ttl: Duration = math.inf,
        copy: Callable[[Any], Any] | None = copy.deepcopy,
        replay_errors: bool = False,
    ) -> None:
        self._kept: ExpiringLru[Key, Result[Any, Any]] = ExpiringLru(capacity)
        self._ttl = seconds(ttl, "ttl")
        if not self._ttl:
            msg = f"ttl must be above 0, got {ttl!r}: to remember nothing, use no cache"
            raise ValueError(msg)
        self._copy = copy
        self._replay_errors = replay_errors
        self._timeline = Timeline()
        self._flights: dict[Key, _Flight] = {}

    async def once(
        self, call: Call, work: Callable[[Call], Awaitable[Result[Any, Any]]]
    ) -> Result[Any, Any]:
        """Answer a call from memory, or from the same call under way, or run it.

        Raises:
          RuntimeError: A step waits for itself: the same key is used inside it.
        """
        key = (call.run.name, call.options.key or "")
        while True:
            kept = self._kept.get(key, self._timeline.now(), None)
            if kept is not None:
                await call.run.answer_at_once()
                return self._hand_out(call, kept, shared=False)
            flight = self._flights.get(key)
            if flight is None:
                return await self._lead(call, key, work)
            if flight in _around.get():
                msg = f"step {call.label!r} waits for itself: its key {key[1]!r} is used inside it"
                raise RuntimeError(msg)
            await flight.done.wait()
            if flight.result is not None:
                return self._hand_out(call, flight.result, shared=True)

    def forget(self, workflow: str, key: str) -> bool:
        """Forget one result; tell whether there was one."""
        return self._kept.discard((workflow, key))

    def clear(self) -> None:
        """Forget all results; steps under way go on and are remembered when they end."""
        self._kept.clear()

    def statistics(self) -> CacheStatistics:
        """Return a record of the size, the capacity and the counts so far."""
        return self._kept.statistics()

    async def _lead(
        self, call: Call, key: Key, work: Callable[[Call], Awaitable[Result[Any, Any]]]
    ) -> Result[Any, Any]:
        flight = self._flights[key] = _Flight()
        token = _around.set((*_around.get(), flight))
        call.tell(CacheMiss, key=key[1])
        try:
            result = await work(call)
            flight.result = self._guarded(call, result)
            if self._is_kept(result):
                self._kept.put(key, flight.result, self._timeline.now(), self._ttl)
            return result
        finally:
            _around.reset(token)
            del self._flights[key]
            flight.done.set()

    def _is_kept(self, result: Result[Any, Any]) -> bool:
        if type(result) is Ok:
            return result is not EXPIRED
        passing = (TimedOut, UnexpectedError)
        lasts = not isinstance(result.error, passing) and not isinstance(result.cause, TimedOut)
        return self._replay_errors and lasts

    def _hand_out(self, call: Call, kept: Result[Any, Any], *, shared: bool) -> Result[Any, Any]:
        call.cached = True
        call.tell(CacheHit, key=call.options.key, shared=shared)
        return self._guarded(call, kept)

    def _guarded(self, call: Call, result: Result[Any, Any]) -> Result[Any, Any]:
        """Return the result with a copy of its value or error, which nobody else holds.

        What is not remembered is not copied: it may be impossible.
        """
        content = result.value if type(result) is Ok else result.error
        if self._copy is None or type(content) in _UNCHANGEABLE or not self._is_kept(result):
            return result
        try:
            copied = self._copy(content)
        except Exception as exc:
            msg = (
                f"step {call.label!r} has a key, but its result {content!r} cannot be copied "
                "for the cache: return plain data, or make the cache with copy=None to share it"
            )
            raise TypeError(msg) from exc
        return Ok(copied) if type(result) is Ok else Err(copied, result.cause)


class _Flight:
    """One keyed step that is running, for those who wait for it."""

    __slots__ = ("done", "result")

    def __init__(self) -> None:
        self.done = trio.Event()
        self.result: Result[Any, Any] | None = None


_around: ContextVar[tuple[_Flight, ...]] = ContextVar("awaitly_trio.flights", default=())
"""The keyed steps that run around this task, so that none of them is waited for inside itself."""
