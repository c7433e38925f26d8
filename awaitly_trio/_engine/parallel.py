"""A parallel block: a nursery whose branches are steps and fail fast.

The block is a scope, and so is each branch.  A branch that fails cancels the
others with a reason and ends the run when all of them have ended.
"""

from __future__ import annotations

from contextvars import Token
from typing import TYPE_CHECKING, Any, Generic, final

import trio
from typing_extensions import ParamSpec, TypeVar

from awaitly_trio._engine.cancellation import outcome_of_exception
from awaitly_trio._engine.options import MISSING, NO_OPTIONS, StepOptions
from awaitly_trio._engine.pipeline import Call, checkpoint, name_of, perform
from awaitly_trio._engine.watch import current_scope
from awaitly_trio._tasks.crew import HELD, Crew
from awaitly_trio._values.errors import RunClosedError, TimedOut, UnexpectedError
from awaitly_trio._values.events import StepTimedOut
from awaitly_trio._values.exits import Exit, refuse_result
from awaitly_trio._values.outcomes import Outcome
from awaitly_trio._values.result import Err, Ok

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import TracebackType

    from awaitly_trio._engine.run import Run
    from awaitly_trio._values.scopes import Scope

P = ParamSpec("P")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
E_contra = TypeVar("E_contra", contravariant=True)


@final
class Handle(Generic[T_co]):
    """What a branch of a parallel block will have produced when the block has ended."""

    __slots__ = ("_ended", "_name", "_value")

    def __init__(self, name: str) -> None:
        self._name = name
        self._ended = False
        self._value: Any = None

    @property
    def is_done(self) -> bool:
        """Whether the branch has succeeded."""
        return self._ended

    @property
    def value(self) -> T_co:
        """The value of the branch.

        Raises:
          RuntimeError: The branch has not succeeded, or not yet: read it after the block.
        """
        if not self._ended:
            msg = f"branch {self._name!r} has no value yet: read it after the parallel block"
            raise RuntimeError(msg)
        return self._value  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        state = f"value={self._value!r}" if self._ended else "no value yet"
        return f"<Handle {self._name!r} {state}>"


@final
class Group(Generic[E_contra]):
    """The open parallel block: it starts branches and ends with all of them.

    Leaving the block waits for every branch.  It is a cancellation point, also
    when it is empty.
    """

    __slots__ = (
        "_block",
        "_crew",
        "_failed",
        "_limit",
        "_name",
        "_open",
        "_options",
        "_run",
        "_scope",
        "_token",
        "_used",
    )

    def __init__(self, run: Run, name: str, options: StepOptions = NO_OPTIONS) -> None:
        self._run = run
        self._name = name
        self._options = NO_OPTIONS
        self._block = options
        self._crew = Crew()
        self._failed: str | None = None
        self._limit: trio.CancelScope | None = None
        self._scope: Scope | None = None
        self._token: Token[Scope | None] | None = None
        self._open = False
        self._used = False

    def start_soon(
        self,
        fn: Callable[P, Awaitable[Ok[T] | Err[E_contra | UnexpectedError]]],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Handle[T]:
        """Start a branch, a step of its own, and return its handle.

        Raises:
          RunClosedError: The block has ended.
        """
        if not self._open:
            what = "parallel block"
            raise RunClosedError(what, self._name)
        self._used = True
        run = self._run
        handle: Handle[T] = Handle(name_of(fn))
        if run.bare and self._options is NO_OPTIONS:
            self._crew.nursery.start_soon(self._branch, handle, fn, args, kwargs)
        else:
            call = Call(run, fn, args, kwargs, self._options, parent=self._scope, reads=self._read)
            self._crew.nursery.start_soon(self._branch, handle, perform, (call,), {})
        return handle

    def options(self, **changes: Any) -> Group[E_contra]:
        """Return this block with options for the branches started through it."""
        from awaitly_trio._engine.options import changed  # noqa: PLC0415

        configured: Group[Any] = object.__new__(Group)
        for slot in self.__slots__:
            setattr(configured, slot, getattr(self, slot))
        configured._options = changed(self._options, changes)
        return configured

    async def __aenter__(self) -> Group[E_contra]:
        run = self._run
        run.check_open()
        if run.watch is not None:
            scope = self._scope = run.open_scope(
                "parallel", self._name, current_scope.get(), self._block
            )
            run.watch.start(scope)
            self._token = current_scope.set(scope)
        if self._block.timeout is not None:
            self._limit = trio.move_on_after(self._block.timeout)
            self._limit.__enter__()
        await self._crew.__aenter__()
        self._open = True
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        failure = exc
        try:
            if exc is None and not self._used:
                await checkpoint()
        except BaseException as cancelled:
            failure = cancelled
        failure = await self._join(failure)
        self._open = False
        self._end_scope(failure)
        if failure is None:
            return True
        if failure is exc:
            return False
        raise failure

    async def _join(self, exc: BaseException | None) -> BaseException | None:
        """Wait for all branches; return what has to leave the block."""
        kind = None if exc is None else type(exc)
        failure = exc
        try:
            if await self._crew.__aexit__(kind, exc, None):
                failure = None
        except BaseException as arrived:
            failure = arrived
        if self._limit is None:
            return failure
        try:
            kind = None if failure is None else type(failure)
            if self._limit.__exit__(kind, failure, None):
                failure = None
        except BaseException as arrived:
            failure = arrived
        if failure is None and self._limit.cancelled_caught:
            return self._out_of_time()
        return failure

    def _out_of_time(self) -> Exit | None:
        seconds = self._block.timeout or 0.0
        if self._run.watch is not None and self._scope is not None:
            self._run.watch.emit(StepTimedOut, self._scope, seconds=seconds, attempt=1)
        record = TimedOut(self._name, seconds)
        wanted = self._block.on_timeout
        return self._run.exit(Err(record) if wanted is MISSING else Err(wanted, record))

    def _end_scope(self, failure: BaseException | None) -> None:
        watch = self._run.watch
        if watch is None or self._scope is None or self._token is None:
            return
        current_scope.reset(self._token)
        outcome = Outcome("ok") if failure is None else outcome_of_exception(failure)
        watch.end(self._scope, outcome)

    async def _branch(
        self,
        handle: Handle[Any],
        fn: Callable[..., Awaitable[Any]],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        try:
            result = await fn(*args, **kwargs)
            if type(result) is Ok:
                handle._value = result.value
                handle._ended = True
                return
            if type(result) is not Err:
                refuse_result(result)
            failure: BaseException = self._run.exit(result)
        except HELD as exc:
            failure = exc
        if self._failed is None:
            self._failed = handle._name
        self._crew.fail(failure, f"sibling {handle._name!r} failed in block {self._name!r}")

    def _read(self, exception: BaseException) -> Outcome:
        """Read a branch that was cancelled because a sibling failed, as just that."""
        if self._failed is not None and getattr(exception, "reason", None) == self._reason:
            return outcome_of_exception(exception, "sibling_failed", self._path_of(self._failed))
        return outcome_of_exception(exception)

    @property
    def _reason(self) -> str:
        return f"sibling {self._failed!r} failed in block {self._name!r}"

    def _path_of(self, name: str) -> str:
        return name if self._scope is None else f"{self._scope.path}/{name}"
