"""What a random workflow must do, worked out without Trio: the reference for the engine.

Times come out of arithmetic alone: whoever would end after a limit, or after a sibling
that decides the block, is cut off there.
"""

from __future__ import annotations

import heapq
import math
from typing import TYPE_CHECKING, Any, NamedTuple

from trees import Block, Do, Limited, Nursery, Parallel, Script, Seq, Sub, Swallow

if TYPE_CHECKING:
    from trees import Body, Dep, Opts


class End(NamedTuple):
    """When something ends and how: ``ok``, ``err`` or ``crash``, with value or error."""

    at: float
    kind: str
    what: Any = None


NEVER = End(math.inf, "never")


def of_body(body: Body, at: float, deadline: float) -> End:  # noqa: PLR0911  # one for each kind
    """Return how a body ends that begins at a time, under a deadline."""
    match body:
        case Do(dep, opts):
            return of_step(dep, opts, at, deadline)
        case Seq(parts):
            values: list[Any] = []
            for part in parts:
                end = of_body(part, at, deadline)
                if end.kind != "ok":
                    return end
                at = end.at
                values.append(end.what)
            return End(at, "ok", tuple(values))
        case Nursery(parts):
            return _together([of_body(part, at, deadline) for part in parts])
        case Parallel(branches, opts):
            inner = min(deadline, at + opts.timeout)
            ends = [of_step(each.dep, each.opts, at, inner) for each in branches]
            return _cut(_together(ends), at + opts.timeout, opts)
        case Block():
            return _cut(
                _block(body, at, min(deadline, at + body.opts.timeout)),
                at + body.opts.timeout,
                body.opts,
            )
        case Swallow(part):
            end = of_body(part, at, deadline)
            return End(end.at, "ok", "swallowed") if end.kind == "crash" else end
        case Limited(part, seconds):
            end = of_body(part, at, min(deadline, at + seconds))
            return end if end.at < at + seconds else End(at + seconds, "ok", "gave up")


def of_dep(dep: Dep, at: float, deadline: float, attempt: int = 0) -> End:
    """Return how a call of a dependency ends."""
    if isinstance(dep, Sub):
        end = of_body(dep.body, at, deadline)
        return End(end.at, "err", ("unexpected", end.what)) if end.kind == "crash" else end
    leaf = dep.leaves[attempt] if isinstance(dep, Script) else dep
    return End(at + leaf.seconds, leaf.ends, leaf.id)


def of_step(dep: Dep, opts: Opts, at: float, deadline: float) -> End:
    """Return how a step ends: fallback around total around attempts."""
    end = _attempts(dep, opts, at, min(deadline, at + opts.total), at + opts.total)
    if end.kind == "err" and opts.fallback is not None:
        return of_dep(opts.fallback, end.at, deadline)
    return end


def _attempts(dep: Dep, opts: Opts, at: float, deadline: float, total: float) -> End:
    for attempt in range(opts.attempts):
        own = at + opts.timeout
        end = of_dep(dep, at, min(deadline, own), attempt)
        end = _cut(end, own, opts) if own < total else _cut(end, total, opts)
        over = end.at >= total
        if end.kind != "err" or over or attempt == opts.attempts - 1:
            return end
        if opts.pause is None or opts.pause >= deadline - end.at:
            return end
        at = end.at + opts.pause
    return NEVER


def _cut(end: End, limit: float, opts: Opts) -> End:
    """Cut off at a limit what would end later."""
    if end.at <= limit:
        return end
    if opts.mode == "none":
        return End(limit, "ok", None)
    return End(limit, "err", "timed out" if opts.mode == "error" else "slow")


def _together(ends: list[End]) -> End:
    """Fail with the first to fail, or end with the last."""
    failed = [end for end in ends if end.kind not in {"ok", "never"}]
    first = min(failed, key=lambda end: end.at, default=NEVER)
    last = max(end.at for end in ends)
    if first.at < math.inf:
        return first
    return End(last, "ok", tuple(end.what for end in ends)) if last < math.inf else NEVER


def _block(block: Block, at: float, deadline: float) -> End:
    if block.kind == "map":
        return _map(block, at, deadline)
    ends = [of_dep(dep, at, deadline) for dep in block.deps]
    if block.kind == "all":
        return _together(ends)
    if block.kind == "settle":
        return _settle(block, ends)
    order = sorted(ends, key=lambda end: end.at)
    if block.kind == "finished":
        return order[0]
    for end in order:
        if end.kind != "err":
            return end
    return End(order[-1].at, "err", order[0].what)


def _map(block: Block, at: float, deadline: float) -> End:
    places = [at] * block.limit
    ends: list[End] = []
    stopped = math.inf
    for dep in block.deps:
        begins = heapq.heappop(places)
        if begins >= stopped:
            break
        end = of_dep(dep, begins, deadline)
        ends.append(end)
        heapq.heappush(places, end.at)
        if end.kind != "ok":
            stopped = min(stopped, end.at)
    return _together(ends)


def _settle(block: Block, ends: list[End]) -> End:
    size = len(ends)
    wanted = math.inf if block.min_ok is None else block.min_ok
    tolerated = size - (block.min_ok or 0)
    if block.max_errors is not None:
        tolerated = min(tolerated, block.max_errors)
    bounded = block.min_ok is not None or block.max_errors is not None
    results: list[Any] = ["abandoned"] * size
    good = bad = 0
    over, why = 0.0, "all finished"
    for index in sorted(range(size), key=lambda index: ends[index].at):
        end = ends[index]
        if end.at == math.inf:
            return NEVER
        over = end.at
        results[index] = (
            (end.kind, end.what) if end.kind != "crash" else ("err", ("unexpected", end.what))
        )
        good, bad = good + (end.kind == "ok"), bad + (end.kind != "ok")
        if good >= wanted:
            why = "enough succeeded"
            break
        if bounded and bad > tolerated:
            why = "too many errors"
            break
    return End(over, "ok", (why, tuple(results)))
