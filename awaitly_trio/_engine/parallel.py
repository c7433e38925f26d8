"""A parallel block as a body sees it: it starts branches, which are steps and fail fast."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, final, overload

from typing_extensions import ParamSpec, TypeVar

from awaitly_trio._engine.block import Block, Handle, work
from awaitly_trio._engine.options import NO_OPTIONS, StepOptions, changed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from types import TracebackType

    from awaitly_trio._engine.run import Run
    from awaitly_trio._policies.retry import Retry
    from awaitly_trio._policies.schedule import Schedule
    from awaitly_trio._tasks.policy import Policy
    from awaitly_trio._values.duration import Duration
    from awaitly_trio._values.errors import TimedOut, UnexpectedError
    from awaitly_trio._values.result import Err, Ok

P = ParamSpec("P")
T = TypeVar("T")
E_contra = TypeVar("E_contra", contravariant=True)
S = TypeVar("S", bound="BranchStarter[TimedOut]")


class BranchStarter(Generic[E_contra]):
    """Starts branches of a parallel block, all with the same options."""

    __slots__ = ("_block", "_options")

    def __init__(self, block: Block, options: StepOptions) -> None:
        self._block = block
        self._options = options

    def start_soon(
        self,
        fn: Callable[P, Awaitable[Ok[T] | Err[E_contra | UnexpectedError]]],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Handle[T]:
        """Start a branch, a step of its own, and return its handle.

        Raises:
          RunClosedError: The block has ended, or has not begun.
        """
        block = self._block
        if not block.is_plain or self._options is not NO_OPTIONS:
            return block.launch(self._options, fn, args, kwargs)
        handle: Handle[T] = Handle(fn)
        # No empty dictionary: ten thousand of them would be felt.
        block.nursery.start_soon(work, block, handle, fn, args, kwargs or None)
        return handle

    @overload
    def options(
        self,
        *,
        name: str = ...,
        key: str = ...,
        retry: Schedule[Any, Any] | Retry | None = ...,
        fallback: Callable[[Any], Any] | None = ...,
        policy: Policy[E_contra] | None = ...,
        description: str = ...,
        tags: Sequence[str] = ...,
    ) -> BranchStarter[E_contra]: ...
    @overload
    def options(
        self,
        *,
        timeout: Duration | None = ...,
        total_timeout: Duration | None = ...,
        on_timeout: E_contra,
        name: str = ...,
        key: str = ...,
        retry: Schedule[Any, Any] | Retry | None = ...,
        fallback: Callable[[Any], Any] | None = ...,
        policy: Policy[E_contra] | None = ...,
        description: str = ...,
        tags: Sequence[str] = ...,
    ) -> BranchStarter[E_contra]: ...
    @overload
    def options(
        self: S,
        *,
        timeout: Duration | None = ...,
        total_timeout: Duration | None = ...,
        name: str = ...,
        key: str = ...,
        retry: Schedule[Any, Any] | Retry | None = ...,
        fallback: Callable[[Any], Any] | None = ...,
        policy: Policy[E_contra] | None = ...,
        description: str = ...,
        tags: Sequence[str] = ...,
    ) -> S: ...
    def options(self, **changes: Any) -> Any:
        """Return a starter of branches with options; those of ``step.options`` apply."""
        configured: BranchStarter[Any] = BranchStarter(self._block, changed(self._options, changes))
        return configured


@final
class Group(BranchStarter[E_contra], Generic[E_contra]):
    """A parallel block: it starts branches and ends with all of them.

    Leaving the block waits for every branch.  It is a cancellation point, also
    when it is empty.
    """

    __slots__ = ()

    def __init__(self, run: Run, name: str, options: StepOptions = NO_OPTIONS) -> None:
        super().__init__(Block(run, name, options), NO_OPTIONS)

    def __aenter__(self) -> Awaitable[Group[E_contra]]:
        return self._block.open(self)

    def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> Awaitable[bool | None]:
        # Not annotated as ``bool``: checkers would take every name that is
        # bound in the block as possibly unbound after it.
        return self._block.close(exc)
