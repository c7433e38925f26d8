"""Observers for people: a run printed as it happens, and one record that sums it up."""

from __future__ import annotations

from awaitly_trio.observe._console import Console
from awaitly_trio.observe._summary import RunSummary, ScopeSummary, Summaries

__all__ = ["Console", "RunSummary", "ScopeSummary", "Summaries"]
