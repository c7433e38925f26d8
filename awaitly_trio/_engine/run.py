"""The state of one run, and how it is closed.

A run that nobody watches, replaces or hooks is *bare*: its steps then cost
little more than the calls they make.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NoReturn, cast, final

import msgspec
import trio

from awaitly_trio._engine.audience import NOBODY, Audience
from awaitly_trio._engine.cancellation import notes_of
from awaitly_trio._engine.options import NO_OPTIONS
from awaitly_trio._engine.step_cache import StepCache
from awaitly_trio._engine.watch import Watch
from awaitly_trio._policies.saga import SagaOptions
from awaitly_trio._tasks.sources import chance
from awaitly_trio._values.errors import RunClosedError
from awaitly_trio._values.exits import Exit, exit_order, refuse_result
from awaitly_trio._values.result import Err
from awaitly_trio._values.scopes import RunInfo, Scope

if TYPE_CHECKING:
    from awaitly_trio._engine.options import StepOptions
    from awaitly_trio._values.scopes import ScopeKind


class RunMaker:
    """What makes a run when it is called: a workflow."""

    __slots__ = ()


@final
class RunSettings(msgspec.Struct, frozen=True):
    """What a caller set for the runs of a workflow, checked."""

    name: str | None = None
    run_id: str | None = None
    observers: Audience = NOBODY
    context: Any = None
    cache: StepCache | None = None
    replace: dict[Any, Any] = msgspec.field(default_factory=dict[Any, Any])
    should_run: Callable[..., Any] | None = None
    before_start: Callable[..., Any] | None = None
    before_step: Callable[..., Any] | None = None
    after_step: Callable[..., Any] | None = None
    on_defect: Callable[[Exception], Any] | None = None
    declared_only: bool = False
    saga: SagaOptions | None = None
    is_saga: bool = False


DEFAULT_SETTINGS = RunSettings()

ANSWERS_IN_A_ROW = 100
"""After so many answers without work the others get their turn."""

_OF_BARE_RUNS = ("name", "saga", "is_saga")


def is_plain(settings: RunSettings) -> bool:
    """Whether a run with these settings is bare as long as nobody around it watches."""
    return settings is DEFAULT_SETTINGS or all(
        getattr(settings, name) is getattr(DEFAULT_SETTINGS, name)
        for name in RunSettings.__struct_fields__
        if name not in _OF_BARE_RUNS
    )


current_saga: ContextVar[Any] = ContextVar("awaitly_trio.saga", default=None)
"""The run, or the saga block of one, in which a task is."""


@final
class Run(msgspec.Struct, eq=False):
    """One run of a workflow, from its call to its result.

    ``bare`` is true while the run is open and a step has nothing to do but the
    call.  ``left`` is the earliest exit of the run, so that one which user code
    swallows still counts; ``notes`` are its notes, once the run has ended.
    ``watch`` is who watches it, and ``heritage`` who watches the runs inside it: the
    same, unless those who watch want to be told nothing.
    ``live`` are its scopes that have begun and not ended.
    ``saga`` is what it would have to undo, once there is something; ``token``
    leads to the saga around it, and ``has_blocks`` tells that there may be sagas
    inside it.  ``answers`` counts those that needed no work.
    """

    name: str
    bare: bool = True
    closed: bool = False
    left: Exit | None = None
    notes: tuple[str, ...] = ()
    settings: RunSettings = DEFAULT_SETTINGS
    watch: Watch | None = None
    heritage: Watch | None = None
    scope: Scope | None = None
    live: dict[int, Scope] = {}
    declared: frozenset[int] | None = None
    replace: dict[Any, Any] | None = None
    saga: Any = None
    token: Any = None
    has_blocks: bool = False
    answers: int = 0

    async def answer_at_once(self) -> None:
        """Be a cancellation point where an answer needs no work of anybody.

        Only Trio's loop sees that a deadline has passed, so from time to time
        it gets its turn: otherwise a body that lives on such answers could
        not be cut off.  Counted by run, because it decides the schedule.
        """
        self.answers += 1
        if self.answers % ANSWERS_IN_A_ROW:
            await trio.lowlevel.checkpoint_if_cancelled()
        else:
            await trio.lowlevel.checkpoint()

    def exit(self, result: object) -> Exit:
        """Make the exit that ends this run with a failure, and remember the earliest.

        Raises:
          TypeError: ``result`` is not an ``Err``.
          RunClosedError: The run has ended: an exit would be caught by nobody.
        """
        if self.closed:
            self.check_open()
        # Not left to another function, whose call would cost as much as the exit itself.
        if type(result) is not Err:
            refuse_result(result)
        made = Exit(self, cast("Err[Any]", result), next(exit_order))
        if self.left is None:
            self.left = made
        return made

    def leave(self, result: object) -> NoReturn:
        """End this run with a failure, from inside its body."""
        raise self.exit(result)

    def enter(self) -> None:
        """Let the sagas of runs inside this one find it; ``close`` ends that.

        The one thing that also a bare run tells its surroundings: what is undone
        may not depend on whether somebody watches.
        """
        self.token = current_saga.set(self)

    def close(self) -> None:
        """Refuse steps from now on, and forget the exit but for its notes."""
        self.closed = True
        self.bare = False
        if self.live and self.watch is not None and self.scope is not None:
            self.watch.end_left(self.scope)
        if self.left is not None:
            if self.watch is not None:
                self.notes = notes_of(self.left)
            # It names its run and holds the frames of the body: only the collector
            # would free such a ring.
            self.left = None
        if self.token is not None:
            current_saga.reset(self.token)
        self.saga = None

    def check_open(self) -> None:
        """Raise ``RunClosedError`` when the run has ended."""
        if self.closed:
            what = "run"
            raise RunClosedError(what, self.name)

    @property
    def is_only_watched(self) -> bool:
        """Whether a step without options has a scope, and needs no more."""
        settings = self.settings
        return self.watch is not None and not (
            self.replace
            or self.declared is not None
            or settings.before_step is not None
            or settings.after_step is not None
        )

    def open_scope(
        self,
        kind: ScopeKind,
        name: str,
        parent: Scope | None,
        options: StepOptions | None = None,
        number: int = 0,
    ) -> Scope:
        """Make a scope of this run; the caller starts and ends it.

        ``number`` is the one that was reserved among its siblings; 0 counts now.
        """
        watch = self.watch
        if watch is None or self.scope is None:
            msg = f"run {self.name!r} has no scopes: nobody watches it"
            raise RuntimeError(msg)
        above = self.scope if parent is None or parent.kind == "ambient" else parent
        number = number or above.occurrence(name)
        scope = Scope(next(watch.ids), kind, name, self.scope.run, above, number, watch.now())
        scope.owner = self
        if options is not None and options is not NO_OPTIONS:
            scope.key = options.key
            scope.description = options.description
            scope.tags = options.tags
        return scope


def new_run_id() -> str:
    """Make an id for a run from the current source of chance: 32 hexadecimal digits."""
    return f"{chance().getrandbits(128):032x}"


def run_info(name: str, settings: RunSettings) -> RunInfo:
    """Make what identifies a run, drawing an id where none is given."""
    return RunInfo(settings.run_id or new_run_id(), settings.name or name, settings.context)


def time_left() -> float:
    """Return the seconds until the current deadline: zero or more, ``math.inf`` for none."""
    return max(0.0, trio.current_effective_deadline() - trio.current_time())
