"""A checkout with its trace: workflow, steps, attempts, and the HTTP requests inside them.

Usage: python examples/tracing.py [--picture trace.svg]

The spans go to the terminal.  In a program of your own ``otel.install()`` sends them to
a collector instead.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Literal

import httpx  # noqa: ASYNC127  # what OpenTelemetry has an instrumentation for
import trio
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from trace_picture import drawn

from awaitly_trio import Err, Ok, Result, Step, TaggedError, UnexpectedError, exponential, workflow
from awaitly_trio.otel import Tracing


class ServiceBusy(TaggedError):
    """A service asked to be called again later."""

    service: str


class CardDeclined(TaggedError):
    """The bank said no."""

    order: str


class Services:
    """The shop's services over HTTP; here functions play their part."""

    def __init__(self) -> None:
        self._refusals = 1
        self.client = httpx.AsyncClient(
            base_url="http://shop.example", transport=httpx.MockTransport(self._answer)
        )

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        await trio.sleep(0.02)
        if request.url.path.startswith("/charge") and self._refusals:
            self._refusals -= 1
            return httpx.Response(503)
        return httpx.Response(200, json={"path": request.url.path})

    async def get(self, path: str) -> httpx.Response:
        """Call a service."""
        return await self.client.get(path)


def deps(services: Services):  # noqa: ANN201  # three functions that share the client
    """Return what the checkout depends on."""

    async def fetch_order(order: str) -> Result[str, ServiceBusy]:
        response = await services.get(f"/orders/{order}")
        return Ok(order) if response.is_success else Err(ServiceBusy("orders"))

    async def reserve(order: str) -> Result[Literal["reserved"], ServiceBusy]:
        response = await services.get(f"/stock/{order}")
        return Ok("reserved") if response.is_success else Err(ServiceBusy("stock"))

    async def charge(order: str) -> Result[str, ServiceBusy | CardDeclined]:
        response = await services.get(f"/charge/{order}")
        if response.status_code == httpx.codes.PAYMENT_REQUIRED:
            return Err(CardDeclined(order))
        return Ok("receipt") if response.is_success else Err(ServiceBusy("bank"))

    return fetch_order, reserve, charge


async def checkout_traced(
    provider: TracerProvider,
) -> Result[str, ServiceBusy | CardDeclined | UnexpectedError]:
    """Check an order out, with spans that go to a provider."""
    services = Services()
    HTTPXClientInstrumentor().instrument_client(services.client, tracer_provider=provider)
    fetch_order, reserve, charge = deps(services)

    @workflow
    async def checkout(step: Step[ServiceBusy | CardDeclined], order: str) -> str:
        found = await step(fetch_order, order)
        async with step.parallel("settle") as group:
            group.start_soon(reserve, found)
            again = exponential(0.01, attempts=3)
            receipt = group.options(retry=again).start_soon(charge, found)
        return receipt.value

    async with services.client:
        return await checkout.options(observers=[Tracing(provider)])("order-17")


def main() -> None:
    """Run the checkout and show its trace."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--picture", type=Path, help="where to draw the trace, as SVG")
    wanted = parser.parse_args()
    memory = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(memory))

    result = trio.run(checkout_traced, provider)

    print(result)
    spans = sorted(memory.get_finished_spans(), key=lambda span: span.start_time or 0)
    for span in spans:
        spent = ((span.end_time or 0) - (span.start_time or 0)) / 1e6
        print(f"{spent:8.1f} ms  {span.name}  {dict(span.attributes or {})}")
    if wanted.picture is not None:
        wanted.picture.write_text(drawn(spans), encoding="utf-8")


if __name__ == "__main__":
    main()
