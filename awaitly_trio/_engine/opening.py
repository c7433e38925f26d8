"""Opening a run: what the caller set, what the surrounding scope hands down, who watches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, cast

import msgspec

from awaitly_trio._engine.interposing import interposed
from awaitly_trio._engine.options import check_label
from awaitly_trio._engine.run import Run, RunSettings, run_info
from awaitly_trio._engine.step_cache import StepCache
from awaitly_trio._engine.watch import (
    Watch,
    cast_of,
    check_observers,
    current_scope,
    listeners_of,
)
from awaitly_trio._policies.saga import SagaOptions
from awaitly_trio._tasks.notices import listen, unlisten
from awaitly_trio._values.callables import is_async
from awaitly_trio._values.scopes import RunInfo, Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

_ambient: ContextVar[tuple[object, ...]] = ContextVar("awaitly_trio.observers", default=())

_HOOKS = ("should_run", "before_start", "before_step", "after_step")


def open_run(name: str, settings: RunSettings, declared: tuple[Any, ...]) -> Run:
    """Make a run that inherits from the scope around it.

    A run inside another has the observers and the replacements of the outer one
    beside its own, and its place in the outer one's tree.
    """
    above = _above()
    run = Run(settings.name or name, settings=settings)
    run.replace = settings.replace
    if declared and settings.declared_only:
        run.declared = frozenset(map(id, declared))
    outer = None
    if above is not None:
        outer = above.owner.watch
        run.replace = {**above.owner.replace, **settings.replace}
    run.replace = interposed(run.replace)
    added = (*_ambient.get(), *settings.observers)
    if added or outer is not None or run.replace or any(getattr(settings, h) for h in _HOOKS):
        run.watch = Watch(added, outer) if outer is None or added else outer
        run.scope = _scope_of(run, above)
    run.bare = run.watch is None and run.declared is None
    run.only_watched = run.watch is not None and not (
        run.replace or run.declared is not None or settings.before_step or settings.after_step
    )
    return run


def _above() -> Scope | None:
    """Return the scope around this task, if it belongs to a run that still lasts."""
    scope = current_scope.get()
    if scope is None or scope.kind == "ambient":
        return None
    # Otherwise a task outlived the run that started it: its context still holds
    # the scope, but nothing of that run may be told or used any more.
    return None if scope.owner.closed else scope


def _scope_of(run: Run, above: Scope | None) -> Scope:
    watch = run.watch
    if watch is None:
        msg = f"run {run.name!r} has no scopes: nobody watches it"
        raise RuntimeError(msg)
    number = 1 if above is None else above.occurrence(run.name)
    info = run_info(run.name, run.settings)
    scope = Scope(watch.next_id(), "workflow", run.name, info, above, number, watch.now())
    scope.owner = run
    return scope


@contextmanager
def observing(*observers: object) -> Generator[None]:
    """Watch every run that starts in the block, and in the tasks that the block starts.

    Entered before ``trio.run`` it watches the whole program.

    Raises:
      TypeError: An observer has none of the methods of ``Observer``, or an async one.
    """
    stop = observe(*observers)
    try:
        yield
    finally:
        stop()


def observe(*observers: object) -> Callable[[], None]:
    """Watch every run from here on, as ``observing`` does in a block.

    Returns:
      What ends it, for the same task or thread to call; it may be forgotten.

    Raises:
      TypeError: An observer has none of the methods of ``Observer``, or an async one.
    """
    watching = (*_ambient.get(), *check_observers(observers))
    given = _ambient.set(watching)
    above = _above()
    if above is not None and above.owner.watch is not None:
        watching = (*above.owner.watch.observers, *watching)
    told = listen(listeners_of(cast_of(watching)))
    marked = None
    if current_scope.get() is None:
        # A run looks here first, and for nothing else where it finds no scope.
        marked = current_scope.set(Scope(0, "ambient", "ambient", RunInfo("", ""), None, 1, 0.0))

    def stop() -> None:
        unlisten(told)
        _ambient.reset(given)
        if marked is not None:
            current_scope.reset(marked)

    return stop


def with_settings(settings: RunSettings, changes: dict[str, Any]) -> RunSettings:
    """Return settings with some of them replaced.

    Raises:
      TypeError: A name is unknown, or a value has the wrong type.
      ValueError: A value is out of range.
    """
    unknown = sorted(set(changes) - _CHECKS.keys())
    if unknown:
        known = ", ".join(_CHECKS)
        msg = f"unknown option {', '.join(map(repr, unknown))}: a workflow takes {known}"
        raise TypeError(msg)
    checked = {name: _CHECKS[name](value, name) for name, value in changes.items()}
    made: RunSettings = msgspec.structs.replace(settings, **checked)
    return made


def _label(value: object, name: str) -> str | None:
    return None if value is None else check_label(value, name)


def _function(value: Any, name: str) -> Any:
    if value is not None and not callable(value):
        msg = f"{name} must be a function, got {value!r}"
        raise TypeError(msg)
    return value


def _sync_function(value: Any, name: str) -> Any:
    if is_async(_function(value, name)):
        msg = f"{name} must be a plain function, got the async {value!r}: nobody awaits it"
        raise TypeError(msg)
    return value


def _saga(value: object, name: str) -> SagaOptions | None:
    if value is not None and not isinstance(value, SagaOptions):
        msg = f"{name} must be a SagaOptions, got {value!r}"
        raise TypeError(msg)
    return value


def _cache(value: object, name: str) -> StepCache | None:
    if value is not None and not isinstance(value, StepCache):
        msg = f"{name} must be a StepCache, got {value!r}"
        raise TypeError(msg)
    return value


def _observers(value: object, name: str) -> tuple[object, ...]:
    if not isinstance(value, Iterable):
        msg = f"{name} must be several observers, got {value!r}: write [{value!r}]"
        raise TypeError(msg)
    return check_observers(tuple(cast("Iterable[object]", value)))


def _flag(value: object, name: str) -> bool:
    if not isinstance(value, bool):
        msg = f"{name} must be True or False, got {value!r}"
        raise TypeError(msg)
    return value


def _anything(value: Any, _name: str) -> Any:
    return value


def _replacements(replace: object, name: str) -> dict[Any, Any]:
    if not isinstance(replace, Mapping):
        msg = f"{name} must be a mapping of functions to functions, got {replace!r}"
        raise TypeError(msg)
    replace = cast("Mapping[Any, Any]", replace)
    for dependency, stand_in in replace.items():
        if not callable(dependency) or not callable(stand_in):
            msg = f"{name} maps functions to functions, got {dependency!r}: {stand_in!r}"
            raise TypeError(msg)
    return dict(replace)


_CHECKS: dict[str, Any] = {
    "name": _label,
    "run_id": _label,
    "observers": _observers,
    "context": _anything,
    "cache": _cache,
    "replace": _replacements,
    "should_run": _function,
    "before_start": _function,
    "before_step": _function,
    "after_step": _function,
    "on_defect": _sync_function,
    "declared_only": _flag,
    "saga": _saga,
}
