"""Doing work in a scope: its start and its one end are told, whatever happens between them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from awaitly_trio._engine.cancellation import outcome_of_exception, outcome_of_result
from awaitly_trio._engine.watch import current_scope

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from awaitly_trio._engine.watch import Watch
    from awaitly_trio._values.outcomes import Outcome
    from awaitly_trio._values.result import Result
    from awaitly_trio._values.scopes import Scope


async def in_scope(
    watch: Watch,
    scope: Scope,
    work: Callable[[], Awaitable[Result[Any, Any]]],
    read: Callable[[Result[Any, Any]], Outcome] = outcome_of_result,
    read_exception: Callable[[BaseException], Outcome] = outcome_of_exception,
) -> Result[Any, Any]:
    """Do work as the current scope and return its result.

    Args:
      watch: Who is told.
      scope: The scope, not yet started.
      work: What to do.
      read: Reads a result as the outcome of the scope.
      read_exception: Reads what leaves as the outcome of the scope.
    """
    watch.start(scope)
    token = current_scope.set(scope)
    try:
        result = await work()
        outcome = read(result)
    except BaseException as exc:
        current_scope.reset(token)
        watch.end(scope, read_exception(exc))
        raise
    current_scope.reset(token)
    watch.end(scope, outcome)
    return result
