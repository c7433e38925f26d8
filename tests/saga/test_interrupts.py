"""Ctrl-C at every instruction of a saga leaves no effect behind.

A signal may arrive between any two instructions of Python that Trio does not
protect.  Here a trace function takes its place, and raises at each of them.
"""

from __future__ import annotations

import sys
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
import trio
from effects import Refused, World, refuse

import awaitly_trio
from awaitly_trio import Ok, Step, workflow

ki_protection_enabled = pytest.importorskip("trio._core._ki").ki_protection_enabled

if TYPE_CHECKING:
    from types import FrameType

LIBRARY = awaitly_trio.__path__[0]


class Interrupter:
    """Raises ``KeyboardInterrupt`` at one instruction that Trio does not protect.

    It counts those of the library and of functions named ``body``.
    """

    def __init__(self, strike_at: int) -> None:
        self._strike_at = strike_at
        self.reached = 0
        self.place = ""

    def __call__(self, frame: FrameType, event: str, _arg: object) -> Any:
        """Be the trace function of every frame."""
        frame.f_trace_opcodes = True
        if event != "opcode" or not self._counts(frame):
            return self
        self.reached += 1
        if self.reached == self._strike_at:
            sys.settrace(None)
            self.place = f"{frame.f_code.co_name}, line {frame.f_lineno}"
            raise KeyboardInterrupt
        return self

    def _counts(self, frame: FrameType) -> bool:
        code = frame.f_code
        ours = code.co_filename.startswith(LIBRARY) or code.co_name == "body"
        return ours and not ki_protection_enabled(frame)


async def body(step: Step[Refused], world: World, *, fails: bool) -> str:
    """Leave three effects, one of them in a block."""
    await step.compensated(world.do, world.undo, "a")
    async with step.saga("block"):
        await step.compensated(world.do, world.undo, "b")
    await step.compensated(world.do, world.undo, "c")
    if fails:
        await step(refuse)
    return "done"


def interrupted_at(instruction: int, *, fails: bool) -> tuple[Interrupter, World, Any]:
    """Run the saga with an interrupt at one instruction."""
    interrupter, world, results = Interrupter(instruction), World(), []

    async def main() -> None:
        saga = workflow(body)
        # CPython 3.12 tells of instructions only if a frame wants them before tracing begins.
        sys._getframe().f_trace_opcodes = True
        try:
            sys.settrace(interrupter)
            results.append(await saga(world, fails=fails))
        finally:
            sys.settrace(None)

    with suppress(KeyboardInterrupt):
        trio.run(main)
    return interrupter, world, results[0] if results else None


# An interrupt between making a coroutine and awaiting it leaves one that never ran.
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.skipif(sys.gettrace() is not None, reason="another trace function is at work")
@pytest.mark.parametrize("fails", [False, True])
def test_an_interrupt_at_any_instruction_leaves_no_effect(
    fails: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """Either the caller has the result, or everything was undone."""
    leaks: Counter[str] = Counter()
    instruction = 1
    while True:
        interrupter, world, result = interrupted_at(instruction, fails=fails)
        if interrupter.reached < instruction:
            break
        if world.effects and not isinstance(result, Ok):
            leaks[interrupter.place] += 1
        instruction += 1

    assert leaks == Counter()
    assert instruction > 50
    with capsys.disabled():
        print(f"\ninterrupted at {instruction - 1} instructions, no effect left in any")
