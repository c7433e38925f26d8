"""Other libraries that do the same work, measured where they are installed."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def peer(name: str) -> Any:
    """Return a library, or ``None`` where it is not installed."""
    try:
        return import_module(name)
    except ImportError:
        return None
