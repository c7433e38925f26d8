"""The one way in which anything is run: step, branch, item, race member, compensation.

From outside in: resolve the dependency, open a scope, answer from the cache,
limit all attempts, retry, limit one attempt, call, classify.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any, cast, final

import msgspec

from awaitly_trio._engine.attempts import attempt_all, invoke
from awaitly_trio._engine.cancellation import outcome_of_exception, outcome_of_result
from awaitly_trio._engine.hooks import gate_step, report_step
from awaitly_trio._engine.options import EXPIRED, NO_OPTIONS, StepOptions
from awaitly_trio._engine.run import Run
from awaitly_trio._engine.scoping import in_scope
from awaitly_trio._engine.watch import current_scope
from awaitly_trio._values.callables import behind_partials, name_of
from awaitly_trio._values.errors import UndeclaredDependencyError
from awaitly_trio._values.exits import check_result
from awaitly_trio._values.outcomes import Outcome
from awaitly_trio._values.result import Ok
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
    ``is_compensated`` tells that somebody keeps what its options say of undoing.
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
    is_compensated: bool = False

    @property
    def label(self) -> str:
        """The name of the step: the one given, else that of its function."""
        return self.options.name or self.name or name_of(self.fn)

    def reserve_number(self) -> None:
        """Count this call among its siblings now, in program order, not when its task runs."""
        parent = self.parent or current_scope.get()
        if self.run.watch is not None and parent is not None:
            self.number = parent.occurrence(self.label)

    def forget(self) -> None:
        """Let go of what may name this call in turn, when all is said of it: no ring is left."""
        self.wrap = self.scope = None
        self.fn = _forgotten

    def tell(self, record: Callable[..., Any], **fields: Any) -> None:
        """Tell observers of something that happened in this call's scope, if it has one."""
        if self.run.watch is not None and self.scope is not None:
            self.run.watch.emit(record, self.scope, **fields)


def _forgotten() -> None:
    """Stand for the function of a call of which all is said: it leads nowhere."""


def perform(call: Call) -> Awaitable[Result[Any, Any]]:
    """Run a call through the whole pipeline: await what this returns.

    Each layer is left out where the options of the call do not ask for it.

    Returns:
      Its result; planned failures are returned, never raised.

    Raises:
      Exception: A defect of the dependency.
      RunClosedError: The run has ended.
    """
    run, options = call.run, call.options
    if run.bare and call.wrap is None and options.policy is None and not options.undoes:
        # Nothing to refuse, replace, wrap or tell; a function of ours gives a Result.
        return answer(call) if options.changes_flow or call.composite else invoke(call)
    if run.closed:
        run.check_open()
    call.name = options.name or call.name or name_of(call.fn)
    if options.undoes and not call.is_compensated:
        msg = "compensate_unknown and depends_on do nothing here: they belong to step.compensated"
        raise ValueError(msg)
    if not call.composite:
        if run.declared is not None:
            check_declared(run.name, run.declared, call.fn)
        if run.replace:
            call.fn = replaced(call.fn, run.replace)
    if call.wrap is not None:
        call.fn = call.wrap(call.fn)
    if options.policy is not None:
        call.fn = options.protect(call.fn)
    if run.watch is None:
        return answer(call) if options.changes_flow else invoke(call)
    return _in_scope(run.watch, call)


def _in_scope(watch: Watch, call: Call) -> Awaitable[Result[Any, Any]]:
    settings = call.run.settings
    parent = call.parent or current_scope.get()
    scope = call.scope = call.run.open_scope(
        call.kind, call.name, parent, call.options, call.number
    )
    begin = answer
    if not call.composite:
        # An inner function and what it is given are nobody's business.
        scope.dependency, scope.arguments, scope.keywords = call.fn, call.args, call.kwargs
        if settings.before_step or settings.after_step:
            begin = _hooked
    # Taken away, because it names all calls of a block, this one among them.
    reads, call.reads = call.reads or outcome_of_exception, None
    return in_scope(watch, scope, begin, call, _read, reads)


async def _hooked(call: Call) -> Result[Any, Any]:
    """Answer between the hooks before and after a step."""
    run, scope = call.run, call.scope
    if scope is None:
        return await answer(call)
    if run.settings.before_step is not None:
        await gate_step(run, scope)
    result = check_result(await answer(call))
    if run.settings.after_step is not None:
        await report_step(run, scope, _read(call, result))
    return result


def _read(call: Call, result: Result[Any, Any]) -> Outcome:
    if type(result) is Ok and result is not EXPIRED and not call.cached:
        return Outcome("ok", result.value)
    outcome = outcome_of_result(check_result(result))
    return msgspec.structs.replace(outcome, cached=True) if call.cached else outcome


def answer(call: Call) -> Awaitable[Result[Any, Any]]:
    """Answer from the cache where there is one and the step has a key; otherwise run."""
    options = call.options
    if options.key is not None:
        cache = call.run.settings.cache
        if cache is not None:
            return cache.once(call, attempt_all)
    if options.changes_flow:
        return attempt_all(call)
    # The call itself: who awaits it checks that it gave a Result.
    return call.fn(*call.args, **call.kwargs)  # type: ignore[no-any-return]


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


def check_declared(workflow: str, declared: frozenset[int], fn: Any) -> None:
    """Refuse a dependency that the workflow did not declare, where the run asks for that.

    Raises:
      UndeclaredDependencyError: It is not among those given to ``workflow.of``.
    """
    fn = behind_partials(fn)
    if id(fn) not in declared:
        raise UndeclaredDependencyError(workflow, name_of(fn))


def read_cancelled(crew: Crew, calls: list[Call], exception: BaseException) -> Outcome:
    """Read the end of a branch; where its own crew cancelled it, say why and through whom."""
    outcome = outcome_of_exception(exception)
    if outcome.status != "cancelled" or not crew.caused(exception) or crew.why is None:
        return outcome
    causer = None if crew.by is None else calls[crew.by].scope
    return msgspec.structs.replace(
        outcome, why=crew.why, by=None if causer is None else causer.path
    )
