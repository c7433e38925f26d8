"""Check out orders against HTTP services, and see every way in which that can end.

Orders, bank and warehouse are services that hypercorn serves on a free port and httpx asks,
all in one Trio program.  They print what they did; after ``=>`` stands how a checkout ended.
What they have in store for each order is in ``Services``, the last part.

    python examples/checkout.py
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import httpx  # noqa: ASYNC127  # what most readers have; httpx2 is asked in the same words
import hypercorn.trio
import msgspec
import trio
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from awaitly_trio import (
    Err,
    Ok,
    Result,
    Retry,
    Step,
    TimedOut,
    UnexpectedError,
    exponential,
    workflow,
)

if TYPE_CHECKING:
    from starlette.requests import Request


class Order(msgspec.Struct, frozen=True):
    """What was ordered, and its price."""

    item: str
    cents: int


@dataclass(frozen=True)
class OrderNotFound:
    """Nobody ordered this."""

    item: str


@dataclass(frozen=True)
class OrderGarbled:
    """The service of orders is old; now and then what it answers is no JSON."""

    item: str


@dataclass(frozen=True)
class CardDeclined:
    """The bank does not pay."""

    reason: str


@dataclass(frozen=True)
class OutOfStock:
    """The warehouse has none left."""

    item: str


@dataclass(frozen=True)
class Busy:
    """The warehouse has no time now; in a moment it may."""


Refusal: TypeAlias = OrderNotFound | OrderGarbled | CardDeclined | OutOfStock | Busy | TimedOut


class Shop:
    """Asks the services; an answer that is planned for becomes a typed error."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def find(self, item: str) -> Result[bytes, OrderNotFound]:
        """Return an order as it is written."""
        response = await self._http.get(f"/orders/{item}")
        return Err(OrderNotFound(item)) if response.status_code == 404 else Ok(response.content)

    async def charge(self, order: Order) -> Result[Order, CardDeclined]:
        """Take the money and return the order, now paid."""
        response = await self._http.put(f"/payments/{order.item}", json=order.cents)
        if response.status_code == 402:
            return Err(CardDeclined(response.text))
        response.raise_for_status()
        return Ok(order)

    async def refund(self, order: Order) -> None:
        """Give back what was taken, if anything was."""
        response = await self._http.delete(f"/payments/{order.item}")
        response.raise_for_status()

    async def reserve(self, order: Order) -> Result[int, OutOfStock | Busy]:
        """Return the shelf where the item is kept for this order."""
        response = await self._http.put(f"/shelves/{order.item}")
        if response.status_code == 409:
            return Err(OutOfStock(order.item))
        return Err(Busy()) if response.status_code == 503 else Ok(int(response.text))


@workflow
async def checkout(step: Step[Refusal], shop: Shop, item: str) -> str:
    """Find the order, take the money, reserve the item; return a receipt."""
    written = await step(shop.find, item)
    order = await step.catch(
        read_order, written, catch=msgspec.DecodeError, error=OrderGarbled(item)
    )
    # When a charge is cut off midway, nobody knows whether the money was taken: that is undone too.
    bank = step.options(timeout=2, compensate_unknown=shop.refund)
    paid = await bank.compensated(shop.charge, shop.refund, order)
    warehouse = step.options(timeout=2, retry=Retry(exponential(0.05, attempts=3), on=is_busy))
    shelf = await warehouse(shop.reserve, paid)
    return f"{paid.cents} cents paid, on its way from shelf {shelf}"


def read_order(written: bytes) -> Order:
    """Read an order; what is none is a ``DecodeError``."""
    return msgspec.json.decode(written, type=Order)


def is_busy(error: object, _attempt: int) -> bool:
    """Tell whether it is worth asking again."""
    return isinstance(error, Busy)


def describe(result: Result[str, Refusal | UnexpectedError]) -> str:  # noqa: PLR0911
    """Say how a checkout ended; the type checker misses none of the errors."""
    match result:
        case Ok(receipt):
            return receipt
        case Err(error):
            match error:
                case OrderNotFound(item):
                    return f"nobody ordered a {item}"
                case OrderGarbled(item):
                    return f"the order of a {item} cannot be read"
                case CardDeclined(reason):
                    return f"the card is declined: {reason}"
                case OutOfStock(item):
                    return f"no {item} is left"
                case Busy():
                    return "the warehouse is busy all day"
                case TimedOut(name, seconds):
                    return f"{name} took longer than {seconds:g} s"
                case UnexpectedError(cause):
                    return f"a defect: {cause!r}"


async def visit(shop: Shop) -> None:
    """Check out one order after the other, and leave before the last is done."""
    for item in ("book", "unicorn", "riddle", "yacht", "sofa", "piano", "umbrella", "poem"):
        print(f"\n{item}")
        print("  =>", describe(await checkout(shop, item)))
    print("\nglobe")
    with trio.move_on_after(1) as patience:
        # A cancelled checkout has no result: it undoes what it did, and then nothing of it runs.
        print("  =>", describe(await checkout(shop, "globe")))
    if patience.cancelled_caught:
        print("  => cancelled")


async def main() -> None:
    """Start the services, visit the shop, stop the services."""
    services = Services()
    config = hypercorn.Config()
    config.bind, config.errorlog = ["127.0.0.1:0"], None
    async with trio.open_nursery() as nursery:
        [address] = await nursery.start(
            hypercorn.trio.serve,  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType]
            services.app(),
            config,
        )
        async with httpx.AsyncClient(base_url=address) as http:
            await visit(Shop(http))
        nursery.cancel_scope.cancel(reason="the shop closes")
    print(f"\nThe bank has taken and kept: {services.payments}")


class Services:
    """The other side: orders, bank and warehouse."""

    def __init__(self) -> None:
        self.payments: dict[str, int] = {}
        self._busy_for = 2

    def app(self) -> Starlette:
        """Return the services as one application."""
        return Starlette(
            routes=[
                Route("/orders/{item}", self._order),
                Route("/payments/{item}", self._charge, methods=["PUT"]),
                Route("/payments/{item}", self._refund, methods=["DELETE"]),
                Route("/shelves/{item}", self._reserve, methods=["PUT"]),
            ]
        )

    async def _order(self, request: Request) -> Response:
        item: str = request.path_params["item"]
        if item == "unicorn":
            return Response(status_code=404)
        if item == "riddle":
            return Response("What has a spine but no bones?")
        return JSONResponse({"item": item, "cents": 995})

    async def _charge(self, request: Request) -> Response:
        item: str = request.path_params["item"]
        if item == "yacht":
            return Response("it has a limit", status_code=402)
        self.payments[item] = await request.json()
        print(f"  bank: took {self.payments[item]} cents")
        return await silence("bank", request) if item == "piano" else Response()

    async def _refund(self, request: Request) -> Response:
        cents = self.payments.pop(request.path_params["item"], 0)
        print(f"  bank: gave back {cents} cents")
        return Response()

    async def _reserve(self, request: Request) -> Response:
        item: str = request.path_params["item"]
        if item == "sofa" and self._busy_for:
            self._busy_for -= 1
            print("  warehouse: busy")
            return Response(status_code=503)
        if item == "umbrella":
            print("  warehouse: none left")
            return Response(status_code=409)
        if item == "poem":
            return Response("Shelves are grey")
        if item == "globe":
            return await silence("warehouse", request)
        print("  warehouse: reserved")
        return Response("7")


async def silence(service: str, request: Request) -> Response:
    """Answer nothing until the caller hangs up."""
    await request.body()
    await request.receive()
    print(f"  {service}: the caller hung up")
    return Response()


if __name__ == "__main__":
    trio.run(main)
