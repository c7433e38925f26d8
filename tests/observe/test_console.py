"""A run on the terminal."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest
from dependencies import Declined, fail, give

from awaitly_trio import Err, Ok, Step, spaced, workflow
from awaitly_trio.observe import Console

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    from trio.testing import MockClock

    from awaitly_trio import Result

terminal = pytest.importorskip("rich.console", reason="the extra 'cli' is not installed")


@pytest.fixture
def console() -> Any:
    """Return a console that prints into a string, without colours."""
    return terminal.Console(file=io.StringIO(), width=200, color_system=None)


async def test_a_run_is_printed_as_a_tree(console: Any, autojump_clock: MockClock) -> None:
    """Starts, ends, durations, values; and what happened between."""
    results: list[Result[str, Declined]] = [Err(Declined()), Ok("paid")]

    async def charge() -> Result[str, Declined]:
        return results.pop(0)

    @workflow
    async def pay(step: Step[Declined]) -> str:
        await step(give, 5, after=2)
        return await step.options(retry=spaced(1, attempts=2))(charge)

    await pay.options(observers=[Console(console)])()

    assert console.file.getvalue().splitlines() == [
        "▶ workflow pay",
        "│  ▶ give",
        "│  ✓ give 2s = 5",
        "│  ▶ charge",
        "│  │  ▶ attempt 1",
        "│  │  ✗ attempt 0s Declined(reason='card')",
        "│  │  ↻ attempt 1 failed with Declined(reason='card'), the next in 1s",
        "│  │  ▶ attempt 2",
        "│  │  ✓ attempt 0s = 'paid'",
        "│  ✓ charge 1s = 'paid'",
        "✓ pay 3s = 'paid'",
    ]


async def test_brackets_are_printed_as_they_are(console: Any) -> None:
    """They are no markup of rich's."""

    @workflow
    async def pay(step: Step[Any]) -> None:
        await step(fail, "[red]")

    await pay.options(observers=[Console(console)])()

    assert "✗ fail" in console.file.getvalue()
    assert "'[red]'" in console.file.getvalue()


@pytest.mark.parametrize(
    ("encoding", "line"), [("utf-8", r"✓ file-\udcff"), ("ascii", r"\u2713 file-\udcff")]
)
async def test_a_stream_that_lacks_a_character_gets_it_escaped(encoding: str, line: str) -> None:
    """One name that it cannot write costs neither its line nor those that follow."""
    raw = io.BytesIO()
    strict = io.TextIOWrapper(raw, encoding=encoding, errors="strict", write_through=True)

    @workflow
    async def copies(step: Step[Any]) -> None:
        await step.options(name="file-\udcff")(give, "\udcff")
        await step(give, 1)

    await copies.options(observers=[Console(terminal.Console(file=strict, width=200))])()

    printed = raw.getvalue().decode(encoding)
    assert line in printed
    assert "give" in printed


async def test_a_long_value_is_not_made_into_text_as_a_whole(console: Any) -> None:
    """A line shows what fits in it."""
    asked: list[int] = []

    class Counted:
        def __repr__(self) -> str:
            asked.append(1)
            return "x"

    @workflow
    async def loads(step: Step[Any]) -> None:
        await step(give, [Counted()] * 5000)

    await loads.options(observers=[Console(console)])()

    assert "= [x, x, x" in console.file.getvalue()
    assert len(asked) < 500


def test_a_missing_rich_names_its_extra(
    fresh_python: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    """The message says what to install."""
    script = "import sys; sys.modules['rich.text'] = None; "
    script += "from awaitly_trio.observe import Console; Console()"

    run = fresh_python("-c", script)

    assert "pip install 'awaitly_trio[cli]'" in run.stderr
