"""A private Redis on a free port, for the tests that need a real one."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import socket
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATIENCE = 10.0
"""Seconds that a server may take to answer."""


def program() -> str:
    """Return the path of the server; without one skip the test, or fail it where it must run."""
    found = shutil.which("redis-server")
    if found is None and os.environ.get("CI") == "true":
        pytest.fail("redis-server is not installed")
    if found is None:
        pytest.skip("redis-server is not installed")
    return found


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def answers(port: int) -> bool:
    """Tell whether a Redis on this port answers."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as client:
        client.sendall(b"PING\r\n")
        return client.recv(7) == b"+PONG\r\n"
    return False


@contextlib.contextmanager
def running_redis(folder: Path) -> Iterator[str]:
    """Run a server that keeps nothing on disk, and give its address."""
    port = free_port()
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    server = subprocess.Popen([program(), *options], stdout=subprocess.DEVNULL)
    try:
        deadline = time.perf_counter() + PATIENCE
        while not answers(port):
            if server.poll() is not None or time.perf_counter() > deadline:
                pytest.fail(f"redis-server did not start on port {port}")
            select.select([], [], [], 0.02)
        yield f"redis://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(PATIENCE)
