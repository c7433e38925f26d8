"""The example of the documents, and the picture of its trace."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
import trio
from spans import Spans

from awaitly_trio import Ok

pytestmark = pytest.mark.integration
example = pytest.importorskip("tracing", exc_type=ImportError, reason="the example needs httpx")

if TYPE_CHECKING:
    from pathlib import Path


def test_requests_lie_inside_the_attempts_that_make_them() -> None:
    """Spans of httpx's own instrumentation, in steps, branches and attempts."""
    spans = Spans()

    result = trio.run(example.checkout_traced, spans.provider)

    [(name, [fetch, (block, branches)])] = spans.trees()
    assert result == Ok("receipt")
    assert (name, fetch, block) == ("checkout", ("fetch_order", [("GET", [])]), "settle")
    assert sorted(branches) == [
        ("charge", [("attempt", [("GET", [])]), ("attempt", [("GET", [])])]),
        ("reserve", [("GET", [])]),
    ]


def test_the_picture_has_a_bar_for_each_span() -> None:
    """And a text with its name; it is well-formed."""
    spans = Spans()
    trio.run(example.checkout_traced, spans.provider)

    picture = ET.fromstring(example.drawn(spans.all))  # noqa: S314  # our own text

    texts = ["".join(text.itertext()).split()[0] for text in picture.iter() if "text" in text.tag]
    assert sum("rect" in each.tag for each in picture) == len(spans.all) == 11
    assert {"checkout", "fetch_order", "settle", "charge", "reserve", "GET"} <= set(texts)


def test_the_documents_show_a_picture_of_this_trace(repository: Path) -> None:
    """The one that is kept has the same spans."""
    spans = Spans()
    trio.run(example.checkout_traced, spans.provider)

    kept = (repository / "docs" / "trace.svg").read_text(encoding="utf-8")

    assert kept.count("<rect") == len(spans.all)
