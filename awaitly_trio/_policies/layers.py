"""What a policy knows of its layers, and how policies merge.

A layer is anything that can guard a call: a retry rule, a time limit, a breaker, a limiter.  Here
it is described; that it can wrap a function is the business of ``_tasks``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar, final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from typing_extensions import Never

E_co = TypeVar("E_co", covariant=True)


@final
class Layer(msgspec.Struct, Generic[E_co], frozen=True):
    """What a layer is.

    ``kind`` is the place it takes when policies merge: the later one of a kind wins.  ``text`` is
    what ``explain`` shows, and ``errors`` the error values it may add to those of the call.
    """

    kind: str
    text: str
    errors: tuple[type[E_co], ...] = ()


class Layered(Protocol[E_co]):
    """What may be a layer of a policy.  It also has a method ``wrap``, as a breaker has."""

    @property
    def layer(self) -> Layer[E_co]:
        """What it is and which errors it adds."""
        ...


@final
class Without(msgspec.Struct, frozen=True):
    """Take the layers of a kind away when merged onto a policy that has some.

    Args:
      kind: ``"retry"``, ``"timeout"``, ``"total timeout"``, ``"breaker"``, or any other.
    """

    kind: str

    @property
    def layer(self) -> Layer[Never]:
        """Of the kind that it takes away."""
        return Layer(self.kind, f"without {self.kind}")


def merged(policies: Iterable[Sequence[Layered[Any]]]) -> tuple[Layered[Any], ...]:
    """Merge the layers of policies, from left to right.

    For each kind that a later policy has, its layers take the place of the first of that kind,
    and the others of that kind go.  Layers of a new kind come innermost.  What ``Without``
    takes away stays away until a later policy has it again.
    """
    found: list[Layered[Any]] = []
    for layers in policies:
        known = {each.layer.kind for each in found}
        for kind in dict.fromkeys(each.layer.kind for each in layers):
            if kind in known:
                place = next(i for i, each in enumerate(found) if each.layer.kind == kind)
                own = [each for each in layers if each.layer.kind == kind]
                rest = [each for each in found if each.layer.kind != kind]
                # Nothing before the first of its kind went, so its index still holds.
                found = [*rest[:place], *own, *rest[place:]]
        found += [each for each in layers if each.layer.kind not in known]
    return tuple(found)


def explained(layers: Sequence[Layered[Any]]) -> str:
    """Return a numbered list of the layers, outermost first, and the errors that they add."""
    active = [each.layer for each in layers if not isinstance(each, Without)]
    lines = [f"{number}. {layer.text}" for number, layer in enumerate(active, 1)]
    lines.append(f"{len(active) + 1}. the call")
    names = dict.fromkeys(error.__name__ for layer in active for error in layer.errors)
    lines.append(f"adds: {', '.join(names) or 'no errors'}")
    return "\n".join(lines)
