"""Dependencies for tests of the engine: they give, fail or raise after some virtual time."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import trio

from awaitly_trio import Err, Ok

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator

    from awaitly_trio import Result

T = TypeVar("T")
E = TypeVar("E")


@dataclass(frozen=True)
class Declined:
    """A planned error."""

    reason: str = "card"


@dataclass(frozen=True)
class NotFound:
    """Another planned error."""

    what: str = "order"


async def give(value: T, after: float = 0.0) -> Result[T, Any]:
    """Succeed with a value after some time, with at least one checkpoint."""
    await trio.sleep(after)
    return Ok(value)


async def fail(error: E, after: float = 0.0) -> Result[Any, E]:
    """Fail with a planned error after some time, with at least one checkpoint."""
    await trio.sleep(after)
    return Err(error)


async def crash(exception: BaseException, after: float = 0.0) -> Result[Any, Any]:
    """Raise after some time."""
    await trio.sleep(after)
    raise exception


async def forever() -> Result[Any, Any]:
    """Never end by itself."""
    await trio.sleep_forever()
    raise AssertionError("unreachable")


class Scripted:
    """A dependency that plays its results, or raises its exceptions, one for each call."""

    def __init__(self, *script: Any, after: float = 0.0) -> None:
        self._script = list(script)
        self._after = after
        self.calls: list[tuple[Any, ...]] = []
        self.times: list[float] = []

    async def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.calls.append((*args, *kwargs.items()))
        self.times.append(trio.current_time())
        await trio.sleep(self._after)
        played = self._script[min(len(self.calls), len(self._script)) - 1]
        if isinstance(played, BaseException):
            raise played
        return played


class Tally:
    """Counts how work ended, and how much of it runs at once."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.running = 0
        self.peak = 0
        self.order: list[Any] = []

    @contextmanager
    def work(self, item: Any = None) -> Generator[None, None, None]:
        """Count a block of work; ``order`` keeps the items in order of their start."""
        self.order.append(item)
        self.running += 1
        self.peak = max(self.peak, self.running)
        try:
            yield
        except trio.Cancelled:
            self.counts["cancelled"] += 1
            raise
        except BaseException:
            self.counts["raised"] += 1
            raise
        else:
            self.counts["finished"] += 1
        finally:
            self.running -= 1

    def counting(self, fn: Callable[..., Awaitable[T]]) -> Callable[..., Awaitable[T]]:
        """Return a dependency that is counted."""

        async def counted(*args: Any) -> T:
            with self.work(args[0] if args else None):
                return await fn(*args)

        counted.__name__ = getattr(fn, "__name__", "counted")
        return counted


def live_tasks() -> list[str]:
    """Name the tasks that run now below the task that asks."""
    found: list[str] = []
    waiting = [trio.lowlevel.current_task()]
    while waiting:
        for nursery in waiting.pop().child_nurseries:
            found += [task.name for task in nursery.child_tasks]
            waiting += nursery.child_tasks
    return found
