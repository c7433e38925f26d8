"""Schedules as text, and the choosers that follow them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from awaitly_trio.testing._bounded import BoundedSearch
from awaitly_trio.testing._choosers import PATIENCE, Priorities, RandomWalk, RunOn, Script
from awaitly_trio.testing._turns import (
    read_schedule,
    turns_merged,
    turns_of,
    write_schedule,
)

steps = st.lists(st.integers(0, 5), max_size=30)
runnable = st.sets(st.integers(0, 5), min_size=1).map(sorted)


@given(steps)
def test_turns_tell_the_steps(taken: list[int]) -> None:
    """Nothing is lost between a sequence of steps and its turns."""
    turns = turns_of(taken)

    assert [birth for birth, count in turns for _ in range(count)] == taken
    assert turns_merged(turns) == turns


@given(steps, st.integers(0, 2**64))
def test_a_schedule_survives_its_text(taken: list[int], seed: int) -> None:
    """What is printed is what is replayed."""
    turns = turns_of(taken)

    assert read_schedule(write_schedule(f"{seed}.7", turns)) == (f"{seed}.7", turns)


@given(st.lists(runnable, min_size=1, max_size=40), st.integers(0, 99))
def test_a_chooser_picks_what_can_run(offers: list[list[int]], seed: int) -> None:
    """Whatever is offered, each strategy picks one of it, and the same for the same seed."""
    for make in (
        RunOn,
        lambda: RandomWalk(f"{seed}"),
        lambda: Priorities(f"{seed}", depth=3, horizon=10),
        lambda: Script(((0, 2), (3, 1), (1, 5))),
    ):
        runs: list[list[int]] = []
        for _ in range(2):
            chooser, taken = make(), []
            for offer in offers:
                taken.append(chooser.pick(offer, taken))
                assert taken[-1] in offer
            runs.append(taken)
        assert runs[0] == runs[1]


def test_a_task_that_spins_makes_room() -> None:
    """A loop that polls for another task does not keep it from running for ever."""
    taken: list[int] = []

    for _ in range(PATIENCE + 1):
        taken.append(RunOn().pick([0, 1], taken))

    assert taken == [0] * PATIENCE + [1]


@given(steps)
def test_a_script_repeats_the_steps_it_was_made_from(taken: list[int]) -> None:
    """With every task runnable all the time, a script gives back its steps."""
    script = Script(turns_of(taken))
    again: list[int] = []

    for _ in taken:
        again.append(script.pick([0, 1, 2, 3, 4, 5], again))

    assert again == taken


def test_a_bounded_search_goes_by_preemptions() -> None:
    """Schedules with fewer preemptions come first, and none comes twice."""
    search = BoundedSearch("0")
    costs: list[int] = []
    seen: set[tuple[int, ...]] = set()

    while (prefix := search.next()) is not None:
        taken: list[int] = []
        left = {0: 3, 1: 3}
        preemptions = 0
        while any(left.values()):
            offer = [birth for birth in left if left[birth]]
            birth = prefix.pick(offer, taken) if len(offer) > 1 else offer[0]
            preemptions += bool(taken and birth != taken[-1] and left[taken[-1]])
            left[birth] -= 1
            taken.append(birth)
        search.learn(prefix)
        costs.append(preemptions)
        seen.add(tuple(taken))

    assert search.is_complete
    assert len(seen) == len(costs) == 20
    assert costs == sorted(costs)


def test_a_bound_limits_the_search() -> None:
    """With no preemption allowed, only the order of whole tasks is tried."""
    search = BoundedSearch("0", bound=0)
    count = 0

    while (prefix := search.next()) is not None:
        taken: list[int] = []
        left = {0: 2, 1: 2, 2: 2}
        while any(left.values()):
            offer = [birth for birth in left if left[birth]]
            birth = prefix.pick(offer, taken) if len(offer) > 1 else offer[0]
            left[birth] -= 1
            taken.append(birth)
        search.learn(prefix)
        count += 1

    assert count == 6
