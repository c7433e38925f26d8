"""One call in flight for each key, shared by all who ask for it meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar, final

import msgspec
import trio
from typing_extensions import ParamSpec

from awaitly_trio._values.refusals import SelfWaitError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable
    from types import TracebackType

P = ParamSpec("P")
K = TypeVar("K", bound="Hashable")
T = TypeVar("T")


@final
class FlightStatistics(msgspec.Struct, frozen=True):
    """How many keys are in flight now, how many calls were made, and how many were shared."""

    flying: int
    total_made: int
    total_shared: int


@final
class SingleFlight(Generic[K]):
    """Make one call where several tasks ask for the same at the same time.

    The first to ask makes the call, in its own task.  Those who ask until it ends
    wait, and get the same value or the same exception.  If the first is cancelled,
    one of those who wait makes the call anew, so that nobody suffers for another.
    Afterwards nothing is remembered: see ``cached`` for that.

    Args:
      on_landing: Is told the key and the value of each call that returned, unless the
        key was forgotten meanwhile.
    """

    __slots__ = ("_flights", "_made", "_on_landing", "_shared")

    def __init__(self, on_landing: Callable[[K, Any], object] | None = None) -> None:
        self._flights: dict[K, _Flight] = {}
        self._on_landing = on_landing
        self._made = self._shared = 0

    async def __call__(
        self, key: K, fn: Callable[P, Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Call a function, or share the call of the key that is under way.

        Raises:
          SelfWaitError: The task itself makes the call of this key.
          Exception: What the function raised, for the task that called it or another.
        """
        while True:
            flight = self._flights.get(key)
            if flight is None:
                return await self._fly(key, fn, *args, **kwargs)
            if flight.pilot is trio.lowlevel.current_task():
                raise SelfWaitError("the flight of key", repr(key))
            await flight.landed.wait()
            if flight.error is not None:
                self._shared += 1
                # Its own traceback each time: else every task would add its frames to it.
                raise flight.error.with_traceback(flight.traceback)
            if flight.has_value:
                self._shared += 1
                value: T = flight.value
                return value

    async def _fly(
        self, key: K, fn: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        flight = self._flights[key] = _Flight()
        self._made += 1
        try:
            flight.value = value = await fn(*args, **kwargs)
            flight.has_value = True
        except Exception as error:
            flight.error, flight.traceback = error, error.__traceback__
            raise
        finally:
            flight.landed.set()
            # Another flight may have begun after the key was forgotten: it is not ours to end.
            is_current = self._flights.get(key) is flight
            if is_current:
                del self._flights[key]
        if is_current and self._on_landing is not None:
            self._on_landing(key, value)
        return value

    def forget(self, key: K) -> bool:
        """Let the next call of a key be made anew; those who wait still get the old one's value.

        Tells whether the key was in flight.
        """
        return self._flights.pop(key, None) is not None

    def clear(self) -> None:
        """Forget every key."""
        self._flights.clear()

    def is_flying(self, key: K) -> bool:
        """Tell whether a call of the key is under way."""
        return key in self._flights

    def statistics(self) -> FlightStatistics:
        """Return a record of what flies and of the totals."""
        return FlightStatistics(len(self._flights), self._made, self._shared)

    def __repr__(self) -> str:
        return f"<SingleFlight, {len(self._flights)} in flight>"


@final
class _Flight:
    __slots__ = ("error", "has_value", "landed", "pilot", "traceback", "value")

    def __init__(self) -> None:
        self.pilot = trio.lowlevel.current_task()
        self.landed = trio.Event()
        self.has_value = False
        self.value: Any = None
        self.error: Exception | None = None
        self.traceback: TracebackType | None = None
