"""What users may build on is a reviewed list, and no name joins or leaves it unseen."""

from __future__ import annotations

import pytest
from public_api import LISTING, describe, module_names


def listed() -> dict[str, str]:
    """Return the parts of the reviewed list by the module they describe."""
    parts = LISTING.read_text(encoding="utf-8").rstrip("\n").split("\n\n")
    return {part.split("\n", 1)[0]: f"{part}\n" for part in parts}


def test_the_list_names_every_public_module() -> None:
    """A module without an underscore is public, so it is on the list."""
    assert list(listed()) == module_names()


@pytest.mark.parametrize("module", module_names())
def test_a_module_exports_what_the_list_says(module: str) -> None:
    """Names, members and parameters are those of the list; else run tests/public_api.py."""
    assert describe(module) == listed().get(module)
