"""Follow one order through processes that share nothing but HTTP and a file, and one crash.

A customer calls a webhook, which puts the order into a queue.  A worker takes it up and is
killed half-way; a second one goes on where the first had saved.  The traces are printed at
the end, with their links behind ``->``.

    python examples/relay.py
"""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import httpx  # noqa: ASYNC127  # what most readers have; httpx2 is asked in the same words
import hypercorn.trio
import trio
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from awaitly_trio import Ok, Result, Step, observing, workflow
from awaitly_trio.otel import Tracing, carrier, continued_from, linked_to, resumed_from

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from opentelemetry.sdk.trace import ReadableSpan
    from starlette.requests import Request
    from typing_extensions import Never

PATIENCE = 20.0
"""Seconds after which a process ends by itself, should nobody stop it."""
STORY = """\
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
    worker 2: ship"""


class Shop:
    """The file with the queue, and with what workers save."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "shop.sqlite"
        self.run("CREATE TABLE IF NOT EXISTS queue (item TEXT, carried TEXT)")
        self.run("CREATE TABLE IF NOT EXISTS saved (item TEXT, receipt TEXT, carried TEXT)")

    def run(self, statement: str, *values: str) -> list[tuple[str, ...]]:
        """Run a statement and commit."""
        with closing(sqlite3.connect(self._file)) as connection, connection:
            return connection.execute(statement, values).fetchall()

    async def enqueue(self, item: str) -> Result[None, Never]:
        """Put an order into the queue, with what leads back to this step."""
        self.run("INSERT INTO queue VALUES (?, ?)", item, json.dumps(carrier()))
        return Ok(None)

    async def charge(self, item: str) -> Result[str, Never]:
        """Take the money, and save that it was taken."""
        print(f"takes the money for the {item}", flush=True)
        self.run("INSERT INTO saved VALUES (?, 'receipt 17', ?)", item, json.dumps(carrier()))
        return Ok("receipt 17")

    async def ship(self, item: str, receipt: str, seconds: float) -> Result[None, Never]:
        """Pack and send; only then does the order leave the queue."""
        print(f"packs the {item} with {receipt}", flush=True)
        await trio.sleep(seconds)
        self.run("DELETE FROM queue WHERE item = ?", item)
        print(f"ships the {item}", flush=True)
        return Ok(None)


async def send(address: str, item: str) -> Result[None, Never]:
    """Call the webhook; without an instrumentation of httpx the headers are given by hand."""
    async with httpx.AsyncClient() as http:
        response = await http.post(f"{address}/{item}", headers=carrier())
    response.raise_for_status()
    return Ok(None)


@workflow
async def order(step: Step, address: str, item: str) -> None:
    """Order an item: what the customer does."""
    await step(send, address, item)


@workflow
async def accept(step: Step, shop: Shop, item: str) -> None:
    """Accept an order: what the webhook does."""
    await step(shop.enqueue, item)


@workflow
async def fulfil(step: Step, shop: Shop, item: str, receipt: str | None, seconds: float) -> None:
    """Charge, unless there is a receipt, and ship: what workers do."""
    if receipt is None:
        receipt = await step(shop.charge, item)
    await step(shop.ship, item, receipt, seconds)


async def serve(shop: Shop) -> None:
    """Accept orders over HTTP; the first line that is printed is the address."""

    async def hook(request: Request) -> Response:
        with continued_from(request.headers):  # the customer waits: it is one trace
            (await accept(shop, request.path_params["item"])).unwrap()
        return Response(status_code=202)

    config = hypercorn.Config()
    config.bind, config.errorlog = ["127.0.0.1:0"], None
    app = Starlette(routes=[Route("/{item}", hook, methods=["POST"])])
    async with trio.open_nursery() as nursery:
        [address] = await nursery.start(
            hypercorn.trio.serve,  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType]
            app,
            config,
        )
        print(address, flush=True)


async def work(shop: Shop, seconds: float) -> None:
    """Take up an order, from where it was saved if it was; shipping takes some seconds."""
    [(item, queued)] = shop.run("SELECT item, carried FROM queue")
    found = shop.run("SELECT receipt, carried FROM saved WHERE item = ?", item)
    receipt, saved = found[0] if found else (None, "{}")
    # Nobody waits: a trace of its own, with links to the webhook's and to the other worker's.
    with linked_to(json.loads(queued)), resumed_from(json.loads(saved)):
        (await fulfil(shop, item, receipt, seconds)).unwrap()


class Lines(SpanExporter):
    """Writes each span that ends as a line of JSON: a process that is killed flushes nothing."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Add a line for each span."""
        with self._file.open("a", encoding="utf-8") as file:
            file.writelines(span.to_json(indent=None) + "\n" for span in spans)
        return SpanExportResult.SUCCESS


