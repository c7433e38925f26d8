"""Things that are acquired, used and released in reverse order, whatever happens."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, TypeVar, final

import trio

from awaitly_trio._values.duration import format_duration, seconds
from awaitly_trio._values.errors import ReleaseError, RunClosedError
from awaitly_trio._values.exits import note

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
    """

    __slots__ = ("_held", "_open", "_release_timeout")

    def __init__(self, *, release_timeout: Duration = 5.0) -> None:
        self._release_timeout = seconds(release_timeout, "release_timeout")
        self._held: list[tuple[Any, Callable[[Any], Any]]] = []
        self._open = False

    async def __aenter__(self) -> ResourceScope:
        self._open = True
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        errors: list[Exception] = []
        while self._held:
            value, release = self._held.pop()
            failed = await self._release(value, release)  # noqa: ASYNC102  # it shields
            if failed is not None:
                errors.append(failed)
        self._open = False
        if errors and exc is None:
            raise ReleaseError(errors)
        for error in errors:
            logger.error("a release failed after the body did", exc_info=error)
            note(exc, f"a release failed too: {error!r}")  # type: ignore[arg-type]

    def __len__(self) -> int:
        return len(self._held)

    def hold(self, value: T, release: Callable[[T], Any]) -> T:
        """Put in a thing that is already acquired, and return it.

        ``release`` is called with it when the block ends; it may be async.  Not
        a checkpoint: nothing can happen between acquiring and holding.

        Raises:
          RunClosedError: The block is not open.
        """
        if not self._open:
            what = "resource scope"
            raise RunClosedError(what, getattr(release, "__name__", repr(release)))
        self._held.append((value, release))
        return value

    async def _release(self, value: Any, release: Callable[[Any], Any]) -> Exception | None:
        """Release one thing; return what went wrong."""
        # Shielded, or a cancelled block would leak; the deadline bounds the
        # time for which one stuck release can hold up everything around it.
        with trio.move_on_after(self._release_timeout, shield=True):
            try:
                answer = release(value)
                if hasattr(answer, "__await__"):
                    await answer
            except Exception as exc:  # the others must be released too
                return exc
            return None
        allowed = format_duration(self._release_timeout)
        return TimeoutError(f"releasing {value!r} took longer than {allowed}")
