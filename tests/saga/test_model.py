"""Random sagas end with no effect, or with a report that names exactly what is left."""

from __future__ import annotations

import sys
from functools import partial
from typing import Any, get_args

import pytest
import trio
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from recorder import Recorder
from saga_model import AT_ONCE, UNITS, Broken, Execution, Kind, Leaf, Part

from awaitly_trio import Err, Ok, observing
from awaitly_trio.saga import CompensationFailed, saga
from awaitly_trio.testing import run_schedule, schedules

if sys.version_info < (3, 11):
    from exceptiongroup import BaseExceptionGroup

SECONDS = st.sampled_from([0.0, 0.0, 0.5, 1.0, 3.0])
FATES = st.sampled_from(["works"] * 7 + ["refuses", "breaks", "breaks_after", "interrupts"])
UNDOS = st.sampled_from(["works"] * 5 + ["raises", "errs", "hangs"])


class SagaMachine(RuleBasedStateMachine):
    """Builds a saga part by part, and runs it again and again under other circumstances."""

    @initialize()
    def begin(self) -> None:
        self.root = Part("sub")
        self.open: list[Part] = [self.root]
        self.names = 0

    @rule(before=SECONDS, after=SECONDS, fate=FATES, undo=UNDOS, pivots=st.integers(0, 7))
    def add_step(self, before: float, after: float, fate: Any, undo: Any, pivots: int) -> None:
        """Add a compensated step, or now and then a pivot, to the innermost open part."""
        self.names += 1
        is_pivot = not pivots and all(part.kind not in AT_ONCE for part in self.open)
        # Nobody knows what a pivot did that broke after its effect: keep to those one can tell.
        fate = "works" if is_pivot and fate in {"breaks_after", "interrupts"} else fate
        after = 0.0 if is_pivot else after
        leaf = Leaf(self.names, before, after, fate, undo, is_pivot)
        self.open[-1].parts.append(leaf)

    @precondition(lambda self: len(self.open) < 4)
    @rule(kind=st.sampled_from(get_args(Kind)))
    def open_part(self, kind: Kind) -> None:
        """Begin a part inside the innermost open one."""
        part = Part(kind)
        self.open[-1].parts.append(part)
        self.open.append(part)
        self.add_step(0.5, 0.0, "works", "works", 1)

    @precondition(lambda self: len(self.open) > 1)
    @rule()
    def close_part(self) -> None:
        """End the innermost open part."""
        self.open.pop()

    @precondition(lambda self: self.names)
    @rule(
        schedule=schedules(60),
        cancel_after=st.one_of(st.none(), st.floats(0, 12)),
        fails=st.booleans(),
        order=st.sampled_from(["newest_first", "overlap"]),
        total=st.sampled_from([2.0, 1000.0]),
        watched=st.booleans(),
    )
    def execute(  # noqa: PLR0917  # hypothesis passes by name
        self,
        schedule: list[int],
        cancel_after: float | None,
        fails: bool,
        order: Any,
        total: float,
        watched: bool,
    ) -> None:
        """Run it under a schedule, cancelled at some instant, failing in the end or not."""
        execution = Execution(list(self.root.leaves()))
        options = saga.options(
            order=order, timeout=2, total_timeout=total, on_uncompensated=execution.tell
        )
        test = partial(run_saga, execution, self.root, options, cancel_after, fails, watched)
        run_schedule(test, schedule)
        check_precedence(execution, self.root)


async def run_saga(  # noqa: PLR0917
    execution: Execution,
    root: Part,
    options: Any,
    cancel_after: float | None,
    fails: bool,
    watched: bool,
) -> None:
    """Run a saga and compare what is there with what it says."""

    async def body(step: Any) -> set[int]:
        kept = await execution.all_of(root.parts, step)
        if fails:
            step.fail("in the end")
        return kept

    recorder = Recorder()
    result: Any = None
    try:
        with observing(*([recorder] if watched else [])):
            with trio.move_on_after(1e9 if cancel_after is None else cancel_after):
                result = await options(body)()
    except KeyboardInterrupt:
        pass
    except BaseExceptionGroup as group:
        # Beside a cancellation, which its scope has taken, defects leave as they are.
        _expected, rest = group.split((KeyboardInterrupt, Broken))
        if rest is not None:
            raise rest from None
    recorder.check_laws()
    check_effects(execution, result)


def check_effects(execution: Execution, result: Any) -> None:
    """Check what is there against the result and what was told."""
    assert execution.violations == []
    told = set(execution.told)
    assert len(told) == len(execution.told), "an effect was told of twice"
    # A step that was cut off midway may be named although it did nothing: nobody knew.
    known = told & set(execution.ended)
    assert known <= execution.effects, f"{known - execution.effects} was named and is not there"
    if isinstance(result, Ok):
        assert execution.effects - told == result.value - told
        return
    left = execution.effects - execution.committed
    assert left <= told, f"{left - told} was left and not named"
    failed: Any = result.error if isinstance(result, Err) else None
    if isinstance(failed, CompensationFailed):
        assert {_name(each.value) for each in failed.left} == told
    elif failed is not None:
        assert not told


def _name(value: Any) -> int:
    name: int = value[0] if isinstance(value, tuple) else value
    return name


def check_precedence(execution: Execution, root: Part) -> None:
    """Check that what came before is undone after, where one saga undoes both."""
    for first, second in _pairs(root, ()):
        if first not in execution.undoing or second not in execution.undoing:
            continue
        if first not in execution.ended or second not in execution.started:
            continue
        if not execution.ended[first] < execution.started[second] < execution.undoing[first]:
            continue
        assert execution.undoing[second] < execution.undoing[first]
        if second in execution.undone:
            assert execution.undone[second] < execution.undoing[first]


def _pairs(part: Part, _path: tuple[Part, ...]) -> list[tuple[int, int]]:
    """List pairs of steps that the same saga answers for, if both are to be undone."""
    pairs: list[tuple[int, int]] = []
    groups: list[list[int]] = []
    for inner in part.parts:
        if isinstance(inner, Leaf):
            groups.append([inner.name])
        else:
            pairs += _pairs(inner, ())
            names = [leaf.name for leaf in inner.leaves()]
            # A unit among parts that run at once may be undone while the others go on.
            alone = part.kind in AT_ONCE and _has_units(inner)
            groups.append([] if alone else names)
    if part.kind in {"race", "settle"}:
        return pairs
    for index, group in enumerate(groups):
        for other_index, other in enumerate(groups):
            if index != other_index:
                pairs += [(a, b) for a in group for b in other]
    return pairs


def _has_units(part: Part) -> bool:
    if part.kind in UNITS or part.kind in {"race", "settle"}:
        return True
    return any(_has_units(inner) for inner in part.parts if isinstance(inner, Part))


class TestSagas(SagaMachine.TestCase):  # type: ignore[name-defined,misc]
    """A few random sagas, in every build."""

    settings = settings(max_examples=40, stateful_step_count=25)


@pytest.mark.slow
class TestManySagas(SagaMachine.TestCase):  # type: ignore[name-defined,misc]
    """Many and larger ones."""

    settings = settings(
        max_examples=400, stateful_step_count=40, suppress_health_check=[HealthCheck.too_slow]
    )
