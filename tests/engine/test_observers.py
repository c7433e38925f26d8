"""Observers: what they are told, in which order, and that watching changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
from dependencies import Declined, crash, fail, forever, give
from recorder import Recorder

from awaitly_trio import Err, Ok, Step, TimedOut, UnexpectedError, observing, workflow
from awaitly_trio._values.events import ScopeEnded, ScopeStarted

if TYPE_CHECKING:
    from trio.testing import MockClock

    from awaitly_trio._values.outcomes import Outcome
    from awaitly_trio._values.scopes import Scope


@workflow
async def ships(step: Step[Any], *dependency: Any) -> str:
    """Ship an order."""
    await step(*dependency or (give, 1))
    return "shipped"


async def test_a_run_and_its_steps_start_and_end() -> None:
    """Two steps give six events, in order."""
    recorder = Recorder()

    @workflow
    async def both(step: Step[Any]) -> None:
        await step(give, 1)
        await step(give, 2)

    await both.options(observers=[recorder])()

    recorder.check_laws()
    assert recorder.kinds == [
        "scope_started both",
        "scope_started both/give",
        "scope_ended both/give",
        "scope_started both/give#2",
        "scope_ended both/give#2",
        "scope_ended both",
    ]


async def test_events_are_numbered_from_one() -> None:
    """Across all scopes of a run."""
    recorder = Recorder()

    await ships.options(observers=[recorder])()

    assert [event.seq for event in recorder.events] == [1, 2, 3, 4]
    assert [scope.id for scope in recorder.started] == [1, 2]


async def test_all_events_of_a_run_share_its_id() -> None:
    """The one given, or one that was drawn for this call alone."""
    recorder = Recorder()

    await ships.options(observers=[recorder], run_id="order-7")()
    await ships.options(observers=[recorder])()
    await ships.options(observers=[recorder])()

    ids = [event.run_id for event in recorder.events]
    assert ids[:4] == ["order-7"] * 4
    assert len({*ids}) == 3
    assert len(ids[-1]) == 32


@pytest.mark.parametrize(
    ("dependency", "status"),
    [
        ((give, 1), "ok"),
        ((fail, Declined()), "error"),
        ((fail, TimedOut("remote", 1.0)), "timed_out"),
        ((crash, ValueError()), "defect"),
    ],
)
async def test_the_outcome_of_a_step_and_its_run_is_told(dependency: Any, status: str) -> None:
    """As the caller would judge it."""
    recorder = Recorder()

    await ships.options(observers=[recorder])(*dependency)

    recorder.check_laws()
    assert [outcome.status for _, outcome in recorder.ended] == [status, status]


async def test_an_outcome_carries_value_error_and_cause() -> None:
    """Untouched."""
    recorder = Recorder()
    bug = ValueError("a bug")

    await ships.options(observers=[recorder])(give, "v")
    await ships.options(observers=[recorder])(fail, "e")
    await ships.options(observers=[recorder])(crash, bug)

    steps = [outcome for scope, outcome in recorder.ended if scope.kind == "step"]
    runs = [outcome for scope, outcome in recorder.ended if scope.kind == "workflow"]
    assert [(o.value, o.error, o.cause) for o in steps] == [
        ("v", None, None),
        (None, "e", None),
        (None, None, bug),
    ]
    assert [(o.value, o.error, o.cause) for o in runs] == [
        ("shipped", None, None),
        (None, "e", None),
        (None, UnexpectedError(bug), bug),
    ]


async def test_durations_are_those_of_the_clock(autojump_clock: MockClock) -> None:
    """Of Trio's clock; the time of an event follows it as a wall clock would."""
    recorder = Recorder()

    await ships.options(observers=[recorder])(give, 1, 5)

    assert [event.duration for event in recorder.of(ScopeEnded)] == [5.0, 5.0]
    times = [event.time - recorder.events[0].time for event in recorder.events]
    assert times == pytest.approx([0, 0, 5, 5])


async def test_the_context_of_a_run_is_told_with_every_start() -> None:
    """Each call has its own."""
    recorder = Recorder()

    await ships.options(observers=[recorder], context={"user": 7})()
    await ships.options(observers=[recorder], context={"user": 8})()

    told = [event.context for event in recorder.of(ScopeStarted)]
    assert told == [{"user": 7}, {"user": 7}, {"user": 8}, {"user": 8}]


async def test_a_run_without_context_tells_none() -> None:
    """There is nothing to tell."""
    recorder = Recorder()

    await ships.options(observers=[recorder])()

    assert {event.context for event in recorder.of(ScopeStarted)} == {None}


