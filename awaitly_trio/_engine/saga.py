"""Sagas: what completed steps did is undone when the saga around them fails.

A step enters its ledger in the instant in which it completes: nothing that
waits, no hook and no retry, stands between the two.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, final

import msgspec

from awaitly_trio._engine.pipeline import perform, replaced
from awaitly_trio._engine.run import RunMaker, current_saga
from awaitly_trio._engine.saga_ledger import Detail, Ledger, label_of, tick
from awaitly_trio._engine.saga_place import block_in, commit, join, keep, ledger_of, root_of
from awaitly_trio._engine.saga_undo import tell
from awaitly_trio._engine.saga_unwind import unwind
from awaitly_trio._values.callables import behind_partials
from awaitly_trio._values.errors import RunClosedError
from awaitly_trio._values.events import Compensable, PivotPassed
from awaitly_trio._values.exits import verdict
from awaitly_trio._values.result import Err, Ok

if TYPE_CHECKING:
    from collections.abc import Callable

    from awaitly_trio._engine.pipeline import Call
    from awaitly_trio._engine.saga_ledger import Entry
    from awaitly_trio._values.result import Result


async def compensated(call: Call, compensate: Callable[[Any], Any]) -> Result[Any, Any]:
    """Run a step through the pipeline and remember how to undo it.

    Raises:
      RunClosedError: The saga is being undone, or the run has ended.
      TypeError: The compensation is no function.
      ValueError: ``depends_on`` names a step that has not completed.
    """
    call.run.check_open()
    return await Registration(call, compensate).run()


async def pivot(call: Call) -> Result[Any, Any]:
    """Run a step whose completion lets nothing before it be undone any more."""

    def passed(_result: object) -> None:
        _tell(call, PivotPassed, steps=commit(call.run))

    watch_completion(call, passed)
    try:
        result = await perform(call)
        if call.cached and type(result) is Ok:
            passed(result)
    finally:
        call.forget()
    return result


def watch_completion(call: Call, completed: Callable[[Ok[Any]], None]) -> None:
    """Have a function called in the instant in which a call, or its fallback, succeeds."""
    made, fallback = call.wrap, call.options.fallback

    def wrap(fn: Any) -> Callable[..., Any]:
        inner = fn if made is None else made(fn)

        async def watched(*args: Any, **kwargs: Any) -> Any:
            result: Result[Any, Any] = await inner(*args, **kwargs)
            if type(result) is Ok:
                completed(result)
            return result

        return watched

    call.wrap = wrap
    if fallback is not None:

        async def watched_fallback(error: Any) -> Any:
            answer = fallback(error)
            result: Result[Any, Any] = await answer if hasattr(answer, "__await__") else answer
            if type(result) is Ok:
                completed(result)
            return result

        call.options = msgspec.structs.replace(call.options, fallback=watched_fallback)


def _tell(call: Call, record: Callable[..., Any], **fields: Any) -> None:
    """Tell observers of something in the scope of a call, or around it if that has ended."""
    if call.scope is not None and call.scope.ended is None:
        call.tell(record, **fields)
    else:
        tell(call.run, record, **fields)


@final
class Registration:
    """One compensated step on its way into the ledger."""

    __slots__ = ("_call", "_compensate", "_is_cut", "_is_kept", "_late", "_ledger", "_started")

    def __init__(self, call: Call, compensate: Any) -> None:
        if not callable(compensate):
            msg = f"a compensation is a function of the step's value, got {compensate!r}"
            raise TypeError(msg)
        self._call = call
        self._ledger = ledger_of(call.run)
        if self._ledger.state == "undone":
            what = "saga"
            raise RunClosedError(what, self._ledger.name)
        self._check_dependencies()
        replace = call.run.replace
        self._compensate = replaced(compensate, replace) if replace else compensate
        self._started = tick()
        self._is_cut = self._is_kept = False
        self._late: list[Entry] = []

    def _check_dependencies(self) -> None:
        wanted = set(self._call.options.depends_on)
        if not wanted:
            return
        known = {label_of(each) for each in self._ledger.entries}
        known |= {each[4].key or "" for each in self._ledger.entries if each[4] is not None}
        if not wanted <= known:
            missing = ", ".join(map(repr, sorted(wanted - known)))
            msg = (
                f"depends_on names {missing}, but saga {self._ledger.name!r} has completed "
                f"{', '.join(map(repr, sorted(known - {''}))) or 'no compensated step'}: "
                "name an earlier step of the same saga, by its name or key"
            )
            raise ValueError(msg)

    async def run(self) -> Result[Any, Any]:
        """Run the step; an effect that nobody answers for any more is undone at once."""
        call = self._call
        call.is_compensated = True
        call.wrap = self._guarded
        watch_completion(call, self._completed)
        try:
            result = await perform(call)
            if call.cached and type(result) is Ok:
                self._replay(result.value)
        finally:
            if self._is_cut and not self._is_kept:
                self._keep_unknown()
            call.forget()
            if self._late:
                await undo_late(self._ledger, self._late)  # noqa: ASYNC102  # it shields itself
        return result

    def _guarded(self, fn: Any) -> Callable[..., Any]:
        """Make a dependency that notices when nobody knows what it did."""
        instead = isinstance(behind_partials(fn), RunMaker)

        async def guarded(*args: Any, **kwargs: Any) -> Any:
            try:
                call = self._instead(fn, args, kwargs) if instead else fn(*args, **kwargs)
                result: Result[Any, Any] = await call
            except BaseException:
                self._is_cut = True
                raise
            if type(result) is not Ok and type(result) is not Err:
                self._is_cut = True
            return result

        return guarded

    async def _instead(self, fn: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run a workflow whose own compensations give way to the one that stands beside it."""
        inner = block_in(self._call.run, self._ledger.name)
        token = current_saga.set(inner)
        try:
            result: Result[Any, Any] = await fn(*args, **kwargs)
            if type(result) is Ok:
                inner.entries.clear()
        finally:
            current_saga.reset(token)
            join(inner)
        return result

    def _completed(self, result: Ok[Any]) -> None:
        self._keep(self._compensate, result.value, None)

    def _replay(self, value: Any) -> None:
        """Enter a step that was answered from a record of this very run, once for each key."""
        key, cache = self._call.options.key, self._call.run.settings.cache
        # A cache that is shared by runs remembers effects of others, which are theirs
        # to undo; the record of a resumed run holds its own.
        if key is None or self._is_kept or not getattr(cache, "replays", False):
            return
        if key not in self._replayed():
            self._keep(self._compensate, value, None)

    def _replayed(self) -> set[str]:
        root = root_of(self._call.run)
        if root.replayed is None:
            root.replayed = set()
        return root.replayed

    def _keep_unknown(self) -> None:
        unknown = self._call.options.compensate_unknown
        if unknown is not None:
            self._keep(unknown, None, (self._call.args, self._call.kwargs))

    def _keep(self, compensate: Any, value: Any, cut: tuple[Any, Any] | None) -> None:
        call, options, cache = self._call, self._call.options, self._call.run.settings.cache
        forget = None
        if options.key is not None and cache is not None:
            # A remembered value would vouch for an effect that is no longer there.
            forget = partial(cache.forget, call.run.name, options.key)
            self._replayed().add(options.key)
        detail = Detail(
            self._ledger.options,
            self._started,
            call.name,
            options.key,
            options.depends_on,
            cut,
            forget,
        )
        entry = (call.fn, compensate, value, tick(), detail)
        self._is_kept = True
        if keep(self._ledger, entry):
            _tell(call, Compensable, step=call.name, unknown=cut is not None)
        else:
            self._late.append(entry)


async def kept(
    ledger: Ledger,
    fn: Callable[..., Any],
    compensate: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Result[Any, Any]:
    """Call a dependency that needs nothing of the pipeline, and remember how to undo it."""
    result: Result[Any, Any] = await fn(*args, **kwargs)
    if type(result) is Ok:
        entry = (fn, compensate, result.value, tick(), None)
        if ledger.is_quick:
            ledger.entries.append(entry)
        else:
            await keep_late(ledger, entry)
    return result


async def keep_late(ledger: Ledger, entry: Entry) -> None:
    """Take an entry of a saga that has ended meanwhile into the one it joined, or undo it."""
    if not keep(ledger, entry):
        await undo_late(ledger, [entry])


async def undo_late(ledger: Ledger, entries: list[Entry]) -> None:
    """Undo steps that completed after their saga had been undone.

    Raises:
      RunClosedError: Always: there is nothing left that they could belong to.
    """
    what = "saga"
    closed = RunClosedError(what, ledger.name)
    late = msgspec.structs.replace(ledger, entries=entries, residue=())
    undoing = await unwind(late, closed)
    raise verdict([*([] if undoing is None else undoing.interrupts), closed])
