"""The parts of a step that can be undone, or that decide that nothing will be."""

from __future__ import annotations

from types import FunctionType
from typing import TYPE_CHECKING, Generic

import msgspec
import trio
from typing_extensions import ParamSpec, TypeVar

from awaitly_trio._engine.options import check_label
from awaitly_trio._engine.pipeline import Call, perform
from awaitly_trio._engine.saga import compensated, keep_late, kept, pivot
from awaitly_trio._engine.saga_block import SagaBlock
from awaitly_trio._engine.saga_ledger import tick
from awaitly_trio._engine.saga_place import ledger_of, options_at, place_of, root_of
from awaitly_trio._engine.step_base import StepBase
from awaitly_trio._policies.retry import as_retry
from awaitly_trio._values.result import Ok

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from awaitly_trio._policies.saga import SagaOptions
    from awaitly_trio._values.errors import UnexpectedError
    from awaitly_trio._values.result import Err

P = ParamSpec("P")
T = TypeVar("T")
E_contra = TypeVar("E_contra", contravariant=True)


class SagaStep(StepBase, Generic[E_contra]):
    """Runs steps whose effects are undone when the saga around them fails."""

    # An interrupt between the completion of a step and its entry would lose the
    # entry: inside a compensated step Ctrl-C arrives at checkpoints only.
    @trio.lowlevel.enable_ki_protection
    async def compensated(
        self,
        fn: Callable[P, Awaitable[Ok[T] | Err[E_contra | UnexpectedError]]],
        compensate: Callable[[T], object],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Run a step whose effect is undone when the saga around it fails.

        The saga is the innermost ``step.saga`` block, or the run.  When it
        succeeds, the saga around it answers for the step, sub-workflows
        included; when the outermost succeeds, the effect stays.

        Args:
          fn: A dependency.  Where it is a workflow, ``compensate`` takes the
            place of the compensations inside it.
          compensate: Called with the step's value; sync or async.  It has failed
            when it raises or returns an ``Err``.
          args: Its positional arguments.
          kwargs: Its keyword arguments.

        Raises:
          RunClosedError: The run has ended, or the saga is being undone.
          ValueError: ``depends_on`` names a step that has not completed here.
        """
        run = self._run
        if self._plain and type(fn) is FunctionType and callable(compensate):
            ledger = run.saga or root_of(run)
            if ledger.is_direct:
                result = await (fn(*args, **kwargs) if kwargs else fn(*args))  # pyright: ignore[reportCallIssue]
                if type(result) is Ok:
                    value: T = result.value
                    # No checkpoint since it completed, so it cannot be forgotten.
                    if ledger.is_direct:
                        ledger.entries.append((fn, compensate, value, 0, None))
                    else:
                        await keep_late(ledger, (fn, compensate, value, tick(), None))
                    return value
                raise run.exit(result)
            ledger = ledger_of(run)
            if ledger.is_quick:
                called: T = self._value_of(await kept(ledger, fn, compensate, args, kwargs))
                return called
        call = Call(run, fn, args, kwargs, self._options)
        returned: T = self._value_of(await compensated(call, compensate))
        return returned

    @trio.lowlevel.enable_ki_protection  # as above
    async def pivot(
        self,
        fn: Callable[P, Awaitable[Ok[T] | Err[E_contra | UnexpectedError]]],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Run a step that is the point of no return.

        When it completes, nothing that was done before it will be undone any
        more, neither here nor in the sagas around; what comes after it may be
        undone down to here.  When it fails, everything is undone as usual.
        """
        call = Call(self._run, fn, args, kwargs, self._options)
        value: T = self._value_of(await pivot(call))
        return value

    async def retriable(
        self,
        fn: Callable[P, Awaitable[Ok[T] | Err[E_contra | UnexpectedError]]],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Run a step that leads forward: it is tried again until it succeeds.

        The schedule is the step's own ``retry``, else that of the saga's
        ``forward``.  Deadlines around it still hold.
        """
        options = self._options
        if options.retry is None:
            forward = options_at(place_of(self._run)).forward
            options = msgspec.structs.replace(options, retry=as_retry(forward))
        call = Call(self._run, fn, args, kwargs, options)
        value: T = self._value_of(await perform(call))
        return value

    def saga(self, name: str, options: SagaOptions | None = None) -> SagaBlock:
        """Open a saga inside this one: ``async with step.saga("hotel")``.

        It is undone as a unit when something leaves the block, which then goes
        on leaving; when the block succeeds, the saga around it answers for its
        steps.  Entering it is a cancellation point.

        Args:
          name: What observers call it.
          options: How it is undone; like the saga around it unless given.
        """
        self._check_plain("saga")
        return SagaBlock(self._run, check_label(name, "name"), options)
