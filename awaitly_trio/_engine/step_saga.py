"""The parts of a step that can be undone, or that decide that nothing will be."""

from __future__ import annotations

from types import FunctionType
from typing import TYPE_CHECKING, Generic

from typing_extensions import ParamSpec, TypeVar

from awaitly_trio._engine import saga
from awaitly_trio._engine.options import check_label
from awaitly_trio._engine.pipeline import Call
from awaitly_trio._engine.run import current_saga
from awaitly_trio._engine.saga_ledger import Entry, Ledger, root_of, tick
from awaitly_trio._engine.step_base import StepBase
from awaitly_trio._values.result import Ok

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from awaitly_trio._engine.saga import SagaBlock
    from awaitly_trio._policies.saga import SagaOptions
    from awaitly_trio._values.errors import UnexpectedError
    from awaitly_trio._values.result import Err

P = ParamSpec("P")
T = TypeVar("T")
E_contra = TypeVar("E_contra", contravariant=True)


class SagaStep(StepBase, Generic[E_contra]):
    """Runs steps whose effects are undone when the saga around them fails."""

    __slots__ = ()

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
        if self._plain and type(fn) is FunctionType:
            place = current_saga.get()
            if type(place) is Ledger and place.run is run:
                ledger = place
            else:
                ledger = run.saga or root_of(run)
            if ledger.is_quick and callable(compensate):
                result = await fn(*args, **kwargs)
                if type(result) is Ok:
                    # No checkpoint since it completed, so it cannot be forgotten.
                    entry = Entry(fn, compensate, result.value, ledger.options, tick())
                    if ledger.is_quick:
                        ledger.entries.append(entry)
                    else:
                        await saga.keep_late(ledger, entry)
                    value: T = result.value
                    return value
                raise run.exit(result)
        call = Call(run, fn, args, kwargs, self._options)
        returned: T = self._value_of(await saga.compensated(call, compensate))
        return returned

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
        return saga.SagaBlock(self._run, check_label(name, "name"), options)
