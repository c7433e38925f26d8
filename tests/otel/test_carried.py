"""Traces that cross a webhook, a queue and a crash, as a real collector receives them.

Each program is a process of its own; they share nothing but HTTP, Redis or a file.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from redis_server import running_redis

pytestmark = pytest.mark.integration
collector = pytest.importorskip("collector", exc_type=ImportError)

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path


@contextmanager
def started(
    rotel: collector.Collector, program: str, *arguments: str
) -> Generator[subprocess.Popen[str]]:
    """Run a program that sends its spans soon; it is killed at the end of the block."""
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", program, *arguments],
        env=rotel.variables("http/protobuf") | {"OTEL_BSP_SCHEDULE_DELAY": "50"},
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def said(process: subprocess.Popen[str]) -> str:
    """Return the next line that a program prints."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def ended(process: subprocess.Popen[str]) -> str:
    """Return what a program still prints until it ends well."""
    output, _ = process.communicate(timeout=collector.PATIENCE)
    assert process.returncode == 0
    return output.strip()


def named(rotel: collector.Collector, *names: str) -> list[Any]:
    """Wait until there are spans of these names, and return the one of each."""

    def have_come() -> bool:
        return set(names) <= {span.name for span in rotel.receiver.spans}

    collector.eventually(have_come, " and ".join(names))
    spans = rotel.receiver.spans
    assert sorted(span.name for span in spans if span.name in names) == sorted(names)
    return [next(span for span in spans if span.name == name) for name in names]


def links(span: Any) -> list[tuple[bytes, bytes, dict[str, str]]]:
    """Return trace, span and attributes of the links of a span."""
    return [
        (
            link.trace_id,
            link.span_id,
            {attribute.key: attribute.value.string_value for attribute in link.attributes},
        )
        for link in span.links
    ]


WEBHOOK = """
import hypercorn.trio, trio
from opentelemetry import baggage
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from awaitly_trio import Ok, otel, workflow

async def look():
    return Ok(baggage.get_baggage("tenant"))

@workflow
async def answer(step):
    return await step(look)

async def hook(request):
    with otel.continued_from(request.headers):
        result = await answer()
    return PlainTextResponse(result.value)

async def main():
    otel.install("traces", service="webhook")
    config = hypercorn.Config()
    config.bind, config.errorlog = ["127.0.0.1:0"], None
    app = Starlette(routes=[Route("/", hook, methods=["POST"])])
    async with trio.open_nursery() as nursery:
        [address] = await nursery.start(hypercorn.trio.serve, app, config)
        print(address, flush=True)

trio.run(main)
"""
CALLER = """
import sys, httpx, trio
from opentelemetry import baggage, context
from awaitly_trio import Ok, otel, workflow

async def call():
    async with httpx.AsyncClient() as client:
        response = await client.post(sys.argv[1], headers=otel.carrier())
    return Ok(response.text)

@workflow
async def ask(step):
    return await step(call)

async def main():
    telemetry = otel.install("traces", service="caller")
    context.attach(baggage.set_baggage("tenant", "acme"))
    print((await ask()).value)
    assert await telemetry.flush()

trio.run(main)
"""


def test_the_answer_of_a_webhook_belongs_to_the_trace_of_its_caller(
    rotel: collector.Collector,
) -> None:
    """Its run is a child of the step that calls, and its body sees the caller's baggage."""
    for module in ("httpx", "hypercorn", "starlette"):
        pytest.importorskip(module)

    with (
        started(rotel, WEBHOOK) as webhook,
        started(rotel, CALLER, said(webhook)) as caller,
    ):
        tenant = ended(caller)
        call, answer = named(rotel, "call", "answer")
        rotel.receiver.wait_for_spans(4)

    assert rotel.receiver.tree() == [("ask", [("call", [("answer", [("look", [])])])])]
    assert (answer.trace_id, answer.parent_span_id) == (call.trace_id, call.span_id)
    assert {"caller", "webhook"} <= rotel.receiver.resources
    assert tenant == "acme"


