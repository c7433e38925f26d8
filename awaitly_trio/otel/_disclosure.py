"""What telemetry may tell of a program's own data: nothing, unless asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias, final

import msgspec

from awaitly_trio._values.plain import shown

if TYPE_CHECKING:
    from awaitly_trio._values.scopes import Scope

Redact: TypeAlias = Callable[[str, Any], Any]
"""Given what it is and the thing itself, returns what may be told in its place.

It is one of ``"arguments"``, ``"result"``, ``"error"`` and ``"exception"``.
"""

LONGEST = 1000


def as_it_is(what: str, value: Any) -> Any:  # noqa: ARG001
    """Tell everything."""
    return value


@final
class Disclosure(msgspec.Struct, frozen=True):
    """Whether arguments, results and errors are told, and what stands in their place.

    ``values`` allows the ``repr`` of them, cut after a thousand characters; their
    types are told in any case.  ``redact`` has the last word, and is also asked about
    the exceptions of defects, which are told with their messages otherwise.  What it
    raises is logged, and the thing stays untold.
    """

    values: bool = False
    redact: Redact = as_it_is

    def text(self, what: str, value: Any) -> str:
        """Return what may be told of a thing, as text."""
        told = self.redact(what, value)
        text = told if isinstance(told, str) else shown(told)
        return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"

    def arguments(self, scope: Scope) -> str:
        """Return what may be told of the arguments of a step."""
        named = scope.keywords or {}
        return self.text("arguments", (*scope.arguments, named) if named else scope.arguments)
