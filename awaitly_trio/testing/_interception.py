"""Stands between steps and their dependencies, knowing which step it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, final

from awaitly_trio._engine.run import RunMaker
from awaitly_trio._engine.watch import current_scope
from awaitly_trio._values.callables import name_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from awaitly_trio._engine.interposing import Choose
    from awaitly_trio._values.scopes import Scope


class Visit(NamedTuple):
    """One call of a dependency by a step.

    ``stand_in`` is what would be called: the dependency, or what ``replace=``
    put in its place.  ``scope`` is the step's; ``attempt`` counts from 1.
    """

    dependency: Any
    stand_in: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    scope: Scope
    attempt: int

    @property
    def name(self) -> str:
        """The name of the step; of a compensation, which has its step's, that of its function."""
        return self.scope.name if self.scope.kind == "step" else name_of(self.dependency)

    async def go_on(self) -> Any:
        """Call what would be called, and return what it gives."""
        answer = self.stand_in(*self.args, **self.kwargs)
        return await answer if hasattr(answer, "__await__") else answer


def intercepted_by(handle: Callable[[Visit], Awaitable[Any]]) -> Choose:
    """Return what lets a function handle each call of a dependency."""

    def choose(dependency: Any, stand_in: Any) -> Callable[..., Any]:
        async def call(*args: Any, **kwargs: Any) -> Any:
            return await handle(_visit(dependency, stand_in, args, kwargs))

        if isinstance(stand_in, RunMaker):
            return InterceptedRun(name_of(dependency), call)
        call.__name__ = name_of(dependency)
        return call

    return choose


@final
class InterceptedRun(RunMaker):
    """Stands for a workflow, which the engine treats otherwise than a function."""

    __slots__ = ("_call", "name")

    def __init__(self, name: str, call: Callable[..., Awaitable[Any]]) -> None:
        self.name, self._call = name, call

    def __call__(self, *args: Any, **kwargs: Any) -> Awaitable[Any]:
        """Make the call that was intercepted."""
        return self._call(*args, **kwargs)


def _visit(dependency: Any, stand_in: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Visit:
    scope = current_scope.get()
    attempt = 1
    if scope is None:
        raise RuntimeError("a dependency was called outside of its run")
    if scope.kind == "attempt" and scope.parent is not None:
        attempt, scope = scope.attempt or 1, scope.parent
    return Visit(dependency, stand_in, args, kwargs, scope, attempt)
