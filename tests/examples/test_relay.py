"""The example of an order that crosses processes shows where its traces lead."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(
        not all(map(find_spec, ("httpx", "hypercorn", "starlette"))),
        reason="needs the examples' extra",
    ),
]

TRANSCRIPT = """\
worker 1 takes the money for the book
worker 1 packs the book with receipt 17
worker 1 is killed
worker 2 packs the book with receipt 17
worker 2 ships the book

Trace 1
  customer: order
    customer: send
      webhook: accept
        webhook: enqueue
Trace 2
  (a span that never ended)
    worker 1: charge
Trace 3
  worker 2: fulfil
    -> queued: enqueue of trace 1
    -> resumed: charge of trace 2
    worker 2: ship
"""


def test_traces_go_on_through_a_webhook_a_queue_and_a_crash(
    fresh_python: Callable[..., subprocess.CompletedProcess[str]], repository: Path
) -> None:
    """Nothing that ended is lost, and the money is taken once."""
    ended = fresh_python(str(repository / "examples" / "relay.py"))

    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == TRANSCRIPT


def test_what_is_missing_is_said(
    fresh_python: Callable[..., subprocess.CompletedProcess[str]],
    repository: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where no span arrives, the example fails and says what should have been there."""
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")

    ended = fresh_python(str(repository / "examples" / "relay.py"))

    assert ended.returncode == 1
    assert "Something is missing. It should have been:\nTrace 1\n" in ended.stderr
