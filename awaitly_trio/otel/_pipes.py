"""A provider in use: it is flushed whoever made it, and closed if we did."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any, Protocol, final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from awaitly_trio.otel._delivery import Delivery

logger = logging.getLogger("awaitly_trio")


class Counter(Protocol):
    """Something of a provider of ours that knows what became of what went through it."""

    @property
    def lost(self) -> int:
        """How much will never arrive."""
        ...

    @property
    def waiting(self) -> int:
        """How much is still to be sent."""
        ...

    def begin_anew(self) -> None:
        """Count from zero, in a child that was forked."""
        ...


@final
class Pipe:
    """A provider with what may be done to it; its methods block, so call them in a thread.

    Args:
      provider: A provider of tracers or of meters.
      counters: What counts the losses of a provider of ours; ``None`` for one that the
        program has set itself, which is never closed.
      delivery: Tells what became of spans; ``None`` where that is unknown.
    """

    def __init__(
        self,
        provider: Any,
        counters: tuple[Counter, ...] | None = None,
        delivery: Callable[[], Delivery] | None = None,
    ) -> None:
        self.provider = provider
        self._counters = counters
        self._delivery = delivery
        self._closing = threading.Lock()
        self._closed: bool | None = None

    @property
    def is_ours(self) -> bool:
        """Whether it may be closed."""
        return self._counters is not None

    @property
    def is_closed(self) -> bool:
        """Whether nothing can be sent any more."""
        return self._closed is not None

    def delivery(self) -> Delivery | None:
        """Return what became of spans; ``None`` where that is unknown."""
        return None if self._delivery is None else self._delivery()

    def flush(self) -> bool:
        """Send what waits; return whether the provider did, and lost nothing meanwhile."""
        # Not every provider can be told to: those of the API alone have nothing that waits.
        force_flush = getattr(self.provider, "force_flush", None)
        if force_flush is None:
            return True
        return not self.is_closed and self._is_lossless(force_flush)

    def close(self) -> bool:
        """Send what waits and close the provider, once; flush it where it is not ours.

        Returns:
          As for ``flush``.  Who comes second is told what became of the first.
        """
        if self._counters is None:
            return self.flush()
        with self._closing:
            if self._closed is None:
                # Said before it is done: a provider that fails to close is not asked again.
                self._closed = False
                done = self._is_lossless(self.provider.shutdown)
                self._closed = done and not any(each.waiting for each in self._counters)
            return self._closed

    def begin_anew(self) -> None:
        """Forget what the parent was about to send, in a child that was forked."""
        # The thread that held it may not exist here.
        self._closing = threading.Lock()
        for each in self._counters or ():
            each.begin_anew()

    def _is_lossless(self, work: Callable[[], object]) -> bool:
        before = self._lost()
        return work() is not False and self._lost() == before

    def _lost(self) -> int:
        return sum(each.lost for each in self._counters or ())


def all_done(works: Iterable[Callable[[], bool]]) -> bool:
    """Do all, and tell whether all went well; what is raised is logged."""
    done = True
    for work in works:
        try:
            done = work() and done
        except Exception:
            logger.exception("telemetry could not be sent")
            done = False
    return done
