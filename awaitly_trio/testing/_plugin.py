"""The pytest plugin: fixtures, markers, replay, and the timeline of a failed test.

It is loaded in every pytest of an environment, so it imports what it needs
when a test asks for it.
"""

from __future__ import annotations

import functools
import inspect
import os
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from awaitly_trio.testing._clock import VirtualClock
    from awaitly_trio.testing._findings import Exploration
    from awaitly_trio.testing._harness import Harness

PATIENCE = 30.0
"""Real seconds that a test with a virtual clock may take."""

UPDATE = "AWAITLY_UPDATE_SNAPSHOTS"
"""The environment variable that ``check_snapshot`` reads."""

MARKERS = {
    "explore": "explore(schedules=1000, seed=0, strategy='auto', rules=...): run an async test "
    "under many schedules, in virtual time",
    "cancel_everywhere": "cancel_everywhere: run an async test, then cancel it after each of "
    "its steps",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the command line."""
    group = parser.getgroup("awaitly_trio")
    group.addoption(
        "--replay-schedule",
        metavar="TEXT",
        help="run explored tests under this one schedule, as a failure printed it",
    )
    group.addoption(
        "--update-run-snapshots",
        action="store_true",
        help="write the snapshots of runs instead of comparing with them",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Declare the markers."""
    for text in MARKERS.values():
        config.addinivalue_line("markers", text)
    if config.getoption("--update-run-snapshots"):
        former = os.environ.get(UPDATE)
        os.environ[UPDATE] = "1"
        config.add_cleanup(functools.partial(_restore, former))


def _restore(former: str | None) -> None:
    if former is None:
        os.environ.pop(UPDATE, None)
    else:
        os.environ[UPDATE] = former


@pytest.fixture
def harness() -> Harness:
    """Return a harness; if the test fails, its report shows the timeline of the runs."""
    from awaitly_trio.testing._harness import Harness  # noqa: PLC0415

    return Harness()


@pytest.fixture
def virtual_clock() -> VirtualClock:
    """Return a virtual clock that jumps by itself, under which the async test runs."""
    from awaitly_trio.testing._clock import virtual_clock  # noqa: PLC0415

    return virtual_clock()


@pytest.fixture
def explorer(request: pytest.FixtureRequest) -> Callable[..., Exploration]:
    """Return ``explore``, which replays the schedule of the command line if there is one."""
    from awaitly_trio.testing._exploration import explore  # noqa: PLC0415

    replay = request.config.getoption("--replay-schedule")
    return functools.partial(explore, replay=replay) if replay else explore


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Take marked tests, and guard those with a virtual clock, before other plugins run them."""
    __tracebackhide__ = True
    if not isinstance(item, pytest.Function):
        return (yield)
    marker = next((mark for name in MARKERS if (mark := item.get_closest_marker(name))), None)
    clock: Any = item.funcargs.get("virtual_clock")
    if marker is not None:
        _change(item, functools.partial(_marked, item, marker))
    elif clock is not None and inspect.iscoroutinefunction(_inner(item)):
        from awaitly_trio.testing._watchdog import Watchdog  # noqa: PLC0415

        with Watchdog(clock.guard, PATIENCE) as watchdog:
            _change(item, functools.partial(_guarded, clock, watchdog))
            return (yield)
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the timeline of a harness to the report of its failed test."""
    report = yield
    events = getattr(getattr(item, "funcargs", {}).get("harness"), "events", None)
    if report.failed and call.when == "call" and events:
        from awaitly_trio.testing._timeline import Timeline  # noqa: PLC0415

        report.sections.append(("timeline of the runs", Timeline(events).show()))
    return report


def _inner(item: pytest.Function) -> Any:
    """Return the function that the user wrote: of a property, what Hypothesis calls."""
    hypothesis = getattr(item.obj, "hypothesis", None)
    return item.obj if hypothesis is None else hypothesis.inner_test


def _change(item: pytest.Function, wrap: Callable[[Any], Any]) -> None:
    hypothesis = getattr(item.obj, "hypothesis", None)
    if hypothesis is None:
        item.obj = wrap(item.obj)
    else:
        hypothesis.inner_test = wrap(hypothesis.inner_test)


def _marked(item: pytest.Function, marker: pytest.Mark, test: Any) -> Callable[..., None]:
    """Return a plain function that explores a test, or cancels it everywhere."""
    if not inspect.iscoroutinefunction(test):
        pytest.fail(f"{marker.name} needs an async test, and {item.name} is a plain one")
    backend: Any = item.funcargs.get("anyio_backend", "trio")
    if "trio" not in {backend, *(backend if isinstance(backend, tuple) else ())}:
        pytest.skip(f"{marker.name} runs under Trio only")

    @functools.wraps(test)
    def run(**given: Any) -> None:
        for name, value in given.items():
            if type(value).__name__ == "TrioFixture":
                pytest.fail(
                    f"{item.name} runs many times, but the async fixture {name!r} is made once: "
                    "make it inside the test"
                )
        __tracebackhide__ = True
        _run_marked(item, marker, _with(test, given))

    # pytest-trio leaves alone what it believes to have wrapped.
    vars(run)["_trio_test_runner_wrapped"] = True
    return run


def _run_marked(item: pytest.Function, marker: pytest.Mark, test: Callable[[], Any]) -> None:
    __tracebackhide__ = True
    from awaitly_trio.testing._exploration import explore  # noqa: PLC0415
    from awaitly_trio.testing._sweep import cancel_everywhere  # noqa: PLC0415

    if marker.name == "cancel_everywhere":
        cancel_everywhere(test, **marker.kwargs)
        return
    replay = item.config.getoption("--replay-schedule")
    explore(test, **{**marker.kwargs, **({"replay": replay} if replay else {})})


def _with(test: Callable[..., Any], given: dict[str, Any]) -> Callable[[], Any]:
    """Return a test with its arguments, in which ``pytest.fail`` is a failure like any other."""

    @functools.wraps(test)
    async def run() -> None:
        __tracebackhide__ = True
        try:
            await test(**given)
        except pytest.fail.Exception as failed:
            raise AssertionError(str(failed)) from failed

    return run


def _guarded(clock: VirtualClock, watchdog: Any, test: Any) -> Any:
    import trio  # noqa: PLC0415
    import trio.lowlevel  # noqa: PLC0415

    @functools.wraps(test)
    async def run(**given: Any) -> None:
        if trio.lowlevel.current_clock() is not clock:
            pytest.fail("the fixture virtual_clock needs pytest-trio, which runs the test under it")
        watchdog.enter_run()
        await clock.guard.run(functools.partial(test, **given))

    return run
