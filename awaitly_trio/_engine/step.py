"""The step: what a body calls to use a dependency and get its bare value.

A step of a bare run without options is the hot path of the library: it costs
one frame more than the call it makes.  Everything else goes through the pipeline.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, final, overload

import trio
from typing_extensions import Never, ParamSpec, TypeVar, TypeVarTuple, Unpack

from awaitly_trio._engine import composites
from awaitly_trio._engine.attempts import retry_from, timed
from awaitly_trio._engine.catching import catching
from awaitly_trio._engine.options import NO_OPTIONS, changed, check_label
from awaitly_trio._engine.parallel import Group
from awaitly_trio._engine.pipeline import Call, perform
from awaitly_trio._engine.resources import Resources
from awaitly_trio._engine.run import time_left
from awaitly_trio._engine.scoping import watched
from awaitly_trio._engine.step_concurrent import ConcurrentStep
from awaitly_trio._engine.step_conditional import ConditionalStep
from awaitly_trio._engine.step_saga import SagaStep
from awaitly_trio._tasks.budget import is_budgeted
from awaitly_trio._values.duration import seconds
from awaitly_trio._values.result import Err, Ok

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from typing import Protocol

    from awaitly_trio._policies.retry import Retry
    from awaitly_trio._policies.schedule import Schedule
    from awaitly_trio._tasks.policy import Policy
    from awaitly_trio._values.duration import Duration
    from awaitly_trio._values.errors import TimedOut, UnexpectedError
    from awaitly_trio._values.result import Result

P = ParamSpec("P")
T = TypeVar("T")
X = TypeVar("X", bound=Exception)
Ts = TypeVarTuple("Ts")
E_contra = TypeVar("E_contra", contravariant=True, default=Never)
S = TypeVar("S", bound="Step[TimedOut]")

if TYPE_CHECKING:

    class OptionalStep(Protocol[E_contra]):
        """A step whose expired allowance is the value ``None``."""

        async def __call__(
            self,
            fn: Callable[P, Awaitable[Ok[T] | Err[E_contra | UnexpectedError]]],
            /,
            *args: P.args,
            **kwargs: P.kwargs,
        ) -> T | None: ...


@final
class Step(
    ConcurrentStep[E_contra], ConditionalStep[E_contra], SagaStep[E_contra], Generic[E_contra]
):
    """Runs dependencies for the body of a workflow; its errors are those it may meet.

    ``await step(fetch, order_id)`` gives the value of an ``Ok`` and ends the
    workflow with an ``Err``.
    """

    async def __call__(
        self,
        fn: Callable[P, Awaitable[Ok[T] | Err[E_contra | UnexpectedError]]],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Call a dependency as a step and return its value.

        No cancellation point of its own: the dependency is one.

        Raises:
          RunClosedError: The run has ended.
          TypeError: The dependency did not return a Result.
        """
        if self._plain:
            result = await (fn(*args, **kwargs) if kwargs else fn(*args))  # type: ignore[call-arg]
        elif self._recovers and self._run.bare and not is_budgeted():
            result = await (fn(*args, **kwargs) if kwargs else fn(*args))  # type: ignore[call-arg]
            if type(result) is Err:
                result = await self._recover(result, fn, args, kwargs)
        elif self._watched:
            result = await watched(self._run, fn, args, kwargs)
        elif self._options.only_times and self._run.bare:
            result = await timed(Call(self._run, fn, args, kwargs, self._options))
        else:
            result = await perform(Call(self._run, fn, args, kwargs, self._options))
        if type(result) is Ok:
            return result.value
        raise self._run.exit(result)

    async def _recover(
        self, failed: Err[Any], fn: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Result[Any, Any]:
        """Go on after a first attempt that was made without the pipeline."""
        retry = self._options.retry
        if retry is None:
            return failed
        call = Call(self._run, fn, args, kwargs, self._options)
        return await retry_from(call, retry, failed)

    # --- options

    @overload
    def options(
        self,
        *,
        timeout: Duration | None = ...,
        total_timeout: Duration | None = ...,
        on_timeout: None,
        name: str = ...,
        key: str = ...,
        retry: Schedule[Any, Any] | Retry | None = ...,
        fallback: Callable[[Any], Any] | None = ...,
        policy: Policy[E_contra] | None = ...,
        description: str = ...,
        tags: Sequence[str] = ...,
        compensate_unknown: Callable[..., object] | None = ...,
        depends_on: Sequence[str] = ...,
    ) -> OptionalStep[E_contra]: ...
    @overload
    def options(
        self,
        *,
        timeout: Duration | None = ...,
        total_timeout: Duration | None = ...,
        on_timeout: E_contra,
        name: str = ...,
        key: str = ...,
        retry: Schedule[Any, Any] | Retry | None = ...,
        fallback: Callable[[Any], Any] | None = ...,
        policy: Policy[E_contra] | None = ...,
        description: str = ...,
        tags: Sequence[str] = ...,
        compensate_unknown: Callable[..., object] | None = ...,
        depends_on: Sequence[str] = ...,
    ) -> Step[E_contra]: ...
    @overload
    def options(
        self,
        *,
        name: str = ...,
        key: str = ...,
        retry: Schedule[Any, Any] | Retry | None = ...,
        fallback: Callable[[Any], Any] | None = ...,
        policy: Policy[E_contra] | None = ...,
        description: str = ...,
        tags: Sequence[str] = ...,
        compensate_unknown: Callable[..., object] | None = ...,
        depends_on: Sequence[str] = ...,
    ) -> Step[E_contra]: ...
    @overload
    def options(
        self: S,
        *,
        timeout: Duration | None = ...,
        total_timeout: Duration | None = ...,
        name: str = ...,
        key: str = ...,
        retry: Schedule[Any, Any] | Retry | None = ...,
        fallback: Callable[[Any], Any] | None = ...,
        policy: Policy[E_contra] | None = ...,
        description: str = ...,
        tags: Sequence[str] = ...,
        compensate_unknown: Callable[..., object] | None = ...,
        depends_on: Sequence[str] = ...,
    ) -> S: ...
    def options(self, **changes: Any) -> Any:  # noqa: D417  # the overloads name them
        """Return a copy of this step with options; those of the copy add to its own.

        Args:
          name: What observers call the step; its function's name if not given.
          key: Names the step across calls and runs: a cached step with a key
            runs once.
          timeout: Seconds that one attempt may take.
          total_timeout: Seconds that all attempts together may take.
          on_timeout: The error to end with instead of ``TimedOut``, or ``None``
            for the value ``None``.
          retry: A schedule, or a ``Retry`` with a predicate.
          fallback: Called with the planned error; returns another Result.
          policy: A bundle of timeout, retry, breaker and limits around the call.
          description: A text for observers.
          tags: Words for observers.
          compensate_unknown: For ``compensated``: called with the arguments of a
            step that was cut off midway, so that nobody knows what it did.
          depends_on: For ``compensated``: names or keys of earlier steps that
            are undone only after this one, in a saga of order ``dependency``.

        Raises:
          TypeError: An option is unknown or of the wrong type.
          ValueError: An option is out of range or would do nothing.
        """
        options = changed(self._options, changes)
        configured: Step[Any] = Step(self._run, False, options, options.only_retries)  # noqa: FBT003
        return configured

    # --- other ways to get a value

    async def unwrap(self, result: Result[T, E_contra]) -> T:
        """Return the value of a Result at hand, or end the workflow with its error."""
        self._check_plain("unwrap")
        self._run.check_open()
        await self._run.answer_at_once()
        value: T = self._value_of(result)
        return value

    def fail(self, error: E_contra) -> Never:
        """End the workflow with a planned failure.

        Raises:
          RunClosedError: The run has ended.
        """
        self._check_plain("fail")
        self._run.check_open()
        self._leave(Err(error))

    def some(self, value: T | None, error: E_contra) -> T:
        """Return a value that must not be ``None``, or end the workflow with ``error``."""
        self._check_plain("some")
        self._run.check_open()
        if value is None:
            self._leave(Err(error))
        return value

    @overload
    async def catch(
        self,
        fn: Callable[[Unpack[Ts]], Awaitable[T]],
        /,
        *args: Unpack[Ts],
        catch: type[X] | tuple[type[X], ...],
        error: Callable[[X], E_contra],
    ) -> T: ...
    @overload
    async def catch(
        self,
        fn: Callable[[Unpack[Ts]], Awaitable[T]],
        /,
        *args: Unpack[Ts],
        catch: type[X] | tuple[type[X], ...],
        error: E_contra,
    ) -> T: ...
    @overload
    async def catch(
        self,
        fn: Callable[[Unpack[Ts]], T],
        /,
        *args: Unpack[Ts],
        catch: type[X] | tuple[type[X], ...],
        error: Callable[[X], E_contra],
    ) -> T: ...
    @overload
    async def catch(
        self,
        fn: Callable[[Unpack[Ts]], T],
        /,
        *args: Unpack[Ts],
        catch: type[X] | tuple[type[X], ...],
        error: E_contra,
    ) -> T: ...
    async def catch(  # type: ignore[misc]  # mypy does not match overloads by TypeVarTuple
        self, fn: Any, /, *args: Any, catch: Any, error: Any
    ) -> Any:
        """Call code that raises, as a step, and turn chosen exceptions into a planned error.

        Args:
          fn: A sync or async function.
          args: Its positional arguments; use ``functools.partial`` for keywords.
          catch: The exception type, or types, that are planned for.
          error: The error, or a function that makes it from the exception.

        The exception becomes the ``cause`` of the ``Err``; others stay defects.
        """
        planned = catching(catch, error)
        call = Call(self._run, fn, args, {}, self._options, wrap=planned)
        return self._value_of(await perform(call))

    async def sleep(self, duration: Duration, name: str = "sleep") -> None:
        """Sleep for a duration, as a scope of its own; options that do nothing are refused."""
        self._check_can_fail("sleep")
        pause = seconds(duration, "duration")
        check_label(name, "name")
        await self._compose("sleep", name, composites.sleep, pause)

    # --- several at once

    def parallel(self, name: str = "parallel") -> Group[E_contra]:
        """Open a block of branches that fail fast: ``async with step.parallel() as group``.

        Raises:
          ValueError: The name is empty, or an option was set that a block cannot honour.
        """
        options = self._options
        check_label(name, "name")
        if options is not NO_OPTIONS:
            composites.check_block(options)
        return Group(self._run, options.name or name, options)

    # --- resources

    def resources(self, *, release_timeout: Duration = 5.0) -> Resources[E_contra]:
        """Open a block that releases what was acquired in it, newest first, in a shield.

        Args:
          release_timeout: Seconds that each release may take.

        Raises:
          ValueError: An option was set that a block cannot honour.
        """
        composites.check_block(self._options, "timeout")
        return Resources(self._run, self._options, release_timeout)

    # --- what a body may ask

    @property
    def deadline(self) -> float:
        """Trio's time at which the current task is cancelled; ``math.inf`` for never."""
        return trio.current_effective_deadline()

    @property
    def time_left(self) -> float:
        """Seconds until the deadline: zero or more, ``math.inf`` for no limit."""
        return time_left()

    @property
    def run_id(self) -> str | None:
        """The id of the run, or ``None`` when nobody watches it and none was given."""
        scope = self._run.scope
        return self._run.settings.run_id if scope is None else scope.run.run_id

    @property
    def context(self) -> Any:
        """What the caller gave as ``context=``."""
        return self._run.settings.context

    def __repr__(self) -> str:
        state = "closed" if self._run.closed else "open"
        return f"<Step of run {self._run.name!r}, {state}>"
