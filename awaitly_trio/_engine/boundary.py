"""The boundary of a run: what its body did becomes a Result, or leaves.

Planned failures and defects become an ``Err``; cancellation, interrupts and the
exits of other runs leave as they came.
"""

from __future__ import annotations

from types import CoroutineType
from typing import TYPE_CHECKING, Any, cast

import msgspec
import trio

from awaitly_trio._engine.cancellation import notes_of, outcome_of_result
from awaitly_trio._engine.hooks import refused_by
from awaitly_trio._engine.saga_unwind import conclude_saga
from awaitly_trio._engine.scoping import in_scope
from awaitly_trio._engine.watch import current_scope
from awaitly_trio._tasks.notices import listen, unlisten
from awaitly_trio._values.callables import behind_partials
from awaitly_trio._values.errors import RunRefusedError, UnexpectedError
from awaitly_trio._values.exits import BaseExceptionGroup, Exit, part_of
from awaitly_trio._values.result import Err, Ok

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from awaitly_trio._engine.run import Run
    from awaitly_trio._engine.step_base import StepBase
    from awaitly_trio._engine.watch import Watch
    from awaitly_trio._values.outcomes import Outcome
    from awaitly_trio._values.result import Result


def interruptible(body: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """Let Ctrl-C arrive anywhere in a body, although what calls it is protected; return it."""
    function: Any = behind_partials(body)
    function = getattr(function, "__func__", function)
    if not hasattr(function, "__code__"):
        function = getattr(function.__class__, "__call__", None)  # noqa: B004  # as a call does
    if hasattr(function, "__code__"):
        trio.lowlevel.disable_ki_protection(function)
    return body


# Ctrl-C arrives in the body, and wherever it waits; not between the end of the
# body and that of its run, where it would lose what has to be undone.
@trio.lowlevel.enable_ki_protection
async def conclude(
    run: Run,
    body: Callable[..., Awaitable[Any]],
    step: StepBase,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Result[Any, Any]:
    """Run a body to its end, undo what has to be undone, and close the run.

    Raises:
      BaseException: What must leave: cancellation, interrupts, foreign exits.
      TypeError: The body returned a Result.
    """
    run.enter()
    try:
        value = await body(step, *args, **kwargs)
    except BaseException as exc:  # noqa: ASYNC103  # end_failed raises again what must leave
        return await end_failed(run, step, exc)  # noqa: ASYNC102, ASYNC104  # and shields itself
    return await end_returned(run, step, value)


RESULTS = frozenset((Ok, Err, CoroutineType))
"""What a body must not return."""


@trio.lowlevel.enable_ki_protection
async def end_returned(run: Run, step: StepBase, value: object) -> Result[Any, Any]:
    """End a run whose body returned a value.

    Raises:
      TypeError: The value is a Result.
    """
    # An exit that user code swallowed counts all the same.
    result = Ok(value) if run.left is None else run.left.result
    leaving: BaseException | None = None
    if type(result) is Ok and type(value) in RESULTS:
        leaving = _nested(run, value)
    result, leaving = await _undone(run, step, result, leaving)
    if leaving is not None:
        raise leaving
    return result


@trio.lowlevel.enable_ki_protection
async def end_failed(run: Run, step: StepBase, exc: BaseException) -> Result[Any, Any]:
    """End a run whose body raised; what must leave is raised again."""
    result, leaving = _sorted(run, exc)
    result, leaving = await _undone(run, step, result, leaving)
    if leaving is not None:
        raise leaving
    return result


async def _undone(
    run: Run, step: StepBase, result: Result[Any, Any], leaving: BaseException | None
) -> tuple[Result[Any, Any], BaseException | None]:
    """Let the saga of a run undo what it must, and close the run."""
    try:
        if run.saga is not None:
            result, leaving = await conclude_saga(run.saga, result, leaving)
    finally:
        step.end()
        run.close()
    return result, leaving


def _sorted(run: Run, exc: BaseException) -> tuple[Result[Any, Any], BaseException | None]:
    """Read what a body raised as the result of its run, and as what must be raised again."""
    if isinstance(exc, BaseExceptionGroup):
        exc = part_of(run, cast("BaseExceptionGroup[BaseException]", exc))
    if isinstance(exc, Exception):
        return defect(run, exc), None
    result: Result[Any, Any] = Ok(None) if run.left is None else run.left.result
    own = isinstance(exc, Exit) and exc.run is run
    return result, None if own else exc


def defect(run: Run, exc: Exception) -> Err[Any]:
    """Make the ``Err`` of a defect, mapped where the caller of the run asked for that."""
    mapper = run.settings.on_defect
    if mapper is None:
        return Err(UnexpectedError(exc), exc)
    try:
        return Err(mapper(exc), exc)
    except Exception as failed:  # a mapper that raises is a defect too
        return Err(UnexpectedError(failed), exc)


def _nested(run: Run, value: object) -> TypeError:
    """Return the ``TypeError`` of a body that returned a Result, or forgot an ``await``."""
    if isinstance(value, CoroutineType):
        value.close()  # or Python would warn of it a second time
        msg = (
            f"the body of workflow {run.name!r} returned {value!r}, which nobody has awaited: "
            "write return await step(...)"
        )
        return TypeError(msg)
    msg = (
        f"the body of workflow {run.name!r} returned {value!r}: return the bare value, "
        "use step.unwrap for a Result at hand, or step.fail for a planned failure"
    )
    return TypeError(msg)


async def conclude_in_scope(
    run: Run,
    body: Callable[..., Awaitable[Any]],
    step: StepBase,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Result[Any, Any]:
    """Run a body in the scope of its run: told to observers, after the hooks agreed."""
    if run.scope is None or run.heritage is None:
        return await conclude(run, body, step, args, kwargs)
    if run.watch is None:
        return await _conclude_untold(run, run.heritage, conclude(run, body, step, args, kwargs))
    run.scope.arguments, run.scope.keywords = args, kwargs

    async def work(run: Run) -> Result[Any, Any]:
        refusal = await _refusal(run)
        if refusal is None:
            return await conclude(run, body, step, args, kwargs)
        step.end()
        run.close()
        return refusal

    told = listen(run.watch.audience.listeners)
    try:
        return await in_scope(run.watch, run.scope, work, run, _read)
    finally:
        unlisten(told)
        # The scope names its run: another ring.
        run.scope = None


async def _conclude_untold(
    run: Run, heritage: Watch, work: Awaitable[Result[Any, Any]]
) -> Result[Any, Any]:
    """Run a body whose observers want to be told nothing, but are those of the runs inside it."""
    around = current_scope.get()
    current_scope.set(run.scope)
    told = listen(heritage.audience.listeners)
    try:
        return await work
    finally:
        unlisten(told)
        current_scope.set(around)
        run.scope = None


async def _refusal(run: Run) -> Err[Any] | None:
    """Return the failure of a run whose hooks refused it or raised, ``None`` to go on."""
    if run.scope is None:
        return None
    try:
        hook = await refused_by(run, run.scope)
    except Exception as exc:  # what a hook raises is a defect of the run
        return defect(run, exc)
    return None if hook is None else defect(run, RunRefusedError(run.name, hook))


def _read(run: Run, result: Result[Any, Any]) -> Outcome:
    """Read the result of a run as the outcome of its scope."""
    outcome = outcome_of_result(result)
    if type(result.cause if type(result) is Err else None) is RunRefusedError:
        return msgspec.structs.replace(outcome, status="skipped")
    if outcome.status == "defect":
        return msgspec.structs.replace(outcome, notes=notes_of(outcome.cause))
    return msgspec.structs.replace(outcome, notes=run.notes) if run.notes else outcome
