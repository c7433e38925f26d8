"""Observers are told what breakers, limiters and hedges do for the runs that they watch."""

from __future__ import annotations

from typing import Any

import pytest
from dependencies import Declined, fail

from awaitly_trio import Step, observing, workflow
from awaitly_trio.reliability import (
    BreakerSettings,
    CircuitBreaker,
    CircuitChange,
    ConsecutiveFailures,
)


class Ear:
    """An observer that keeps what it is told; of several with one role only one is told."""

    def __init__(self, role: str | None = None) -> None:
        self.role = role
        self.names: list[str] = []

    def on_start(self, scope: object) -> None:
        """Do nothing."""

    def on_notice(self, notice: object) -> None:
        """Keep the name of a breaker that changed."""
        if isinstance(notice, CircuitChange):
            self.names.append(notice.name)


async def trip(name: str) -> None:
    """Let a breaker of that name trip."""
    breaker = CircuitBreaker(name, BreakerSettings(ConsecutiveFailures(1)))
    await breaker(fail, Declined())


async def test_who_watches_a_run_is_told_from_its_start_to_its_end() -> None:
    """What the task does before and after is nobody's business."""
    ear = Ear()

    @workflow
    async def body(step: Step[Any]) -> None:
        await trip("inside")

    await trip("before")
    await body.options(observers=[ear])()
    await trip("after")

    assert ear.names == ["inside"]


async def test_a_block_inside_a_run_tells_both() -> None:
    """The run goes on to be watched; after the block only its own observers are told."""
    outer, inner = Ear(), Ear()

    @workflow
    async def body(step: Step[Any]) -> None:
        with observing(inner):
            await trip("block")
        await trip("run")

    await body.options(observers=[outer])()

    assert (outer.names, inner.names) == (["block", "run"], ["block"])


async def test_a_run_inside_another_tells_those_of_both() -> None:
    """Observers are inherited, each is told once, and the outer ones go on afterwards."""
    outer, inner = Ear(), Ear()

    @workflow
    async def child(step: Step[Any]) -> None:
        await trip("child")

    @workflow
    async def parent(step: Step[Any]) -> None:
        await step(child.options(observers=[inner, outer]))
        await trip("parent")

    await parent.options(observers=[outer])()

    assert (outer.names, inner.names) == (["child", "parent"], ["child"])


async def test_a_role_is_played_by_the_innermost() -> None:
    """As for starts and ends: nothing is counted twice."""
    around, own = Ear("counter"), Ear("counter")

    @workflow
    async def body(step: Step[Any]) -> None:
        await trip("run")

    with observing(around):
        await body.options(observers=[own])()
        await trip("block")

    assert (around.names, own.names) == (["block"], ["run"])


def test_a_notice_is_told_synchronously() -> None:
    """An async method would never be awaited, so it is refused."""

    class Late:
        def on_start(self, scope: object) -> None:
            """Do nothing."""

        async def on_notice(self, notice: object) -> None:
            """Never be called."""

    with pytest.raises(TypeError, match=r"observer has the async .*on_notice"), observing(Late()):
        pass
