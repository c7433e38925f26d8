"""Agendas: what may be undone at once is consistent with what came before what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from awaitly_trio._policies.undo_order import DependencyAgenda, OverlapAgenda

if TYPE_CHECKING:
    from hypothesis.strategies import DataObject

    from awaitly_trio._policies.undo_order import Agenda


@st.composite
def spans(draw: st.DrawFn) -> list[tuple[int, int]]:
    """Draw starts and ends on one clock of whole, distinct ticks."""
    size = draw(st.integers(0, 8))
    ticks = draw(st.permutations(range(1, 2 * size + 1)))
    pairs = [(ticks[2 * i], ticks[2 * i + 1]) for i in range(size)]
    return [(min(pair), max(pair)) for pair in pairs]


def work_off(agenda: Agenda, data: DataObject) -> list[tuple[str, int]]:
    """Begin all that may begin and end any of what runs, until nothing runs."""
    told: list[tuple[str, int]] = []
    running: list[int] = []
    ready = agenda.start()
    while ready or running:
        told += [("begin", index) for index in ready]
        running += ready
        ended = data.draw(st.sampled_from(running))
        running.remove(ended)
        told.append(("end", ended))
        ready = agenda.done(ended)
    return told


@given(spans(), st.data())
def test_overlap_undoes_in_the_reverse_of_what_preceded(
    steps: list[tuple[int, int]], data: DataObject
) -> None:
    """A step that ended before another began is undone after that has been undone."""
    told = work_off(OverlapAgenda(steps), data)

    assert sorted(index for what, index in told if what == "begin") == list(range(len(steps)))
    for first, (_, end) in enumerate(steps):
        for second, (start, _) in enumerate(steps):
            if end < start:
                assert told.index(("end", second)) < told.index(("begin", first))


@given(spans(), st.data())
def test_overlap_waits_for_nothing_else(steps: list[tuple[int, int]], data: DataObject) -> None:
    """Whatever need not wait is begun at once."""
    agenda = OverlapAgenda(steps)
    begun = set(agenda.start())
    done: set[int] = set()
    while begun - done:
        waiting = set(range(len(steps))) - begun
        for index in waiting:
            later = {i for i, (start, _) in enumerate(steps) if start > steps[index][1]}
            assert not later <= done
        ended = data.draw(st.sampled_from(sorted(begun - done)))
        done.add(ended)
        begun |= set(agenda.done(ended))


def test_overlap_undoes_at_once_what_was_done_at_once() -> None:
    """Three steps at once, one after them: that goes first, then the three together."""
    agenda = OverlapAgenda([(1, 4), (2, 5), (3, 6), (7, 8)])

    assert agenda.start() == [3]
    assert agenda.done(3) == [2, 1, 0]
    assert agenda.done(1) == []


@given(st.data())
def test_dependency_undoes_dependents_first(data: DataObject) -> None:
    """A step is undone after those that named it, and nothing else holds it up."""
    size = data.draw(st.integers(0, 7))
    names = [(data.draw(st.sampled_from("abc")), f"key{i}") for i in range(size)]
    needs = [tuple(data.draw(st.sets(st.sampled_from("abc")))) for _ in range(size)]
    edges = {
        (first, second)
        for second in range(size)
        for first in range(second)
        if set(needs[second]) & set(names[first])
    }

    told = work_off(DependencyAgenda(names, needs), data)

    assert sorted(index for what, index in told if what == "begin") == list(range(size))
    for first, second in edges:
        assert told.index(("end", second)) < told.index(("begin", first))


def test_dependency_knows_keys_and_names() -> None:
    """Independent steps are undone at once, the newest begun first."""
    names = [("flight", "f-1"), ("room",), ("seat",)]
    agenda = DependencyAgenda(names, [(), (), ("f-1",)])

    assert agenda.start() == [2, 1]
    assert agenda.done(1) == []
    assert agenda.done(2) == [0]
