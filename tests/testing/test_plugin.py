"""The pytest plugin, as users meet it: in a project of their own."""

from __future__ import annotations

import importlib.util
import textwrap
from typing import TYPE_CHECKING

import pytest

from awaitly_trio.testing import ScheduleError, explore

if TYPE_CHECKING:
    from collections.abc import Callable

pytest_plugins = ["pytester"]

OURS = "awaitly_trio.testing._plugin"
SHOP = """
    import pytest
    import trio

    async def sell(seats):
        balance = 0
        async def deposit():
            nonlocal balance
            read = balance
            await trio.lowlevel.checkpoint()
            balance = read + 1
        async with trio.open_nursery() as nursery:
            for _ in range(seats):
                nursery.start_soon(deposit)
        return balance
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> Callable[..., pytest.RunResult]:
    """Return a function that runs pytest on one test module, as a project of its own."""

    def run(source: str, *options: str, plugins: tuple[str, ...] = ("trio",)) -> pytest.RunResult:
        pytester.makepyfile(textwrap.dedent(SHOP) + textwrap.dedent(source))
        known = {"trio": "pytest_trio", "anyio": "anyio", "hypothesispytest": "hypothesispytest"}
        off = [f"-pno:{name}" for name in known if name not in plugins]
        return pytester.runpytest_inprocess("-p", OURS, "-Werror", *off, *options)

    return run


def test_a_marked_test_is_explored(project: Callable[..., pytest.RunResult]) -> None:
    """The mark finds what one run does not, and the report has the schedule."""
    result = project(
        """
        @pytest.mark.trio
        @pytest.mark.explore(schedules=50, strategy="random")
        async def test_sold():
            assert await sell(2) == 2

        @pytest.mark.trio
        @pytest.mark.explore
        async def test_one():
            assert await sell(1) == 1
        """
    )

    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*ScheduleError*test_sold fails under schedule*"])
    result.stdout.fnmatch_lines(["*it needs * preemption*", "*task * deposit*", "*replay it with*"])


def test_a_schedule_is_replayed_from_the_command_line(
    project: Callable[..., pytest.RunResult],
) -> None:
    """The printed text runs one schedule, in a marked test and through the fixture."""
    source = """
        @pytest.mark.trio
        @pytest.mark.explore
        async def test_marked():
            assert await sell(2) == 2

        def test_fixture(explorer):
            async def test():
                assert await sell(2) == 2
            explorer(test)
        """

    result = project(source, "--replay-schedule=v1/0/0.1.2")
    repaired = project(source.replace("sell(2) == 2", "sell(2) > 0"), "--replay-schedule=v1/0/0.1")

    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["*fails under schedule 1 (replay)*"])
    repaired.assert_outcomes(passed=2)


def test_fixtures_and_parameters_reach_a_marked_test(
    project: Callable[..., pytest.RunResult],
) -> None:
    """Plain fixtures and parameters are passed to every run."""
    result = project(
        """
        @pytest.fixture
        def seats():
            return 3

        @pytest.mark.trio
        @pytest.mark.explore(schedules=3, strategy="priorities")
        @pytest.mark.parametrize("extra", [0, 1])
        async def test_sold(seats, extra):
            assert await sell(1) + seats + extra in {4, 5}
        """
    )

    result.assert_outcomes(passed=2)


def test_an_async_fixture_cannot_be_shared_by_many_runs(
    project: Callable[..., pytest.RunResult],
) -> None:
    """The message says what to do instead."""
    result = project(
        """
        @pytest.fixture
        async def seats():
            return 3

        @pytest.mark.trio
        @pytest.mark.explore
        async def test_sold(seats):
            pass
        """,
        "--override-ini=trio_mode=true",
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*the async fixture 'seats' is made once: make it inside*"])


def test_a_plain_test_cannot_be_explored(project: Callable[..., pytest.RunResult]) -> None:
    """A mark that would do nothing is refused."""
    result = project(
        """
        @pytest.mark.explore
        def test_sold():
            pass
        """
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*explore needs an async test, and test_sold is a plain one*"])


def test_a_skip_inside_an_explored_test_skips_it(project: Callable[..., pytest.RunResult]) -> None:
    """What pytest ends a test with is no finding; ``pytest.fail`` is one."""
    result = project(
        """
        @pytest.mark.trio
        @pytest.mark.explore
        async def test_skipped():
            pytest.skip("not here")

        @pytest.mark.trio
        @pytest.mark.explore
        async def test_failed():
            pytest.fail("no good")
        """
    )

    result.assert_outcomes(skipped=1, failed=1)
    result.stdout.fnmatch_lines(["*ScheduleError*AssertionError: no good*"])


def test_a_test_is_cancelled_everywhere(project: Callable[..., pytest.RunResult]) -> None:
    """The mark runs the test, then cancels it after each of its steps."""
    result = project(
        """
        async def work(clean):
            try:
                await trio.sleep(1)
                await trio.sleep(1)
            except trio.Cancelled:
                if not clean:
                    raise LookupError("lost") from None
                raise

        @pytest.mark.trio
        @pytest.mark.cancel_everywhere
        @pytest.mark.parametrize("clean", [True, False])
        async def test_work(clean):
            await work(clean)
        """
    )

    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*SweepError*fails when struck by cancel:1*LookupError: lost*"])


def test_the_virtual_clock_is_that_of_the_test(project: Callable[..., pytest.RunResult]) -> None:
    """pytest-trio runs the test under the fixture, which jumps and finds deadlocks."""
    result = project(
        """
        @pytest.mark.trio
        async def test_time(virtual_clock):
            await trio.sleep(86400)
            assert trio.current_time() == 86400 == virtual_clock.current_time()

        @pytest.mark.trio
        async def test_deadlock(virtual_clock):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(trio.Event().wait, name="never set")
        """
    )

    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*DeadlockError: deadlock: every task waits*", "*never set*"])


def test_a_failed_test_shows_its_timeline(project: Callable[..., pytest.RunResult]) -> None:
    """A harness in a failed test puts the timeline of its runs into the report."""
    result = project(
        """
        from awaitly_trio import Ok, Step, workflow

        async def fetch(number):
            await trio.sleep(2)
            return Ok(number)

        @workflow
        async def double(step: Step[str], number: int) -> int:
            return 2 * await step(fetch, number)

        def test_double(harness):
            assert harness.run(double, 4) == Ok(9)

        def test_fine(harness):
            assert harness.run(double, 4) == Ok(8)
        """
    )

    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "*timeline of the runs*",
            "*0.000s > workflow double",
            "*0.000s   > step fetch",
            "*2.000s   < fetch: ok 4",
            "*2.000s < double: ok 8",
        ]
    )


def test_snapshots_are_updated_by_an_option(project: Callable[..., pytest.RunResult]) -> None:
    """One option writes all snapshots; the next run compares with them."""
    source = """
        from awaitly_trio import Ok, Step, workflow
        from awaitly_trio.testing import check_snapshot

        async def fetch(number):
            return Ok(number)

        @workflow
        async def double(step: Step[str], number: int) -> int:
            return 2 * await step(fetch, number)

        def test_double(harness):
            harness.run(double, 4)
            check_snapshot(harness.events, "double.json")
        """

    project(source).assert_outcomes(failed=1)
    project(source, "--update-run-snapshots").assert_outcomes(passed=1)
    project(source).assert_outcomes(passed=1)
    project(source.replace("double, 4", "double, 5")).assert_outcomes(failed=1)


@pytest.mark.skipif(importlib.util.find_spec("anyio") is None, reason="anyio is not installed")
def test_marks_work_under_the_plugin_of_anyio(project: Callable[..., pytest.RunResult]) -> None:
    """An anyio test is explored under Trio, and skipped for another event loop."""
    result = project(
        """
        @pytest.mark.anyio
        @pytest.mark.explore(schedules=50)
        @pytest.mark.parametrize("anyio_backend", ["trio", ("trio", {}), "asyncio"])
        async def test_sold(anyio_backend):
            assert await sell(2) == 2

        @pytest.mark.anyio
        @pytest.mark.parametrize("anyio_backend", ["trio"])
        async def test_harness(anyio_backend, harness):
            from awaitly_trio import run
            assert (await harness.call(run, body)).value == 1

        @pytest.mark.anyio
        @pytest.mark.parametrize("anyio_backend", ["trio"])
        async def test_clock(anyio_backend, virtual_clock):
            pass

        async def body(step):
            return 1
        """,
        plugins=("anyio",),
    )

    result.assert_outcomes(failed=3, passed=1, skipped=1)
    result.stdout.fnmatch_lines(["*the fixture virtual_clock needs pytest-trio*"])


def test_marks_work_with_hypothesis(project: Callable[..., pytest.RunResult]) -> None:
    """Each example of a property is explored."""
    result = project(
        """
        from hypothesis import given, settings, strategies as st

        @pytest.mark.trio
        @pytest.mark.explore(schedules=20, strategy="random")
        @given(seats=st.integers(1, 3))
        @settings(max_examples=10, deadline=None, derandomize=True, database=None)
        async def test_sold(seats):
            assert await sell(seats) == seats
        """,
        plugins=("trio", "hypothesispytest"),
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*seats=2*"])


def test_the_plugin_works_without_pytest_trio(project: Callable[..., pytest.RunResult]) -> None:
    """A harness and an exploration start Trio themselves, so no other plugin is needed."""
    result = project(
        """
        @pytest.mark.explore(schedules=5)
        async def test_one():
            assert await sell(1) == 1

        def test_fixture(explorer):
            async def test():
                assert await sell(1) == 1
            assert explorer(test).is_complete
        """,
        plugins=(),
    )

    result.assert_outcomes(passed=2)


@pytest.mark.trio
async def test_the_fixture_of_this_project_is_under_pytest_trio() -> None:
    """An exploration inside a running test is refused with advice."""

    async def test() -> None:
        raise AssertionError

    with pytest.raises(RuntimeError, match="call them from a plain function"):
        explore(test)


def test_a_failure_of_an_explored_test_keeps_its_cause() -> None:
    """The assertion that failed is the cause, so pytest shows its line too."""

    async def test() -> None:
        raise AssertionError("here")

    with pytest.raises(ScheduleError) as caught:
        explore(test)

    assert str(caught.value.__cause__) == "here"
