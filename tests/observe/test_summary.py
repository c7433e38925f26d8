"""One record for each run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import trio
from dependencies import Declined, crash, fail, give

from awaitly_trio import Err, Ok, Step, StepCache, spaced, workflow
from awaitly_trio.observe import RunSummary, Summaries

if TYPE_CHECKING:
    from trio.testing import MockClock

    from awaitly_trio import Result, Workflow


async def summary_of(subject: Workflow[[], Any, Any], **options: Any) -> RunSummary:
    """Run a workflow and return the one record of it."""
    found: list[RunSummary] = []
    await subject.options(observers=[Summaries(found.append, **options)])()
    [summary] = found
    return summary


async def test_a_run_is_one_record(autojump_clock: MockClock) -> None:
    """With the outcome and the time of each step, in order of their start."""

    @workflow
    async def shop(step: Step[Any]) -> None:
        await step(give, 1, after=2)
        await step(fail, Declined(), after=1)

    summary = await summary_of(shop)

    assert (summary.workflow, summary.status) == ("shop", "error")
    assert summary.error == "dependencies.Declined"
    assert (summary.started, summary.duration) == (946_684_800, 3)
    assert [(each.name, each.started, each.duration, each.status) for each in summary.scopes] == [
        ("give", 0, 2, "ok"),
        ("fail", 2, 1, "error"),
    ]


async def test_attempts_are_counted_in_their_step(autojump_clock: MockClock) -> None:
    """And the retries in the run."""
    results: list[Result[str, Declined]] = [Err(Declined()), Err(Declined()), Ok("paid")]

    async def charge() -> Result[str, Declined]:
        return results.pop(0)

    @workflow
    async def pay(step: Step[Declined]) -> None:
        await step.options(retry=spaced(1, attempts=5))(charge)

    summary = await summary_of(pay)

    [step] = summary.scopes
    assert (step.name, step.attempts, step.status) == ("charge", 3, "ok")
    assert summary.retries == 2


async def test_a_run_inside_belongs_to_the_record_of_the_outer_one() -> None:
    """There is one record, and it has the steps of both."""

    @workflow
    async def inner(step: Step[Any]) -> None:
        await step(give, 1)

    @workflow
    async def outer(step: Step[Any]) -> None:
        await step(inner)

    summary = await summary_of(outer)

    assert [each.path for each in summary.scopes] == [
        "outer/inner",
        "outer/inner/inner",
        "outer/inner/inner/give",
    ]


async def test_a_run_watched_by_itself_has_a_record_of_its_own() -> None:
    """Also inside a run that somebody else watches."""
    found: list[RunSummary] = []
    outside: list[RunSummary] = []

    @workflow
    async def inner(step: Step[Any]) -> None:
        await step(give, 1)
        await step.options(name="again")(give, 1)

    @workflow
    async def outer(step: Step[Any]) -> None:
        await step(inner.options(observers=[Summaries(found.append)]))

    await outer.options(observers=[Summaries(outside.append)])()

    assert [summary.workflow for summary in found] == ["inner"]
    assert [summary.workflow for summary in outside] == ["outer"]
    assert [each.name for each in found[0].scopes] == ["give", "again"]


async def test_a_later_cache_hit_does_not_change_the_first_answer() -> None:
    """Two steps of one key are two entries: one that ran, one that was remembered."""

    @workflow
    async def twice(step: Step[Any]) -> None:
        await step.options(key="order")(give, 1)
        await step.options(key="order")(give, 1)

    summary = await summary_of(twice.options(cache=StepCache()))

    assert [(each.status, each.cached) for each in summary.scopes] == [("ok", False), ("ok", True)]


async def test_a_time_out_without_further_ado_is_an_error(autojump_clock: MockClock) -> None:
    """It is counted, and the step says so."""

    @workflow
    async def slow(step: Step[Any]) -> None:
        await step.options(timeout=1)(give, 1, after=9)

    summary = await summary_of(slow)

    assert (summary.timeouts, summary.scopes[0].status) == (1, "timed_out")


async def test_a_cancelled_run_has_its_record(autojump_clock: MockClock) -> None:
    """With what it had done, and what cancelled it."""
    found: list[RunSummary] = []

    @workflow
    async def slow(step: Step[Any]) -> None:
        await step(give, 1, after=9)

    with trio.move_on_after(1):
        await slow.options(observers=[Summaries(found.append)])()

    assert (found[0].status, found[0].why, found[0].duration) == ("cancelled", "outside", 1)


async def test_a_record_is_bounded() -> None:
    """A run of a million steps has a record of a thousand."""

    @workflow
    async def many(step: Step[Any]) -> None:
        for number in range(5):
            await step(give, number)

    summary = await summary_of(many, most=2)

    assert (len(summary.scopes), summary.left_out) == (2, 3)


async def test_a_record_is_a_line_of_json() -> None:
    """Types of errors, not their values."""

    @workflow
    async def broken(step: Step[Any]) -> None:
        await step(crash, ValueError("card-number"))

    wire = (await summary_of(broken)).to_wire()

    assert wire["scopes"][0]["error"] == "ValueError"
    assert "card-number" not in json.dumps(wire)


async def test_an_error_that_is_a_code_is_its_own_type() -> None:
    """As in traces, so that one finds in the one what one saw in the other."""

    @workflow
    async def look(step: Step[Any]) -> None:
        await step(fail, "not_found")

    summary = await summary_of(look)

    assert (summary.error, summary.scopes[0].error) == ("not_found", "not_found")


async def test_a_record_about_a_file_of_any_name_can_be_encoded() -> None:
    """Names and keys may come from files whose names are no UTF-8."""
    found: list[RunSummary] = []

    @workflow
    async def copies(step: Step[Any]) -> None:
        await step.options(name="file-\udcff", key="file-\udcff")(give, 1)

    named = copies.options(name="copy-\udcff", run_id="run-\udcff")
    await named.options(observers=[Summaries(found.append)])()

    msgspec.json.encode(found[0])
    assert found[0].scopes[0].key == r"file-\udcff"


def test_a_negative_bound_is_refused() -> None:
    """The message shows it."""
    with pytest.raises(ValueError, match="most must be 0 or more, not -1"):
        Summaries(print, most=-1)
