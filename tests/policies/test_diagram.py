"""The document shows the states as the table has them."""

from __future__ import annotations

from breaker_diagram import DOCUMENT, DRAWN, diagram


def test_the_diagram_is_that_of_the_table() -> None:
    """Whoever changes the table runs tests/breaker_diagram.py."""
    shown = DRAWN.findall(DOCUMENT.read_text(encoding="utf-8"))

    assert shown == [diagram()]
