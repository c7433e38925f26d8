"""Finished spans drawn as a picture: a bar for each, below the span it lies in."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk.trace import ReadableSpan

LEFT, WIDTH, ROW, EDGE = 250, 560, 26, 14
COLOURS = {"ok": "#2e7d32", "error": "#c77700", "timed_out": "#c77700", "defect": "#c62828"}
LIBRARY = "#5c6bc0"
CANCELLED = "#9e9e9e"


def drawn(spans: Sequence[ReadableSpan]) -> str:
    """Return a picture of spans as SVG, light or dark as the page is."""
    ordered = in_tree_order(spans)
    first = min(span.start_time or 0 for span, _ in ordered)
    scale = WIDTH / max(1, max(span.end_time or 0 for span, _ in ordered) - first)
    rows = [
        row(span, depth, EDGE + number * ROW, first, scale)
        for number, (span, depth) in enumerate(ordered)
    ]
    height = 2 * EDGE + ROW * len(rows)
    width = LEFT + WIDTH + 90
    paper = f'<path class="paper" d="M0 0h{width}v{height}h-{width}z"/>'
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="13">'
    )
    # It brings its paper: a page may be dark where the system is light, and the other way round.
    style = (
        "<style>text{fill:#222}.paper{fill:#fff}@media(prefers-color-scheme:dark)"
        "{text{fill:#ddd}.paper{fill:#1b1b1f}}</style>"
    )
    return "\n".join([head, style, paper, *rows, "</svg>\n"])


def in_tree_order(spans: Sequence[ReadableSpan]) -> list[tuple[ReadableSpan, int]]:
    """Return each span with its depth, parents before their children, these by their start."""
    known = {span.context.span_id for span in spans if span.context is not None}
    inside: dict[int | None, list[ReadableSpan]] = {}
    for span in sorted(spans, key=lambda span: span.start_time or 0):
        above = span.parent.span_id if span.parent is not None else None
        inside.setdefault(above if above in known else None, []).append(span)

    def below(above: int | None, depth: int) -> list[tuple[ReadableSpan, int]]:
        found: list[tuple[ReadableSpan, int]] = []
        for span in inside.get(above, []):
            found.append((span, depth))
            if span.context is not None:
                found += below(span.context.span_id, depth + 1)
        return found

    return below(None, 0)


def row(span: ReadableSpan, depth: int, top: int, first: int, scale: float) -> str:
    """Return the name, the bar and the events of one span."""
    start, end = span.start_time or 0, span.end_time or 0
    left, long = LEFT + (start - first) * scale, max(2.0, (end - start) * scale)
    status = str((span.attributes or {}).get("awaitly.outcome.status", ""))
    colour = COLOURS.get(status, CANCELLED) if status else LIBRARY
    attempt = (span.attributes or {}).get("awaitly.attempt.number")
    kind = str(attempt or (span.attributes or {}).get("awaitly.scope.kind", "http"))
    marks = "".join(
        f'<circle cx="{LEFT + (event.timestamp - first) * scale:.1f}" cy="{top + ROW / 2:g}" '
        f'r="4" fill="#fff" stroke="{colour}" stroke-width="2">'
        f"<title>{escape(event.name)}</title></circle>"
        for event in span.events
    )
    return (
        f'<text x="{EDGE + 16 * depth}" y="{top + 18}">{escape(span.name)} '
        f'<tspan fill-opacity="0.6">{escape(kind)}</tspan></text>'
        f'<rect x="{left:.1f}" y="{top + 6}" width="{long:.1f}" height="{ROW - 12}" rx="3" '
        f'fill="{colour}"/>{marks}'
        f'<text x="{left + long + 8:.1f}" y="{top + 18}">{(end - start) / 1e6:.1f} ms</text>'
    )
