"""What Elastic's mock OTLP server receives: an endpoint that others wrote.

``.ci/run`` installs ``@elastic/mockotlpserver`` with npm into ``.tox/npm``, where it is looked
for first; elsewhere Node may find it by ``NODE_PATH``.  Where neither has it this is skipped.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

pytestmark = pytest.mark.integration

SERVER = "@elastic/mockotlpserver"
SCRIPT = """
const {MockOtlpServer} = require('@elastic/mockotlpserver');
const tell = what => process.stdout.write(JSON.stringify(what) + '\\n');
const server = new MockOtlpServer({
  services: ['http', 'grpc'], httpHostname: '127.0.0.1', grpcHostname: '127.0.0.1',
  httpPort: 0, grpcPort: 0, logLevel: 'error', onTrace: tell,
});
server.start().then(() => tell({http: server.httpUrl, grpc: server.grpcUrl}));
"""
PROGRAM = """
import trio
from awaitly_trio import Ok, otel, workflow

async def fetch_order(number):
    return Ok(number)

@workflow
async def checkout(step, number):
    await step(fetch_order, number)

async def main():
    telemetry = otel.install("traces", service="shop")
    await checkout(17)
    assert await telemetry.flush()

trio.run(main)
"""


@pytest.fixture
def node(repository: Path) -> tuple[list[str], dict[str, str]]:
    """Return a command that runs the server, with its environment."""
    installed = repository / ".tox" / "npm" / "node_modules"
    variables = os.environ | ({"NODE_PATH": str(installed)} if installed.is_dir() else {})
    if shutil.which("node") is None:
        pytest.skip("there is no Node")
    trial = ["node", "-e", f"require({SERVER!r})"]
    found = subprocess.run(trial, env=variables, capture_output=True, text=True, check=False)
    # What the build has installed has to load: to skip it then would hide it for ever.
    assert not found.returncode or not installed.is_dir(), found.stderr
    if found.returncode:
        pytest.skip(f"Node has no {SERVER}")
    return ["node", "-e", SCRIPT], variables


@pytest.fixture
def server(
    node: tuple[list[str], dict[str, str]],
) -> Generator[tuple[subprocess.Popen[str], dict[str, str]]]:
    """Return a server with its addresses; each trace it gets is a line of its output."""
    command, variables = node
    with subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process, json.loads(process.stdout.readline())
        process.terminate()


@pytest.mark.parametrize(("protocol", "name"), [("http/protobuf", "http"), ("grpc", "grpc")])
def test_a_trace_arrives(
    server: tuple[subprocess.Popen[str], dict[str, str]], protocol: str, name: str
) -> None:
    """The step lies inside the workflow."""
    process, addresses = server
    variables = {
        "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
        "OTEL_EXPORTER_OTLP_ENDPOINT": addresses[name],
    }

    subprocess.run([sys.executable, "-c", PROGRAM], env=os.environ | variables, check=True)

    assert process.stdout is not None
    spans: dict[str, Any] = {
        span["name"]: span
        for resource in json.loads(process.stdout.readline())["resourceSpans"]
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    }
    assert set(spans) == {"checkout", "fetch_order"}
    assert spans["fetch_order"]["parentSpanId"] == spans["checkout"]["spanId"]
