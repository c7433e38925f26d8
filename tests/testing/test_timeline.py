"""Recorded runs: stepping through them, comparing two, and taking another way from a step on."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import trio

from awaitly_trio import Err, Ok, Result, Step, TimedOut, exponential, workflow
from awaitly_trio.testing import (
    Harness,
    Timeline,
    check_snapshot,
    compare,
    delayed,
    expect_err,
    expect_ok,
    fork,
    hangs,
    raises,
    snapshot,
)

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Refused:
    why: str


calls: list[str] = []


async def search(place: str) -> Result[int, Refused]:
    """Look for a room."""
    calls.append(f"search {place}")
    await trio.sleep(1)
    return Ok(3)


async def book(room: int) -> Result[str, Refused]:
    """Book a room."""
    calls.append(f"book {room}")
    await trio.sleep(2)
    return Ok(f"room {room}")


async def confirm(booking: str) -> Result[None, Refused]:
    """Confirm a booking."""
    calls.append(f"confirm {booking}")
    return Ok(None)


@workflow
async def travel(step: Step[Refused | TimedOut], place: str) -> str:
    """Search, book and confirm."""
    room = await step(search, place)
    booking = await step.options(timeout=5)(book, room)
    await step(confirm, booking)
    return booking


@pytest.fixture
def recorded() -> Harness:
    """Return a harness after one run in which all went well."""
    harness = Harness()
    harness.run(travel, "Oslo")
    calls.clear()
    return harness


def test_a_timeline_shows_each_moment(recorded: Harness) -> None:
    """Going through a run shows what was open and what had ended after each event."""
    moments = list(Timeline(recorded.events))

    assert [moment.running for moment in moments[:4]] == [
        ("travel",),
        ("travel", "travel/search"),
        ("travel",),
        ("travel", "travel/book"),
    ]
    assert moments[-1].running == ()
    assert moments[-1].ended["travel"].value == "room 3"


def test_the_moment_before_a_step(recorded: Harness) -> None:
    """Before a step the earlier ones have ended and it has not begun."""
    moment = Timeline(recorded.events).before(book)

    assert moment.seconds == 1
    assert moment.running == ("travel",)
    assert moment.value("travel/search") == 3
    with pytest.raises(KeyError):
        moment.value("travel/book")


def test_the_moment_after_a_step(recorded: Harness) -> None:
    """After a step its value is there."""
    moment = Timeline(recorded.events).after("travel/book")

    assert moment.value("travel/book") == "room 3"
    assert moment.seconds == 3


def test_the_moment_of_an_event(recorded: Harness) -> None:
    """An event, or its number, leads to the moment just after it."""
    timeline = Timeline(recorded.events)
    third = recorded.events[2]

    assert timeline.at(third) == timeline.at(third.seq) == timeline.state()
    assert timeline.state().event == third


def test_stepping_forward_and_backward(recorded: Harness) -> None:
    """Steps go one event at a time, and stop at both ends."""
    timeline = Timeline(recorded.events)
    assert timeline.state().running == ()

    timeline.before("travel")
    assert timeline.back().event is None
    assert timeline.back().seconds == 0
    assert timeline.forward().running == ("travel",)
    timeline.at(recorded.events[-1])
    assert timeline.forward().ended.keys() == timeline.state().ended.keys()
    assert len(timeline) == len(recorded.events)


def test_an_end_without_a_value_has_none() -> None:
    """Asking for the value of a step that failed shows how it ended."""
    harness = Harness()
    harness.script(search, Err(Refused("full")))
    harness.run(travel, "Oslo")

    with pytest.raises(ValueError, match=r"'travel/search' ended with .*full"):
        Timeline(harness.events).state().value("travel/search")


def test_what_is_not_in_a_timeline_is_refused(recorded: Harness) -> None:
    """A wrong name lists the right ones."""
    timeline = Timeline(recorded.events)

    with pytest.raises(LookupError, match="no scope is called 'fly' here, only travel, travel/s"):
        timeline.before("fly")
    with pytest.raises(LookupError, match="no event number 99"):
        timeline.at(99)
    with pytest.raises(LookupError, match="'travel/book' never ended"):
        Timeline(recorded.events[:4]).after(book)


def test_a_timeline_reads_as_text() -> None:
    """The text has times, nesting, outcomes and what happened between."""
    harness = Harness()
    harness.script(book, hangs())

    @workflow
    async def stubborn(step: Step[Refused | TimedOut]) -> str:
        return await step.options(timeout=2, retry=exponential(1, attempts=2))(book, 1)

    harness.run(stubborn)

    lines = [line.strip() for line in Timeline(harness.events).show().splitlines()]
    assert lines[0] == "0.000s > workflow stubborn"
    assert lines[1].startswith("0.000s   > step book")
    assert any("Retrying attempt=1, delay=1.0" in line for line in lines)
    assert lines[-1].startswith("5.000s < stubborn: timed_out TimedOut(")


def test_two_runs_of_one_behaviour_are_alike(recorded: Harness) -> None:
    """Times of day and run ids do not matter."""
    other = Harness(seed=9)
    other.run(travel, "Oslo")

    assert recorded.events != other.events
    assert compare(recorded.events, other.events) is None


def test_the_first_difference_of_two_runs_is_shown(recorded: Harness) -> None:
    """Two runs part at one event, and both sides of it are shown."""
    other = Harness()
    other.script(book, delayed(2, Ok("suite")))
    other.run(travel, "Oslo")

    parted = compare(recorded.events, other.events)

    assert parted is not None
    assert parted.after == 4
    assert "'room 3'" in str(parted.first)
    assert "'suite'" in str(parted.second)
    assert str(parted).startswith("the runs are alike for 4 events, then differ:\n  - ")


@pytest.mark.parametrize("shorter", [0, 1])
def test_a_run_that_ends_earlier_differs(recorded: Harness, shorter: int) -> None:
    """The side that was over says so."""
    runs = [recorded.events, recorded.events]
    runs[shorter] = recorded.events[:3]

    parted = compare(*runs)

    assert parted is not None
    assert (parted.first, parted.second)[shorter] is None
    assert "the run was over" in str(parted)


def test_a_snapshot_is_the_same_each_time(recorded: Harness) -> None:
    """Nothing in it depends on the time of day, the run or the machine."""
    other = Harness(seed=4)
    other.run(travel, "Oslo")

    forms = json.loads(snapshot(recorded.events))
    assert snapshot(other.events) == snapshot(recorded.events)
    assert {form["run_id"] for form in forms} == {"run1"}
    assert [form["time"] for form in forms] == [0, 0, 1, 1, 3, 3, 3, 3]


def test_a_snapshot_of_a_defect_has_no_traceback() -> None:
    """Lines of code move; a snapshot does not follow them."""
    harness = Harness()
    harness.script(book, raises(ConnectionError("down")))
    harness.run(travel, "Oslo")

    text = snapshot(harness.events)

    assert "down" in text
    assert "Traceback" not in text
    assert ".py" not in text


def test_a_snapshot_is_written_on_demand_and_then_compared(
    recorded: Harness, tmp_path: Path
) -> None:
    """A missing file and a difference fail, with the way to accept what ran."""
    file = tmp_path / "runs" / "travel.json"
    with pytest.raises(AssertionError, match=r"no snapshot travel.json: set AWAITLY_UPDATE_SNAP"):
        check_snapshot(recorded.events, file)

    check_snapshot(recorded.events, file, update=True)
    check_snapshot(recorded.events, file)
    other = Harness()
    other.script(book, delayed(2, Ok("suite")))
    other.run(travel, "Oslo")

    with pytest.raises(AssertionError, match=r"differs from travel\.json") as caught:
        check_snapshot(other.events, file)
    assert '-    "value": "room 3"' in str(caught.value)
    assert '+    "value": "suite"' in str(caught.value)


def test_the_environment_may_ask_for_an_update(
    recorded: Harness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One switch updates the snapshots of a whole test run."""
    monkeypatch.setenv("AWAITLY_UPDATE_SNAPSHOTS", "1")

    check_snapshot(recorded.events, tmp_path / "travel.json")

    assert (tmp_path / "travel.json").read_text(encoding="utf-8") == snapshot(recorded.events)


