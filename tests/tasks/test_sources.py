"""Where chance comes from: one seed decides a whole tree of tasks."""

from __future__ import annotations

import random

import trio

from awaitly_trio._tasks.sources import chance, seeded


def test_a_seed_decides_what_is_drawn() -> None:
    """The same number draws the same."""
    drawn = []
    for _ in range(2):
        with seeded(7):
            drawn.append([chance().random() for _ in range(3)])

    assert drawn[0] == drawn[1]


def test_a_source_may_be_given() -> None:
    """It is the very one that is drawn from."""
    source = random.Random(1)

    with seeded(source) as given:
        assert given is chance() is source


def test_outside_the_block_chance_is_as_before() -> None:
    """Blocks nest."""
    before = chance()

    with seeded(1):
        outer = chance()
        with seeded(2):
            assert chance() is not outer
        assert chance() is outer

    assert chance() is before


async def test_tasks_share_the_source_of_the_block_that_started_them() -> None:
    """Also when they go on after it."""
    sources: list[random.Random] = []

    async def task() -> None:
        await trio.lowlevel.checkpoint()
        sources.append(chance())

    async with trio.open_nursery() as nursery:
        with seeded(7) as source:
            nursery.start_soon(task)
            nursery.start_soon(task)
        nursery.start_soon(task)

    assert [each is source for each in sources].count(True) == 2
