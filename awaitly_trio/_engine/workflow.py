"""A workflow: a body that is called like a function and returns a Result.

The boundary of a run is here: planned failures and defects become an ``Err``,
everything else leaves.
"""

from __future__ import annotations

import sys
from types import MethodType
from typing import TYPE_CHECKING, Any, Generic, final, overload

import msgspec
import trio
from typing_extensions import ParamSpec, TypeVar, get_type_hints

from awaitly_trio._engine.boundary import (
    RESULTS,
    conclude_in_scope,
    end_failed,
    end_returned,
    interruptible,
)
from awaitly_trio._engine.opening import open_run, with_settings
from awaitly_trio._engine.run import (
    DEFAULT_SETTINGS,
    Run,
    RunMaker,
    RunSettings,
    current_saga,
    is_plain,
)
from awaitly_trio._engine.saga_place import join
from awaitly_trio._engine.step import Step
from awaitly_trio._engine.watch import current_scope
from awaitly_trio._values.callables import name_of
from awaitly_trio._values.exits import Exit
from awaitly_trio._values.result import Ok

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from awaitly_trio._engine.step_cache import StepCache
    from awaitly_trio._policies.saga import SagaOptions
    from awaitly_trio._values.compensation import CompensationFailed
    from awaitly_trio._values.errors import UnexpectedError
    from awaitly_trio._values.outcomes import Outcome
    from awaitly_trio._values.result import Result
    from awaitly_trio._values.scopes import RunInfo, Scope

P = ParamSpec("P")
T_co = TypeVar("T_co", covariant=True)
E_co = TypeVar("E_co", covariant=True)
T = TypeVar("T")
E = TypeVar("E")
D = TypeVar("D")