def test_a_fork_replays_what_came_before(recorded: Harness) -> None:
    """Up to the chosen step nothing is called; from there on the run goes another way."""
    other = fork(recorded.events, book, Ok("suite"))

    result = other.run(travel, "Oslo")

    assert expect_ok(result) == "suite"
    assert calls == ["confirm suite"]


def test_a_fork_may_fail(recorded: Harness) -> None:
    """What would have happened if: an error in the place of a success."""
    other = fork(recorded.events, "travel/book", Err(Refused("full")))

    assert expect_err(other.run(travel, "Oslo")) == Refused("full")
    assert calls == []


def test_a_fork_replays_failures_too() -> None:
    """A step that failed and was handled fails again in the same way."""

    @workflow
    async def careful(step: Step[Refused], place: str) -> str:
        room = await step.options(fallback=lambda _error: Ok(0))(search, place)
        return await step(book, room)

    harness = Harness()
    harness.script(search, Err(Refused("closed")))
    harness.run(careful, "Oslo")
    calls.clear()

    other = fork(harness.events, book, Ok("tent"))

    assert expect_ok(other.run(careful, "Oslo")) == "tent"
    assert calls == []


def test_a_fork_replays_a_lost_race() -> None:
    """The branch that lost is cancelled again, without being called."""

    async def slow(room: int) -> Result[str, Refused]:
        calls.append("slow")
        await trio.sleep(9)
        return Ok(f"late {room}")

    async def book_one() -> Result[str, Refused]:
        return await book(1)

    async def slow_one() -> Result[str, Refused]:
        return await slow(1)

    @workflow
    async def hurry(step: Step[Refused]) -> None:
        booking = await step.race(book_one, slow_one)
        await step(confirm, booking)

    harness = Harness()
    harness.run(hurry)
    calls.clear()

    other = fork(harness.events, confirm, Ok(None))
    expect_ok(other.run(hurry))

    assert calls == []


def test_a_fork_needs_its_step(recorded: Harness) -> None:
    """A step that never ran is no point to fork from."""
    with pytest.raises(LookupError, match="no scope is called 'fly'"):
        fork(recorded.events, "fly", Ok(1))
