"""Exceptions as findings: which kind they are, and how they read in one line."""

from __future__ import annotations

from awaitly_trio._values.exits import leaves


def kind_of(failure: BaseException | None) -> frozenset[str]:
    """Return the types of the exceptions in a failure; two failures of a kind are alike."""
    if failure is None:
        return frozenset()
    return frozenset(
        f"{type(each).__module__}.{type(each).__qualname__}" for each in leaves([failure])
    )


def said(failure: BaseException) -> str:
    """Return the types and texts of the exceptions in a failure."""
    return "; ".join(
        f"{type(each).__name__}: {each}" if str(each) else type(each).__name__
        for each in leaves([failure])
    )
