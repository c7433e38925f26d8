"""The work of a parallel block: what begins and ends around its branches, and in what order.

The block is a scope, and so is each branch.  A branch that fails cancels the
others with a reason and ends the run when all of them have ended.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Generic, final

import msgspec
import trio
from typing_extensions import TypeVar

from awaitly_trio._engine.attempts import expired
from awaitly_trio._engine.cancellation import outcome_of_block
from awaitly_trio._engine.pipeline import Call, perform, read_cancelled
from awaitly_trio._engine.watch import current_scope
from awaitly_trio._tasks.crew import HELD, Crew
from awaitly_trio._values.callables import name_of
from awaitly_trio._values.errors import RunClosedError
from awaitly_trio._values.events import StepTimedOut
from awaitly_trio._values.result import Ok

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextvars import Token

    from awaitly_trio._engine.options import StepOptions
    from awaitly_trio._engine.run import Run
    from awaitly_trio._values.scopes import Scope

T_co = TypeVar("T_co", covariant=True)
G = TypeVar("G")


@final
class Handle(msgspec.Struct, Generic[T_co], eq=False):
    """What a branch of a parallel block will have produced when the block has ended."""

    _fn: Any
    index: int | None = None
    result: Ok[T_co] | None = None

    @property
    def name(self) -> str:
        """The name of the branch's function."""
        return name_of(self._fn)

    @property
    def is_done(self) -> bool:
        """Whether the branch has succeeded."""
        return self.result is not None

    @property
    def value(self) -> T_co:
        """The value of the branch.

        Raises:
          RuntimeError: The branch has not succeeded, or not yet: read it after the block.
        """
        if self.result is None:
            msg = f"branch {self.name!r} has no value yet: read it after the block"
            raise RuntimeError(msg)
        return self.result.value

    def __repr__(self) -> str:
        state = "no value yet" if self.result is None else f"value={self.result.value!r}"
        return f"<Handle of {self.name!r}, {state}>"


@final
class Block(Crew):
    """The work of a parallel block: its scope, its allowance, its crew, from outside in.

    A crew itself, as each ``await`` between a block and its nursery would be felt.
    """

    __slots__ = (
        "_begun",
        "_calls",
        "_limit",
        "_name",
        "_open",
        "_options",
        "_run",
        "_scope",
        "_token",
        "is_plain",
    )

    def __init__(self, run: Run, name: str, options: StepOptions) -> None:
        super().__init__()
        self._run = run
        self._name = name
        self._options = options
        self._calls: list[Call] = []
        self._limit: trio.CancelScope | None = None
        self._scope: Scope | None = None
        self._token: Token[Scope | None] | None = None
        self._begun = self._open = False
        self.is_plain = False
        """Whether a branch without options is a call, and nobody has to be told."""

    def launch(
        self,
        options: StepOptions,
        fn: Callable[..., Awaitable[Any]],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Handle[Any]:
        """Start a branch.

        Raises:
          RunClosedError: The block is not open.
        """
        if not self._open:
            raise self._closed()
        run = self._run
        handle: Handle[Any] = Handle(fn)
        call = Call(run, fn, args, kwargs, options, parent=self._scope)
        call.reserve_number()
        call.reads = partial(read_cancelled, self, self._calls)
        handle.index = len(self._calls)
        self._calls.append(call)
        self.nursery.start_soon(work, self, handle, perform, (call,), None)
        return handle

    def _closed(self) -> RunClosedError:
        what = "parallel block"
        return RunClosedError(what, self._name, self._begun)

    async def open(self, entered: G) -> G:
        """Begin the scope, the allowance and the nursery; return what was entered.

        Raises:
          RunClosedError: The run has ended, or the block was entered before.
        """
        run = self._run
        run.check_open()
        if self._begun:
            raise self._closed()
        self._begun = True
        if run.watch is not None:
            scope = self._scope = run.open_scope(
                "parallel", self._name, current_scope.get(), self._options
            )
            run.watch.start(scope)
            self._token = current_scope.set(scope)
        if self._options.timeout is not None:
            self._limit = trio.move_on_after(self._options.timeout)
            self._limit.__enter__()
        self.nursery = await self._manager.__aenter__()
        self._open, self.is_plain = True, run.bare
        return entered

    async def close(self, exc: BaseException | None) -> bool:
        """Wait for all branches and end what was begun; tell whether nothing has to leave."""
        failure = exc
        if exc is None and not self.nursery.child_tasks:
            failure = await _cancelled(self._run)
        failure = await self.wait(failure)
        self._open = self.is_plain = False
        if self._limit is not None:
            failure = self._end_allowance(self._limit, failure)
        if self._run.watch is not None and self._scope is not None and self._token is not None:
            current_scope.reset(self._token)
            late = self._limit is not None and self._limit.cancelled_caught
            self._run.watch.end(self._scope, outcome_of_block(failure, late=late))
        if failure is None:
            return True
        if failure is exc:
            return False
        try:
            raise failure
        finally:
            # It holds this frame; without this the frame would hold it too.
            del failure

    def exit(self, result: object) -> BaseException:
        """Make the exit of the run with which a branch failed."""
        return self._run.exit(result)

    def blame(self, handle: Handle[Any], failure: BaseException) -> None:
        """End the block for the failure of a branch."""
        reason = f"branch {handle.name!r} of block {self._name!r} failed"
        self.fail(failure, handle.index, reason)

    def _end_allowance(
        self, limit: trio.CancelScope, failure: BaseException | None
    ) -> BaseException | None:
        try:
            if limit.__exit__(_kind(failure), failure, None):
                failure = None
        except BaseException as arrived:  # noqa: ASYNC103  # returned, and raised by the block
            failure = arrived
        if failure is None and limit.cancelled_caught:
            seconds = self._options.timeout or 0.0
            if self._run.watch is not None and self._scope is not None:
                self._run.watch.emit(StepTimedOut, self._scope, seconds=seconds, attempt=1)
            result = expired(self._options, self._name, seconds, total=False)
            return None if type(result) is Ok else self._run.exit(result)
        return failure


async def work(
    block: Block,
    handle: Handle[Any],
    fn: Callable[..., Awaitable[Any]],
    args: tuple[Any, ...],
    kwargs: dict[str, Any] | None,
) -> None:
    """Do what a task of a block does; no method, because Trio writes the name of each task."""
    try:
        result = await (fn(*args, **kwargs) if kwargs else fn(*args))
        if type(result) is Ok:
            handle.result = result
        else:
            block.blame(handle, block.exit(result))
    except HELD as exc:
        block.blame(handle, exc)


async def _cancelled(run: Run) -> BaseException | None:
    """Be a cancellation point; return what it raised, to be handed to the nursery first."""
    try:
        await run.answer_at_once()
    except BaseException as cancelled:  # noqa: ASYNC103  # handed to the nursery, then raised
        return cancelled  # noqa: ASYNC104  # likewise
    return None


def _kind(exc: BaseException | None) -> type[BaseException] | None:
    return None if exc is None else type(exc)
