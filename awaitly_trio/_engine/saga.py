"""Sagas: what completed steps did is undone when the saga around them fails, newest first."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, final

import msgspec

from awaitly_trio._engine.cancellation import outcome_of_exception
from awaitly_trio._engine.pipeline import (
    Call,
    behind_partials,
    checkpoint,
    name_of,
    perform,
    replaced,
)
from awaitly_trio._engine.run import RunMaker, current_saga
from awaitly_trio._engine.saga_ledger import (
    Detail,
    Entry,
    Ledger,
    join,
    keep,
    ledger_of,
    make_ledger,
    place_of,
    root_of,
    tick,
)
from awaitly_trio._engine.saga_unwind import hand_up, unwind
from awaitly_trio._engine.watch import current_scope
from awaitly_trio._values.errors import RunClosedError
from awaitly_trio._values.events import Compensable
from awaitly_trio._values.exits import verdict
from awaitly_trio._values.outcomes import Outcome
from awaitly_trio._values.result import Err, Ok

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Token
    from types import TracebackType

    from awaitly_trio._engine.run import Run
    from awaitly_trio._policies.saga import SagaOptions
    from awaitly_trio._values.result import Result
    from awaitly_trio._values.scopes import Scope


async def compensated(call: Call, compensate: Callable[[Any], Any]) -> Result[Any, Any]:
    """Run a step through the pipeline and remember how to undo it.

    Raises:
      RunClosedError: The saga is being undone, or the run has ended.
      ValueError: ``depends_on`` names a step that has not completed.
    """
    call.run.check_open()
    registration = Registration(call, compensate)
    return await registration.run()


@final
class Registration:
    """One compensated step on its way: it enters the ledger in the instant it completes."""

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
        self._compensate = compensate
        self._started = tick()
        self._is_cut = self._is_kept = False
        self._late: list[Entry] = []
        call.wrap = self._wrap
        call.is_compensated = True

    async def run(self) -> Result[Any, Any]:
        """Run the step; an effect that nobody answers for any more is undone at once."""
        call = self._call
        if call.run.replace:
            self._compensate = replaced(self._compensate, call.run.replace)
        fallback = call.options.fallback
        if fallback is not None:
            call.options = msgspec.structs.replace(call.options, fallback=self._watching(fallback))
        try:
            result = await perform(call)
            if call.cached and type(result) is Ok:
                self._replay(result.value)
        finally:
            if self._is_cut and not self._is_kept:
                self._keep_unknown()
            if self._late:
                await undo_late(self._ledger, self._late)  # noqa: ASYNC102  # it shields itself
        return result

    def _wrap(self, fn: Any) -> Callable[..., Any]:
        """Make a dependency that enters the ledger with no checkpoint after its completion."""
        replaces = isinstance(behind_partials(fn), RunMaker)

        async def registering(*args: Any, **kwargs: Any) -> Any:
            try:
                if replaces:
                    result = await self._instead(fn, args, kwargs)
                else:
                    result = await fn(*args, **kwargs)
            except BaseException:
                self._is_cut = True
                raise
            self._register(result)
            return result

        return registering

    async def _instead(self, fn: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run a workflow whose own compensations give way to the one that stands beside it."""
        run = self._call.run
        inner = make_ledger(run, self._ledger.name, None, place_of(run))
        token = current_saga.set(inner)
        try:
            result = await fn(*args, **kwargs)
            if type(result) is Ok:
                inner.entries.clear()
        finally:
            current_saga.reset(token)
            join(inner)
        return result

    def _watching(self, fallback: Any) -> Callable[[Any], Any]:
        async def watching(error: Any) -> Any:
            answer = fallback(error)
            if hasattr(answer, "__await__"):
                answer = await answer
            self._register(answer)
            return answer

        return watching

    def _register(self, result: object) -> None:
        if type(result) is Ok:
            self._keep(self._compensate, result.value, None)
        elif type(result) is not Err:
            # No Result at all: whatever it did, it did not say so.
            self._is_cut = True

    def _replay(self, value: Any) -> None:
        """Enter a step that was answered from a record of this very run, once for each key."""
        key, cache = self._call.options.key, self._call.run.settings.cache
        # A cache that is shared by runs remembers effects of others, which are theirs
        # to undo; the record of a resumed run holds its own.
        if key is None or self._is_kept or not getattr(cache, "replays", False):
            return
        replayed = root_of(self._call.run).replayed
        if key not in replayed:
            replayed.add(key)
            self._keep(self._compensate, value, None)

    def _keep_unknown(self) -> None:
        unknown = self._call.options.compensate_unknown
        if unknown is not None:
            self._keep(unknown, None, (self._call.args, self._call.kwargs))

    def _keep(self, compensate: Any, value: Any, cut: tuple[Any, Any] | None) -> None:
        call, options = self._call, self._call.options
        forget = None
        if options.key is not None and call.run.settings.cache is not None:
            forget = partial(call.run.settings.cache.forget, call.run.name, options.key)
            root_of(call.run).replayed.add(options.key)
        detail = Detail(self._started, call.name, options.key, options.depends_on, cut, forget)
        entry = Entry(call.fn, compensate, value, self._ledger.options, tick(), detail)
        self._is_kept = True
        if keep(self._ledger, entry):
            call.tell(Compensable, step=call.name, unknown=cut is not None)
        else:
            self._late.append(entry)


async def keep_late(ledger: Ledger, entry: Entry) -> None:
    """Take an entry of a saga that has ended meanwhile into the one it joined, or undo it."""
    if not keep(ledger, entry):
        await undo_late(ledger, [entry])


async def undo_late(ledger: Ledger, entries: list[Entry]) -> None:
    """Undo steps that completed after their saga had been undone.

    Raises:
      RunClosedError: Always, since there is nothing left that they could belong to.
    """
    closed = RunClosedError("saga", ledger.name)
    late = Ledger(ledger.run, ledger.options, ledger.name, entries=entries)
    undoing = await unwind(late, closed)
    raise verdict([*undoing.interrupts, closed])


@final
class SagaBlock:
    """A saga inside a saga: undone as a unit when it fails, part of the outer one when not.

    What left the block goes on leaving when all is undone.
    """

    __slots__ = ("_ledger", "_name", "_options", "_run", "_scope", "_scope_token", "_token")

    def __init__(self, run: Run, name: str, options: SagaOptions | None) -> None:
        self._run = run
        self._name = name
        self._options = options
        self._scope: Scope | None = None
        self._scope_token: Token[Scope | None] | None = None

    async def __aenter__(self) -> SagaBlock:
        run = self._run
        run.check_open()
        await checkpoint()
        ledger = self._ledger = make_ledger(run, self._name, self._options, place_of(run))
        if run.watch is not None:
            self._scope = run.open_scope("saga", self._name, current_scope.get())
            run.watch.start(self._scope)
            self._scope_token = current_scope.set(self._scope)
        self._token = current_saga.set(ledger)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        current_saga.reset(self._token)
        if exc is None:
            join(self._ledger)
            self._end(Outcome("ok"))
            return
        undoing = await unwind(self._ledger, exc)  # noqa: ASYNC102  # it shields itself
        hand_up(self._ledger)
        failure = verdict([*undoing.interrupts, exc])
        self._end(outcome_of_exception(failure))
        if failure is not exc:
            raise failure

    def _end(self, outcome: Outcome) -> None:
        watch = self._run.watch
        if watch is not None and self._scope is not None and self._scope_token is not None:
            current_scope.reset(self._scope_token)
            watch.end(self._scope, outcome)