PRODUCER = """
import sys, coredis, trio
from opentelemetry import baggage, context
from awaitly_trio import Ok, otel, workflow

async def enqueue(queue):
    await queue.xadd("jobs", {"order": "17", **otel.carrier()})
    return Ok(None)

@workflow
async def order(step, queue):
    await step(enqueue, queue)

async def main():
    telemetry = otel.install("traces", service="producer")
    context.attach(baggage.set_baggage("tenant", "acme"))
    async with coredis.Redis.from_url(sys.argv[1]) as queue:
        await order(queue)
    assert await telemetry.flush()

trio.run(main)
"""
WORKER = """
import sys, coredis, trio
from opentelemetry import baggage
from awaitly_trio import Ok, otel, workflow

async def fulfil(number):
    return Ok(f"{number} for {baggage.get_baggage('tenant')}")

@workflow
async def job(step, number):
    return await step(fulfil, number)

async def main():
    telemetry = otel.install("traces", service="worker")
    async with coredis.Redis.from_url(sys.argv[1]) as queue:
        entries = await queue.xread({"jobs": "0"}, block=10_000)
        [entry] = entries[b"jobs"]
    with otel.linked_to(entry.field_values):
        result = await job(entry.field_values[b"order"].decode())
    print(result.value)
    assert await telemetry.flush()

trio.run(main)
"""


def test_a_job_from_a_queue_leads_back_to_who_put_it_there(
    rotel: collector.Collector, tmp_path: Path
) -> None:
    """Its run begins a trace, linked to the producer's step, and has the baggage."""
    pytest.importorskip("coredis")

    with running_redis(tmp_path) as address:
        with started(rotel, PRODUCER, address) as producer:
            ended(producer)
        with started(rotel, WORKER, address) as worker:
            fulfilled = ended(worker)
    enqueue, job = named(rotel, "enqueue", "job")

    assert job.trace_id != enqueue.trace_id
    assert job.parent_span_id == b""
    assert links(job) == [(enqueue.trace_id, enqueue.span_id, {"awaitly.link.kind": "queued"})]
    assert fulfilled == "17 for acme"


SAVED = """
import json, sqlite3, sys, trio
from opentelemetry import baggage, context
from awaitly_trio import Ok, otel, workflow

file = sqlite3.connect(sys.argv[1])
file.execute("CREATE TABLE IF NOT EXISTS saved (step PRIMARY KEY, answer, carried)")

async def charge():
    print("charged", flush=True)
    with file:
        saved = ("charge", "receipt", json.dumps(otel.carrier()))
        file.execute("INSERT INTO saved VALUES (?, ?, ?)", saved)
    return Ok("receipt")

async def ship(receipt):
    if sys.argv[2] == "first":
        await trio.sleep_forever()
    return Ok(f"{receipt} for {baggage.get_baggage('tenant')}")

@workflow
async def checkout(step, receipt):
    return await step(ship, receipt or await step(charge))

async def main():
    telemetry = otel.install("traces", service=sys.argv[2])
    found = file.execute("SELECT answer, carried FROM saved").fetchone()
    if found is None:
        context.attach(baggage.set_baggage("tenant", "acme"))
    receipt, carried = found or (None, "{}")
    with otel.resumed_from(json.loads(carried)):
        result = await checkout(receipt)
    print(result.value)
    assert await telemetry.flush()

trio.run(main)
"""


@pytest.mark.skipif(os.name == "nt", reason="there is no such signal on Windows")
def test_a_run_that_was_killed_is_resumed_in_a_trace_that_leads_back(
    rotel: collector.Collector, tmp_path: Path
) -> None:
    """The finished step of the first process has arrived; it does not run again."""
    file = str(tmp_path / "saved.sqlite")

    with started(rotel, SAVED, file, "first") as first:
        charged = said(first)
        [charge] = named(rotel, "charge")
        first.kill()
        assert first.wait(collector.PATIENCE) == -signal.SIGKILL
    with started(rotel, SAVED, file, "second") as second:
        resumed = ended(second)
    checkout, ship = named(rotel, "checkout", "ship")

    assert (charged, resumed) == ("charged", "receipt for acme")
    assert checkout.trace_id == ship.trace_id != charge.trace_id
    assert checkout.parent_span_id == b""
    assert links(checkout) == [(charge.trace_id, charge.span_id, {"awaitly.link.kind": "resumed"})]
    assert {"first", "second"} <= rotel.receiver.resources
    assert sorted(span.name for span in rotel.receiver.spans) == ["charge", "checkout", "ship"]
