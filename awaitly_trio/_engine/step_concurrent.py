"""The parts of a step that run several things at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Generic, cast, overload

from typing_extensions import TypeVar

from awaitly_trio._engine import composites
from awaitly_trio._engine.options import NO_OPTIONS
from awaitly_trio._engine.step_base import StepBase
from awaitly_trio._tasks.mapping import map_each
from awaitly_trio._values.result import Ok

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Sequence
    from typing import Literal

    from awaitly_trio._tasks.batch import BatchProgress
    from awaitly_trio._tasks.settle import Settled
    from awaitly_trio._values.duration import Duration
    from awaitly_trio._values.errors import UnexpectedError
    from awaitly_trio._values.result import Err

T = TypeVar("T")
E = TypeVar("E")
Item = TypeVar("Item")
K = TypeVar("K")
E_contra = TypeVar("E_contra", contravariant=True)
T1 = TypeVar("T1")
T2 = TypeVar("T2")
T3 = TypeVar("T3")
T4 = TypeVar("T4")
T5 = TypeVar("T5")
T6 = TypeVar("T6")


class ConcurrentStep(StepBase, Generic[E_contra]):
    """Runs several dependencies at once, inside one scope that ends with all of them."""

    @overload
    async def all(
        self,
        first: Callable[[], Awaitable[Ok[T1] | Err[E_contra | UnexpectedError]]],
        second: Callable[[], Awaitable[Ok[T2] | Err[E_contra | UnexpectedError]]],
        /,
    ) -> tuple[T1, T2]: ...
    @overload
    async def all(
        self,
        first: Callable[[], Awaitable[Ok[T1] | Err[E_contra | UnexpectedError]]],
        second: Callable[[], Awaitable[Ok[T2] | Err[E_contra | UnexpectedError]]],
        third: Callable[[], Awaitable[Ok[T3] | Err[E_contra | UnexpectedError]]],
        /,
    ) -> tuple[T1, T2, T3]: ...
    @overload
    async def all(
        self,
        first: Callable[[], Awaitable[Ok[T1] | Err[E_contra | UnexpectedError]]],
        second: Callable[[], Awaitable[Ok[T2] | Err[E_contra | UnexpectedError]]],
        third: Callable[[], Awaitable[Ok[T3] | Err[E_contra | UnexpectedError]]],
        fourth: Callable[[], Awaitable[Ok[T4] | Err[E_contra | UnexpectedError]]],
        /,
    ) -> tuple[T1, T2, T3, T4]: ...
    @overload
    async def all(
        self,
        first: Callable[[], Awaitable[Ok[T1] | Err[E_contra | UnexpectedError]]],
        second: Callable[[], Awaitable[Ok[T2] | Err[E_contra | UnexpectedError]]],
        third: Callable[[], Awaitable[Ok[T3] | Err[E_contra | UnexpectedError]]],
        fourth: Callable[[], Awaitable[Ok[T4] | Err[E_contra | UnexpectedError]]],
        fifth: Callable[[], Awaitable[Ok[T5] | Err[E_contra | UnexpectedError]]],
        /,
    ) -> tuple[T1, T2, T3, T4, T5]: ...
    @overload
    async def all(
        self,
        first: Callable[[], Awaitable[Ok[T1] | Err[E_contra | UnexpectedError]]],
        second: Callable[[], Awaitable[Ok[T2] | Err[E_contra | UnexpectedError]]],
        third: Callable[[], Awaitable[Ok[T3] | Err[E_contra | UnexpectedError]]],
        fourth: Callable[[], Awaitable[Ok[T4] | Err[E_contra | UnexpectedError]]],
        fifth: Callable[[], Awaitable[Ok[T5] | Err[E_contra | UnexpectedError]]],
        sixth: Callable[[], Awaitable[Ok[T6] | Err[E_contra | UnexpectedError]]],
        /,
    ) -> tuple[T1, T2, T3, T4, T5, T6]: ...
    @overload
    async def all(
        self,
        branches: Mapping[K, Callable[[], Awaitable[Ok[T] | Err[E_contra | UnexpectedError]]]],
        /,
    ) -> dict[K, T]: ...
    @overload
    async def all(
        self, *branches: Callable[[], Awaitable[Ok[T] | Err[E_contra | UnexpectedError]]]
    ) -> tuple[T, ...]: ...
    async def all(self, *branches: Any) -> Any:
        """Run functions without arguments at once and return all their values.

        The first failure cancels the others and ends the workflow when they
        have ended.  Given a mapping, the values come under its keys.
        """
        if len(branches) == 1 and isinstance(branches[0], Mapping):
            named: dict[Any, Any] = dict(cast("Mapping[Any, Any]", branches[0]))
            return await self._compose("all", "all", composites.all_named_of, named)
        return await self._compose("all", "all", composites.all_of, list(branches))

    async def race(
        self,
        *branches: Callable[[], Awaitable[Ok[T] | Err[E_contra | UnexpectedError]]],
        first: Literal["success", "finished"] = "success",
    ) -> T:
        """Run functions without arguments at once and return the value of the winner.

        The first success wins, or, with ``first="finished"``, whatever ends
        first.  The losers are cancelled and have ended when this returns.  When
        all fail, the failure that came first ends the workflow.
        """
        value: T = await self._compose("race", "race", composites.race_of, list(branches), first)
        return value

    async def settle(
        self,
        *branches: Callable[[], Awaitable[Ok[T] | Err[E]]],
        min_ok: float | None = None,
        max_errors: float | None = None,
    ) -> Settled[T, E | UnexpectedError]:
        """Run functions without arguments at once and return the outcome of every one.

        Failures are data here and need not be declared.  See
        ``Settled`` for what comes back.

        Args:
          branches: Functions without arguments that return a Result.
          min_ok: End as soon as so many succeeded: a count (int) or share (float).
          max_errors: End as soon as more than so many failed: likewise.

        Raises:
          ValueError: A count or share is out of range, or an option would do nothing.
        """
        self._check_can_fail("settle")
        settled: Settled[T, E | UnexpectedError] = await self._compose(
            "settle", "settle", composites.settle_of, list(branches), min_ok, max_errors
        )
        return settled

    async def map(
        self,
        fn: Callable[[Item], Awaitable[Ok[T] | Err[E_contra | UnexpectedError]]],
        items: Iterable[Item] | AsyncIterable[Item],
        *,
        limit: float,
    ) -> list[T]:
        """Call a dependency for each item, each call a step, at most ``limit`` at once.

        Items are taken when a place is free; values come in input order; the
        first failure cancels the rest.

        Args:
          fn: A dependency of one argument.
          items: A sync or async iterable, which may be endless.
          limit: A whole number from 1, or ``math.inf``.
        """
        if self._run.bare and self._options is NO_OPTIONS:
            plain = await map_each(fn, items, limit=limit)
            if type(plain) is Ok:
                return plain.value
            self._leave(plain)
        values: list[T] = await self._compose("map", "map", composites.map_of, fn, items, limit)
        return values

    async def batch(
        self,
        fn: Callable[[Item], Awaitable[Ok[T] | Err[E_contra | UnexpectedError]]],
        items: Sequence[Item],
        *,
        size: int,
        limit: float,
        delay: Duration = 0.0,
        after_batch: Callable[[], Awaitable[Ok[Any] | Err[E_contra]]] | None = None,
        on_progress: Callable[[BatchProgress], object] | None = None,
    ) -> list[T]:
        """Call a dependency for each item, batch after batch.

        Args:
          fn: A dependency of one argument.
          items: A sequence.
          size: Items in a batch.
          limit: How many of them are worked on at once.
          delay: Seconds between batches.
          after_batch: Awaited after each batch: the place to save.
          on_progress: Told after each batch how far it is.

        A failure carries a ``BatchPosition`` as its cause.
        """
        values: list[T] = await self._compose(
            "batch",
            "batch",
            composites.batch_of,
            fn,
            items,
            size,
            limit,
            delay,
            after_batch,
            on_progress,
        )
        return values
