"""Declared dependencies: the graph that ``workflow.of`` promises, and how it is enforced."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from dependencies import Scripted, fail, forever, give
from recorder import Recorder

from awaitly_trio import Err, Ok, Step, workflow
from awaitly_trio._values.errors import UndeclaredDependencyError


def test_a_workflow_knows_its_dependencies() -> None:
    """In the order in which they were declared."""

    @workflow.of(give, fail)
    async def pays(step: Step[Any]) -> None:
        await step(give, 1)

    assert pays.dependencies == (give, fail)
    assert pays.options(name="x").dependencies == (give, fail)


def test_a_workflow_without_declaration_has_no_dependencies() -> None:
    """Nothing is known of them before it runs."""

    @workflow
    async def pays(step: Step[Any]) -> None:
        await step(give, 1)

    assert pays.dependencies == ()


def test_a_declaration_needs_a_dependency() -> None:
    """The message says what to use instead."""
    with pytest.raises(TypeError, match="use @workflow for a body without"):
        workflow.of()  # type: ignore[call-overload]


async def test_a_declaration_is_not_enforced_unless_asked() -> None:
    """It informs checkers and readers."""

    @workflow.of(fail)
    async def gives(step: Step[Any]) -> Any:
        return await step(give, 1)

    assert await gives() == Ok(1)


WAYS: dict[str, Any] = {
    "call": lambda step: step(give, 1),
    "call of a partial": lambda step: step(partial(give, 1)),
    "when": lambda step: step.when(True, give, 1),
    "all": lambda step: step.all(partial(give, 1)),
    "race": lambda step: step.race(partial(give, 1)),
    "map": lambda step: step.map(give, [1], limit=1),
    "batch": lambda step: step.batch(give, [1], size=1, limit=1),
    "branch": lambda step: step.branch("b", 1, {1: partial(give, 1)}),
}


async def _in_parallel(step: Step[Any]) -> Any:
    async with step.parallel() as group:
        group.start_soon(give, 1)


async def _as_resource(step: Step[Any]) -> Any:
    async with step.resources() as resources:
        await resources.acquire(give, len, "abc")


WAYS |= {"parallel": _in_parallel, "resource": _as_resource}


@pytest.mark.parametrize("watched", [False, True], ids=["unwatched", "watched"])
@pytest.mark.parametrize("way", WAYS)
async def test_every_way_to_run_a_dependency_is_checked(way: str, watched: bool) -> None:
    """A declared one runs; another one does not, and the error names it."""
    observers = [Recorder()] if watched else []

    @workflow.of(give)
    async def declared(step: Step[Any]) -> None:
        await WAYS[way](step)

    @workflow.of(fail)
    async def undeclared(step: Step[Any]) -> None:
        await WAYS[way](step)

    fine = await declared.options(declared_only=True, observers=observers)()
    refused = await undeclared.options(declared_only=True, observers=observers)()

    assert fine == Ok(None)
    assert isinstance(refused, Err)
    assert isinstance(refused.cause, UndeclaredDependencyError)
    assert str(refused.cause).startswith("workflow 'undeclared' does not declare 'give'")


async def test_settle_reports_an_undeclared_dependency_as_a_defect() -> None:
    """Like any other defect of a branch."""

    @workflow.of(fail)
    async def undeclared(step: Step[Any]) -> Any:
        return (await step.settle(partial(give, 1))).errors

    result = await undeclared.options(declared_only=True)()

    assert isinstance(result, Ok)
    assert isinstance(result.value[0].cause, UndeclaredDependencyError)


async def test_an_undeclared_dependency_is_not_called() -> None:
    """It is refused before anything happens."""
    dependency = Scripted(Ok(1))

    @workflow.of(fail)
    async def undeclared(step: Step[Any]) -> None:
        await step(dependency)

    await undeclared.options(declared_only=True)()

    assert dependency.calls == []


async def test_a_name_does_not_declare() -> None:
    """What counts is the function; a step may be named anything."""

    @workflow.of(fail)
    async def undeclared(step: Step[Any]) -> None:
        await step.options(name="fail")(give, 1)

    assert isinstance(await undeclared.options(declared_only=True)(), Err)


async def test_a_stand_in_need_not_be_declared() -> None:
    """It stands for a dependency that is."""

    @workflow.of(forever)
    async def waits(step: Step[Any]) -> Any:
        return await step(forever)

    quick = Scripted(Ok("quick"))

    assert await waits.options(declared_only=True, replace={forever: quick})() == Ok("quick")


async def test_an_inner_workflow_has_its_own_declaration() -> None:
    """The outer one declares the inner one, not what that one uses."""

    @workflow.of(give)
    async def inner(step: Step[Any]) -> Any:
        return await step(give, 1)

    @workflow.of(inner)
    async def outer(step: Step[Any]) -> Any:
        return await step(inner)

    assert await outer.options(declared_only=True)() == Ok(1)


def test_enforcing_needs_a_declaration() -> None:
    """Otherwise every step would be refused."""

    @workflow
    async def bare(step: Step[Any]) -> None:
        pass

    with pytest.raises(ValueError, match=r"make it with workflow\.of"):
        bare.options(declared_only=True)


async def test_caught_code_is_a_dependency_too() -> None:
    """It is checked by its own identity, not by that of what step.catch makes of it."""

    @workflow.of(fail)
    async def parses(step: Step[Any]) -> int:
        return await step.catch(int, "1", catch=ValueError, error="bad")

    result = await parses.options(declared_only=True)()

    assert isinstance(result, Err)
    assert isinstance(result.error.cause, UndeclaredDependencyError)
