"""The boundary of a run: what its body did becomes a Result, or leaves.

Planned failures and defects become an ``Err``; cancellation, interrupts and the
exits of other runs leave as they came.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, cast

import msgspec

from awaitly_trio._engine.cancellation import notes_of, outcome_of_result
from awaitly_trio._engine.hooks import refused_by
from awaitly_trio._engine.scoping import in_scope
from awaitly_trio._values.errors import RunRefusedError, UnexpectedError
from awaitly_trio._values.exits import BaseExceptionGroup, Exit, part_of
from awaitly_trio._values.result import Err, Ok

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from awaitly_trio._engine.run import Run
    from awaitly_trio._values.outcomes import Outcome
    from awaitly_trio._values.result import Result


async def conclude(
    run: Run,
    body: Callable[..., Awaitable[Any]],
    step: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Result[Any, Any]:
    """Run a body to its end, undo what has to be undone, and close the run.

    Raises:
      BaseException: What must leave: cancellation, interrupts, foreign exits.
      TypeError: The body returned a Result.
    """
    result: Result[Any, Any] | None = None
    leaving: BaseException | None = None
    try:
        result = Ok(await body(step, *args, **kwargs))
    except Exit as exc:
        if exc.run is not run:
            leaving = exc
    except Exception as exc:  # the boundary is where defects become values
        result = defect(run, exc)
    except BaseException as exc:  # noqa: ASYNC103  # raised again below, when all is undone
        result, leaving = _sorted(run, exc)
    try:
        if run.left is not None and (result is None or type(result) is Ok):
            # Also when user code swallowed the exit and returned a value.
            result = run.left.result
        if run.saga is not None:
            result, leaving = await run.saga.conclude(result, leaving)
    finally:
        run.close()
    if leaving is not None:
        raise leaving
    if result is None:
        msg = f"run {run.name!r} ended without a result"
        raise RuntimeError(msg)
    if type(result) is Ok and type(result.value) in _RESULTS:
        refuse_nested(run, result.value)
    return result


_RESULTS = frozenset((Ok, Err))


def _sorted(run: Run, exc: BaseException) -> tuple[Result[Any, Any] | None, BaseException | None]:
    """Read a group, or something that leaves, as a result or as what must be raised again."""
    if not isinstance(exc, BaseExceptionGroup):
        return None, exc
    part = part_of(run, cast("BaseExceptionGroup[BaseException]", exc))
    if isinstance(part, Exit):
        return None, None
    if isinstance(part, Exception):
        return defect(run, part), None
    return None, part


def defect(run: Run, exc: Exception) -> Err[Any]:
    """Make the ``Err`` of a defect, mapped where the caller of the run asked for that."""
    mapper = run.settings.on_defect
    if mapper is None:
        return Err(UnexpectedError(exc), exc)
    try:
        return Err(mapper(exc), exc)
    except Exception as failed:  # a mapper that raises is a defect too
        return Err(UnexpectedError(failed), exc)


def refuse_nested(run: Run, value: object) -> None:
    """Raise the ``TypeError`` of a body that returned a Result."""
    msg = (
        f"the body of workflow {run.name!r} returned {value!r}: return the bare value, "
        "use step.unwrap for a Result at hand, or step.fail for a planned failure"
    )
    raise TypeError(msg)


async def conclude_in_scope(
    run: Run,
    body: Callable[..., Awaitable[Any]],
    step: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Result[Any, Any]:
    """Run a body in the scope of its run: told to observers, after the hooks agreed."""
    if run.watch is None or run.scope is None:
        return await conclude(run, body, step, args, kwargs)

    async def work() -> Result[Any, Any]:
        refusal = await _refusal(run)
        if refusal is None:
            return await conclude(run, body, step, args, kwargs)
        run.close()
        return refusal

    return await in_scope(run.watch, run.scope, work, partial(_read, run))


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
    if run.left is not None and notes_of(run.left):
        return msgspec.structs.replace(outcome, notes=notes_of(run.left))
    return outcome
