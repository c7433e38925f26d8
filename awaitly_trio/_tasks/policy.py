"""Policies: layers of protection as one value, for plain functions and for steps.

The order of the layers is the order in which they are written, outermost first.
"""

from __future__ import annotations

from functools import update_wrapper
from typing import TYPE_CHECKING, Any, Generic, TypeVar, final, overload

import msgspec
from typing_extensions import ParamSpec

from awaitly_trio._policies.layers import Layer, Layered, Without, explained, merged
from awaitly_trio._policies.retry import Retry
from awaitly_trio._tasks.retry import retrying
from awaitly_trio._tasks.simulation import Load, ServerModel, SimulationReport, run_simulation
from awaitly_trio._tasks.timeout import Timeout, limited
from awaitly_trio._values.callables import name_of
from awaitly_trio._values.result import Err, Ok

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from typing_extensions import Never

P = ParamSpec("P")
T = TypeVar("T")
E = TypeVar("E")
E_co = TypeVar("E_co", covariant=True)
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
F = TypeVar("F")
G = TypeVar("G")
H = TypeVar("H")
J = TypeVar("J")


@final
class Policy(msgspec.Struct, Generic[E_co], frozen=True):
    """Layers around a call, outermost first, as an immutable value.  Made by ``policy``.

    ``E`` are the errors that the layers add to those of the call.
    """

    layers: tuple[Layered[E_co], ...]

    @overload
    def wrap(
        self, fn: Callable[P, Awaitable[Ok[T] | Err[E]]]
    ) -> Callable[P, Awaitable[Ok[T] | Err[E | E_co]]]: ...
    @overload
    def wrap(self, fn: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[Ok[T] | Err[E_co]]]: ...
    def wrap(self, fn: Callable[P, Awaitable[Any]]) -> Callable[P, Awaitable[Any]]:
        """Return the function within all layers; it returns a result in any case.

        What the layers refuse or give up on is in ``Err``.  An exception that no retry
        names leaves through all of them.

        Args:
          fn: An async function.  If it returns no result, what it returns is in ``Ok``.
        """
        inner: Callable[P, Awaitable[Any]] = fn
        name = name_of(fn)
        for layer in reversed(self.layers):
            inner = _wrapped(layer, inner, name)

        async def guarded(*args: P.args, **kwargs: P.kwargs) -> Any:
            result = await inner(*args, **kwargs)
            return result if result.__class__ in _RESULTS else Ok(result)

        return update_wrapper(guarded, fn)

    def explain(self) -> str:
        """Return the layers as a list, outermost first, and the errors that they add."""
        return explained(self.layers)

    def simulate(
        self,
        server: ServerModel | Callable[[], Awaitable[Ok[Any] | Err[Any]]],
        load: Load,
        *,
        seed: int = 0,
    ) -> SimulationReport:
        """Send a load through this policy to a modelled server, in virtual time, and report.

        Breakers, limiters and hedges are replaced by unused ones with the same settings, and
        hooks are left out, so that nothing real is touched; but what a fallback calls is real.

        Args:
          server: A ``ServerModel``, or an async function that answers as the server would.
          load: How many calls there are, and how often.
          seed: One seed gives one report.

        Raises:
          RuntimeError: It is called within a run of Trio.
          TypeError: A layer has no ``fresh``.
        """
        unused = Policy(tuple(_unused(each) for each in self.layers))
        return run_simulation(unused.wrap, server, load, seed)

    @property
    def layer(self) -> Layer[E_co]:
        """What a policy is within another policy; it takes its layers one by one."""
        errors = dict.fromkeys(error for each in self.layers for error in each.layer.errors)
        return Layer("policy", self.explain(), tuple(errors))

    def __repr__(self) -> str:
        return f"policy({', '.join(map(repr, self.layers))})"


