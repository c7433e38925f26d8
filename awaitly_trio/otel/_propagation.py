"""Traces that go on elsewhere: what is sent along, and how it is taken up again.

Whatever leaves a process and comes back (a saved run, a job in a queue, a call of a
webhook) can carry a few strings: the W3C ``traceparent``, ``tracestate`` and ``baggage``.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

from opentelemetry import context as contexts
from opentelemetry import propagate, trace

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from opentelemetry.context import Context

_LINKS = contexts.create_key("awaitly-trio-links")


def carrier() -> dict[str, str]:
    """Return the strings that lead back to the current span, with the baggage.

    It is empty where there is no span.  Which strings they are is decided by
    OpenTelemetry's global propagator, W3C's unless set otherwise.
    """
    found: dict[str, str] = {}
    propagate.inject(found)
    return found


@contextmanager
def continued_from(carried: Mapping[str, str]) -> Generator[None]:
    """Make runs that start in the block, and in its tasks, children of a span elsewhere.

    For work that somebody waits for: a webhook's answer, a run that is taken up again
    soon.  Names of HTTP headers may have any case.  Without a trace among them the
    block changes nothing.
    """
    with _attached(_extracted(carried)):
        yield


@contextmanager
def linked_to(*carried: Mapping[str, str]) -> Generator[None]:
    """Begin a new trace for each run of the block, with links to spans elsewhere.

    For work that nobody waits for, such as a job from a queue: the span that put it
    there may have ended long ago.  The baggage is that of the first.
    """
    links = [link for each in carried for link in _links(each)]
    around = _extracted(carried[0]) if carried else contexts.get_current()
    alone = trace.set_span_in_context(trace.INVALID_SPAN, around)
    with _attached(contexts.set_value(_LINKS, links, alone)):
        yield


def add_link(carried: Mapping[str, str]) -> None:
    """Link the current span to one elsewhere, whose work it takes up."""
    for link in _links(carried):
        trace.get_current_span().add_link(link.context)


def current_links() -> list[trace.Link]:
    """Return the links that a run which starts now has to have."""
    return cast("list[trace.Link] | None", contexts.get_value(_LINKS)) or []


def _extracted(carried: Mapping[str, str]) -> Context:
    lowered = {name.lower(): value for name, value in carried.items()}
    return propagate.extract(lowered)


def _links(carried: Mapping[str, str]) -> list[trace.Link]:
    # Extracted into an empty context: otherwise one without a trace would link to the
    # span around it.
    lowered = {name.lower(): value for name, value in carried.items()}
    found = propagate.extract(lowered, contexts.Context())
    target = trace.get_current_span(found).get_span_context()
    return [trace.Link(target)] if target.is_valid else []


@contextmanager
def _attached(context: Context) -> Generator[None]:
    token = contexts.attach(context)
    try:
        yield
    finally:
        contexts.detach(token)
