"""Compensation: what completed steps of a failed saga left behind is undone, newest first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from awaitly_trio._engine.pipeline import Call
    from awaitly_trio._values.result import Result


async def compensated(call: Call, compensate: Callable[[Any], Any]) -> Result[Any, Any]:
    """Run a step and remember how to undo it."""
    raise NotImplementedError


class SagaBlock:
    def __init__(self, run: Any, name: str) -> None:
        raise NotImplementedError
