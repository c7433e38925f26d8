"""Standing between steps and what they call: how a test fakes or breaks any dependency.

Unlike ``replace=`` it needs no hold of the workflow: it reaches every run that
starts in its block, whoever calls it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeAlias, final

if TYPE_CHECKING:
    from collections.abc import Generator

Choose: TypeAlias = Callable[[Any, Any], Any]
"""Given a dependency and what stands for it by now, returns what a step calls."""

_choose: ContextVar[Choose | None] = ContextVar("awaitly_trio.choose", default=None)


@final
class Interposed(dict[Any, Any]):
    """Replacements that ask a function about every dependency, also about those not listed."""

    def __init__(self, given: dict[Any, Any], choose: Choose) -> None:
        super().__init__(given)
        self._ask = choose

    def __bool__(self) -> bool:
        return True

    def get(self, fn: Any, default: Any = None) -> Any:
        """Return what stands for a dependency; it is ``default`` where nothing else is said."""
        return self._ask(fn, super().get(fn, default))


def interposed(given: dict[Any, Any]) -> dict[Any, Any]:
    """Return the replacements of a run, with what the current block chooses."""
    choose = _choose.get()
    return given if choose is None else Interposed(given, choose)


@contextmanager
def choosing(choose: Choose) -> Generator[None]:
    """Let a function choose what each step of the block, and of its tasks, calls."""
    token = _choose.set(choose)
    try:
        yield
    finally:
        _choose.reset(token)
