"""The parts of a step that decide whether, and which, dependency runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic

from typing_extensions import ParamSpec, TypeVar

from awaitly_trio._engine import conditional
from awaitly_trio._engine.options import check_label
from awaitly_trio._engine.pipeline import Call, perform
from awaitly_trio._engine.step_base import StepBase

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from awaitly_trio._values.errors import UnexpectedError
    from awaitly_trio._values.result import Err, Ok

P = ParamSpec("P")
T = TypeVar("T")
D = TypeVar("D")
K = TypeVar("K")
E_contra = TypeVar("E_contra", contravariant=True)


class ConditionalStep(StepBase, Generic[E_contra]):
    """Runs a dependency on a condition, or one of several, and tells observers."""

    async def when(
        self,
        condition: object,
        fn: Callable[P, Awaitable[Ok[T] | Err[E_contra | UnexpectedError]]],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T | None:
        """Run a step if ``condition`` is true; otherwise tell observers and return ``None``."""
        if condition:
            value: T = await self._run_one(fn, args, kwargs)
            return value
        return await conditional.skipped(self._run, self._options, fn, None)

    async def when_or(
        self,
        condition: object,
        default: D,
        fn: Callable[P, Awaitable[Ok[T] | Err[E_contra | UnexpectedError]]],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T | D:
        """Run a step if ``condition`` is true; otherwise tell observers and return ``default``."""
        if condition:
            value: T = await self._run_one(fn, args, kwargs)
            return value
        return await conditional.skipped(self._run, self._options, fn, default)

    async def unless(
        self,
        condition: object,
        fn: Callable[P, Awaitable[Ok[T] | Err[E_contra | UnexpectedError]]],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T | None:
        """Run a step if ``condition`` is false; otherwise tell observers and return ``None``."""
        return await self.when(not condition, fn, *args, **kwargs)

    async def unless_or(
        self,
        condition: object,
        default: D,
        fn: Callable[P, Awaitable[Ok[T] | Err[E_contra | UnexpectedError]]],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T | D:
        """Run a step if ``condition`` is false; otherwise tell observers and return ``default``."""
        return await self.when_or(not condition, default, fn, *args, **kwargs)

    async def branch(
        self,
        name: str,
        chosen: K,
        arms: Mapping[K, Callable[[], Awaitable[Ok[T] | Err[E_contra | UnexpectedError]]]],
        *,
        default: Callable[[], Awaitable[Ok[T] | Err[E_contra | UnexpectedError]]] | None = None,
    ) -> T:
        """Take one of several named ways, and tell observers which and among which.

        Args:
          name: What is being decided.
          chosen: A key of ``arms``.
          arms: Functions without arguments, one for each choice.
          default: The way for any other choice.

        Raises:
          TypeError: The name is no string.
          ValueError: It is empty, or ``chosen`` is no key of ``arms`` and there is no default.
        """
        check_label(name, "name")
        arm, label = conditional.choose(name, chosen, arms, default)
        options = [str(key) for key in arms]
        value: T = await self._compose(
            "decision", name, conditional.decide, name, label, options, arm
        )
        return value

    async def _run_one(self, fn: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return self._value_of(await perform(Call(self._run, fn, args, kwargs, self._options)))
