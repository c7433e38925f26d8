"""Things that are acquired, used and released in reverse order, whatever happens."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, TypeVar, final

import trio

from awaitly_trio._values.callables import name_of
from awaitly_trio._values.duration import format_duration, seconds
from awaitly_trio._values.errors import ReleaseError, RunClosedError
from awaitly_trio._values.exits import verdict
from awaitly_trio._values.notes import note
from awaitly_trio._values.plain import shown

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from awaitly_trio._values.duration import Duration

T = TypeVar("T")

logger = logging.getLogger("awaitly_trio")


@final
class ResourceScope:
    """Releases what was put in it, newest first, when the block ends.

    A release runs in a shield with a deadline, so a cancelled block still
    cleans up, in bounded time.  Every release is tried.  What the body raised
    always leaves as it is; failed releases are noted on it and logged.

    Args:
      release_timeout: Seconds that each release may take.

    Raises:
      ReleaseError: On leaving, when the body succeeded and a release did not.
      BaseException: On leaving, what must leave although a release raised it.
    """

    __slots__ = ("_begun", "_held", "_open", "_release_timeout")

    def __init__(self, *, release_timeout: Duration = 5.0) -> None:
        self._release_timeout = seconds(release_timeout, "release_timeout")
        self._held: list[tuple[Any, Callable[[Any], Any]]] = []
        self._begun = self._open = False

    async def __aenter__(self) -> ResourceScope:
        self.begin()
        return self

    def begin(self) -> None:
        """Take things from now on; what entering the block does.

        Raises:
          RuntimeError: The block is open: leaving it twice would release too early.
        """
        if self._open:
            raise RuntimeError("this resource scope is open already: enter another one inside it")
        self._begun = self._open = True

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        failures: list[BaseException] = []
        while self._held:
            value, release = self._held.pop()
            failed = await self._release(value, release)  # noqa: ASYNC102  # it shields
            if failed is not None:
                failures.append(failed)
        self._open = False
        errors = [each for each in failures if isinstance(each, Exception)]
        leaving = [each for each in failures if not isinstance(each, Exception)]
        if leaving:
            leaver = verdict(leaving if exc is None else [exc, *leaving])
            _report(errors, leaver)
            if leaver is not exc:
                raise leaver
        elif exc is not None:
            _report(errors, exc)
        elif errors:
            raise ReleaseError(errors)

    def __len__(self) -> int:
        return len(self._held)

    def hold(self, value: T, release: Callable[[T], Any]) -> T:
        """Put in a thing that is already acquired, and return it.

        ``release`` is called with it when the block ends; it may be async.  Not
        a checkpoint: nothing can happen between acquiring and holding.

        Raises:
          RunClosedError: The block is not open.
          TypeError: ``release`` is no function.
        """
        self.check_open(release)
        self._held.append((value, release))
        return value

    def check_open(self, release: Callable[[Any], Any]) -> None:
        """Make sure that the block would release what is put in now.

        Raises:
          RunClosedError: The block is not open.
          TypeError: ``release`` is no function.
        """
        if not callable(release):
            raise TypeError(f"release is {release!r}: write a function of what was acquired")
        if not self._open:
            what = "resource scope for"
            raise RunClosedError(what, name_of(release), self._begun)

    async def release(self, value: T, release: Callable[[T], Any]) -> None:
        """Release a thing at once, in a shield, as the end of the block would.

        Raises:
          TimeoutError: It took too long.
          BaseException: What the release raised.
        """
        failed = await self._release(value, release)
        if failed is not None:
            raise failed

    async def _release(self, value: Any, release: Callable[[Any], Any]) -> BaseException | None:
        """Release one thing; return what went wrong."""
        try:
            # Shielded, or a cancelled block would leak; the deadline bounds the
            # time for which one stuck release can hold up everything around it.
            with trio.move_on_after(self._release_timeout, shield=True):
                answer = release(value)
                if hasattr(answer, "__await__"):
                    await answer
                return None
        except BaseException as exc:  # noqa: ASYNC103  # the others first; raised at the end
            return exc  # noqa: ASYNC104
        allowed = format_duration(self._release_timeout)
        return TimeoutError(f"releasing {shown(value)} took longer than {allowed}")


def _report(errors: list[Exception], leaver: BaseException) -> None:
    """Keep failed releases where what leaves is something else."""
    for error in errors:
        logger.error("a release failed after the body did", exc_info=error)
        note(leaver, f"a release failed too: {shown(error)}")
