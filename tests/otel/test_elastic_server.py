"""What Elastic's mock OTLP server receives: an endpoint that others wrote.

It is skipped unless Node finds ``@elastic/mockotlpserver`` (npm), for example by ``NODE_PATH``.
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

pytestmark = pytest.mark.integration

SERVER = """
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


def is_installed() -> bool:
    """Tell whether Node can load the server."""
    node = shutil.which("node")
    script = "require('@elastic/mockotlpserver')"
    return (
        node is not None
        and not subprocess.run([node, "-e", script], capture_output=True, check=False).returncode
    )


@pytest.fixture
def server() -> Generator[tuple[subprocess.Popen[str], dict[str, str]]]:
    """Return a server with its addresses; each trace it gets is a line of its output."""
    if not is_installed():
        pytest.skip("Node has no @elastic/mockotlpserver")
    with subprocess.Popen(["node", "-e", SERVER], stdout=subprocess.PIPE, text=True) as process:
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
