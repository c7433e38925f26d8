"""Sagas inside a run: blocks that a body opens, and branches of which only some count."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, final

import trio

from awaitly_trio._engine.cancellation import outcome_of_exception
from awaitly_trio._engine.run import current_saga
from awaitly_trio._engine.saga_place import block_in, branches_in, join
from awaitly_trio._engine.saga_unwind import hand_up, unwind
from awaitly_trio._engine.watch import current_scope
from awaitly_trio._values.exits import verdict
from awaitly_trio._values.outcomes import Outcome

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection
    from contextvars import Token
    from types import TracebackType

    from awaitly_trio._engine.run import Run
    from awaitly_trio._engine.saga_ledger import Branch, Ledger
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

    That happens when all have ended: one that succeeded may have lost all the same.
    """

    __slots__ = ("_branches",)

    def __init__(self, run: Run, size: int) -> None:
        self._branches = branches_in(run, size)

    def wrap(
        self, index: int, fn: Callable[..., Awaitable[Result[Any, Any]]]
    ) -> Callable[[], Awaitable[Result[Any, Any]]]:
        """Return a branch that is a saga of its own."""
        return partial(_begin, self._branches[index], fn)

    @property
    def has_effects(self) -> bool:
        """Whether there is anything to choose between."""
        for branch in self._branches:  # noqa: SIM110  # a generator costs as much as a branch
            if branch.ledger is not None:
                return True
        return False

    async def choose(self, kept: Collection[int], error: BaseException | None = None) -> None:
        """Keep what some branches did, and undo what the others did.

        Args:
          kept: Their indices.
          error: What leaves the branches; raised again by the caller.

        Raises:
          BaseException: An interrupt that came meanwhile, and the error beside it.
        """
        losers: Ledger | None = None
        for index, branch in enumerate(self._branches):
            branch.is_over = True
            ledger = branch.ledger
            if ledger is None or ledger.state != "open":
                continue
            if index in kept:
                join(ledger)
            elif losers is None:
                losers = ledger
            else:
                # All of them are one saga now, with one allowance and one order.
                join(ledger, losers)
        if losers is not None:
            interrupts = await _undo(losers, error)
            if interrupts:
                raise verdict([*interrupts, *([] if error is None else [error])])


def _begin(
    branch: Branch, fn: Callable[..., Awaitable[Result[Any, Any]]]
) -> Awaitable[Result[Any, Any]]:
    # Called in the task of the branch, which ends with it: this is never reset.
    current_saga.set(branch)
    return fn()


async def _undo(ledger: Ledger, error: Any) -> list[BaseException]:
    """Undo a saga inside another one; return the interrupts that have to leave now."""
    undoing = await unwind(ledger, error)
    hand_up(ledger)
    return [] if undoing is None else undoing.interrupts