@contextmanager
def traced(folder: Path, process: str) -> Generator[None]:
    """Trace the runs of a process."""
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(Lines(folder / f"{process}.jsonl")))
    with observing(Tracing(provider)):
        yield


def drawn(folder: Path) -> str:
    """Return the traces that all processes wrote, what lies inside a span being indented."""
    spans: list[Any] = [
        json.loads(line) | {"process": file.stem}
        for file in folder.glob("*.jsonl")
        for line in file.read_text(encoding="utf-8").splitlines()
    ]
    spans.sort(key=lambda span: span["start_time"])
    traces = list(dict.fromkeys(span["context"]["trace_id"] for span in spans))
    known: dict[str, str] = {}
    for span in spans:
        number = traces.index(span["context"]["trace_id"]) + 1
        known[span["context"]["span_id"]] = f"{span['name']} of trace {number}"

    def tree(span: Any, indent: str) -> list[str]:
        found = [f"{indent}{span['process']}: {span['name']}"]
        for link in span["links"]:
            target = known.get(link["context"]["span_id"], "a span that is missing")
            found.append(f"{indent}  -> {link['attributes']['awaitly.link.kind']}: {target}")
        inside = [each for each in spans if each["parent_id"] == span["context"]["span_id"]]
        return found + [line for each in inside for line in tree(each, indent + "  ")]

    picture: list[str] = []
    for span in spans:
        if span["parent_id"] not in known:
            number = traces.index(span["context"]["trace_id"]) + 1
            lost = [] if span["parent_id"] is None else ["  (a span that never ended)"]
            picture += [f"Trace {number}", *lost, *tree(span, "    " if lost else "  ")]
    return "\n".join(picture)


async def play(role: str, folder: Path) -> None:
    """Do what a process is there for."""
    with traced(folder, role), trio.move_on_after(PATIENCE):
        if role == "webhook":
            await serve(Shop(folder))
        else:
            await work(Shop(folder), PATIENCE if role == "worker 1" else 0.1)


@contextmanager
def started(folder: Path, role: str) -> Generator[Generator[str]]:
    """Start a process, give the lines that it prints, and kill it at the end of the block."""
    command = [sys.executable, __file__, role, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        try:
            yield (line.strip() for line in process.stdout or ())
        finally:
            process.kill()


def main() -> None:
    """Send one order through all processes, and show its traces."""
    # As Ctrl-C does: whoever ends the script ends its processes.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with started(folder, "webhook") as lines, traced(folder, "customer"):
            address = next(lines, None) or sys.exit("The webhook did not start.")
            trio.run(order, address, "book").unwrap()
        for worker in ("worker 1", "worker 2"):
            with started(folder, worker) as lines:
                for line in lines:
                    print(f"{worker} {line}")
                    if worker == "worker 1" and line.startswith("packs"):
                        print(f"{worker} is killed")
                        break
        traces = drawn(folder)
    print(f"\n{traces}")
    if traces != STORY:
        sys.exit(f"\nSomething is missing. It should have been:\n{STORY}")


if __name__ == "__main__":
    if len(sys.argv) == 1:
        main()
    else:
        trio.run(play, sys.argv[1], Path(sys.argv[2]))
