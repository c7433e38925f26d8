"""Sagas inside a run: blocks that a body opens, and branches of which only some count."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, final

import trio

from awaitly_trio._engine.cancellation import outcome_of_exception
from awaitly_trio._engine.run import current_saga
from awaitly_trio._engine.saga_ledger import block_in, join
from awaitly_trio._engine.saga_unwind import hand_up, unwind
from awaitly_trio._engine.watch import current_scope
from awaitly_trio._values.exits import verdict
from awaitly_trio._values.outcomes import Outcome
from awaitly_trio._values.result import Err

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextvars import Token
    from types import TracebackType

    from awaitly_trio._engine.run import Run
    from awaitly_trio._engine.saga_ledger import Ledger
    from awaitly_trio._policies.saga import SagaOptions
    from awaitly_trio._values.result import Result
    from awaitly_trio._values.scopes import Scope


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

    @trio.lowlevel.enable_ki_protection
    async def __aenter__(self) -> SagaBlock:
        run = self._run
        run.check_open()
        await run.answer_at_once()
        self._ledger = block_in(run, self._name, self._options)
        if run.watch is not None:
            self._scope = run.open_scope("saga", self._name, current_scope.get())
            run.watch.start(self._scope)
            self._scope_token = current_scope.set(self._scope)
        self._token = current_saga.set(self._ledger)
        return self

    @trio.lowlevel.enable_ki_protection
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
        interrupts = await _undo(self._ledger, exc)  # noqa: ASYNC102  # it shields itself
        failure = verdict([*interrupts, exc])
        self._end(outcome_of_exception(failure))
        if interrupts:
            raise failure

    def _end(self, outcome: Outcome) -> None:
        watch = self._run.watch
        if watch is not None and self._scope is not None and self._scope_token is not None:
            current_scope.reset(self._scope_token)
            watch.end(self._scope, outcome)


@final
class BranchSagas:
    """Branches of which only some count: each is a saga of its own, and the losers are undone.

    A branch that fails, is cancelled or raises undoes itself.  One that succeeds
    waits for ``choose``: it may have lost all the same.
    """

    __slots__ = ("_ledgers",)

    def __init__(self, run: Run, size: int) -> None:
        self._ledgers = [block_in(run, f"branch {index}") for index in range(size)]

    def wrap(
        self, index: int, branch: Callable[..., Awaitable[Result[Any, Any]]]
    ) -> Callable[[], Awaitable[Result[Any, Any]]]:
        """Return a branch that is a saga of its own."""
        return partial(_work, self._ledgers[index], branch)

    async def choose(self, winner: int | None) -> None:
        """Keep what one branch did, or all if there is no winner, and undo what the others did."""
        for index, ledger in enumerate(self._ledgers):
            if ledger.state == "open" and winner is not None and index != winner:
                _raise(await _undo(ledger, None))
            elif ledger.state == "open":
                join(ledger)

    def keep_all(self) -> None:
        """Leave what they did to the saga around them, which is failing."""
        for ledger in self._ledgers:
            if ledger.state == "open":
                join(ledger)


@trio.lowlevel.enable_ki_protection
async def _work(
    ledger: Ledger, branch: Callable[..., Awaitable[Result[Any, Any]]]
) -> Result[Any, Any]:
    """Run a branch as a saga; what it did stays pending when it succeeded."""
    # Never reset: the task of a branch ends with it.
    current_saga.set(ledger)
    try:
        result = await branch()
    except BaseException as exc:
        interrupts = await _undo(ledger, exc)  # noqa: ASYNC102  # it shields itself
        if interrupts:
            raise verdict([*interrupts, exc]) from None  # noqa: ASYNC104  # holds both
        # No name is bound to what leaves: with this frame it would be a ring.
        raise
    if type(result) is Err:
        _raise(await _undo(ledger, result.error))
    return result


async def _undo(ledger: Ledger, error: Any) -> list[BaseException]:
    """Undo a saga inside another one; return the interrupts that have to leave now."""
    undoing = await unwind(ledger, error)
    hand_up(ledger)
    return [] if undoing is None else undoing.interrupts


def _raise(interrupts: list[BaseException]) -> None:
    if interrupts:
        raise verdict(interrupts)
