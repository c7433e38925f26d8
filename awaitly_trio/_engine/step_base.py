"""What all parts of a step share: the run, the options, and the way through the pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import msgspec

from awaitly_trio._engine.options import NO_OPTIONS, StepOptions
from awaitly_trio._engine.pipeline import Call, perform
from awaitly_trio._engine.run import Run
from awaitly_trio._values.result import Ok

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Self

    from awaitly_trio._values.result import Result
    from awaitly_trio._values.scopes import ScopeKind


class StepBase(msgspec.Struct, eq=False):
    """The state of a step, and its two ways to run an inner function of the library.

    ``_plain`` tells that a call is all there is to do, and nobody has to be told;
    ``_watched`` that somebody has, and that is all; ``_recovers`` that a first attempt
    that succeeds needs nothing of the pipeline.
    """

    _run: Run
    _plain: bool
    _options: StepOptions = NO_OPTIONS
    _recovers: bool = False
    _watched: bool = False

    def end(self) -> None:
        """Refuse plain calls from now on, when the run of this step has ended."""
        self._plain = False

    def __copy__(self) -> Self:
        # A copy would not be told that the run has ended.
        return self

    def __deepcopy__(self, _memo: object) -> Self:
        return self

    async def _compose(self, kind: ScopeKind, name: str, fn: Callable[..., Any], *args: Any) -> Any:
        """Run an inner function as one call with the options of this step; return its value."""
        run = self._run
        call = Call(run, fn, (run, *args), {}, self._options, kind, name, composite=True)
        return self._value_of(await perform(call))

    def _value_of(self, result: Result[Any, Any]) -> Any:
        if type(result) is Ok:
            return result.value
        raise self._run.exit(result)

    def _leave(self, result: object) -> NoReturn:
        raise self._run.exit(result)

    def _check_plain(self, method: str) -> None:
        """Refuse options where they would do nothing."""
        if self._options is not NO_OPTIONS:
            msg = f"step.{method} takes no options: call it on the step without options"
            raise ValueError(msg)

    def _check_can_fail(self, method: str) -> None:
        """Refuse to handle the failures of what never fails unless it is timed out."""
        options = self._options
        if not options.is_limited and (options.retry is not None or options.fallback is not None):
            msg = (
                f"step.{method} never fails: retry and fallback do nothing without timeout=; "
                "set them on the steps inside"
            )
            raise ValueError(msg)
