"""What a real collector receives of a program that turned telemetry on in one line."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.integration
collector = pytest.importorskip("collector", exc_type=ImportError)


PROGRAM = """
import trio
from awaitly_trio import Err, Ok, otel, spaced, workflow

results = [Err("busy"), Ok("paid")]

async def fetch_order(number):
    return Ok(number)

async def charge(number):
    return results.pop(0)

async def crash():
    raise ValueError("boom")

@workflow
async def checkout(step, number):
    await step(fetch_order, number)
    async with step.parallel("settle") as group:
        group.options(retry=spaced(0, attempts=2)).start_soon(charge, number)
    await step(crash)

async def main():
    telemetry = otel.install(service="shop")
    await checkout(17)
    assert await telemetry.flush()
    print(telemetry.delivery())

trio.run(main)
"""
TREE = [
    (
        "checkout",
        [
            ("fetch_order", []),
            ("settle", [("charge", [("attempt", []), ("attempt", [])])]),
            ("crash", []),
        ],
    )
]


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_the_tree_of_a_run_arrives(rotel: collector.Collector, protocol: str) -> None:
    """Workflow, steps, block, attempts, defect; with the name of the service and metrics."""
    program = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=rotel.variables(protocol),
        check=True,
        capture_output=True,
        text=True,
    )

    rotel.receiver.wait_for_spans(7)
    collector.eventually(lambda: rotel.receiver.metrics, "metrics")
    spans = {span.name: span for span in rotel.receiver.spans}
    assert rotel.receiver.tree() == TREE
    assert "shop" in rotel.receiver.resources
    assert "awaitly.run.duration" in rotel.receiver.metrics
    assert [event.name for event in spans["crash"].events] == ["exception"]
    assert [event.name for event in spans["charge"].events] == ["awaitly.retry"]
    assert program.stdout.strip() == "Delivery(ended=7, delivered=7, failed=0, dropped=0)"
    assert program.stderr == ""


DEAD = """
import trio
from awaitly_trio import Ok, otel, workflow

async def fetch(number):
    await trio.lowlevel.checkpoint()
    return Ok(number)

@workflow
async def busy(step):
    for number in range(RUNS_STEPS):
        await step(fetch, number)

async def main():
    telemetry = otel.install("traces")
    result = await busy()
    assert result == Ok(None), result
    began = trio.current_time()
    flushed = await telemetry.flush(timeout=0.5)
    waited = trio.current_time() - began
    delivery = telemetry.delivery()
    print(flushed, waited < 2, delivery.ended, delivery.delivered, delivery.dropped)

trio.run(main)
"""
STEPS = 5000


def test_a_collector_that_is_down_costs_spans_and_nothing_else() -> None:
    """The run is as good as ever, the flush keeps its allowance, the loss is counted."""
    variables = os.environ | {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.free_port()}"
    }

    program = subprocess.run(
        [sys.executable, "-c", DEAD.replace("RUNS_STEPS", str(STEPS))],
        env=variables,
        check=True,
        capture_output=True,
        text=True,
        timeout=collector.PATIENCE,
    )

    flushed, in_time, ended, delivered, dropped = program.stdout.split()
    assert (flushed, in_time) == ("False", "True")
    assert (int(ended), int(delivered)) == (STEPS + 1, 0)
    # One queue waits, one batch is being tried in vain; all else was dropped at once.
    assert STEPS - 2048 - 512 - 1 <= int(dropped) <= STEPS + 1 - 2048


LOST = """
import trio
from awaitly_trio import Ok, otel, workflow

@workflow
async def nothing(step):
    pass

async def main():
    telemetry = otel.install(SIGNAL)
    await nothing()
    print(await telemetry.flush(timeout=PATIENCE), telemetry.delivery())

trio.run(main)
"""


@pytest.mark.parametrize(
    ("signal", "delivery"),
    [("traces", "Delivery(ended=1, delivered=0, failed=1, dropped=0)"), ("metrics", "None")],
)
def test_a_flush_that_the_exporter_gave_up_is_not_done(signal: str, delivery: str) -> None:
    """Though it had all the time that it wanted."""
    variables = os.environ | {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.free_port()}",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "1",
    }
    script = LOST.replace("SIGNAL", repr(signal)).replace("PATIENCE", str(collector.PATIENCE))

    program = subprocess.run(
        [sys.executable, "-c", script], env=variables, check=True, capture_output=True, text=True
    )

    assert program.stdout == f"False {delivery}\n"
