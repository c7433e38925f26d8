"""Several branches as one call: each branch is a step of its own inside one scope."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import trio

from awaitly_trio._engine.pipeline import Call, perform, read_cancelled
from awaitly_trio._engine.saga_block import BranchSagas
from awaitly_trio._engine.watch import current_scope
from awaitly_trio._tasks.batch import check_items, run_batches
from awaitly_trio._tasks.crew import Crew
from awaitly_trio._tasks.gather import gather
from awaitly_trio._tasks.mapping import map_each
from awaitly_trio._tasks.race import race
from awaitly_trio._tasks.settle import settle
from awaitly_trio._values.callables import check_sync
from awaitly_trio._values.events import Progress
from awaitly_trio._values.result import Ok

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Sequence
    from typing import Literal

    from awaitly_trio._engine.options import StepOptions
    from awaitly_trio._engine.run import Run
    from awaitly_trio._tasks.batch import BatchProgress
    from awaitly_trio._values.duration import Duration
    from awaitly_trio._values.result import Result

    Branch = Callable[..., Awaitable[Result[Any, Any]]]


def check_block(options: StepOptions, *also: str) -> None:
    """Refuse options that a block cannot honour: its body cannot be run again or remembered.

    Raises:
      ValueError: One is set, or one of those named ``also``.
    """
    refused = ["key", "retry", "fallback", "policy", "total_timeout", *also]
    found = [name for name in refused if getattr(options, name) is not None]
    if options.undoes:
        found += ["compensate_unknown", "depends_on"]
    if found:
        msg = (
            f"a block cannot honour {', '.join(found)}: its body runs once; "
            "set it on the steps inside, or put the block in a workflow of its own"
        )
        raise ValueError(msg)


async def sleep(_run: Run, pause: float) -> Result[None, Any]:
    """Sleep, as a dependency."""
    await trio.sleep(pause)
    return Ok(None)


async def all_of(run: Run, branches: list[Branch]) -> Result[Any, Any]:
    """Run all branches and collect their values; the first failure cancels the others."""
    crew = Crew()
    gathered = await gather(_calls(run, branches, crew), crew=crew)
    return Ok(tuple(gathered.value)) if type(gathered) is Ok else gathered


async def all_named_of(run: Run, branches: dict[Any, Branch]) -> Result[Any, Any]:
    """Run all branches and collect their values by name; the first failure cancels the others."""
    crew = Crew()
    calls = _calls(run, list(branches.values()), crew, list(map(str, branches)))
    gathered = await gather(calls, crew=crew)
    if type(gathered) is Ok:
        return Ok(dict(zip(branches, gathered.value, strict=True)))
    return gathered


@trio.lowlevel.enable_ki_protection  # the sagas of branches must be seen to their end
async def race_of(
    run: Run, branches: list[Branch], first: Literal["success", "finished"]
) -> Result[Any, Any]:
    """Run branches until one wins."""
    crew = Crew()
    sagas = BranchSagas(run, len(branches))
    try:
        result = await race(_calls(run, branches, crew, sagas=sagas), first=first, crew=crew)
    except BaseException as exc:
        if sagas.has_effects:
            await sagas.choose((), exc)  # noqa: ASYNC102  # it shields itself
        raise
    if sagas.has_effects:
        won = [] if crew.by is None or type(result) is not Ok else [crew.by]
        await sagas.choose(won)
    return result


@trio.lowlevel.enable_ki_protection  # as above
async def settle_of(
    run: Run, branches: list[Branch], min_ok: float | None, max_errors: float | None
) -> Result[Any, Any]:
    """Run branches and report what became of every one."""
    crew = Crew()
    sagas = BranchSagas(run, len(branches))
    calls = _calls(run, branches, crew, sagas=sagas)
    try:
        settled = await settle(calls, min_ok=min_ok, max_errors=max_errors, crew=crew)
    except BaseException as exc:
        if sagas.has_effects:
            await sagas.choose((), exc)  # noqa: ASYNC102  # it shields itself
        raise
    if sagas.has_effects:
        await sagas.choose([i for i, each in enumerate(settled.results) if type(each) is Ok])
    return Ok(settled)


async def map_of(
    run: Run, fn: Branch, items: Iterable[Any] | AsyncIterable[Any], limit: float
) -> Result[Any, Any]:
    """Call a dependency for each item, each call a step."""
    crew = Crew()
    work = _each(run, fn, lambda: crew)
    total = len(items) if hasattr(items, "__len__") else None  # type: ignore[arg-type]
    return await map_each(work, items, limit=limit, on_done=_progress(run, total), crew=crew)


async def batch_of(  # noqa: PLR0917  # handed on by the pipeline, which knows positions only
    run: Run,
    fn: Branch,
    items: Sequence[Any],
    size: int,
    limit: float,
    delay: Duration,
    after_batch: Callable[[], Awaitable[Result[Any, Any]]] | None,
    on_progress: Callable[[BatchProgress], object] | None,
) -> Result[Any, Any]:
    """Call a dependency for each item, batch after batch."""
    crews: list[Crew] = []

    def new_crew() -> Crew:
        crews.append(Crew())
        return crews[-1]

    check_items(items)
    tell = _progress(run, len(items))
    if on_progress is not None:
        check_sync(on_progress, "on_progress")

    def progressed(progress: BatchProgress) -> None:
        if tell is not None:
            tell(progress.done)
        if on_progress is not None:
            on_progress(progress)

    work = _each(run, fn, lambda: crews[-1])
    return await run_batches(
        work,
        items,
        size=size,
        limit=limit,
        delay=delay,
        after_batch=after_batch and partial(_perform_plain, run, after_batch),
        on_progress=progressed,
        crew=new_crew,
    )


async def _perform_plain(run: Run, fn: Branch) -> Result[Any, Any]:
    return await perform(Call(run, fn))


def _calls(
    run: Run,
    branches: list[Branch],
    crew: Crew,
    names: list[str] | None = None,
    sagas: BranchSagas | None = None,
) -> list[Branch]:
    """Make each branch a step that knows, if it is cancelled, who did it."""
    if run.bare:
        if sagas is None:
            return branches
        return [sagas.wrap(index, branch) for index, branch in enumerate(branches)]
    calls = [Call(run, branch) for branch in branches]
    for index, call in enumerate(calls):
        if sagas is not None:
            call.wrap = partial(sagas.wrap, index)
        call.reads = partial(read_cancelled, crew, calls)
        if names is not None:
            call.name = names[index]
        call.reserve_number()
    return [partial(perform, call) for call in calls]


def _each(run: Run, fn: Branch, crew: Callable[[], Crew]) -> Branch:
    """Make a call for an item a step that knows, if it is cancelled, who did it."""
    if run.bare:
        return fn
    # Items start in the order in which a crew counts them.
    started: dict[Crew, list[Call]] = {}

    async def work(item: Any) -> Result[Any, Any]:
        calls = started.setdefault(crew(), [])
        call = Call(run, fn, (item,))
        call.reads = partial(read_cancelled, crew(), calls)
        calls.append(call)
        return await perform(call)

    return work


def _progress(run: Run, total: int | None) -> Callable[[int], object] | None:
    scope, watch = current_scope.get(), run.watch
    if watch is None or scope is None or not watch.audience.readers(Progress):
        return None
    return lambda done: watch.emit(Progress, scope, done=done, total=total)
