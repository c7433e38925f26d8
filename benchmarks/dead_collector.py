"""What a collector costs a run: one that answers, one that refuses, and one that hangs.

Each run has a process of its own, since a provider can be set only once; they take turns,
round after round.  The time is the one that the run takes, by the clock on the wall: the
exporter works in a thread beside it.  Nothing is written anywhere.

    python -m benchmarks.dead_collector
    python -m benchmarks.dead_collector --steps 2000 --pause 0.001
"""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import os
import socket
import threading
import time
from collections import Counter, defaultdict
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import trio

from awaitly_trio import Ok, otel, workflow
from benchmarks.lines import amount
from benchmarks.timer import Sample, turned

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from awaitly_trio import Step

ABSENT = "no telemetry"
ANSWERS = "answers"
REFUSES = "refuses"
HANGS = "hangs"

TITLES = ["Collector", "A step", "Beside none", "Beside one that answers"]
COUNTS = ["ended", "delivered", "failed", "dropped", "waiting"]


async def pause_for(seconds: float) -> Ok[float]:
    """Succeed after a pause, or after one checkpoint where it is zero."""
    await trio.sleep(seconds)
    return Ok(seconds)


@workflow
async def pauses(step: Step[Any], steps: int, seconds: float) -> None:
    """Take steps in a row."""
    for _ in range(steps):
        await step(pause_for, seconds)


def measured(
    steps: int, pause: float, address: str | None, patience: float
) -> tuple[float, dict[str, int]]:
    """Run once, in a process made for it; return the seconds, and what became of the spans."""
    # A collector that is down is what is measured, not news.
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    telemetry = None
    if address is not None:
        os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = address
        telemetry = otel.install("traces", service="benchmark")

    async def run() -> float:
        began = time.perf_counter()
        ended = await pauses(steps, pause)
        spent = time.perf_counter() - began
        assert ended == Ok(None), ended
        if telemetry is not None:
            await telemetry.flush(patience)
        return spent

    spent = trio.run(run)
    delivery = None if telemetry is None else telemetry.delivery()
    return spent, {} if delivery is None else {each: getattr(delivery, each) for each in COUNTS}


class Answers(BaseHTTPRequestHandler):
    """Takes whatever it is sent, and keeps the connection."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Read all, and say that it was accepted."""
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_parts: object) -> None:
        """Say nothing."""


@contextmanager
def collectors() -> Generator[dict[str, str | None]]:
    """Give the address of each collector; they are in this process, which only waits."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with closing(socket.socket()) as silent, closing(socket.socket()) as refusing:
        silent.bind(("127.0.0.1", 0))
        # The system accepts connections; nobody reads what comes.
        silent.listen(64)
        # Bound and never listened to: nobody else gets the port meanwhile.
        refusing.bind(("127.0.0.1", 0))
        ports = {
            ANSWERS: server.server_port,
            REFUSES: refusing.getsockname()[1],
            HANGS: silent.getsockname()[1],
        }
        addresses = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
        try:
            yield {ABSENT: None, **addresses}
        finally:
            server.shutdown()
            server.server_close()


def measure(
    steps: int, pause: float, rounds: int
) -> tuple[dict[str, Sample], dict[str, Counter[str]]]:
    """Run beside each collector in turns; return the times, and the counts of all rounds."""
    figures: dict[str, list[float]] = defaultdict(list)
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    spawned = multiprocessing.get_context("spawn")
    with collectors() as addresses, spawned.Pool(1, maxtasksperchild=1) as pool:
        for number in range(rounds):
            for name in turned(list(addresses), number):
                patience = 30.0 if name == ANSWERS else 0.1
                spent, became = pool.apply(measured, (steps, pause, addresses[name], patience))
                figures[name].append(spent / steps)
                counts[name].update(became)
    return {name: Sample(tuple(figures[name])) for name in addresses}, counts


def rendered(times: Mapping[str, Sample], counts: Mapping[str, Counter[str]]) -> list[str]:
    """Return the lines of a table."""
    rows = [[*TITLES, *map(str.capitalize, COUNTS)], ["---"] * (len(TITLES) + len(COUNTS))]
    for name, sample in times.items():
        ratios = [sample / times[other] for other in (ABSENT, ANSWERS)]
        shown = [
            f"{each.median:.2f} ({{:.2f}} to {{:.2f}})".format(*each.quartiles) for each in ratios
        ]
        became = [f"{counts[name][each]:,}" for each in COUNTS]
        rows.append([name, amount(sample.median, "s"), *shown, *became])
    return [f"| {' | '.join(row)} |" for row in rows]


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dead_collector")
    parser.add_argument("--steps", type=int, default=20_000, help="in a row, in each run")
    parser.add_argument("--pause", type=float, default=0.0, help="seconds that each step waits")
    parser.add_argument("--rounds", type=int, default=5, help="of one run beside each collector")
    wanted = parser.parse_args()
    print(*rendered(*measure(wanted.steps, wanted.pause, wanted.rounds)), sep="\n")


if __name__ == "__main__":
    main()