# Pyright makes ``Unknown`` of a union of nothing but ``Never``, hence the first form.
@overload
def policy(*layers: Layered[Never]) -> Policy[Never]: ...
@overload
def policy(a: Layered[A], /) -> Policy[A]: ...
@overload
def policy(a: Layered[A], b: Layered[B], /) -> Policy[A | B]: ...
@overload
def policy(a: Layered[A], b: Layered[B], c: Layered[C], /) -> Policy[A | B | C]: ...
@overload
def policy(
    a: Layered[A], b: Layered[B], c: Layered[C], d: Layered[D], /
) -> Policy[A | B | C | D]: ...
@overload
def policy(
    a: Layered[A], b: Layered[B], c: Layered[C], d: Layered[D], e: Layered[F], /
) -> Policy[A | B | C | D | F]: ...
@overload
def policy(
    a: Layered[A], b: Layered[B], c: Layered[C], d: Layered[D], e: Layered[F], f: Layered[G], /
) -> Policy[A | B | C | D | F | G]: ...
@overload
def policy(
    a: Layered[A],
    b: Layered[B],
    c: Layered[C],
    d: Layered[D],
    e: Layered[F],
    f: Layered[G],
    g: Layered[H],
    /,
) -> Policy[A | B | C | D | F | G | H]: ...
@overload
def policy(
    a: Layered[A],
    b: Layered[B],
    c: Layered[C],
    d: Layered[D],
    e: Layered[F],
    f: Layered[G],
    g: Layered[H],
    h: Layered[J],
    /,
) -> Policy[A | B | C | D | F | G | H | J]: ...
def policy(*layers: Layered[Any]) -> Policy[Any]:
    """Put layers around each other, outermost first, and return them as one value.

    Args:
      layers: ``Retry``, ``Timeout``, breakers, limiters, or whole policies.  Two of a
        kind are both there; to replace one, use ``merge``.

    Raises:
      TypeError: Something is no layer.
    """
    return Policy(tuple(each for layer in layers for each in _flat(layer)))


@overload
def merge(*policies: Layered[Never]) -> Policy[Never]: ...
@overload
def merge(a: Layered[A], b: Layered[B], /) -> Policy[A | B]: ...
@overload
def merge(a: Layered[A], b: Layered[B], c: Layered[C], /) -> Policy[A | B | C]: ...
@overload
def merge(
    a: Layered[A], b: Layered[B], c: Layered[C], d: Layered[D], /
) -> Policy[A | B | C | D]: ...
def merge(*policies: Layered[Any]) -> Policy[Any]:
    """Merge policies from left to right: of each kind of layer the later ones win.

    They take the place of the earlier ones of their kind.  Layers of a new kind come innermost.
    ``Without(kind)`` takes a kind away.  The type still has the errors of what was replaced.

    Args:
      policies: Policies, or single layers.

    Raises:
      TypeError: Something is no layer.
    """
    return Policy(merged([_flat(each) for each in policies]))


_RESULTS = (Ok, Err)


def _flat(layer: Any) -> tuple[Layered[Any], ...]:
    if layer.__class__ is Policy:
        found: tuple[Layered[Any], ...] = layer.layers
        return found
    if not isinstance(getattr(layer, "layer", None), Layer):
        raise TypeError(
            f"{layer!r} is no layer: write a Retry, a Timeout, a breaker, a limiter or a policy"
        )
    return (layer,)


def _unused(layer: Any) -> Any:
    """Return a layer with the same settings that has seen no call."""
    if isinstance(layer, Retry):
        return msgspec.structs.replace(layer, on_retry=None)
    if hasattr(layer, "fresh"):
        return layer.fresh()
    if isinstance(layer, msgspec.Struct) and layer.__struct_config__.frozen:
        return layer
    raise TypeError(
        f"{layer!r} cannot be simulated: give it a method fresh() that returns an unused copy"
    )


def _wrapped(layer: Any, fn: Callable[P, Awaitable[Any]], name: str) -> Callable[P, Awaitable[Any]]:
    # The bare forms of our own layers: a wrapper's name and signature cost as much as a call,
    # and only the outermost function needs them.
    if isinstance(layer, Retry):
        return retrying(fn, layer)
    if isinstance(layer, Timeout):
        return limited(fn, layer.record(name))
    if isinstance(layer, Without):
        return fn
    wrapped: Callable[P, Awaitable[Any]] = layer.wrap(fn)
    return wrapped
