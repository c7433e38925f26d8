"""Resources of a body: acquired as steps, released when their block ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, final

from typing_extensions import ParamSpec, TypeVar

from awaitly_trio._engine.cancellation import outcome_of_block
from awaitly_trio._engine.pipeline import Call, perform
from awaitly_trio._engine.watch import current_scope
from awaitly_trio._tasks.resource import ResourceScope
from awaitly_trio._values.errors import RunClosedError
from awaitly_trio._values.exits import check_result
from awaitly_trio._values.result import Ok

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextvars import Token
    from types import TracebackType

    from awaitly_trio._engine.options import StepOptions
    from awaitly_trio._engine.run import Run
    from awaitly_trio._values.duration import Duration
    from awaitly_trio._values.errors import UnexpectedError
    from awaitly_trio._values.result import Err, Result
    from awaitly_trio._values.scopes import Scope

P = ParamSpec("P")
T = TypeVar("T")
E_contra = TypeVar("E_contra", contravariant=True)


@final
class Resources(Generic[E_contra]):
    """A block that acquires resources as steps and releases them, newest first."""

    __slots__ = ("_held", "_name", "_options", "_run", "_scope", "_token")

    def __init__(self, run: Run, options: StepOptions, release_timeout: Duration) -> None:
        self._run = run
        self._name = options.name or "resources"
        self._options = options
        self._held = ResourceScope(release_timeout=release_timeout)
        self._scope: Scope | None = None
        self._token: Token[Scope | None] | None = None

    async def acquire(
        self,
        fn: Callable[P, Awaitable[Ok[T] | Err[E_contra | UnexpectedError]]],
        release: Callable[[T], object],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Acquire a resource as a step; ``release`` is called with it when the block ends.

        Raises:
          RunClosedError: The block has ended, or has not begun.
          TypeError: ``release`` is no function.
        """

        def holding(dependency: Callable[..., Any]) -> Callable[..., Any]:
            # Held by the call itself: a hook or a cancellation that came
            # between the two would leak what was acquired.
            async def acquired(*args: Any, **kwargs: Any) -> Result[T, Any]:
                result = check_result(await dependency(*args, **kwargs))
                if type(result) is Ok:
                    await self._hold(result.value, release)
                return result

            return acquired

        self._held.check_open(release)
        result = await perform(Call(self._run, fn, args, kwargs, wrap=holding))
        if type(result) is Ok:
            value: T = result.value
            return value
        raise self._run.exit(result)

    async def _hold(self, value: Any, release: Callable[[Any], object]) -> None:
        """Hold what was acquired; not a checkpoint while the block is open."""
        try:
            self._held.hold(value, release)
        except RunClosedError:
            # The block ended while this was being acquired, so nobody else would do it.
            await self._held.release(value, release)  # noqa: ASYNC120  # it shields itself
            raise

    async def __aenter__(self) -> Resources[E_contra]:
        run = self._run
        run.check_open()
        self._held.begin()
        if run.watch is not None:
            above = current_scope.get()
            self._scope = run.open_scope("resource", self._name, above, self._options)
            run.watch.start(self._scope)
            self._token = current_scope.set(self._scope)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        outcome = outcome_of_block(exc)
        try:
            await self._held.__aexit__(kind, exc, traceback)  # noqa: ASYNC102  # it shields
        except BaseException as failed:
            outcome = outcome_of_block(failed)
            raise
        finally:
            if self._run.watch is not None and self._scope is not None and self._token is not None:
                current_scope.reset(self._token)
                self._run.watch.end(self._scope, outcome)
