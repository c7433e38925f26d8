"""Runs workflows in virtual time with scripted steps, and keeps what happened."""

from __future__ import annotations

import random
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, final

import trio
from typing_extensions import ParamSpec

from awaitly_trio._engine.interposing import choosing
from awaitly_trio._engine.observing import observing
from awaitly_trio._tasks.sources import seeded
from awaitly_trio._values.callables import behind_partials, name_of
from awaitly_trio._values.errors import AwaitlyError
from awaitly_trio.testing._clock import VirtualClock, virtual_clock
from awaitly_trio.testing._fakes import (
    RecordedCall,
    check_arguments,
    check_errors,
    kept,
    signature_of,
)
from awaitly_trio.testing._interception import Visit, intercepted_by
from awaitly_trio.testing._recorder import Recorder
from awaitly_trio.testing._recording import Recording
from awaitly_trio.testing._scripts import Script
from awaitly_trio.testing._steady import steadily

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator

P = ParamSpec("P")
T = TypeVar("T")


class UnscriptedStepError(AwaitlyError, AssertionError):
    """Raised by a strict harness when a step calls a dependency that has no script."""

    def __init__(self, path: str, name: str) -> None:
        super().__init__(path, name)
        self.path, self.name = path, name

    def __str__(self) -> str:
        return (
            f"step {self.path!r} called {self.name}, which has no script: script it, "
            "with real() if it may run, or use a harness that is not strict"
        )


@final
class Harness(Recording):
    """Scripts the steps of workflows by dependency, name or path, and records their runs.

    The real engine runs: retries, timeouts, blocks and events are those of
    production, only what a step calls is faked.

    Args:
      clock: The clock of ``run``; virtual and jumping by itself if not given.
      seed: Decides jitter and ids.
      strict: Refuse dependencies without a script instead of calling them.
    """

    def __init__(
        self, *, clock: VirtualClock | None = None, seed: int = 0, strict: bool = False
    ) -> None:
        self.clock = virtual_clock() if clock is None else clock
        self._recorder = Recorder()
        super().__init__(self._recorder.events, [])
        self._seed, self._strict = seed, strict
        self._scripts: dict[Any, Script] = {}

    def script(self, step: Callable[..., Any] | str, answers: Any) -> None:
        """Say what a step gets instead of a call of its dependency.

        A later script of the same step replaces an earlier one.  One for a
        path goes before one for a name, and that before one for a dependency.

        Args:
          step: The dependency; or the name or the path of the step.
          answers: As for ``fake``: one answer, given every time, or a list,
            each given once.

        Raises:
          TypeError: Something is no answer.
          ValueError: An ``Err`` has an error that the dependency does not declare.
        """
        if isinstance(step, str):
            self._scripts[step] = Script(step, answers)
            return
        fn = behind_partials(step)
        script = Script(name_of(fn), answers)
        check_errors(fn, script.answers)
        self._scripts[fn] = script

    def run(self, work: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a workflow, or any async function, under the harness's clock.

        The schedule is decided, so two runs are alike: each task runs until it
        waits, then the next in order of birth.

        Raises:
          DeadlockError: Every task waits for another.
          HungError: It takes longer than 30 real seconds.
        """

        async def recorded() -> T:
            return await self.call(work, *args, **kwargs)

        with steadily():
            return self.clock.run(recorded)

    async def call(self, work: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do likewise in the current run of Trio, under its clock."""
        with self.installed():
            return await work(*args, **kwargs)

    @contextmanager
    def installed(self) -> Generator[None]:
        """Script and record the workflows that start in the block, and in its tasks."""
        with (
            observing(self._recorder),
            choosing(intercepted_by(self._visit)),
            seeded(random.Random(self._seed)),
        ):
            yield

    async def _visit(self, visit: Visit) -> Any:
        call = RecordedCall(
            name=visit.name,
            dependency=visit.dependency,
            args=visit.args,
            kwargs=visit.kwargs,
            path=visit.scope.path,
            attempt=visit.attempt,
            started=trio.current_time(),
        )
        self.calls.append(call)
        return await kept(call, partial(self._answer, visit))

    async def _answer(self, visit: Visit) -> Any:
        fn = behind_partials(visit.dependency)
        known = (visit.scope.path, visit.name, fn)
        script = next((self._scripts[each] for each in known if each in self._scripts), None)
        if script is not None:
            name = name_of(fn)
            check_arguments(name, signature_of(visit.dependency), visit.args, visit.kwargs)
            return await script.play(visit.go_on, visit.args, visit.kwargs)
        if self._strict and visit.scope.kind == "step":
            raise UnscriptedStepError(visit.scope.path, name_of(fn))
        return await visit.go_on()
