"""Runs a random workflow on the engine, and shows what happened in the words of the model."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

import trio
from dependencies import Tally, live_tasks
from recorder import Recorder
from tree_model import End
from trees import Block, Do, Leaf, Limited, Nursery, Parallel, Seq, Sub, Swallow

from awaitly_trio import Err, Ok, TimedOut, UnexpectedError, workflow
from awaitly_trio._policies.delays import spaced
from awaitly_trio._tasks.settle import Settled
from awaitly_trio._values.exits import leaves

if TYPE_CHECKING:
    from trees import Body, Dep, Opts

    from awaitly_trio import Step


class Crash(Exception):  # it stands for any defect
    """The defect of a leaf."""


class World:
    """One execution of a tree, with proof that nothing of it is left."""

    root: Step[Any]

    def __init__(self, *, watched: bool) -> None:
        self.recorder = Recorder()
        self.tally = Tally()
        self.observers = [self.recorder] if watched else []

    async def execute(self, body: Body, patience: float) -> End:
        """Run a tree as a workflow and return its end."""
        result: Any = None
        raised: list[Exception] = []

        async def root(step: Step[Any]) -> Any:
            self.root = step
            return await self._body(body, step)

        run = workflow(root).options(observers=self.observers)
        began = trio.current_time()
        try:
            with trio.move_on_after(patience) as scope:
                result = await run()
        except Exception as exc:  # defects that left beside a cancellation
            raised = [each for each in leaves([exc]) if isinstance(each, Exception)]
        self._check_nothing_is_left()
        ended = trio.current_time() - began
        assert scope.cancelled_caught is (result is None)
        assert all(isinstance(each, Crash) for each in raised), raised
        if result is None:
            return End(ended, "cancelled")
        return End(ended, *shown_result(result))

    def _check_nothing_is_left(self) -> None:
        assert live_tasks() == []
        assert self.tally.running == 0
        self.recorder.check_laws()

    async def _body(self, body: Body, step: Step[Any]) -> Any:  # noqa: PLR0911  # one a kind
        match body:
            case Do(dep, opts):
                return shown(await self._with(step, opts)(self.dep(dep)))
            case Seq(parts):
                return tuple([await self._body(part, step) for part in parts])
            case Swallow(part):
                try:
                    return await self._body(part, step)
                except Exception:
                    return "swallowed"
            case Limited(part, seconds):
                with trio.move_on_after(seconds):
                    return await self._body(part, step)
                return "gave up"
            case Nursery(parts):
                return await self._nursery(parts, step)
            case Parallel(branches, opts):
                return await self._parallel(branches, opts, step)
            case Block():
                return shown(await self._block(body, step))

    async def _nursery(self, parts: tuple[Body, ...], step: Step[Any]) -> Any:
        values: list[Any] = [None] * len(parts)

        async def one(index: int, part: Body) -> None:
            values[index] = await self._body(part, step)

        async with trio.open_nursery() as nursery:
            for index, part in enumerate(parts):
                nursery.start_soon(one, index, part)
        return tuple(values)

    async def _parallel(self, branches: tuple[Do, ...], opts: Opts, step: Step[Any]) -> Any:
        async with self._with(step, opts).parallel() as group:
            handles = [
                self._with(group, each.opts).start_soon(self.dep(each.dep)) for each in branches
            ]
        if not all(handle.is_done for handle in handles):
            return None
        return tuple(shown(handle.value) for handle in handles)

    async def _block(self, block: Block, step: Step[Any]) -> Any:
        step = self._with(step, block.opts)
        deps = [self.dep(dep) for dep in block.deps]
        if block.kind == "all":
            return await step.all(*deps)
        if block.kind == "settle":
            return await step.settle(*deps, min_ok=block.min_ok, max_errors=block.max_errors)
        if block.kind == "map":
            values = await step.map(_call, deps, limit=block.limit)
            return values and tuple(values)
        first: Any = "success" if block.kind == "race" else "finished"
        return await step.race(*deps, first=first)

    def _with(self, configurable: Any, opts: Opts) -> Any:
        """Return a step, or a group, with options."""
        given: dict[str, Any] = {}
        if opts.timeout < math.inf:
            given["timeout"] = opts.timeout
        if opts.total < math.inf:
            given["total_timeout"] = opts.total
        if given and opts.mode != "error":
            given["on_timeout"] = None if opts.mode == "none" else "slow"
        if opts.pause is not None:
            given["retry"] = spaced(opts.pause, attempts=opts.attempts)
        if opts.fallback is not None:
            leaf = opts.fallback
            given["fallback"] = lambda error: self._leaf(leaf)
        return configurable.options(**given) if given else configurable

    def dep(self, dep: Dep) -> Any:
        """Return the dependency that a tree describes."""
        if isinstance(dep, Sub):
            return workflow(partial(self._body, dep.body)).options(name="sub")
        if isinstance(dep, Leaf):
            return partial(self._leaf, dep)
        script = iter(dep.leaves)

        async def play() -> Any:
            return await self._leaf(next(script))

        return play

    async def _leaf(self, leaf: Leaf) -> Any:
        with self.tally.work(leaf.id):
            try:
                await trio.sleep(leaf.seconds)
            except trio.Cancelled:
                if leaf.cut_off == "leave":
                    raise
                return await self._cut_off(leaf)
            if leaf.ends == "crash":
                raise Crash(leaf.id)
            return Ok(leaf.id) if leaf.ends == "ok" else Err(leaf.id)

    async def _cut_off(self, leaf: Leaf) -> Any:
        with trio.CancelScope(shield=True, deadline=trio.current_time() + 9):
            await trio.sleep(leaf.seconds)
        if leaf.cut_off == "crash":
            raise Crash(leaf.id)
        if leaf.cut_off == "exit":
            self.root.fail(leaf.id)
        if leaf.cut_off == "clean up":
            await trio.lowlevel.checkpoint()
        return Err(leaf.id) if leaf.cut_off == "err" else Ok(leaf.id)


async def _call(dep: Any) -> Any:
    return await dep()


def shown_result(result: Any) -> tuple[str, Any]:
    """Return a result as the model tells it."""
    if isinstance(result, Ok):
        return "ok", shown(result.value)
    error = result.error
    if isinstance(error, UnexpectedError):
        ends = leaves([error.cause])
        for each in ends:
            if not isinstance(each, Crash):
                raise each
        found = sorted(each.args[0] for each in ends)
        return "err", ("unexpected", found[0] if len(found) == 1 else found)
    return "err", "timed out" if isinstance(error, TimedOut) else error


def shown(value: Any) -> Any:
    """Return a value as the model tells it."""
    if isinstance(value, Settled):
        results = (
            shown_result(each) if isinstance(each, (Ok, Err)) else "abandoned"
            for each in value.results
        )
        return value.ended, tuple(results)
    return value
