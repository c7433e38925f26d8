"""A real collector, and a receiver behind it that keeps what it sends on."""

from __future__ import annotations

import gzip
import os
import socket
import subprocess
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

rotel = pytest.importorskip("rotel", reason="the collector is not installed")
PROTOCOL = "opentelemetry.proto.collector"
trace_service: Any = pytest.importorskip(f"{PROTOCOL}.trace.v1.trace_service_pb2")
metrics_service: Any = pytest.importorskip(f"{PROTOCOL}.metrics.v1.metrics_service_pb2")

if TYPE_CHECKING:
    from collections.abc import Generator

PATIENCE = 20.0
"""Seconds of real time in which a collector on this machine has to do anything."""


class Receiver:
    """An OTLP endpoint over HTTP: keeps every span and every metric that arrives."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.metrics: set[str] = set()
        self.resources: set[str] = set()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                receiver.take(self.path, body)
                self.send_response(200)
                self.send_header("content-type", "application/x-protobuf")
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]

    def take(self, path: str, body: bytes) -> None:
        """Keep what a request brings."""
        if path.endswith("traces"):
            traces = trace_service.ExportTraceServiceRequest.FromString(body)
            for each in traces.resource_spans:
                self.resources |= {
                    attribute.value.string_value for attribute in each.resource.attributes
                }
                self.spans += [span for scope in each.scope_spans for span in scope.spans]
        else:
            metrics = metrics_service.ExportMetricsServiceRequest.FromString(body)
            self.metrics |= {
                metric.name
                for each in metrics.resource_metrics
                for scope in each.scope_metrics
                for metric in scope.metrics
            }

    @contextmanager
    def serving(self) -> Generator[None]:
        """Answer requests in threads."""
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        try:
            yield
        finally:
            self._server.shutdown()
            self._server.server_close()

    def wait_for_spans(self, count: int) -> None:
        """Wait in real time until so many spans have arrived."""
        eventually(lambda: len(self.spans) >= count, f"{count} spans")

    def tree(self) -> Any:
        """Return the spans as a tree of names, siblings in order of their start."""
        known = {span.span_id for span in self.spans}

        def grown(above: bytes) -> list[Any]:
            inside = [
                span
                for span in self.spans
                if (span.parent_span_id if span.parent_span_id in known else b"") == above
            ]
            ordered = sorted(inside, key=lambda span: span.start_time_unix_nano)
            return [(span.name, grown(span.span_id)) for span in ordered]

        return grown(b"")


class Collector:
    """Rotel, which receives over HTTP and gRPC and sends on to a receiver of ours."""

    def __init__(self, receiver: Receiver) -> None:
        self.receiver = receiver
        self.http, self.grpc = free_port(), free_port()

    @contextmanager
    def running(self, folder: Path) -> Generator[None]:
        """Run the agent, on ports of its own."""
        options = {
            "otlp-http-endpoint": f"127.0.0.1:{self.http}",
            "otlp-grpc-endpoint": f"127.0.0.1:{self.grpc}",
            "exporter": "otlp",
            "otlp-exporter-endpoint": f"http://127.0.0.1:{self.receiver.port}",
            "otlp-exporter-protocol": "http",
            "batch-timeout": "100ms",
            "pid-file": str(folder / "rotel.pid"),
        }
        agent = Path(str(rotel.__file__)).parent / "rotel-agent"
        arguments = [f"--{name}={value}" for name, value in options.items()]
        with (folder / "rotel.log").open("wb") as log:
            process = subprocess.Popen([agent, "start", *arguments], stdout=log, stderr=log)
            try:
                eventually(lambda: is_open(self.http) and is_open(self.grpc), "the collector")
                yield
            finally:
                process.terminate()
                process.wait(PATIENCE)

    def variables(self, protocol: str) -> dict[str, str]:
        """Return the environment of a program that sends here."""
        port = self.grpc if protocol == "grpc" else self.http
        return os.environ | {
            "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}",
        }


def free_port() -> int:
    """Return a port that nobody uses now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def is_open(port: int) -> bool:
    """Tell whether somebody listens on a port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def eventually(condition: Any, what: str) -> None:
    """Wait in real time for what another process does."""
    deadline = time.perf_counter() + PATIENCE
    while not condition():
        assert time.perf_counter() < deadline, f"{what} did not come in {PATIENCE} s"
        time.sleep(0.02)  # noqa: TID251  # outside Trio, for another process
