"""The ways to make a workflow: the decorator, its form with dependencies, the one-off run.

Overloads by number rather than ``*deps``: of those, mypy joins the errors to ``object``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Concatenate, Protocol, final, overload

from typing_extensions import ParamSpec, TypeVar

from awaitly_trio._engine.workflow import Workflow

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import TypeAlias

    from awaitly_trio._engine.step import Step
    from awaitly_trio._values.errors import UnexpectedError
    from awaitly_trio._values.result import Err, Ok, Result

P = ParamSpec("P")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
E = TypeVar("E")
E_co = TypeVar("E_co", covariant=True)
Owner = TypeVar("Owner")
Owner_contra = TypeVar("Owner_contra", contravariant=True)
E1 = TypeVar("E1")
E2 = TypeVar("E2")
E3 = TypeVar("E3")
E4 = TypeVar("E4")
E5 = TypeVar("E5")
E6 = TypeVar("E6")
E7 = TypeVar("E7")
E8 = TypeVar("E8")

if TYPE_CHECKING:
    Dep: TypeAlias = Callable[..., Awaitable[Ok[Any] | Err[E]]]

    class MethodWorkflow(Protocol[Owner_contra, P, T_co, E_co]):
        """A workflow defined in a class: bound when reached through an instance."""

        @overload
        def __get__(
            self, instance: None, owner: type[Owner_contra], /
        ) -> MethodWorkflow[Owner_contra, P, T_co, E_co]: ...
        @overload
        def __get__(
            self, instance: Owner_contra, owner: type[Owner_contra] | None = ..., /
        ) -> Workflow[P, T_co, E_co]: ...

    class Maker(Protocol[E]):
        """Makes a workflow of a body that meets no other errors than these."""

        def __call__(
            self, body: Callable[Concatenate[Step[E], P], Awaitable[T]], /
        ) -> Workflow[P, T, E]: ...


@final
class WorkflowDecorator:
    """Makes workflows: ``@workflow`` or ``@workflow.of(dependency, ...)``."""

    __slots__ = ()

    @overload
    def __call__(
        self, body: Callable[Concatenate[Step[E], P], Awaitable[T]], /
    ) -> Workflow[P, T, E]: ...
    @overload
    def __call__(
        self, body: Callable[Concatenate[Owner, Step[E], P], Awaitable[T]], /
    ) -> MethodWorkflow[Owner, P, T, E]: ...
    def __call__(self, body: Callable[..., Awaitable[Any]], /) -> Any:
        """Make a workflow of an async function, or method, whose first parameter is the step."""
        made: Workflow[Any, Any, Any] = Workflow(body)
        return made

    @overload
    def of(self, d1: Dep[E1], /) -> Maker[E1]: ...
    @overload
    def of(self, d1: Dep[E1], d2: Dep[E2], /) -> Maker[E1 | E2]: ...
    @overload
    def of(self, d1: Dep[E1], d2: Dep[E2], d3: Dep[E3], /) -> Maker[E1 | E2 | E3]: ...
    @overload
    def of(
        self, d1: Dep[E1], d2: Dep[E2], d3: Dep[E3], d4: Dep[E4], /
    ) -> Maker[E1 | E2 | E3 | E4]: ...
    @overload
    def of(
        self, d1: Dep[E1], d2: Dep[E2], d3: Dep[E3], d4: Dep[E4], d5: Dep[E5], /
    ) -> Maker[E1 | E2 | E3 | E4 | E5]: ...
    @overload
    def of(
        self, d1: Dep[E1], d2: Dep[E2], d3: Dep[E3], d4: Dep[E4], d5: Dep[E5], d6: Dep[E6], /
    ) -> Maker[E1 | E2 | E3 | E4 | E5 | E6]: ...
    @overload
    def of(
        self,
        d1: Dep[E1],
        d2: Dep[E2],
        d3: Dep[E3],
        d4: Dep[E4],
        d5: Dep[E5],
        d6: Dep[E6],
        d7: Dep[E7],
        /,
    ) -> Maker[E1 | E2 | E3 | E4 | E5 | E6 | E7]: ...
    @overload
    def of(
        self,
        d1: Dep[E1],
        d2: Dep[E2],
        d3: Dep[E3],
        d4: Dep[E4],
        d5: Dep[E5],
        d6: Dep[E6],
        d7: Dep[E7],
        d8: Dep[E8],
        /,
    ) -> Maker[E1 | E2 | E3 | E4 | E5 | E6 | E7 | E8]: ...
    def of(self, *dependencies: Any) -> Any:
        """Make a decorator for a body that uses these dependencies and no other.

        Type checkers infer the errors from them.  At run time they are the
        workflow's ``dependencies``; ``options(declared_only=True)`` enforces them.
        """
        if not dependencies:
            msg = "workflow.of needs at least one dependency: use @workflow for a body without"
            raise TypeError(msg)

        def make(body: Callable[..., Awaitable[Any]]) -> Workflow[Any, Any, Any]:
            return Workflow(body, dependencies)

        return make


workflow = WorkflowDecorator()
"""The decorator that makes a workflow of an async function whose first parameter is the step."""


async def run(
    body: Callable[Concatenate[Step[E], P], Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs
) -> Result[T, E | UnexpectedError]:
    """Run a body once, as a workflow of its own, and return its Result."""
    once: Workflow[P, T, E] = Workflow(body)
    return await once(*args, **kwargs)
