"""Values loaded in batches: what many tasks ask for one by one is asked for together."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Generic, TypeVar, final

import msgspec
import trio

from awaitly_trio._tasks.mapping import map_each
from awaitly_trio._values.errors import MissingKey
from awaitly_trio._values.result import Err, Ok

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping, Sequence
    from types import TracebackType

    from awaitly_trio._values.result import Result

K = TypeVar("K", bound="Hashable")
V = TypeVar("V")
E = TypeVar("E")


@final
class LoaderStatistics(msgspec.Struct, frozen=True):
    """How many keys were asked for, and in how many batches how many of them were loaded."""

    asked: int
    batches: int
    loaded: int


@final
class Loader(Generic[K, V, E]):
    """Gather the keys that tasks ask for within one pass of the scheduler, and load them at once.

    The first to ask lets every other task that is ready run, and then loads what
    they have asked for meanwhile, each key once.  If it is cancelled, those who wait
    make a new batch.  Nothing is remembered afterwards: ``cached(ttl=...)(loader.load)``
    does that.

    Args:
      load_batch: Takes a list of different keys and returns their values by key; what
        is left out of them was not found.
      max_batch: The most keys in one batch; ``math.inf`` for no bound.

    Raises:
      ValueError: ``max_batch`` is below one.
    """

    __slots__ = ("_asked", "_batches", "_load_batch", "_loaded", "_max_batch", "_open")

    def __init__(
        self,
        load_batch: Callable[[list[K]], Awaitable[Result[Mapping[K, V], E]]],
        *,
        max_batch: float = math.inf,
    ) -> None:
        if not max_batch >= 1:
            raise ValueError(f"max_batch must be at least 1 key, not {max_batch!r}")
        self._load_batch = load_batch
        self._max_batch = max_batch
        self._open: _Batch[K] | None = None
        self._asked = self._batches = self._loaded = 0

    async def load(self, key: K) -> Result[V, E | MissingKey]:
        """Return the value of a key, or the error of its batch; always a checkpoint.

        Raises:
          Exception: What ``load_batch`` raised; each task of the batch gets it.
        """
        loaded = await self.load_many([key])
        return Ok(loaded.value[0]) if isinstance(loaded, Ok) else loaded

    async def load_many(self, keys: Iterable[K]) -> Result[list[V], E | MissingKey]:
        """Return the values of keys, in their order and as often as they occur.

        More keys than fit in a batch are loaded in several batches at once.

        Returns:
          The values, or the first error of a batch, or of a key that was not found.

        Raises:
          Exception: What ``load_batch`` raised; each task of the batch gets it.
        """
        wanted = list(keys)
        self._asked += len(wanted)
        different = list(dict.fromkeys(wanted))
        result = await self._load_all(different)
        if isinstance(result, Err):
            return result
        values = result.value
        for key in different:
            if key not in values:
                return Err(MissingKey(key))
        return Ok([values[key] for key in wanted])

    def statistics(self) -> LoaderStatistics:
        """Return a record of what was asked for and loaded since the loader was made."""
        return LoaderStatistics(self._asked, self._batches, self._loaded)

    async def _load_all(self, keys: list[K]) -> Result[Mapping[K, V], E]:
        if len(keys) <= self._max_batch:
            return await self._load_part(keys)
        size = int(self._max_batch)
        parts = [keys[i : i + size] for i in range(0, len(keys), size)]
        loaded = await map_each(self._load_part, parts, limit=math.inf)
        if isinstance(loaded, Err):
            return loaded
        return Ok({key: value for part in loaded.value for key, value in part.items()})

    async def _load_part(self, keys: Sequence[K]) -> Result[Mapping[K, V], E]:
        """Load keys in the open batch, if they fit in it, or in a new one."""
        if not keys:
            await trio.lowlevel.checkpoint()
            return Ok({})
        while True:
            batch = self._open
            if batch is None or len(batch.keys.keys() | set(keys)) > self._max_batch:
                return await self._lead(keys)
            batch.keys.update(dict.fromkeys(keys))
            await batch.loaded.wait()
            if batch.error is not None:
                # Its own traceback each time: else every task would add its frames to it.
                raise batch.error.with_traceback(batch.traceback)
            if batch.result is not None:
                return batch.result

    async def _lead(self, keys: Sequence[K]) -> Result[Mapping[K, V], E]:
        batch = self._open = _Batch(keys)
        try:
            # Every task that is ready now runs before this one goes on.
            await trio.lowlevel.checkpoint()
            self._close(batch)
            self._batches += 1
            self._loaded += len(batch.keys)
            batch.result = result = await self._load_batch(list(batch.keys))
        except Exception as error:
            batch.error, batch.traceback = error, error.__traceback__
            raise
        finally:
            self._close(batch)
            batch.loaded.set()
        return result

    def _close(self, batch: _Batch[K]) -> None:
        if self._open is batch:
            self._open = None


@final
class _Batch(Generic[K]):
    __slots__ = ("error", "keys", "loaded", "result", "traceback")

    def __init__(self, keys: Sequence[K]) -> None:
        # A dictionary for its order: a batch asks for keys in the order of their arrival.
        self.keys: dict[K, None] = dict.fromkeys(keys)
        self.loaded = trio.Event()
        self.result: Result[Mapping[K, Any], Any] | None = None
        self.error: Exception | None = None
        self.traceback: TracebackType | None = None
