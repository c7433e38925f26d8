"""What observers may ask of the watch that calls them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dependencies import give
from recorder import Recorder

from awaitly_trio import Step, observing, spaced, workflow
from awaitly_trio._values.events import Retrying, StepTimedOut
from awaitly_trio._values.result import Err, Ok

if TYPE_CHECKING:
    from awaitly_trio._values.events import Event
    from awaitly_trio._values.outcomes import Outcome
    from awaitly_trio._values.result import Result
    from awaitly_trio._values.scopes import Scope


class Diary:
    """Writes into a list that it shares with others."""

    def __init__(self, name: str, pages: list[str]) -> None:
        self.name, self.pages = name, pages

    def on_start(self, scope: Scope) -> None:
        self.pages.append(f"{self.name} start")

    def on_end(self, scope: Scope, outcome: Outcome) -> None:
        self.pages.append(f"{self.name} end")


class Actor(Diary):
    """Plays a role that others play, too."""

    role = "diary"


class RetriesOnly:
    """Wants one kind of event."""

    event_types = (Retrying, StepTimedOut)

    def __init__(self) -> None:
        self.events: list[Event] = []

    def on_event(self, event: Event) -> None:
        self.events.append(event)


@workflow
async def empty(step: Step[Any]) -> None:
    """Do nothing."""


async def test_observers_are_told_of_the_end_in_reverse() -> None:
    """Who is told within the span of another is told so to the end."""
    pages: list[str] = []

    await empty.options(observers=[Diary("outer", pages), Diary("inner", pages)])()

    assert pages == ["outer start", "inner start", "inner end", "outer end"]


async def test_of_observers_with_one_role_that_of_the_run_counts() -> None:
    """What is switched on for a process and for a run is still told once."""
    pages: list[str] = []

    with observing(Actor("process", pages), Diary("other", pages)):
        await empty.options(observers=[Actor("run", pages)])()

    assert pages == ["other start", "run start", "run end", "other end"]


async def test_a_run_inside_replaces_a_role_for_itself_only() -> None:
    """The run around keeps its own observer of the role."""
    pages: list[str] = []

    @workflow
    async def outside(step: Step[Any]) -> None:
        await step(empty.options(observers=[Actor("inner", pages)]))

    await outside.options(observers=[Actor("outer", pages)])()

    # The workflow, its step, and inside that the other workflow.
    assert pages == ["outer start"] * 2 + ["inner start", "inner end"] + ["outer end"] * 2


async def test_an_observer_gets_the_events_it_names() -> None:
    """Other events are not handed to it, starts and ends of scopes among them."""
    failures = iter([Err("busy")])

    async def busy_once() -> Result[str, str]:
        return next(failures, Ok("done"))

    @workflow
    async def patient(step: Step[Any]) -> None:
        await step.options(retry=spaced(0, attempts=2))(busy_once)

    observer = RetriesOnly()

    await patient.options(observers=[observer])()

    assert [type(event) for event in observer.events] == [Retrying]


async def test_an_event_that_nobody_wants_takes_no_number() -> None:
    """Nothing is built for an observer that wants none of it, beside one that wants all."""
    everything, retries = Recorder(), RetriesOnly()

    @workflow
    async def one_step(step: Step[Any]) -> None:
        await step(give, 1)

    await one_step.options(observers=[everything, retries])()

    assert [event.seq for event in everything.events] == [1, 2, 3, 4]
    assert retries.events == []
