"""Callbacks that may watch but not disturb."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Generic, TypeVar, final

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

_logger = logging.getLogger("awaitly_trio")


@final
class Listener(Generic[T]):
    """Call a callback, if there is one, such that nothing it raises is felt.

    An exception is logged and counted in ``failures``.  What is no ``Exception`` propagates.
    """

    __slots__ = ("_callback", "failures")

    def __init__(self, callback: Callable[[T], object] | None) -> None:
        self._callback = callback
        self.failures = 0

    def tell(self, event: T) -> None:
        """Let the callback know."""
        if self._callback is None:
            return
        try:
            self._callback(event)
        except Exception:
            self.failures += 1
            _logger.exception("listener %r raised on %r", self._callback, event)
