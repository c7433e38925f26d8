"""Making a dependency out of code that raises."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from awaitly_trio._values.result import Err, Ok

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from awaitly_trio._values.result import Result


def catching(
    catch: type[Exception] | tuple[type[Exception], ...], error: Any
) -> Callable[[Callable[..., Any]], Callable[..., Awaitable[Result[Any, Any]]]]:
    """Return what makes a dependency of a function: chosen exceptions become an ``Err``.

    Raises:
      TypeError: ``catch`` names something that is no ``Exception``: what leaves
        a cancelled task must never become a value.
    """
    kinds = catch if isinstance(catch, tuple) else (catch,)
    for kind in kinds:
        if not (isinstance(kind, type) and issubclass(kind, Exception)):
            msg = f"catch must name Exception types, got {kind!r}: cancellation cannot be caught"
            raise TypeError(msg)

    def dependency(fn: Callable[..., Any]) -> Callable[..., Awaitable[Result[Any, Any]]]:
        async def caught(*args: Any) -> Result[Any, Any]:
            try:
                value = fn(*args)
                if hasattr(value, "__await__"):
                    value = await value
            except kinds as exc:
                return Err(error(exc) if callable(error) else error, exc)
            return Ok(value)

        return caught

    return dependency
