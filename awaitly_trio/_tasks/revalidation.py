"""A block within which cached values are refreshed beside the work, by tasks that end with it."""

from __future__ import annotations

import logging
from contextlib import asynccontextmanager
from contextvars import Context, ContextVar, copy_context
from typing import TYPE_CHECKING, Any, final

from awaitly_trio._tasks.crew import Crew

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    import trio

_logger = logging.getLogger("awaitly_trio")


@final
class _Block:
    __slots__ = ("context", "nursery")

    def __init__(self, nursery: trio.Nursery, context: Context) -> None:
        self.nursery: trio.Nursery | None = nursery
        # A refresh outlives the call that asked for it: it must not run in that call's
        # spans, scopes and budgets.
        self.context = context


_current: ContextVar[_Block | None] = ContextVar("awaitly_trio.revalidation", default=None)


@asynccontextmanager
async def revalidating() -> AsyncGenerator[None]:
    """Let cached functions answer with a stale value and refresh it in the background.

    This holds for the block and the tasks it starts.  When it is left, refreshes
    under way are cancelled.  One that raises is logged, and the stale value stays.
    """
    context = copy_context()
    async with Crew() as crew:
        block = _Block(crew.nursery, context)
        token = _current.set(block)
        try:
            yield
        finally:
            _current.reset(token)
            # A task that outlives the block still has it in its context.
            block.nursery = None
            crew.nursery.cancel_scope.cancel(reason="nothing is refreshed after the block")


def refresh_soon(refresh: Callable[[], Awaitable[Any]]) -> bool:
    """Start a refresh in the background; ``False`` where no block is there to run it."""
    block = _current.get()
    if block is None or block.nursery is None:
        return False
    block.context.run(block.nursery.start_soon, _logged, refresh)
    return True


async def _logged(refresh: Callable[[], Awaitable[Any]]) -> None:
    try:
        await refresh()
    except Exception:
        _logger.exception("a stale value could not be refreshed by %r", refresh)
