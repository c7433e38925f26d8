"""Processes that are forked after telemetry was turned on, as pre-forking servers do it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork"),
]

# Queue and batch hold eight spans, and send by themselves only when there are so many.
FORKED = """
import os, sys, warnings
os.environ |= {
    "OTEL_TRACES_EXPORTER": "console",
    "OTEL_METRICS_EXPORTER": "console",
    "OTEL_BSP_MAX_QUEUE_SIZE": "8",
    "OTEL_BSP_SCHEDULE_DELAY": "3600000",
}
from opentelemetry import trace
from awaitly_trio import otel

# Since CPython 3.12 a process with threads is warned that it forks: that is what is tested.
warnings.filterwarnings("ignore", message=".*fork", category=DeprecationWarning)

def end_spans(count):
    for _ in range(count):
        trace.get_tracer("test").start_span(f"of {'parent' if parent else 'child'}").end()

parent = os.getpid()
telemetry = otel.install()
end_spans(7)
sys.stdout.flush()
if os.fork():
    _, status = os.wait()
    print("status", status)
else:
    parent = None
    CHILD
"""


def test_the_spans_of_a_child_are_sent_when_it_ends(
    fresh_python: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    """It has a thread of its own that closes, and does not wait for one that it lacks."""
    run = fresh_python("-c", FORKED.replace("CHILD", "end_spans(1)"))

    assert run.stderr == ""
    assert run.stdout.count('"name": "of child"') == 1
    assert run.stdout.count('"name": "of parent"') == 7
    assert "status 0" in run.stdout


def test_a_child_has_all_of_its_room(
    fresh_python: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    """What waits in the parent is not in the child's queue, and not among its counts."""
    run = fresh_python("-c", FORKED.replace("CHILD", "end_spans(7); print(telemetry.delivery())"))

    assert run.stderr == ""
    assert "Delivery(ended=7, delivered=0, failed=0, dropped=0)" in run.stdout
    assert run.stdout.count('"name": "of child"') == 7


def test_a_child_may_name_the_service(
    fresh_python: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    """A worker often knows only then what it is."""
    child = "otel.install(service='shop'); end_spans(1)"

    run = fresh_python("-c", FORKED.replace("CHILD", child))

    assert run.stderr == ""
    assert run.stdout.count('"service.name": "shop"') == 1
