"""The attributes of a span, made when somebody looks: a sampler that asks, a span that records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, final

from awaitly_trio.otel._attributes import of_scope

if TYPE_CHECKING:
    from collections.abc import Iterator

    from awaitly_trio._values.scopes import Scope


@final
class Described(Mapping[str, Any]):
    """What is known of a scope when it begins; for what is not sampled none of it is built."""

    __slots__ = ("_made", "_scope")

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._made: dict[str, Any] | None = None

    def _all(self) -> dict[str, Any]:
        if self._made is None:
            self._made = of_scope(self._scope)
        return self._made

    def __getitem__(self, name: str) -> Any:
        return self._all()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())
