"""The one way in which anything is run: step, branch, item, race member, compensation.

From outside in: resolve the dependency, open a scope, answer from the cache,
limit all attempts, retry, limit one attempt, call, classify.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, cast, final

import msgspec
import trio

from awaitly_trio._engine.attempts import attempt_all
from awaitly_trio._engine.cancellation import outcome_of_exception, outcome_of_result
from awaitly_trio._engine.hooks import gate_step, report_step
from awaitly_trio._engine.options import NO_OPTIONS, StepOptions
from awaitly_trio._engine.run import Run
from awaitly_trio._engine.scoping import in_scope
from awaitly_trio._engine.watch import current_scope
from awaitly_trio._values.errors import UndeclaredDependencyError
from awaitly_trio._values.exits import check_result
from awaitly_trio._values.outcomes import Outcome
from awaitly_trio._values.scopes import Scope, ScopeKind

if TYPE_CHECKING:
    from awaitly_trio._engine.watch import Watch
    from awaitly_trio._tasks.crew import Crew
    from awaitly_trio._values.result import Result


@final
class Call(msgspec.Struct, eq=False):
    """One thing to run, with all that its way through the pipeline needs.

    ``wrap`` makes a dependency out of ``fn`` once replacements are resolved.
    ``composite`` tells that ``fn`` is an inner function of the library, whose
    own branches are resolved, checked and hooked; ``reads`` gives the outcome
    of a cancelled scope where the block around it knows why it was cancelled.
    """

    run: Run
    fn: Callable[..., Any]
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = {}
    options: StepOptions = NO_OPTIONS
    kind: ScopeKind = "step"
    name: str = ""
    composite: bool = False
    scope: Scope | None = None
    parent: Scope | None = None
    reads: Callable[[BaseException], Outcome] | None = None
    cached: bool = False
    number: int = 0
    wrap: Callable[[Any], Callable[..., Any]] | None = None

    @property
    def label(self) -> str:
        """The name of the step: the one given, else that of its function."""
        return self.options.name or self.name or name_of(self.fn)

    def reserve_number(self) -> None:
        """Count this call among its siblings now, in program order, not when its task runs."""
        parent = self.parent or current_scope.get()
        if self.run.watch is not None and parent is not None:
            self.number = parent.occurrence(self.label)

    def tell(self, record: Callable[..., Any], **fields: Any) -> None:
        """Tell observers of something that happened in this call's scope, if it has one."""
        if self.run.watch is not None and self.scope is not None:
            self.run.watch.emit(record, self.scope, **fields)


async def perform(call: Call) -> Result[Any, Any]:
    """Run a call through the whole pipeline.

    Returns:
      Its result; planned failures are returned, never raised.

    Raises:
      Exception: A defect of the dependency.
      RunClosedError: The run has ended.
    """
    run = call.run
    run.check_open()
    if not call.composite:
        check_declared(run, call.fn)
        if run.replace:
            call.fn = replaced(call.fn, run.replace)
    name = call.label
    if call.wrap is not None:
        call.fn = call.wrap(call.fn)
    if call.options.policy is not None:
        call.fn = call.options.policy.wrap(call.fn)
    call.name = name
    if run.watch is None:
        return await _answer(call)
    return await _in_scope(run.watch, call)


async def _in_scope(watch: Watch, call: Call) -> Result[Any, Any]:
    parent = call.parent or current_scope.get()
    scope = call.run.open_scope(call.kind, call.label, parent, call.options, call.number)
    scope.dependency, scope.arguments, scope.keywords = call.fn, call.args, call.kwargs
    call.scope = scope
    return await in_scope(
        watch,
        scope,
        partial(_hooked, call, scope),
        partial(_read, call),
        call.reads or outcome_of_exception,
    )


async def _hooked(call: Call, scope: Scope) -> Result[Any, Any]:
    """Answer between the hooks before and after a step; an inner function has none."""
    run = call.run
    if call.composite:
        return await _answer(call)
    if run.settings.before_step is not None:
        await gate_step(run, scope)
    result = await _answer(call)
    if run.settings.after_step is not None:
        await report_step(run, scope, _read(call, result))
    return result


def _read(call: Call, result: Result[Any, Any]) -> Outcome:
    outcome = outcome_of_result(result)
    return msgspec.structs.replace(outcome, cached=True) if call.cached else outcome


async def _answer(call: Call) -> Result[Any, Any]:
    """Answer from the cache where there is one and the step has a key; otherwise run."""
    options, cache = call.options, call.run.settings.cache
    if options.key is None or cache is None:
        return await attempt_all(call, invoke)
    return await cache.once(call, partial(attempt_all, call, invoke))


async def invoke(call: Call) -> Result[Any, Any]:
    """Call the dependency once and check that it gave a Result."""
    return check_result(await call.fn(*call.args, **call.kwargs))


def behind_partials(fn: Any) -> Any:
    """Return the function that a ``functools.partial`` calls, of any depth."""
    while isinstance(fn, partial):
        fn = cast("partial[Any]", fn).func
    return fn


def name_of(fn: Any) -> str:
    """Return what a function is called: its name, that of its partial's function, or its type's."""
    fn = behind_partials(fn)
    name = getattr(fn, "name", None) or getattr(fn, "__name__", None)
    return name if isinstance(name, str) else type(fn).__name__


def replaced(fn: Any, replacements: dict[Any, Any]) -> Any:
    """Return what stands for a dependency in this run, looking inside partials."""
    if isinstance(fn, partial):
        outer = cast("partial[Any]", fn)
        inner = replaced(outer.func, replacements)
        return outer if inner is outer.func else partial(inner, *outer.args, **outer.keywords)
    try:
        return replacements.get(fn, fn)
    except TypeError:  # an unhashable callable cannot have been a key
        return fn


def check_declared(run: Run, fn: Any) -> None:
    """Refuse a dependency that the workflow did not declare, where the run asks for that.

    Raises:
      UndeclaredDependencyError: It is not among those given to ``workflow.of``.
    """
    if run.declared is None:
        return
    fn = behind_partials(fn)
    if id(fn) not in run.declared:
        raise UndeclaredDependencyError(run.name, name_of(fn))


def read_cancelled(crew: Crew, calls: list[Call], exception: BaseException) -> Outcome:
    """Read the end of a branch; where its own crew cancelled it, say why and through whom."""
    outcome = outcome_of_exception(exception)
    if outcome.status != "cancelled" or not crew.caused(exception) or crew.why is None:
        return outcome
    causer = None if crew.by is None else calls[crew.by].scope
    return msgspec.structs.replace(
        outcome, why=crew.why, by=None if causer is None else causer.path
    )


async def checkpoint() -> None:
    """Be a cancellation point, and nothing else, where an answer needed no work."""
    await trio.lowlevel.checkpoint_if_cancelled()
