"""Making a dependency out of code that raises."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from awaitly_trio._values.callables import is_async
from awaitly_trio._values.caught import check_catch, covered
from awaitly_trio._values.result import Err, Ok

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from awaitly_trio._values.result import Result


def refuse_nested(fn: Callable[..., Any], value: object) -> NoReturn:
    """Raise the ``TypeError`` for caught code that returned a Result."""
    msg = (
        f"step.catch called {fn!r}, which returned the Result {value!r}: step.catch is for code "
        "that returns a bare value or raises; call this with step(...), and catch inside it"
    )
    raise TypeError(msg)


def catching(
    catch: type[Exception] | tuple[type[Exception], ...], error: Any
) -> Callable[[Callable[..., Any]], Callable[..., Awaitable[Result[Any, Any]]]]:
    """Return what makes a dependency of a function: chosen exceptions become an ``Err``.

    An exception group is caught when each of its leaves is; ``error`` is then
    asked about the first of them.

    Raises:
      TypeError: ``catch`` names something that is no ``Exception``: what leaves
        a cancelled task must never become a value.  Or ``error`` is async.
    """
    check_catch(catch)
    if is_async(error):
        msg = f"error must be a value or a plain function, got the async {error!r}"
        raise TypeError(msg)

    def dependency(fn: Callable[..., Any]) -> Callable[..., Awaitable[Result[Any, Any]]]:
        async def caught(*args: Any) -> Result[Any, Any]:
            try:
                value = fn(*args)
                if hasattr(value, "__await__"):
                    value = await value
            except Exception as raised:
                if (leaf := covered(raised, catch)) is None:
                    raise
                return Err(error(leaf) if callable(error) else error, raised)
            if value.__class__ in (Ok, Err):
                refuse_nested(fn, value)
            return Ok(value)

        return caught

    return dependency
