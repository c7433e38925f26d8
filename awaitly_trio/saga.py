"""Workflows whose result says so when something could not be undone.

``step.compensated`` and ``step.saga`` work in every workflow.  ``@saga`` adds
``CompensationFailed`` to the errors of one, and says how it is undone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Concatenate, final, overload

from typing_extensions import ParamSpec, TypeVar

from awaitly_trio._engine.workflow import Workflow
from awaitly_trio._policies.saga import DEFAULT_SAGA, SagaOptions
from awaitly_trio._values.compensation import (
    CompensationError,
    CompensationFailed,
    Uncompensated,
    WhyLeft,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from awaitly_trio._engine.decorator import MethodWorkflow
    from awaitly_trio._engine.step import Step
    from awaitly_trio._policies.retry import Retry
    from awaitly_trio._policies.saga import OnFailure, UndoOrder
    from awaitly_trio._policies.schedule import Schedule
    from awaitly_trio._values.duration import Duration
    from awaitly_trio._values.errors import UnexpectedError
    from awaitly_trio._values.result import Result

__all__ = [
    "CompensationError",
    "CompensationFailed",
    "SagaDecorator",
    "SagaOptions",
    "Uncompensated",
    "WhyLeft",
    "saga",
]

P = ParamSpec("P")
T = TypeVar("T")
E = TypeVar("E")
O = TypeVar("O")  # noqa: E741


@final
class SagaDecorator:
    """Makes sagas: ``@saga``, ``@saga.options(order="overlap")``, also above ``@workflow.of``."""

    __slots__ = ("_options",)

    def __init__(self, options: SagaOptions | None = None) -> None:
        self._options = options

    @overload
    def __call__(self, body: Workflow[P, T, E], /) -> Workflow[P, T, E | CompensationFailed[E]]: ...
    @overload
    def __call__(
        self, body: Callable[Concatenate[Step[E], P], Awaitable[T]], /
    ) -> Workflow[P, T, E | CompensationFailed[E]]: ...
    @overload
    def __call__(
        self, body: Callable[Concatenate[O, Step[E], P], Awaitable[T]], /
    ) -> MethodWorkflow[O, P, T, E | CompensationFailed[E]]: ...
    def __call__(self, body: Any, /) -> Any:
        """Make a saga of an async function or method, or of a workflow.

        It fails with ``CompensationFailed`` when it failed and something could
        not be undone; the error that it failed with is in there.
        """
        is_made = body.__class__ is Workflow
        made: Workflow[Any, Any, Any] = body if is_made else Workflow(body)
        return made.as_saga(self._options)

    def options(
        self,
        *,
        order: UndoOrder = DEFAULT_SAGA.order,
        timeout: Duration = DEFAULT_SAGA.timeout,
        total_timeout: Duration = DEFAULT_SAGA.total_timeout,
        grace: Duration = DEFAULT_SAGA.grace,
        retry: Schedule[Any, Any] | Retry | None = None,
        on_failure: OnFailure = DEFAULT_SAGA.on_failure,
        on_uncompensated: Callable[[CompensationFailed[Any]], object] | None = None,
        forward: Schedule[Any, Any] | Retry = DEFAULT_SAGA.forward,
        raises: bool = DEFAULT_SAGA.raises,
    ) -> SagaDecorator:
        """Return a decorator of sagas with options; see ``SagaOptions``."""
        options = SagaOptions(
            order=order,
            timeout=timeout,
            total_timeout=total_timeout,
            grace=grace,
            retry=retry,
            on_failure=on_failure,
            on_uncompensated=on_uncompensated,
            forward=forward,
            raises=raises,
        )
        return SagaDecorator(options)

    async def run(
        self,
        body: Callable[Concatenate[Step[E], P], Awaitable[T]],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Result[T, E | CompensationFailed[E] | UnexpectedError]:
        """Run a body once, as a saga of its own, and return its Result.

        Inside the body of another workflow it is the block that handles its own
        failure: what it did is undone, the outer body reads why, and goes on.
        """
        once: Workflow[P, T, E | CompensationFailed[E]] = self(body)
        return await once(*args, **kwargs)


saga = SagaDecorator()
"""The decorator that makes a saga of an async function whose first parameter is the step."""
