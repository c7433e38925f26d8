"""Fakes of dependencies: they answer from a script, keep their calls, and refuse wrong ones."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, cast, final

import msgspec
import trio

from awaitly_trio._engine.workflow import Workflow
from awaitly_trio._values.callables import behind_partials, name_of
from awaitly_trio._values.result import Err
from awaitly_trio.testing._declared_errors import declared_errors
from awaitly_trio.testing._scripts import Delayed, Script

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


@final
class RecordedCall(msgspec.Struct):
    """One call of a dependency, in order of their start.

    ``path`` is the step's, ``attempt`` counts from 1; ``started`` and
    ``ended`` are seconds of Trio's time.  ``result`` is what it gave,
    ``exception`` what left it instead; both are ``None`` while it runs.
    """

    name: str
    dependency: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    path: str
    attempt: int
    started: float
    ended: float | None = None
    result: Any = None
    exception: BaseException | None = None

    def __str__(self) -> str:
        return f"{self.name}({arguments_shown(self.args, self.kwargs)})"


@final
class Fake:
    """Stands for an async function; see ``fake``.

    ``calls`` are those it got, in order.
    """

    def __init__(self, stands_for: Callable[..., Any], answers: Any) -> None:
        self._stands_for = stands_for
        self._signature = signature_of(stands_for)
        self.__name__ = name_of(stands_for)
        self.__wrapped__ = stands_for
        self.script = Script(self.__name__, answers)
        check_errors(stands_for, self.script.answers)
        self.calls: list[RecordedCall] = []

    def __repr__(self) -> str:
        return f"<Fake of {self.__name__}, called {len(self.calls)} times>"

    async def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Check the arguments, keep the call, and answer."""
        call = RecordedCall(
            self.__name__, self._stands_for, args, kwargs, "", 1, trio.current_time()
        )
        self.calls.append(call)

        async def answer() -> Any:
            check_arguments(self.__name__, self._signature, args, kwargs)
            return await self.script.play(go_on, args, kwargs)

        async def go_on() -> Any:
            given = self._stands_for(*args, **kwargs)
            return await given if hasattr(given, "__await__") else given

        return await kept(call, answer)


def fake(stands_for: Callable[..., Any], answers: Any) -> Any:
    """Return a fake of an async function, for ``replace=`` or to pass in its place.

    Args:
      stands_for: The function; calls have to fit its signature.
      answers: An ``Ok`` or ``Err``, ``raises``, ``returns``, ``delayed``, ``hangs``,
        ``real`` or a function of the arguments, given at every call; or a list
        of them, each given once.

    Raises:
      TypeError: Something is no answer.
      ValueError: An ``Err`` has an error that the function does not declare.
    """
    return Fake(stands_for, answers)


async def kept(call: RecordedCall, answer: Callable[[], Awaitable[Any]]) -> Any:
    """Answer a call, and keep with it how it ended."""
    try:
        call.result = await answer()
    except BaseException as exc:
        call.exception = exc
        raise
    finally:
        call.ended = trio.current_time()
    return call.result


def signature_of(dependency: Any) -> inspect.Signature | None:
    """Return the signature by which a dependency is called; ``None`` if it has none."""
    fn = behind_partials(dependency)
    try:
        if not isinstance(fn, Workflow):
            return inspect.signature(dependency)
        # The body of a workflow takes its step first, its caller does not give it.
        whole = inspect.signature(fn._body)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage, reportUnknownArgumentType, reportUnknownMemberType]
        return whole.replace(parameters=list(whole.parameters.values())[1:])
    except (TypeError, ValueError):
        return None


def check_arguments(
    name: str, signature: inspect.Signature | None, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    """Raise ``TypeError`` for a call that the real function would refuse."""
    if signature is None:
        return
    try:
        signature.bind(*args, **kwargs)
    except TypeError as wrong:
        bare = signature.replace(return_annotation=inspect.Signature.empty)
        raise TypeError(
            f"{name}({arguments_shown(args, kwargs)}) does not fit {name}{bare}: {wrong}"
        ) from None


def check_errors(dependency: Any, answers: list[Any]) -> None:
    """Raise ``ValueError`` for an ``Err`` that a dependency never gives."""
    declared = declared_errors(dependency)
    for answer in answers:
        inner = answer
        while isinstance(inner, Delayed):
            inner = inner.answer
        error = cast("Err[Any]", inner).error if isinstance(inner, Err) else None
        if error is not None and declared and not isinstance(error, declared):
            names = ", ".join(each.__name__ for each in declared)
            raise ValueError(
                f"{name_of(dependency)} never fails with {error!r}: it declares {names}"
            )


def arguments_shown(args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """Return arguments as they are written in a call."""
    shown = [repr(arg) for arg in args]
    shown += [f"{name}={value!r}" for name, value in kwargs.items()]
    return ", ".join(shown)
