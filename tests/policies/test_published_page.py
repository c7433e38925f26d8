"""The page of published behaviour is that of the tests."""

from __future__ import annotations

from published import PAGE, page


def test_the_page_is_that_of_the_tests() -> None:
    """Whoever adds a sourced test runs tests/published.py."""
    assert PAGE.read_text(encoding="utf-8") == page()
