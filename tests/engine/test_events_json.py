"""The one JSON form of events: versioned, complete, and possible for any value."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, get_args

import pytest
import trio
from dependencies import Declined, Scripted, crash, forever, give
from recorder import Recorder
from trio.testing import MockClock

from awaitly_trio import Err, Ok, Step, workflow
from awaitly_trio._engine.step_cache import StepCache
from awaitly_trio._policies.delays import spaced
from awaitly_trio._tasks.clocks import VIRTUAL_EPOCH, wall_clock_set
from awaitly_trio._tasks.sources import seeded
from awaitly_trio._values.events import Event, ScopeEnded, ScopeStarted, event_to_wire

if TYPE_CHECKING:
    from collections.abc import Callable


@workflow
async def busy(step: Step[Any]) -> str:
    """Do a bit of everything that is told."""
    await step.options(key="k", description="why", tags=("a",))(give, {"a": 1})
    await step.options(key="k")(give, {"a": 1})
    await step.options(retry=spaced(1, attempts=2), name="shaky")(Scripted(Err("busy"), Ok(1)))
    await step.options(retry=spaced(1, attempts=2), fallback=Ok)(Scripted(Err(Declined())))
    await step.options(timeout=1, on_timeout=None)(forever)
    await step.when(False, give, 1)
    await step.branch("way", "x", {"x": lambda: give(1)})
    await step.map(give, [1, 2], limit=1)
    await step.sleep(1)
    async with step.parallel() as group:
        group.start_soon(give, 1)
    return "done"


async def hook(*asked: object) -> None:
    """Agree."""


def recorded(seed: int = 0) -> Recorder:
    """Run the busy workflow in virtual time and return the record."""
    recorder = Recorder()
    watched = busy.options(
        observers=[recorder], cache=StepCache(), should_run=hook, context={"user": 7}
    )
    with seeded(seed):
        trio.run(watched, clock=MockClock(autojump_threshold=0))
    return recorder


def test_every_event_of_a_run_has_a_json_form() -> None:
    """With version, type, order, time, run, scope and path."""
    for event in recorded().events:
        form = json.loads(json.dumps(event_to_wire(event), allow_nan=False))

        assert form["version"] == 1
        assert list(form)[:7] == ["version", "type", "seq", "time", "run_id", "scope", "path"]


def test_the_workflow_of_these_tests_tells_most_kinds_of_events() -> None:
    """So the claims about all of them are not empty."""
    told = {type(event) for event in recorded().events}

    assert len(told) >= 10
    assert told <= set(get_args(Event))


def test_the_start_of_a_step_reads_as_its_options() -> None:
    """Key, description and tags are the reader's."""
    recorder = recorded()
    start = next(event for event in recorder.of(ScopeStarted) if event.key)

    form = event_to_wire(start)

    assert {name: form[name] for name in ("key", "description", "tags", "kind", "name")} == {
        "key": "k",
        "description": "why",
        "tags": ["a"],
        "kind": "step",
        "name": "give",
    }
    assert form["context"] == {"user": 7}


def test_the_end_of_a_step_has_its_outcome() -> None:
    """As a record of its own."""
    form = event_to_wire(recorded().of(ScopeEnded)[0])

    assert form["outcome"]["status"] == "ok"
    assert form["outcome"]["value"] == {"a": 1}
    assert form["duration"] == 0


def test_an_error_shows_its_type_and_fields() -> None:
    """Whoever reads the stream can tell two error records with equal fields apart."""
    forms = [event_to_wire(event) for event in recorded().events]

    [fell_back] = [form for form in forms if form["type"] == "fell_back"]
    assert fell_back["error"] == {"type": "Declined", "reason": "card"}


async def test_a_defect_shows_its_traceback() -> None:
    """As text."""
    recorder = Recorder()

    @workflow
    async def breaks(step: Step[Any]) -> None:
        await step(crash, ValueError("a bug"))

    await breaks.options(observers=[recorder])()

    cause = event_to_wire(recorder.of(ScopeEnded)[0])["outcome"]["cause"]
    assert (cause["type"], cause["message"]) == ("ValueError", "a bug")
    assert "in crash" in cause["traceback"]


def test_two_runs_of_one_seed_give_the_same_log() -> None:
    """Byte for byte, the drawn id of the run included."""
    assert recorded(seed=3).log() == recorded(seed=3).log()
    assert recorded(seed=3).log() != recorded(seed=4).log()


def test_time_is_wall_time_that_follows_the_virtual_clock() -> None:
    """An hour that was slept is an hour in the log."""
    events = recorded().events

    assert events[0].time == VIRTUAL_EPOCH
    assert events[-1].time == VIRTUAL_EPOCH + 4


async def test_the_wall_clock_can_be_given() -> None:
    """For programs that take their time from elsewhere."""
    recorder = Recorder()

    with wall_clock_set(lambda: 5.0):
        await busy_briefly.options(observers=[recorder])()

    assert {event.time for event in recorder.events} == {5.0}


@workflow
async def busy_briefly(step: Step[Any], value: Any = None) -> Any:
    """Give one value."""
    return await step(give, value)


class Hostile:
    def __init__(self) -> None:
        self.itself = self

    def __repr__(self) -> str:
        raise ValueError("no repr")

    def __getattribute__(self, name: str) -> Any:
        if name == "itself":
            raise RuntimeError("no attribute")
        return super().__getattribute__(name)


def _cycle() -> Any:
    value: list[Any] = []
    value.append(value)
    return value


@pytest.mark.parametrize(
    "make",
    [
        Hostile,
        _cycle,
        lambda: {1: 2, (3, 4): {5}, None: b"\xff"},
        lambda: float("nan"),
        lambda: 10**5000,
        lambda: 2**70,
        lambda: "\ud800",
        lambda: print,
        lambda: type,
        lambda: ExceptionGroup_("g", [ValueError(1), Hostile_()]),
        lambda: {"deep": [[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]},
    ],
    ids=str,
)
async def test_no_value_breaks_the_stream(make: Callable[[], Any]) -> None:
    """Whatever a step returns, fails with, or is told as context, the event has a form."""
    recorder = Recorder()

    await busy_briefly.options(observers=[recorder], context=make())(make())

    assert len(recorder.events) == 4
    for event in recorder.events:
        json.dumps(event_to_wire(event), allow_nan=False).encode()


class Hostile_(Exception):  # noqa: N801  # the exception among the hostile values
    def __str__(self) -> str:
        raise ValueError("no text")


def ExceptionGroup_(text: str, members: list[Exception]) -> BaseException:  # noqa: N802
    """Make a group on every Python."""
    from awaitly_trio._values.exits import BaseExceptionGroup  # noqa: PLC0415

    return BaseExceptionGroup(text, members)


async def test_nothing_is_told_after_the_end_of_a_run(autojump_clock: MockClock) -> None:
    """A step in a task that the run does not own ends, for observers, with the run."""
    recorder = Recorder()
    told_in_run = 0

    async with trio.open_nursery() as outside:

        @workflow
        async def leaks(step: Step[Any]) -> None:
            outside.start_soon(step, wait_for, 5)
            await trio.sleep(1)

        await leaks.options(observers=[recorder])()
        told_in_run = len(recorder.events)

    ends = [event for event in recorder.events if isinstance(event, ScopeEnded)]
    assert len(recorder.events) == told_in_run
    assert [(end.path, end.outcome.why) for end in ends] == [
        ("leaks/wait_for", "closed"),
        ("leaks", None),
    ]


async def wait_for(seconds: float) -> Ok[None]:
    """Take a while."""
    await trio.sleep(seconds)
    return Ok(None)
