"""Traces that go on elsewhere: what is sent along, and how it is taken up again.

Whatever leaves a process and comes back (a saved run, a job in a queue, a call of a
webhook) can carry a few strings: the W3C ``traceparent``, ``tracestate`` and ``baggage``.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, cast

from opentelemetry import context as contexts
from opentelemetry import propagate, trace
from opentelemetry.propagators.textmap import Getter

from awaitly_trio._values.plain import shown, tellable
from awaitly_trio.otel import _names as names

if TYPE_CHECKING:
    from collections.abc import Generator

    from opentelemetry.context import Context

logger = logging.getLogger("awaitly_trio")

PENDING_LINKS = contexts.create_key("awaitly-trio-links")
"""Where a context keeps the links that the first span of a block has to have."""

_TRACE = "traceparent"


class _ByLowerCase(Getter[Mapping[str, str]]):
    """Finds headers whose names are in lower case, however a propagator spells them."""

    def get(self, carrier: Mapping[str, str], key: str) -> list[str] | None:
        """Return the value of a header, as a list of one."""
        found = carrier.get(key.lower())
        return None if found is None else [found]

    def keys(self, carrier: Mapping[str, str]) -> list[str]:
        """Return the names of all headers."""
        return list(carrier)


_BY_LOWER_CASE = _ByLowerCase()


class _Headers(Protocol):
    """What has names and values, such as a ``dict`` or the headers of an HTTP library."""

    def items(self) -> Iterable[tuple[str | bytes, object]]: ...


Carried: TypeAlias = _Headers | Iterable[tuple[str | bytes, object]]
"""What ``carrier()`` returned, in any form in which it may arrive.

A mapping or pairs, of strings in any case or of bytes: a ``dict``, a job with fields of its
own, the headers of httpx, Starlette or ``http.server``, the ``scope["headers"]`` of ASGI, the
fields of an entry in Redis.  Several ``tracestate`` or ``baggage`` are one list; two different
``traceparent``, and whatever cannot be read, are no trace.
"""


def carrier() -> dict[str, str]:
    """Return the strings that lead back to the current span, with the baggage.

    It is empty where there is neither.  Which strings they are is decided by
    OpenTelemetry's global propagator, W3C's unless set otherwise.
    """
    found: dict[str, str] = {}
    propagate.inject(found)
    return found


@contextmanager
def continued_from(carried: Carried) -> Generator[None]:
    """Make runs that start in the block, and in its tasks, children of a span elsewhere.

    For work that somebody waits for, such as the answer of a webhook.  A run is not recorded
    where the sampler asks the parent, as it usually does, and the span elsewhere is not.  The
    baggage is added to that of the block.  What carried neither changes nothing.

    Raises:
      TypeError: ``carried`` is neither a mapping nor pairs.
    """
    with _attached(_extracted(_read(carried), contexts.get_current())):
        yield


@contextmanager
def linked_to(*carried: Carried) -> Generator[None]:
    """Begin a new trace for each run of the block, with links to spans elsewhere.

    For work that nobody waits for, such as a job from a queue or a batch of them: the span
    that put it there may have ended long ago.  The baggage of the first is added to that of
    the block.  What carried neither changes nothing: a run is then one like any other.

    The links, of kind ``"queued"``, are on the outermost spans of the block; a block inside
    a run thus leads to a trace of its own, too.  Blocks add up: a run that is resumed as part
    of a job has the links of both.

    Raises:
      TypeError: One of ``carried`` is neither a mapping nor pairs.
    """
    with _attached(_apart("queued", *carried)):
        yield


@contextmanager
def resumed_from(carried: Carried) -> Generator[None]:
    """Begin a new trace for each run of the block, with a link to where it was saved.

    For a run that is taken up again, perhaps days later in another process; its baggage is
    that of then.  It is ``linked_to`` with links of kind ``"resumed"``.

    Raises:
      TypeError: ``carried`` is neither a mapping nor pairs.
    """
    with _attached(_apart("resumed", carried)):
        yield


def add_link(carried: Carried) -> None:
    """Link the current span to one elsewhere, whose work it takes up.

    Raises:
      TypeError: ``carried`` is neither a mapping nor pairs.
    """
    target = _target(_read(carried))
    if target.is_valid:
        trace.get_current_span().add_link(target)


def _apart(kind: str, *carried: Carried) -> Context:
    """Return the current context without its span, with links in the place of it."""
    read = [_read(each) for each in carried]
    targets = [target for each in read if (target := _target(each)).is_valid]
    around = contexts.get_current()
    inside = _extracted(read[0], around) if read else around
    if not targets:
        return inside
    before = cast("tuple[trace.Link, ...] | None", contexts.get_value(PENDING_LINKS)) or ()
    links = *before, *(trace.Link(each, {names.LINK_KIND: kind}) for each in targets)
    alone = trace.set_span_in_context(trace.INVALID_SPAN, inside)
    return contexts.set_value(PENDING_LINKS, links, alone)


def _read(carried: Carried) -> dict[str, str]:
    """Return the strings among what was carried, by their names in lower case."""
    found: dict[str, list[str]] = {}
    for name, value in _pairs(carried):
        if isinstance(name, str | bytes) and isinstance(value, str | bytes):
            values, text = found.setdefault(_text(name).lower(), []), _text(value)
            if text not in values:
                values.append(text)
    if len(found.get(_TRACE, ())) > 1:
        # Nobody can tell which is the caller's.
        del found[_TRACE]
    # RFC 9110, 5.3: several lines of one header are one list.
    return {name: ",".join(values) for name, values in found.items()}


def _pairs(carried: Any) -> list[tuple[Any, Any]]:
    try:
        # Asked for ``items`` rather than for being a ``Mapping``, which the headers of
        # ``http.server`` are not; those of Starlette have a header twice only there.
        pairs: Any = carried.items() if hasattr(carried, "items") else carried
        if not isinstance(carried, str | bytes):
            return [(name, value) for name, value in pairs]
    except (TypeError, ValueError):  # it cannot be iterated, or not unpacked in two
        pass
    raise TypeError(
        f"what is carried must be a mapping or pairs, of strings or bytes, not "
        f"{shown(carried)}: give what carrier() returned, the headers that arrived, "
        f"or {{}} where nothing was carried"
    )


def _text(text: str | bytes) -> str:
    # Latin-1 has a letter for every byte; what is not ASCII is refused later on.  Text that
    # UTF-8 has no bytes for would make the propagator of the baggage raise, and cost the trace.
    return text.decode("latin-1") if isinstance(text, bytes) else tellable(text)


def _extracted(read: Mapping[str, str], around: Context) -> Context:
    """Return a context with the span and the baggage that was carried."""
    try:
        return propagate.extract(read, around, _BY_LOWER_CASE)
    except Exception:
        # W3C's own refuse politely; one of the program's may not.
        logger.exception("what is carried cannot be read, so the trace does not go on here")
        return around


def _target(read: Mapping[str, str]) -> trace.SpanContext:
    """Return the span that was carried; an invalid one where there is none."""
    # Extracted into an empty context: otherwise one without a trace would link to the
    # span around it.
    found = _extracted(read, contexts.Context())
    return trace.get_current_span(found).get_span_context()


@contextmanager
def _attached(context: Context) -> Generator[None]:
    token = contexts.attach(context)
    try:
        yield
    finally:
        contexts.detach(token)
