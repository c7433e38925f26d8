"""Where a defect arose: it leaves many scopes, and is told of once."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from awaitly_trio._values.exits import leaves

if TYPE_CHECKING:
    from awaitly_trio._values.outcomes import Outcome
    from awaitly_trio._values.scopes import Scope

_MOST_KEPT = 32


@final
class Defects:
    """The scopes under way, with the exceptions that have left those inside them."""

    def __init__(self) -> None:
        self._left: dict[Scope, list[BaseException] | None] = {}

    def begin(self, scope: Scope) -> None:
        """Note that a scope is under way."""
        self._left[scope] = None

    def end(self, scope: Scope, outcome: Outcome) -> bool:
        """Tell whether a scope ended with a defect that has left none inside it."""
        known = self._left.pop(scope, None) or ()
        if outcome.status != "defect":
            return False
        found = leaves([outcome.cause])
        above = scope.parent
        if above is not None and above in self._left:
            # A body may outlive any number of defects that it catches.
            self._left[above] = [*(self._left[above] or ()), *found][-_MOST_KEPT:]
        return not all(any(each is other for other in known) for each in found)