async def test_an_inner_run_is_placed_in_the_step_that_calls_it() -> None:
    """One tree with one order, although it is a run of its own with an own id."""
    recorder = Recorder()

    @workflow
    async def inner(step: Step[Any]) -> None:
        await step(give, 1)

    @workflow
    async def outer(step: Step[Any]) -> None:
        await step(inner)

    await outer.options(observers=[recorder])()

    recorder.check_laws()
    assert recorder.paths == [
        "outer",
        "outer/inner",
        "outer/inner/inner",
        "outer/inner/inner/give",
    ]
    assert len({event.run_id for event in recorder.events}) == 2


async def test_an_inner_run_may_have_observers_of_its_own() -> None:
    """They see the inner run; those of the outer one see both."""
    outside, inside = Recorder(), Recorder()

    @workflow
    async def outer(step: Step[Any]) -> None:
        await step(ships.options(observers=[inside]))

    await outer.options(observers=[outside])()

    outside.check_laws()
    assert outside.paths == ["outer", "outer/ships", "outer/ships/ships", "outer/ships/ships/give"]
    assert inside.paths == ["outer/ships/ships", "outer/ships/ships/give"]


async def test_an_observer_is_told_once_although_it_is_given_twice() -> None:
    """On the outer and on the inner run, and around both."""
    recorder = Recorder()

    @workflow
    async def outer(step: Step[Any]) -> None:
        await step(ships.options(observers=[recorder]))

    with observing(recorder):
        await outer.options(observers=[recorder, recorder])()

    recorder.check_laws()
    assert len(recorder.started) == 4


# --- observing


async def test_observing_reaches_every_run_of_the_block() -> None:
    """Also those in tasks that the block starts, and none after it."""
    recorder = Recorder()

    with observing(recorder):
        await ships()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ships)
    await ships()

    recorder.check_laws_of_each_run()
    assert recorder.paths == ["ships", "ships/give"] * 2


def test_observing_may_be_entered_outside_of_a_run() -> None:
    """Then it watches the whole program."""
    recorder = Recorder()

    with observing(recorder):
        trio.run(ships)

    assert recorder.paths == ["ships", "ships/give"]


async def test_observing_adds_to_other_observers() -> None:
    """Blocks nest, the outermost is told first."""
    order: list[str] = []

    class Named:
        def __init__(self, name: str) -> None:
            self._name = name

        def on_start(self, scope: Scope) -> None:
            order.append(self._name)

    with observing(Named("a")), observing(Named("b"), Named("c")):
        await ships.options(observers=[Named("d")])()

    assert order == ["a", "b", "c", "d"] * 2


async def test_observing_inside_a_body_keeps_the_place_of_its_steps() -> None:
    """A step of the surrounding run stays where it is called."""
    outside, inside = Recorder(), Recorder()

    @workflow
    async def outer(step: Step[Any]) -> None:
        async def part() -> Any:
            with observing(inside):
                await step(give, 1)
                await step(ships)
            return Ok(None)

        await step(part)

    await outer.options(observers=[outside])()

    outside.check_laws()
    assert outside.paths == [
        "outer",
        "outer/part",
        "outer/part/give",
        "outer/part/ships",
        "outer/part/ships/ships",
        "outer/part/ships/ships/give",
    ]
    assert inside.paths == ["outer/part/ships/ships", "outer/part/ships/ships/give"]


@pytest.mark.parametrize("observer", [object(), 5, "log", {}])
async def test_an_observer_that_could_be_told_nothing_is_refused(observer: object) -> None:
    """It would silently do nothing."""
    with pytest.raises(TypeError, match="none of on_start, on_end and on_event"):
        ships.options(observers=[observer])
    with (
        pytest.raises(TypeError, match="none of on_start, on_end and on_event"),
        observing(observer),
    ):
        pass


async def test_an_async_observer_is_refused() -> None:
    """Nobody would await it."""

    class Late:
        async def on_event(self, event: object) -> None:
            pass

    with pytest.raises(TypeError, match="called synchronously"):
        ships.options(observers=[Late()])


@pytest.mark.parametrize("method", ["on_start", "on_end", "on_event"])
async def test_each_method_may_be_missing(method: str) -> None:
    """An observer says what it wants to know."""
    told: list[object] = []

    class Partial:
        pass

    observer = Partial()
    setattr(observer, method, lambda *args: told.append(args))

    await ships.options(observers=[observer])()

    assert len(told) == (4 if method == "on_event" else 2)