@final
class Workflow(RunMaker, Generic[P, T_co, E_co]):
    """A body with typed errors.  Calling it makes a run and returns its Result.

    A workflow is itself a dependency: another workflow may step into it.
    ``dependencies`` are those given to ``workflow.of``.
    """

    __slots__ = ("__dict__", "_body", "_is_plain", "_name", "_settings", "dependencies")

    def __init__(
        self,
        body: Callable[..., Awaitable[Any]],
        dependencies: tuple[Any, ...] = (),
        settings: RunSettings = DEFAULT_SETTINGS,
    ) -> None:
        if not callable(body):
            msg = f"a workflow needs an async function that takes the step first, got {body!r}"
            raise TypeError(msg)
        self._body = interruptible(body)
        self.dependencies = dependencies
        self._settings = settings
        self._is_plain = is_plain(settings)
        self._name = settings.name or name_of(body)
        self.__doc__ = body.__doc__

    @property
    def name(self) -> str:
        """The name given by ``options``, or that of the body."""
        return self._name

    @property
    def errors(self) -> Any:
        """The error type that the body's ``Step[...]`` annotation declares.

        Raises:
          TypeError: The body does not annotate its step.
        """
        function = getattr(self._body, "__func__", self._body)
        hints = get_type_hints(function, vars(sys.modules[function.__module__]))
        for hint in hints.values():
            if getattr(hint, "__origin__", hint) is Step:
                return hint.__args__[0] if hasattr(hint, "__args__") else None
        msg = f"workflow {self._name!r} declares no errors: annotate its step as Step[...]"
        raise TypeError(msg)

    @trio.lowlevel.enable_ki_protection  # as ``conclude``
    async def __call__(
        self, *args: P.args, **kwargs: P.kwargs
    ) -> Result[T_co, E_co | UnexpectedError]:
        """Run the body; return ``Ok`` of what it returns, or ``Err`` of why it ended.

        Raises:
          TypeError: The body returned a Result.
        """
        if not self._is_plain or current_scope.get() is not None:
            return await self._run_in_scope(args, kwargs)
        # The common ends of a run that nobody watches; ``boundary`` has all of them.
        run = Run(self._name)
        if self._settings is not DEFAULT_SETTINGS:
            run.settings = self._settings
        step: Step[Any] = Step(run, True)  # noqa: FBT003
        run.token = current_saga.set(run)
        try:
            # Neither a list on the way to a tuple nor a copy of an empty dictionary.
            given = (step,) + args  # noqa: RUF005
            value = await (self._body(*given, **kwargs) if kwargs else self._body(*given))
        except Exit as exc:
            if exc.args[0] is not run or run.saga is not None or run.left is None:
                return await end_failed(run, step, exc)
            result: Result[Any, Any] = exc.args[1] if exc is run.left else run.left.result
        except BaseException as exc:  # noqa: ASYNC103  # end_failed raises again what must leave
            return await end_failed(run, step, exc)  # noqa: ASYNC102, ASYNC104  # and shields itself
        else:
            if run.left is not None or value.__class__ in RESULTS:
                return await end_returned(run, step, value)
            result = Ok(value)
            if run.saga is not None:
                join(run.saga)
        step.end()
        run.close()
        return result

    async def _run_in_scope(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Result[Any, Any]:
        run = open_run(self._name, self._settings, self.dependencies)
        step: Step[Any] = Step(run, run.bare, _watched=run.is_only_watched)
        return await conclude_in_scope(run, self._body, step, args, kwargs)

    @overload
    def options(
        self,
        *,
        on_defect: Callable[[Exception], D],
        name: str = ...,
        run_id: str = ...,
        observers: Sequence[object] = ...,
        context: Any = ...,
        cache: StepCache | None = ...,
        replace: Mapping[Any, Any] = ...,
        should_run: Callable[[RunInfo], Any] | None = ...,
        before_start: Callable[[RunInfo], Any] | None = ...,
        before_step: Callable[[Scope], Any] | None = ...,
        after_step: Callable[[Scope, Outcome], Any] | None = ...,
        declared_only: bool = ...,
        saga: SagaOptions = ...,
    ) -> Workflow[P, T_co, E_co | D]: ...
    @overload
    def options(
        self,
        *,
        name: str = ...,
        run_id: str = ...,
        observers: Sequence[object] = ...,
        context: Any = ...,
        cache: StepCache | None = ...,
        replace: Mapping[Any, Any] = ...,
        should_run: Callable[[RunInfo], Any] | None = ...,
        before_start: Callable[[RunInfo], Any] | None = ...,
        before_step: Callable[[Scope], Any] | None = ...,
        after_step: Callable[[Scope, Outcome], Any] | None = ...,
        declared_only: bool = ...,
        saga: SagaOptions = ...,
    ) -> Workflow[P, T_co, E_co]: ...
    def options(self, **changes: Any) -> Any:  # noqa: D417  # the overloads name them
        """Return a copy of this workflow with options for its runs.

        Args:
          name: What observers and caches call the workflow.
          run_id: The id of the run; drawn at random if not given.
          observers: Who watches, beside those of a run around it.
          context: Anything; ``step.context`` and observers see it.
          cache: Remembers the values of steps that have a key.
          replace: Stand-ins for dependencies, by identity; runs inside inherit them.
          should_run: Asked first, with the run's identity; ``False`` refuses the run.
          before_start: Asked next, likewise.
          before_step: Called before each step with its scope; may raise.
          after_step: Called after each step with its scope and outcome.
          on_defect: Makes an own error of an exception that nobody planned for.
          declared_only: Refuse dependencies that ``workflow.of`` did not name.
          saga: How what compensated steps did is undone.

        Hooks may be async.

        Raises:
          TypeError: An option is unknown or of the wrong type.
          ValueError: An option is out of range.
        """
        settings = with_settings(self._settings, changes)
        if settings.declared_only and not self.dependencies:
            msg = f"workflow {self._name!r} declares no dependencies: make it with workflow.of(...)"
            raise ValueError(msg)
        configured: Workflow[Any, Any, Any] = Workflow(self._body, self.dependencies, settings)
        return configured

    def as_saga(
        self, options: SagaOptions | None = None
    ) -> Workflow[P, T_co, E_co | CompensationFailed[E_co]]:
        """Return a copy whose result is ``CompensationFailed`` when something was not undone.

        What ``@saga`` makes of a workflow.

        Args:
          options: How it is undone; as before unless given.
        """
        settings = msgspec.structs.replace(
            self._settings, is_saga=True, saga=options or self._settings.saga
        )
        saga: Workflow[Any, Any, Any] = Workflow(self._body, self.dependencies, settings)
        return saga

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        """Bind a workflow that was defined as a method."""
        if instance is None:
            return self
        bound: Workflow[Any, Any, Any] = Workflow(
            MethodType(self._body, instance), self.dependencies, self._settings
        )
        return bound

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Workflow):
            return NotImplemented
        return self._identity == other._identity

    def __hash__(self) -> int:
        return hash(self._identity)

    @property
    def _identity(self) -> tuple[Any, ...]:
        """Equal for two bindings of one method to one object, as for bound methods."""
        return (self._body, id(self._settings))

    def __repr__(self) -> str:
        return f"<Workflow {self._name!r}>"
