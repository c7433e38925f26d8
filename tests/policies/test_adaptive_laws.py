"""The laws by which a concurrency limit follows what a service can bear."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from awaitly_trio._policies.adaptive import Aimd, Gradient, LimitLaw

ANSWERS = st.lists(
    st.tuples(st.sampled_from(["ok", "dropped"]), st.floats(0, 100), st.integers(1, 50)),
    max_size=60,
)


@given(
    law=st.sampled_from(
        [
            Aimd(initial=5, lowest=2, highest=9),
            Gradient(initial=5, lowest=2, highest=9, smoothing=1.0),
        ]
    ),
    answers=ANSWERS,
)
def test_a_limit_keeps_its_bounds(law: LimitLaw, answers: list[tuple[str, float, int]]) -> None:
    """Whatever is learnt, the limit is between its lowest and its highest."""
    state = law.state()

    for kind, elapsed, running in answers:
        if kind == "ok":
            state.succeeded(elapsed, running)
        else:
            state.dropped()
        assert 2 <= state.limit <= 9


def test_aimd_wins_one_place_in_each_round() -> None:
    """When as many calls have succeeded as there are places, there is about one more."""
    state = Aimd(initial=10).state()

    for _ in range(10):
        state.succeeded(0.1, running=10)

    assert state.limit == pytest.approx(11, abs=0.05)


def test_aimd_loses_a_share() -> None:
    """A call that fails for too much load costs a share of the places, and so does a slow one."""
    state = Aimd(initial=10, decrease=0.5, slow_after="1s").state()

    state.dropped()
    after_drop = state.limit
    state.succeeded(1.1, running=5)

    assert (after_drop, state.limit) == (5, 2.5)


@pytest.mark.parametrize("law", [Aimd(initial=10), Gradient(initial=10)])
def test_a_limit_that_nobody_reaches_does_not_rise(law: LimitLaw) -> None:
    """A quiet service has not shown that it bears more."""
    state = law.state()

    for _ in range(50):
        state.succeeded(0.1, running=4)

    assert state.limit == 10


def test_two_senders_come_to_equal_shares() -> None:
    """Whoever has more gives up more.

    Source: D.-M. Chiu and R. Jain, "Analysis of the Increase and Decrease Algorithms" (1989).
    """
    greedy, modest = Aimd(initial=80, decrease=0.5).state(), Aimd(initial=2, decrease=0.5).state()

    for _ in range(20_000):
        overload = greedy.limit + modest.limit > 100
        for state in (greedy, modest):
            if overload:
                state.dropped()
            else:
                state.succeeded(0.1, running=int(state.limit) + 1)

    assert greedy.limit / modest.limit == pytest.approx(1, abs=0.1)


def test_gradient_falls_when_calls_take_longer_than_usual() -> None:
    """Twice the tolerated time halves the limit in the long run, but for the headroom."""
    state = Gradient(initial=100, tolerance=1.0, headroom=0, smoothing=1.0).state()
    for _ in range(600):
        state.succeeded(0.1, running=100)

    state.succeeded(0.2, running=100)

    assert state.limit == pytest.approx(50, rel=0.01)


def test_gradient_rises_by_its_headroom_while_calls_are_as_fast_as_usual() -> None:
    """It finds room that it was not told of."""
    state = Gradient(initial=10, headroom=4, smoothing=0.25).state()

    state.succeeded(0.1, running=10)

    assert state.limit == pytest.approx(11)


def test_gradient_never_falls_by_more_than_half_at_once() -> None:
    """One very slow call does not shut the service out."""
    slow, dropped = (Gradient(initial=100, headroom=0, smoothing=1.0).state() for _ in range(2))
    for _ in range(600):
        slow.succeeded(0.1, running=100)

    slow.succeeded(1e6, running=100)
    dropped.dropped()

    assert slow.limit == dropped.limit == 50


def test_gradient_gets_used_to_a_lasting_overload() -> None:
    """What lasts becomes usual: against that, the published law has only its highest limit."""
    state = Gradient(initial=5, highest=200).state()

    for _ in range(5000):
        running = int(state.limit)
        state.succeeded(0.1 * max(1, running / 30), running)

    assert state.limit == 200


def test_calls_that_take_no_time_teach_nothing_wrong() -> None:
    """In virtual time a call may take none: the limit only rises."""
    state = Gradient(initial=10).state()

    state.succeeded(0.0, running=10)

    assert state.limit > 10


@pytest.mark.parametrize(
    ("law", "options", "message"),
    [
        (Aimd, {"initial": 0}, "a limit needs 1 <= lowest"),
        (Aimd, {"lowest": 5, "initial": 4}, "these are 5, 4 and 1000"),
        (Aimd, {"highest": math.inf}, "these are 1, 20 and inf"),
        (Aimd, {"increase": 0}, "increase must be above 0 and finite, not 0"),
        (Aimd, {"decrease": 1}, "decrease must be above 0 and below 1, not 1"),
        (Aimd, {"slow_after": -1}, "slow_after is -1"),
        (Gradient, {"tolerance": 0.9}, "tolerance must be at least 1 and finite, not 0.9"),
        (Gradient, {"headroom": -1}, "headroom must be 0 or more calls, not -1"),
        (Gradient, {"smoothing": 0}, "smoothing must be above 0 and at most 1, not 0"),
        (Gradient, {"memory": 0}, "memory must be at least 1 call, not 0"),
    ],
)
def test_a_law_that_makes_no_sense_is_refused(
    law: type, options: dict[str, Any], message: str
) -> None:
    """The message shows the value and what is allowed."""
    with pytest.raises(ValueError, match=message):
        law(**options)