# --- watching changes nothing


class Hostile:
    """Raises whenever it is told something."""

    def __init__(self, exception: Exception) -> None:
        self._exception = exception
        self.told = 0

    def on_start(self, scope: Scope) -> None:
        self._raise()

    def on_end(self, scope: Scope, outcome: Outcome) -> None:
        self._raise()

    def on_event(self, event: object) -> None:
        self._raise()

    def _raise(self) -> None:
        self.told += 1
        raise self._exception


@pytest.mark.parametrize(
    ("dependency", "result"),
    [((give, 1), Ok("shipped")), ((fail, "e"), Err("e"))],
)
async def test_an_observer_that_raises_changes_no_outcome(
    dependency: Any, result: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged and told on; the dependency runs once and other observers hear all."""
    hostile, recorder = Hostile(KeyError("log")), Recorder()

    watched = ships.options(observers=[hostile, recorder])

    assert await watched(*dependency) == result
    recorder.check_laws()
    assert hostile.told == 8
    assert caplog.text.count("the run goes on without it") == 8


async def test_an_observer_cannot_stop_a_run_with_a_trio_exception() -> None:
    """Whatever kind of exception it is."""
    hostile = Hostile(trio.BrokenResourceError())

    assert await ships.options(observers=[hostile])() == Ok("shipped")


async def test_an_interrupt_in_an_observer_leaves() -> None:
    """Ctrl-C while an observer prints must end the program."""

    class Interrupted:
        def on_event(self, event: object) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await ships.options(observers=[Interrupted()])()


async def test_an_observer_that_raises_does_not_stop_a_block(autojump_clock: MockClock) -> None:
    """Branches are cancelled and awaited as without it."""

    @workflow
    async def both(step: Step[Any]) -> None:
        async with step.options(timeout=5).parallel() as group:
            group.start_soon(forever)
            group.start_soon(fail, "e", after=1)

    assert await both.options(observers=[Hostile(KeyError("log"))])() == Err("e")


async def test_observers_are_called_in_the_task_of_the_scope(autojump_clock: MockClock) -> None:
    """So one that keeps a context finds the right one."""
    tasks: dict[str, list[str]] = {}

    class Tasks:
        def on_start(self, scope: Scope) -> None:
            tasks[scope.path] = [trio.lowlevel.current_task().name]

        def on_end(self, scope: Scope, outcome: Outcome) -> None:
            tasks[scope.path].append(trio.lowlevel.current_task().name)

    @workflow
    async def both(step: Step[Any]) -> None:
        async with step.parallel() as group:
            group.start_soon(give, 1, after=1)

    await both.options(observers=[Tasks()])()

    assert all(start == end for start, end in tasks.values())
    assert tasks["both/parallel/give"] != tasks["both"]


# --- paths


async def test_a_path_tells_scopes_apart_whatever_their_names() -> None:
    """The characters that separate are escaped in names."""
    recorder = Recorder()

    @workflow
    async def names(step: Step[Any]) -> None:
        for name in ("a", "a#2", "a", "a/b", "a%2Fb"):
            await step.options(name=name)(give, 1)

    await names.options(observers=[recorder])()

    recorder.check_laws()
    assert recorder.paths[1:] == [
        "names/a",
        "names/a%232",
        "names/a#2",
        "names/a%2Fb",
        "names/a%252Fb",
    ]


async def test_a_scope_shows_where_it_is_and_whether_it_runs() -> None:
    """For logs and debuggers."""
    shown: list[str] = []

    class Shows:
        def on_start(self, scope: Scope) -> None:
            shown.append(repr(scope))

        def on_end(self, scope: Scope, outcome: Outcome) -> None:
            shown.append(repr(scope))

    await ships.options(observers=[Shows()])()

    assert shown[1:3] == [
        "<Scope step 'ships/give' running>",
        "<Scope step 'ships/give' ended>",
    ]


async def test_steps_with_one_key_are_scopes_of_their_own() -> None:
    """A key names a step across runs; within a run each occurrence is told apart."""
    recorder = Recorder()

    @workflow
    async def twice(step: Step[Any]) -> None:
        await step.options(key="k")(give, 1)
        await step.options(key="k")(give, 2)

    await twice.options(observers=[recorder])()

    recorder.check_laws()
    assert [(e.path, e.key) for e in recorder.of(ScopeStarted)][1:] == [
        ("twice/give", "k"),
        ("twice/give#2", "k"),
    ]
