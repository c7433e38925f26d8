"""Fallback chains: what to call, or to answer, when a call fails."""

from __future__ import annotations

from functools import partial, update_wrapper
from typing import TYPE_CHECKING, Any, Generic, TypeVar, final

from typing_extensions import ParamSpec

from awaitly_trio._policies.layers import Layer
from awaitly_trio._values.callables import name_of
from awaitly_trio._values.caught import check_catch, covered
from awaitly_trio._values.result import Err, Ok

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from typing_extensions import Never

    from awaitly_trio._values.caught import Catch
    from awaitly_trio._values.result import Result

P = ParamSpec("P")
T = TypeVar("T")
E = TypeVar("E")
U_co = TypeVar("U_co", covariant=True)
F_co = TypeVar("F_co", covariant=True)


def always(error: Any) -> bool:  # noqa: ARG001
    """Fall back on every error: what a fallback does unless told otherwise."""
    return True


@final
class Fallback(Generic[U_co, F_co]):
    """Call the next function when the one before it fails, with the same arguments.

    The first success is the answer.  When all fail, the last failure is; unless it has a
    cause of its own, its cause is the failure before it.  ``Cancelled`` is no failure.

    Args:
      alternatives: Functions that return a result, in the order in which to try them;
        see ``fallback_value`` for one that only answers.
      when: Tells from the error of an ``Err``, or from a caught exception, whether to
        go on; if not, this failure is the answer.
      catch: Exceptions that are failures as well, and groups of nothing else.  Others
        propagate, and so does what the last function raises.

    Raises:
      ValueError: There is no alternative.
      TypeError: ``catch`` names what must always leave.
    """

    __slots__ = ("_alternatives", "_catch", "_when")

    def __init__(
        self,
        *alternatives: Callable[..., Awaitable[Result[U_co, F_co]]],
        when: Callable[[Any], bool] = always,
        catch: Catch[Exception] | None = None,
    ) -> None:
        if not alternatives:
            raise ValueError("a fallback needs something to fall back on: give it a function")
        if catch is not None:
            check_catch(catch)
        self._alternatives = alternatives
        self._when = when
        self._catch = catch

    async def __call__(
        self, fn: Callable[P, Awaitable[Ok[T] | Err[E]]], /, *args: P.args, **kwargs: P.kwargs
    ) -> Ok[T | U_co] | Err[E | F_co]:
        """Call a function that returns a result, and what it falls back on if it fails."""
        before: Any = None
        for call in (fn, *self._alternatives[:-1]):
            try:
                result = await call(*args, **kwargs)
            except Exception as error:
                failure = None if self._catch is None else covered(error, self._catch)
                if failure is None or not self._when(failure):
                    raise
                before = failure
            else:
                if isinstance(result, Ok) or not self._when(result.error):
                    return _because(result, before)
                before = result.error
        return _because(await self._alternatives[-1](*args, **kwargs), before)

    def wrap(
        self, fn: Callable[P, Awaitable[Ok[T] | Err[E]]]
    ) -> Callable[P, Awaitable[Ok[T | U_co] | Err[E | F_co]]]:
        """Return the function with this to fall back on."""
        return update_wrapper(partial(self, fn), fn)

    @property
    def layer(self) -> Layer[F_co]:
        """What a fallback is as a layer of a policy.

        There its answers are taken to be of the same type as those of the call.
        """
        return Layer("fallback", f"fallback: {', '.join(map(name_of, self._alternatives))}")

    def fresh(self) -> Fallback[U_co, F_co]:
        """Return the fallback itself, for it remembers nothing."""
        return self


def fallback_value(
    value: T, *, when: Callable[[Any], bool] = always, catch: Catch[Exception] | None = None
) -> Fallback[T, Never]:
    """Return a fallback that answers with a value, whatever the arguments are.

    Args:
      value: What is answered in place of a failure; all callers get the same object.
      when: Tells from the failure whether to.
      catch: Exceptions that are failures as well.

    Raises:
      TypeError: ``catch`` names what must always leave.
    """

    async def answer(*args: object, **kwargs: object) -> Result[T, Never]:  # noqa: ARG001
        return Ok(value)

    return Fallback(answer, when=when, catch=catch)


def _because(result: Ok[T] | Err[E], before: Any) -> Ok[T] | Err[E]:
    """Return a result; a failure without a cause is given the failure before it as its cause."""
    if isinstance(result, Err) and result.cause is None and before is not None:
        return Err(result.error, before)
    return result
