"""Opening a run: what the caller set, checked, and what the surrounding scope hands down."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

import msgspec

from awaitly_trio._engine.audience import NOBODY, Audience, check_observers
from awaitly_trio._engine.interposing import interposed
from awaitly_trio._engine.observing import NO_BLOCKS, scope_around, watch_of
from awaitly_trio._engine.options import check_label
from awaitly_trio._engine.run import Run, RunSettings, run_info
from awaitly_trio._engine.step_cache import StepCache
from awaitly_trio._engine.watch import Watch
from awaitly_trio._policies.saga import SagaOptions
from awaitly_trio._values.callables import is_async
from awaitly_trio._values.scopes import Scope

_HOOKS = ("should_run", "before_start", "before_step", "after_step")


def open_run(name: str, settings: RunSettings, declared: tuple[Any, ...]) -> Run:
    """Make a run that inherits from the scope around it.

    A run inside another has the observers and the replacements of the outer one
    beside its own, and its place in the outer one's tree.
    """
    above = scope_around()
    run = Run(settings.name or name, settings=settings)
    run.replace = settings.replace
    if declared and settings.declared_only:
        run.declared = frozenset(map(id, declared))
    outer = None
    if above is not None:
        outer = above.owner.heritage
        run.replace = {**above.owner.replace, **settings.replace}
    run.replace = interposed(run.replace)
    is_hooked = bool(run.replace) or any(getattr(settings, hook) for hook in _HOOKS)
    run.heritage = watch = watch_of(settings.observers, outer)
    if watch is None and is_hooked:
        run.heritage = watch = Watch(NOBODY, NO_BLOCKS)
    if watch is not None:
        run.scope = _scope_of(run, watch, above)
        if is_hooked or not watch.audience.is_deaf:
            run.watch = watch
    run.bare = run.watch is None and run.declared is None
    return run


def _scope_of(run: Run, watch: Watch, above: Scope | None) -> Scope:
    number = 1 if above is None else above.occurrence(run.name)
    info = run_info(run.name, run.settings)
    scope = Scope(watch.next_id(), "workflow", run.name, info, above, number, watch.now())
    scope.owner = run
    return scope


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


def _observers(value: object, name: str) -> Audience:
    if not isinstance(value, Iterable):
        msg = f"{name} must be several observers, got {value!r}: write [{value!r}]"
        raise TypeError(msg)
    found = check_observers(tuple(cast("Iterable[object]", value)))
    return Audience(found) if found else NOBODY


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
