"""The laws of the engine, held against every schedule and every fault."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
import trio
from testing.workflows import ALL, SAGAS, World

from awaitly_trio import Ok, observing
from awaitly_trio._tasks.sources import seeded
from awaitly_trio.events import ScopeStarted
from awaitly_trio.testing import (
    Ended,
    Harness,
    Recorder,
    cancel_everywhere,
    compare,
    explore,
    snapshot,
    sweep,
    virtual_clock,
)
from awaitly_trio.testing._recorder import Pairing
from awaitly_trio.testing._steady import steadily

if TYPE_CHECKING:
    from awaitly_trio.events import Event

FLOWS = sorted(ALL)


def recorded(flow: str) -> list[Event]:
    """Return the events of one run, watched and nothing else."""
    recorder = Recorder()
    with observing(recorder), seeded(random.Random(0)), steadily():
        virtual_clock().run(ALL[flow], World())
    return recorder.events


@pytest.mark.parametrize("flow", FLOWS)
def test_a_harness_changes_nothing(flow: str) -> None:
    """A run in a harness without scripts has the events of a run that is only watched."""
    harness = Harness()

    harness.run(ALL[flow], World())

    assert compare(recorded(flow), harness.events) is None


@pytest.mark.parametrize("flow", FLOWS)
def test_one_seed_gives_one_log(flow: str) -> None:
    """Two runs of one seed give the same events, byte for byte."""
    logs: list[bytes] = []

    async def test() -> None:
        recorder = Recorder()
        with observing(recorder):
            await ALL[flow](World())
        logs.append(snapshot(recorder.events).encode())

    explore(test, schedules=1, strategy="random", seed=3)

    assert len(logs) == 2
    assert logs[0] == logs[1]


def check_laws(flow: str, world: World, *, succeeded: bool) -> None:
    """Assert what holds after every run."""
    assert world.busy == 0, "something of the run is still at work"
    assert len(world.undone) == len(set(world.undone)), f"undone twice: {world.undone}"
    if flow in SAGAS:
        if succeeded:
            assert world.undone == [], "undone although it succeeded"
        else:
            assert world.kept == [], f"not undone: {world.kept}"
    if flow == "mapped":
        assert world.most_busy <= 2, "more at once than the limit"


@pytest.mark.parametrize("flow", FLOWS)
def test_the_laws_hold_under_every_schedule(flow: str) -> None:
    """Nothing outlives its run, starts and ends are paired, effects are undone once."""

    async def test() -> None:
        world, pairing = World(), Pairing()
        with observing(pairing):
            result = await ALL[flow](world)
        pairing.check()
        check_laws(flow, world, succeeded=isinstance(result, Ok))

    explore(test, schedules=60)


@pytest.mark.slow
@pytest.mark.parametrize("flow", FLOWS)
def test_the_laws_hold_under_many_schedules(flow: str) -> None:
    """Likewise, where two busy cores have the time for more."""

    async def test() -> None:
        world = World()
        result = await ALL[flow](world)
        check_laws(flow, world, succeeded=isinstance(result, Ok))

    explore(test, schedules=2000)


def struck_compensation(ended: Ended) -> bool:
    """Tell whether the fault hit what undoes a step, and not a step."""
    path = (ended.point or "").split(":")[1:2]
    return any(
        isinstance(event, ScopeStarted) and event.kind == "compensation" and [event.path] == path
        for event in ended.events
    )


@pytest.mark.parametrize("flow", FLOWS)
def test_the_laws_hold_with_a_fault_anywhere(flow: str) -> None:
    """Cancelled after any step, and with an error, a defect or a hang in any step."""

    def check(world: World, ended: Ended) -> None:
        assert not (ended.cancelled and ended.value is not None), "cancelled, and a result"
        if struck_compensation(ended):
            # It failed, so its effect stays; the others are undone all the same.
            assert flow not in SAGAS or len(world.kept) <= 1
        else:
            check_laws(flow, world, succeeded=isinstance(ended.value, Ok))

    report = sweep(
        ALL[flow],
        make=World,
        invariant=check,
        faults=("cancel", "deadline", "error", "raise"),
    )

    assert report.points["cancel"] > 0
    assert report.points["raise"] > 0


@pytest.mark.parametrize("flow", FLOWS)
def test_the_laws_hold_where_nobody_watches(flow: str) -> None:
    """The shorter way of a run without observers keeps them at every cancellation too."""

    def check(world: World, ended: Ended) -> None:
        check_laws(flow, world, succeeded=isinstance(ended.value, Ok))

    cancel_everywhere(ALL[flow], make=World, invariant=check, watched=False)


@pytest.mark.parametrize("flow", FLOWS)
def test_an_early_cancellation_is_never_a_result(flow: str) -> None:
    """Cancelled before its last step, a workflow is cancelled and returns nothing."""
    ends: list[Ended] = []

    sweep(
        ALL[flow],
        make=World,
        invariant=lambda _world, ended: ends.append(ended),
        faults=("cancel",),
    )

    struck = [ended for ended in ends if ended.point is not None]
    assert all(ended.cancelled == (ended.value is None) for ended in struck)
    assert all(ended.cancelled for ended in struck[: len(struck) // 2])


def test_a_saga_is_undone_newest_first() -> None:
    """The assertion of a harness sees the order of the compensations."""
    harness, world = Harness(), World()

    harness.run(ALL["saga"], world)

    assert world.undone == ["c", "b", "a"]
    harness.assert_compensated("act", "act", "act")
    assert len(harness.calls_of("take_back")) == 3


def test_a_fork_of_a_saga_undoes_what_was_replayed() -> None:
    """Compensations of replayed steps run, since the steps count as done."""
    harness, world = Harness(), World()
    harness.script("act", lambda _world, name: Ok(name))

    harness.run(ALL["saga"], world)

    assert world.done == []
    assert world.undone == ["c", "b", "a"]


async def test_a_workflow_runs_in_a_test_of_its_own() -> None:
    """The same workflows run under pytest-trio, without any tool."""
    with trio.move_on_after(0.01):
        await ALL["sequence"](World())
