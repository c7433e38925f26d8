"""The one schedule of runs that are not explored, so that two of them are alike."""

from __future__ import annotations

import sys
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

from awaitly_trio.testing._choosers import RunOn
from awaitly_trio.testing._errors import SchedulerBusyError, SchedulerUnavailableError
from awaitly_trio.testing._run_loop import order_decided_by
from awaitly_trio.testing._scheduler import Scheduler

if TYPE_CHECKING:
    from collections.abc import Generator


@contextmanager
def steadily() -> Generator[None]:
    """Let each task of the runs in the block run until it waits, then the next in order of birth.

    Where schedules cannot be decided, or another thread decides them, Trio's
    own order has to do.
    """
    scheduler = Scheduler()
    scheduler.begin(RunOn(), limit=sys.maxsize, on_limit=lambda: None)
    with ExitStack() as stack:
        with suppress(SchedulerUnavailableError, SchedulerBusyError):
            stack.enter_context(order_decided_by(scheduler))
        yield
