"""A nursery whose children record their failures instead of raising through it.

A failure that is raised through a nursery costs an exception group and says
nothing of its order.  Here a child that fails records what happened and
cancels the others with a reason; the block then raises what wins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from awaitly_trio._values.exits import Exit, leaves, verdict

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from awaitly_trio._values.outcomes import Why

HELD = (Exception, Exit)
"""What a child records.  Everything else, ``Cancelled`` first, leaves by itself."""


class Crew:
    """Children that end together: nothing they do outlives the block.

    Children are started in ``nursery`` and must catch ``HELD`` and give it to
    ``fail``.  The block raises what ``verdict`` makes of the failures.

    ``why`` is the kind of cancellation that the crew itself caused, if it did,
    and ``by`` the index of the child that made it do so.
    """

    __slots__ = ("_manager", "by", "failures", "nursery", "reason", "why")

    nursery: trio.Nursery

    def __init__(self) -> None:
        self.failures: list[BaseException] = []
        self.why: Why | None = None
        self.by: int | None = None
        self.reason: str | None = None
        self._manager = trio.open_nursery()

    async def __aenter__(self) -> Self:
        self.nursery = await self._manager.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        # Not annotated as ``bool``: checkers would take names that are bound in
        # the block as possibly unbound after it.
        failure = await self.wait(exc)  # noqa: ASYNC102  # a nursery
        if failure is None:
            return True
        if failure is exc:
            return False
        try:
            raise failure
        finally:
            # It holds this frame; without this the frame would hold it too.
            del failure

    async def wait(self, exc: BaseException | None) -> BaseException | None:
        """Wait for all children, when the body of the block has ended with ``exc``, if anything.

        Returns:
          What has to leave the block, if anything.
        """
        held = exc is not None and isinstance(exc, HELD)
        if exc is not None and held:
            self.fail(exc, None, "the body of the block failed")
        left = None if held else exc
        try:
            if await self._manager.__aexit__(None if left is None else type(left), left, None):
                left = None
        except BaseException as arrived:  # noqa: ASYNC103  # part of what has to leave
            left = arrived
        if not self.failures:
            return left
        failures = self.failures if left is None else [*self.failures, left]
        # They hold the frames of the block, and those hold this crew.
        self.failures = []
        return verdict(failures)

    def fail(self, exception: BaseException, by: int | None, reason: str) -> None:
        """Record the failure of a child, or of the body, and cancel the others."""
        self.failures.append(exception)
        self.end("sibling_failed", by, reason)

    def end(self, why: Why, by: int | None, reason: str) -> None:
        """Cancel those who still work; only the first call says why."""
        if self.why is None:
            self.why, self.by, self.reason = why, by, reason
        self.nursery.cancel_scope.cancel(reason=reason)

    def caused(self, exception: BaseException) -> bool:
        """Tell whether a cancellation, alone or in a group, is the one that this crew caused.

        Trio hands on the very string that was given as the reason, and each
        crew makes its own, so identity tells crews with equal reasons apart.
        """
        return self.reason is not None and any(
            isinstance(each, trio.Cancelled) and each.reason is self.reason
            for each in leaves([exception])
        )
