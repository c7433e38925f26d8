"""What telemetry tells of exceptions that are in a group, or behind another one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
from dependencies import Declined, crash, fail
from spans import Spans, events

from awaitly_trio import Step, workflow
from awaitly_trio._values.exits import BaseExceptionGroup
from awaitly_trio._values.notes import note
from awaitly_trio.otel import Logs, Tracing

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable

    from awaitly_trio.otel._disclosure import Redact

SECRET = "4111-secret"  # noqa: S105  # what a test looks for


class CardError(Exception):
    """A defect that shows a card's number."""


class Masked(Exception):
    """Stands for one that may not be told."""


class Own(Exception):
    """Says what it likes."""

    def __str__(self) -> str:
        return SECRET


def hide_cards(what: str, value: Any) -> Any:
    """Tell everything but the exceptions of one type."""
    return "***" if isinstance(value, CardError) else value


@workflow
async def broken(step: Step[Any], bug: BaseException) -> None:
    """Raise in a step."""
    await step(crash, bug)


async def recorded(redact: Redact, bug: BaseException) -> dict[str, Any]:
    """Return what a span has recorded of an exception."""
    spans = Spans()
    await broken.options(observers=[Tracing(spans.provider, redact=redact)])(bug)
    return events(spans.named("crash"))["exception"]


async def line_about(
    redact: Redact, bug: BaseException, caplog: pytest.LogCaptureFixture
) -> logging.LogRecord:
    """Return the line of a log that tells of an exception."""
    caplog.clear()
    await broken.options(observers=[Logs(redact=redact)])(bug)
    return next(record for record in caplog.records if record.name == "awaitly_trio.events")


def group(*members: BaseException) -> BaseException:
    """Put exceptions into a group, as a nursery does."""
    return BaseExceptionGroup("several", members)


def raised(bug: BaseException, behind: BaseException, **links: Any) -> BaseException:
    """Return an exception that was raised while another one was handled."""
    bug.__context__ = behind
    for name, link in links.items():
        setattr(bug, f"__{name}__", link)
    return bug


def in_group(card: BaseException) -> BaseException:
    """Put one into a group, beside another one."""
    return group(OSError("full"), card)


def in_nested_group(card: BaseException) -> BaseException:
    """Put one into a group of a group."""
    return group(OSError("full"), group(card))


def as_cause(card: BaseException) -> BaseException:
    """Raise another one from it."""
    return raised(OSError("full"), card, cause=card)


def as_context(card: BaseException) -> BaseException:
    """Raise another one while it is handled."""
    return raised(OSError("full"), card)


def behind_a_member(card: BaseException) -> BaseException:
    """Raise another one from it, in a group."""
    return group(raised(OSError("full"), ValueError("between"), cause=as_cause(card)))


PLACES = [in_group, in_nested_group, as_cause, as_context, behind_a_member]


@pytest.mark.parametrize("put", PLACES)
async def test_a_span_tells_of_each_exception_what_redact_tells(
    put: Callable[[BaseException], BaseException],
) -> None:
    """What it replaces says that in its place, and the others say what they always do."""
    bug = put(CardError(SECRET))

    told = await recorded(hide_cards, bug)

    assert told["exception.message"] == str(bug)
    assert f"{__name__}.CardError: ***\n" in told["exception.stacktrace"]
    assert "OSError: full\n" in told["exception.stacktrace"]
    assert SECRET not in str(told)


