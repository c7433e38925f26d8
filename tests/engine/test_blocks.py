"""Who watches a run: blocks around it, the run around it, and the run itself, each in its place."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest
from dependencies import Declined, fail, give

from awaitly_trio import Step, is_ok, observing, spaced, workflow
from awaitly_trio._engine.observing import observe
from awaitly_trio._engine.watch import current_scope
from awaitly_trio._values.errors import RunClosedError
from awaitly_trio.reliability import (
    BreakerSettings,
    CircuitBreaker,
    CircuitChange,
    ConsecutiveFailures,
)

if TYPE_CHECKING:
    from awaitly_trio._values.outcomes import Outcome
    from awaitly_trio._values.scopes import Scope


class Witness:
    """Writes who was told of the start and the end of a workflow into a list it shares."""

    def __init__(self, name: str, told: list[str], role: str | None = None) -> None:
        self.name, self.told, self.role = name, told, role

    def on_start(self, scope: Scope) -> None:
        if scope.kind == "workflow":
            self.told.append(f"{self.name} {scope.name}")

    def on_end(self, scope: Scope, outcome: Outcome) -> None:
        if scope.kind == "workflow":
            self.told.append(f"{scope.name} {self.name}")


class Encloser(Witness):
    """Wants the others to be told inside of what it does."""

    encloses = True


@workflow
async def inner(step: Step[Any]) -> None:
    """Take a step."""
    await step(give, 1)


@workflow
async def outer(step: Step[Any]) -> None:
    """Take a workflow as a step."""
    await step(inner)


async def test_the_player_of_a_run_stays_for_the_runs_inside_it() -> None:
    """A block around both does not take the role back: it stands farther away."""
    told: list[str] = []

    with observing(Witness("block", told, "tracer")):
        await outer.options(observers=[Witness("run", told, "tracer")])()

    assert told == ["run outer", "run inner", "inner run", "outer run"]


async def test_a_block_inside_a_run_is_nearer_than_the_run() -> None:
    """What a body switches on counts for the runs that it starts there."""
    told: list[str] = []

    @workflow
    async def body(step: Step[Any]) -> None:
        with observing(Witness("inside", told, "tracer")):
            await step(inner)
        await step(inner)

    with observing(Witness("block", told, "tracer")):
        await body.options(observers=[Witness("run", told, "tracer")])()

    assert told == [
        "run body",
        "inside inner",
        "inner inside",
        "run inner",
        "inner run",
        "body run",
    ]


class Deaf:
    """Plays a role, so that no other does, and wants to be told nothing."""

    role = "tracer"
    event_types: tuple[type, ...] = ()

    def on_event(self, event: object) -> None:
        raise AssertionError("told")


async def test_a_run_whose_observers_want_nothing_has_no_scopes_inside() -> None:
    """Its steps are calls as in a run that nobody watches, and those inside keep the role."""
    told: list[str] = []
    places: list[str | None] = []

    async def look() -> Any:
        scope = current_scope.get()
        places.append(None if scope is None else scope.path)
        return await give(1)

    @workflow
    async def body(step: Step[Any]) -> None:
        await step(look)
        await step.options(retry=spaced(0, attempts=2), timeout=1)(look)
        await step.compensated(look, lambda _: None)
        await step.all(look, look)
        async with step.parallel() as group, step.saga("trip"), step.resources():
            group.start_soon(look)
        await step(inner)

    with observing(Witness("block", told, "tracer")):
        assert is_ok(await body.options(observers=[Deaf()])())

    assert told == []
    assert places == ["body"] * 6
    assert current_scope.get() is None


async def test_who_wants_only_notices_is_told_them() -> None:
    """An observer that wants no events of runs may still watch breakers and limiters."""
    heard: list[object] = []

    class Ear(Deaf):
        def on_notice(self, notice: object) -> None:
            heard.append(notice)

    breaker = CircuitBreaker("bank", BreakerSettings(ConsecutiveFailures(1)))

    @workflow
    async def body(step: Step[Any]) -> None:
        await step(breaker.wrap(fail), Declined())

    await body.options(observers=[Ear()])()

    assert [type(notice) for notice in heard] == [CircuitChange]


async def test_an_observer_is_told_of_the_end_of_a_step_outside_of_it() -> None:
    """What it does then, a lookup of the scope say, belongs to what is around the step."""
    around: list[str] = []

    class Looks:
        def on_end(self, scope: Scope, outcome: Outcome) -> None:
            found = current_scope.get()
            around.append(f"{scope.path} in {found.path if found else None}")

    await inner.options(observers=[Looks()])()

    assert around == ["inner/give in inner", "inner in None"]


@pytest.mark.parametrize("is_watched", [False, True])
async def test_a_step_that_is_kept_is_refused_after_its_run(is_watched: bool) -> None:
    """Also a copy of it, which is the step itself."""
    kept: list[Step[Any]] = []
    told: list[str] = []

    @workflow
    async def body(step: Step[Any]) -> None:
        await step(give, 1)
        kept.extend((step, copy.copy(step), copy.deepcopy(step)))

    observers = [Witness("run", told)] if is_watched else []
    await body.options(observers=observers)()

    for step in kept:
        with pytest.raises(RunClosedError):
            await step(give, 1)


async def test_who_encloses_is_told_first_and_last() -> None:
    """Wherever it was given: others are told while what it opened is open."""
    told: list[str] = []

    with observing(Witness("metrics", told)):
        await inner.options(observers=[Witness("log", told), Encloser("tracer", told)])()

    assert told == [
        "tracer inner",
        "metrics inner",
        "log inner",
        "inner log",
        "inner metrics",
        "inner tracer",
    ]


async def test_blocks_may_end_in_any_order() -> None:
    """One that has ended never comes back when another ends, and ends no other."""
    told: list[str] = []
    stop_first = observe(Witness("first", told, "tracer"))
    stop_second = observe(Witness("second", told, "tracer"))

    stop_first()
    await inner()
    stop_second()
    await inner()

    assert told == ["second inner", "inner second"]


async def test_after_an_inner_block_the_outer_one_counts_again() -> None:
    """Of two with one role the one that is left is told."""
    told: list[str] = []

    with observing(Witness("outer", told, "tracer")):
        with observing(Witness("inner", told, "tracer")):
            await inner()
        await inner()

    assert told == ["inner inner", "inner inner", "outer inner", "inner outer"]


async def test_one_observer_in_two_blocks_is_told_once_and_until_both_end() -> None:
    """A block ends for itself, even if another has the same observer."""
    told: list[str] = []
    witness = Witness("same", told)

    with observing(witness):
        with observing(witness):
            await inner()
        await inner()

    assert told == ["same inner", "inner same"] * 2
