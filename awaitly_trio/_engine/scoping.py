"""Doing work in a scope: its start and its one end are told, whatever happens between them."""

from __future__ import annotations

from types import FunctionType
from typing import TYPE_CHECKING, Any, TypeVar

from awaitly_trio._engine.cancellation import outcome_of_exception, outcome_of_result
from awaitly_trio._engine.watch import current_scope
from awaitly_trio._values.callables import name_of
from awaitly_trio._values.exits import check_result
from awaitly_trio._values.outcomes import Outcome
from awaitly_trio._values.result import Ok
from awaitly_trio._values.scopes import Scope

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from awaitly_trio._engine.run import Run
    from awaitly_trio._engine.watch import Watch
    from awaitly_trio._values.result import Result

G = TypeVar("G")


def read_result(_given: object, result: Result[Any, Any]) -> Outcome:
    """Read a result as the outcome of a scope of which nothing else is known."""
    return outcome_of_result(result)


async def in_scope(  # noqa: PLR0917  # by keyword it would cost every watched step
    watch: Watch,
    scope: Scope,
    begin: Callable[[G], Awaitable[Result[Any, Any]]],
    given: G,
    read: Callable[[G, Result[Any, Any]], Outcome] = read_result,
    read_exception: Callable[[BaseException], Outcome] = outcome_of_exception,
) -> Result[Any, Any]:
    """Do work as the current scope and return its result.

    Args:
      watch: Who is told.
      scope: The scope, not yet started.
      begin: What to do; what it is given comes next.
      given: What ``begin`` and ``read`` are given.
      read: Reads a result as the outcome of the scope; it may refuse it by raising.
      read_exception: Reads what leaves as the outcome of the scope.
    """
    watch.start(scope)
    # Set back by value: a token costs twice as much.
    before = current_scope.get()
    current_scope.set(scope)
    try:
        result = await begin(given)
        outcome = read(given, result)
    except BaseException as exc:
        current_scope.set(before)
        watch.end(scope, read_exception(exc))
        raise
    current_scope.set(before)
    watch.end(scope, outcome)
    try:
        return result
    finally:
        # From CPython 3.12 on a traceback keeps the frames that called it.  A defect
        # that stayed here would be held by its own traceback, in a ring.
        del result, outcome


async def watched(
    run: Run,
    fn: Callable[..., Awaitable[Any]],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Result[Any, Any]:
    """Call a dependency in a scope of its own, where somebody watches and that is all.

    What the pipeline, ``Run.open_scope`` and ``in_scope`` do for such a step, in one
    frame: most steps of a traced program are of this kind.
    """
    if run.scope is None:  # the run has ended
        run.check_open()
    watch: Any = run.watch
    top: Any = run.scope
    before = current_scope.get()
    above = top if before is None or before.kind == "ambient" else before
    name = fn.__name__ if type(fn) is FunctionType else name_of(fn)
    number, now = above.occurrence(name), watch.now()
    scope = Scope(next(watch.ids), "step", name, top.run, above, number, now, run, fn, args, kwargs)
    watch.start(scope)
    current_scope.set(scope)
    try:
        result: Result[Any, Any] = await (fn(*args, **kwargs) if kwargs else fn(*args))
        if type(result) is Ok:
            outcome = Outcome("ok", result.value)
        else:
            outcome = outcome_of_result(check_result(result))
    except BaseException as exc:
        current_scope.set(before)
        watch.end(scope, outcome_of_exception(exc))
        raise
    current_scope.set(before)
    watch.end(scope, outcome)
    try:
        return result
    finally:
        # As above.
        del result, outcome