@pytest.mark.parametrize("put", PLACES)
async def test_a_line_tells_of_each_exception_what_redact_tells(
    put: Callable[[BaseException], BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    """As fields: a formatter would ask the exceptions themselves."""
    bug = put(CardError(SECRET))

    line = await line_about(hide_cards, bug, caplog)

    fields = vars(line)["fields"]
    assert line.exc_info is None
    assert fields["exception.message"] == str(bug)
    assert f"{__name__}.CardError: ***\n" in fields["exception.stacktrace"]
    assert SECRET not in caplog.text + str(vars(line))


async def test_a_suppressed_context_is_asked_about_too(caplog: pytest.LogCaptureFixture) -> None:
    """A traceback does not show it, but some formatters do what they like."""
    bug = raised(OSError("full"), CardError(SECRET), suppress_context=True)

    told = await recorded(hide_cards, bug)
    line = await line_about(hide_cards, bug, caplog)

    assert told["exception.stacktrace"].endswith("OSError: full\n")
    assert "CardError" not in told["exception.stacktrace"]
    assert line.exc_info is None
    assert SECRET not in str(told) + caplog.text + str(vars(line))


async def test_what_stands_for_an_exception_suppresses_what_that_suppressed() -> None:
    """Its place among the others is the same."""
    card = raised(CardError(SECRET), ValueError("boom"), suppress_context=True)

    told = await recorded(hide_cards, as_cause(card))

    assert "CardError: ***\n" in told["exception.stacktrace"]
    assert "boom" not in told["exception.stacktrace"]


async def test_what_redact_lets_pass_is_logged_as_the_exception(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A formatter of the program may show it as it likes."""
    bug = in_group(ValueError("boom"))

    line = await line_about(hide_cards, bug, caplog)

    assert line.exc_info is not None
    assert line.exc_info[1] is bug


async def test_what_a_nursery_raises_is_redacted_by_type() -> None:
    """It wraps every exception in a group, and shows it to those that it cancels."""
    spans = Spans()

    async def pay() -> None:
        await trio.lowlevel.checkpoint()
        raise CardError(SECRET)

    async def roll_back() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise OSError("full")

    async def both() -> Any:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(roll_back)
            await trio.testing.wait_all_tasks_blocked()
            nursery.start_soon(pay)

    @workflow
    async def buys(step: Step[Any]) -> None:
        await step(both)

    await buys.options(observers=[Tracing(spans.provider, redact=hide_cards)])()

    told = events(spans.named("both"))["exception"]
    assert told["exception.message"] == "Exceptions from Trio nursery (2 sub-exceptions)"
    assert "CardError: ***\n" in told["exception.stacktrace"]
    assert ", in pay\n" in told["exception.stacktrace"]
    assert "Cancelled: child task raised exception CardError\n" in told["exception.stacktrace"]
    assert "OSError: full\n" in told["exception.stacktrace"]
    assert SECRET not in str(told)


async def test_a_cancellation_without_a_foreign_reason_is_told_as_it_is(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Its reason was written to be read."""

    async def cancelled() -> trio.Cancelled:
        with trio.CancelScope() as scope:
            scope.cancel(reason="the shop closes")
            try:
                await trio.lowlevel.checkpoint()
            except trio.Cancelled as exc:
                found = exc
                raise
        return found

    line = await line_about(hide_cards, as_context(await cancelled()), caplog)

    assert line.exc_info is not None


async def test_a_hook_that_raises_for_one_member_leaves_its_type(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The others are told, and what it raised is logged."""

    def fails(what: str, value: Any) -> Any:
        if isinstance(value, CardError):
            raise RuntimeError("a bug in redact")  # noqa: TRY004  # any other would do
        return value

    told = await recorded(fails, in_group(CardError(SECRET)))
    complaints = caplog.text
    line = await line_about(fails, in_group(CardError(SECRET)), caplog)

    for trace in (told["exception.stacktrace"], vars(line)["fields"]["exception.stacktrace"]):
        assert f"{__name__}.CardError\n" in trace
        assert "OSError: full\n" in trace
    assert "a bug in redact" in complaints
    assert SECRET not in str(told) + complaints + caplog.text + str(vars(line))


async def test_a_group_is_replaced_apart_from_its_members() -> None:
    """Its own message is that of a group, unless redact says otherwise."""

    def hide_groups(what: str, value: Any) -> Any:
        return "some" if isinstance(value, BaseExceptionGroup) else value

    told = await recorded(hide_groups, as_cause(group(ValueError("boom"))))

    assert "ExceptionGroup: some\n" in told["exception.stacktrace"]
    assert "several" not in told["exception.stacktrace"]
    assert "ValueError: boom\n" in told["exception.stacktrace"]


async def test_an_exception_may_stand_for_another_one() -> None:
    """Outermost it is told with all that is behind it, and elsewhere as its type and message."""

    def mask(what: str, value: Any) -> Any:
        if isinstance(value, BaseExceptionGroup):
            return raised(Masked("a group"), value.exceptions[1])
        return Masked("a card") if isinstance(value, CardError) else value

    told = await recorded(mask, in_group(CardError(SECRET)))

    assert told["exception.type"] == f"{__name__}.Masked"
    assert told["exception.message"] == "a group"
    assert f"{__name__}.Masked: a card\n" in told["exception.stacktrace"]
    assert told["exception.stacktrace"].endswith(f"{__name__}.Masked: a group\n")
    assert SECRET not in str(told)


async def test_each_exception_is_asked_about_once() -> None:
    """However many ways lead to it, and also where they lead round."""
    asked: list[Any] = []
    shared, member = CardError(SECRET), OSError("full")
    bug = group(raised(member, shared, cause=shared), raised(ValueError("boom"), shared))
    shared.__context__ = bug

    def remember(what: str, value: Any) -> Any:
        asked.append(value)
        return hide_cards(what, value)

    told = await recorded(remember, bug)

    assert asked[0] is bug
    assert len(asked) == len({id(each) for each in asked}) == 4
    assert SECRET not in str(told)


async def test_an_exit_is_not_asked_about() -> None:
    """It is ours, and shows the type of a planned error."""
    asked: list[str] = []
    spans = Spans()

    def remember(what: str, value: Any) -> Any:
        asked.append(type(value).__name__)
        return value

    @workflow
    async def careless(step: Step[Any]) -> None:
        try:
            await step(fail, Declined(SECRET))
        finally:
            raise ValueError("boom")

    await careless.options(observers=[Tracing(spans.provider, redact=remember)])()

    told = events(spans.named("careless"))["exception"]
    assert asked == ["ValueError"]
    assert "dependencies.Declined leaves its run" in told["exception.stacktrace"]
    assert SECRET not in str(told)


@pytest.mark.parametrize(
    "bug",
    [Own(), SyntaxError("no", ("shop.py", 1, 1, SECRET)), KeyError(SECRET), group(Own())],
    ids=lambda bug: type(bug).__name__,
)
async def test_nothing_but_its_type_is_left_of_what_is_replaced(bug: BaseException) -> None:
    """Neither a text that it makes itself, nor a line of code, nor its notes."""
    note(bug, f"pay with {SECRET}")

    def hide(what: str, value: Any) -> Any:
        return value if type(value) is OSError else "***"

    told = await recorded(hide, as_cause(bug))

    assert f"{type(bug).__name__}: ***\n" in told["exception.stacktrace"]
    assert SECRET not in str(told)
