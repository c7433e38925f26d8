"""Sweeps: every point is struck, exactly, and the first that does not hold is shown."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import msgspec
import pytest
import trio

from awaitly_trio import Err, Ok, Result, Step, TaggedError, TimedOut, UnexpectedError, workflow
from awaitly_trio.testing import (
    Ended,
    InjectedFailure,
    NondeterminismError,
    SweepError,
    cancel_everywhere,
    sweep,
    sweep_points,
)
from awaitly_trio.testing._declared_errors import declared_errors, example_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


@dataclass(frozen=True)
class OutOfStock:
    item: str
    left: int


@dataclass(frozen=True)
class CardDeclined:
    reason: str


class World:
    """What one run of the shop works on."""

    def __init__(self) -> None:
        self.reserved = 0
        self.charged = 0
        self.log: list[str] = []


async def reserve(world: World, item: str) -> Result[str, OutOfStock]:
    """Take an item from the shelf."""
    await trio.sleep(1)
    world.reserved += 1
    return Ok(item)


async def charge(world: World) -> Result[int, CardDeclined]:
    """Take the money."""
    await trio.sleep(2)
    world.charged += 1
    return Ok(7)


@workflow
async def buy(step: Step[OutOfStock | CardDeclined], world: World) -> int:
    """Reserve, charge, and put the item back if anything goes wrong."""
    await step(reserve, world, "book")
    paid = False
    try:
        paid = bool(await step(charge, world))
        return 1
    finally:
        if not paid:
            world.reserved -= 1


@workflow
async def careless(step: Step[OutOfStock | CardDeclined], world: World) -> int:
    """Reserve and charge, and forget the item where the card is declined."""
    await step(reserve, world, "book")
    try:
        return await step(charge, world)
    except Exception:
        world.reserved -= 1
        raise


def kept(world: World, _ended: Ended) -> None:
    """Assert that a reserved item was paid for."""
    assert world.reserved == world.charged


def seen_by(
    test: Callable[[World], Awaitable[object]], *faults: str, **options: object
) -> dict[str | None, Ended]:
    """Return how each run of a sweep ended, by point."""
    seen: dict[str | None, Ended] = {}

    def remember(_world: World, ended: Ended) -> None:
        seen[ended.point] = ended

    sweep(test, make=World, faults=faults, invariant=remember, **options)  # type: ignore[arg-type]
    return seen


def test_every_point_is_struck() -> None:
    """A sweep strikes after each step of the tasks, and each step of the workflow."""
    report = sweep(buy, make=World)

    assert report.steps == ("buy/reserve", "buy/charge")
    assert report.points == {"cancel": 2, "deadline": 2, "error": 2, "raise": 2, "crash": 4}


def test_the_smallest_failing_point_is_shown() -> None:
    """The error names the fault, the step, the line it struck and how to repeat it."""
    with pytest.raises(SweepError) as caught:
        sweep(careless, make=World, invariant=kept)

    text = str(caught.value)
    assert "fails when struck by cancel:2 in step 'careless/charge'" in text
    assert "at test_sweep.py:" in text
    assert "await trio.sleep(2)" in text
    assert "sweep(..., replay='cancel:2')" in text
    assert isinstance(caught.value.__cause__, AssertionError)


def test_one_point_can_be_repeated() -> None:
    """The printed point runs alone, and a point that holds passes."""
    with pytest.raises(SweepError, match="cancel:2"):
        sweep(careless, make=World, invariant=kept, replay="cancel:2")

    report = sweep(careless, make=World, invariant=kept, replay="cancel:1")

    assert report.points == {"cancel": 1}


@pytest.mark.parametrize(
    "point", sweep_points(buy, make=World, faults=("cancel", "error", "raise"))
)
def test_points_make_tests(point: str) -> None:
    """Each point can be a test of its own."""
    sweep(buy, make=World, invariant=kept, replay=point)


def test_an_unknown_point_is_refused() -> None:
    """A point of another workflow, or of an older version, strikes nothing."""
    with pytest.raises(ValueError, match="'cancel:99' is no point of this workflow"):
        sweep(buy, make=World, replay="cancel:99")


@pytest.mark.parametrize("faults", [(), ("fire",)])
def test_faults_are_named(faults: tuple[str, ...]) -> None:
    """An unknown fault, and no fault, are refused."""
    with pytest.raises(ValueError, match="faults are some of cancel, deadline, error"):
        sweep(buy, make=World, faults=faults)  # type: ignore[arg-type]


def test_a_step_fails_with_each_declared_error() -> None:
    """The workflow sees the errors that its dependencies declare, made from empty fields."""
    seen = seen_by(buy, "error")

    assert seen["error:buy/reserve:OutOfStock"].value == Err(OutOfStock("", 0))
    assert seen["error:buy/charge:CardDeclined"].value == Err(CardDeclined(""))


def test_an_example_of_an_error_can_be_given() -> None:
    """Where empty fields do not do, a better error is used."""
    declined = CardDeclined("no funds")

    seen = seen_by(buy, "error", errors={CardDeclined: declined})

    assert seen["error:buy/charge:CardDeclined"].value.error is declined


def test_a_step_raises() -> None:
    """A defect in any step reaches the caller as a defect."""
    result = seen_by(buy, "raise")["raise:buy/charge"].value

    assert isinstance(result.error, UnexpectedError)
    assert isinstance(result.error.cause, InjectedFailure)


def test_a_step_hangs_until_the_caller_gives_up() -> None:
    """A step that never answers is cut off by the caller's limit, and undone."""
    ended = seen_by(buy, "deadline", limit="1m")["deadline:buy/charge"]

    assert ended.cancelled
    assert ended.seconds == 60


def test_a_step_that_hangs_meets_its_own_timeout() -> None:
    """A timeout of the workflow answers before the caller gives up."""

    @workflow
    async def limited(step: Step[CardDeclined | TimedOut], world: World) -> int:
        return await step.options(timeout=5)(charge, world)

    ended = seen_by(limited, "deadline")["deadline:limited/charge"]

    assert ended.value == Err(TimedOut("charge", 5))
    assert ended.seconds == 5


def test_a_crash_comes_before_and_after_a_step() -> None:
    """The second time the step has done its work, and nobody was told."""
    charged: dict[str | None, int] = {}

    def remember(world: World, ended: Ended) -> None:
        charged[ended.point] = world.charged

    sweep(buy, make=World, faults=("crash",), invariant=remember)

    assert charged["crash:buy/charge:before"] == 0
    assert charged["crash:buy/charge:after"] == 1


def test_a_crash_passes_every_handler_of_exceptions() -> None:
    """What stands for the end of a process is no defect that a workflow could map."""
    ended = seen_by(buy, "crash")["crash:buy/reserve:after"]

    assert ended.value is None
    assert not isinstance(ended.error, Exception)


def test_steps_of_an_inner_workflow_and_of_branches_are_struck_too() -> None:
    """A fault reaches every step, however it is run."""

    @workflow
    async def outer(step: Step[OutOfStock | CardDeclined], world: World) -> None:
        await step(buy, world)
        async with step.parallel("both") as group:
            group.start_soon(charge, world)
            group.start_soon(charge, world)

    report = sweep(outer, make=World, faults=("raise",))

    assert report.steps == (
        "outer/buy",
        "outer/buy/buy/reserve",
        "outer/buy/buy/charge",
        "outer/both/charge",
        "outer/both/charge#2",
    )
    assert report.points == {"raise": 5}


def test_a_function_without_workflows_is_cancelled_everywhere() -> None:
    """Cancellation needs no step: any async function can be swept."""

    async def transfer(world: World) -> None:
        world.reserved += 1
        try:
            await trio.sleep(1)
            world.charged += 1
        finally:
            if world.reserved != world.charged:
                world.reserved -= 1

    report = cancel_everywhere(transfer, make=World, invariant=kept)

    assert report.instants == 1


def test_a_run_that_nobody_watches_is_cancelled_everywhere_too() -> None:
    """The shorter way of an unwatched run has the same points, and holds at each."""
    watched = cancel_everywhere(buy, make=World, invariant=kept)
    unwatched = cancel_everywhere(buy, make=World, invariant=kept, watched=False)

    assert unwatched.instants == watched.instants
    assert unwatched.steps == ()
    with pytest.raises(ValueError, match="only 'cancel' strikes a run that nobody watches"):
        sweep(buy, make=World, watched=False)


def test_each_instant_between_two_steps_is_one() -> None:
    """Cancellation strikes after every step of every task, in order, and nowhere else."""
    reached: list[tuple[int, ...]] = []

    async def both(world: World) -> None:
        async def worker(number: int) -> None:
            for _ in range(2):
                world.log.append(f"{number}")
                await trio.lowlevel.checkpoint()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(worker, 1)
            nursery.start_soon(worker, 2)

    cancel_everywhere(
        both, make=World, invariant=lambda world, _: reached.append(tuple(map(int, world.log)))
    )

    whole, again, *struck = reached
    assert whole == again == (1, 1, 2, 2)
    # A task that has not begun is cancelled at its first checkpoint, not before.
    assert struck == [(1, 2), (1, 2), *[(1, 1, 2)] * 3, *[(1, 1, 2, 2)] * 2]


def test_a_workflow_that_fails_without_a_fault_is_told_first() -> None:
    """Before anything is struck the workflow has to hold by itself."""

    async def broken() -> None:
        raise LookupError("gone")

    with pytest.raises(SweepError, match="already without a fault it fails: LookupError: gone"):
        sweep(broken)


def test_an_exception_in_a_clean_up_is_a_failure() -> None:
    """Whatever leaves beside the fault itself was not planned."""

    async def clumsy() -> None:
        try:
            await trio.sleep(1)
        except trio.Cancelled:
            raise LookupError("no such file") from None

    with pytest.raises(SweepError, match=r"struck by cancel:1, at .*LookupError: no such file"):
        sweep(clumsy)


def test_a_clean_up_that_waits_forever_is_a_failure() -> None:
    """A deadlock that only a cancellation brings about is found."""

    async def stuck() -> None:
        try:
            await trio.sleep(1)
        finally:
            with trio.CancelScope(shield=True):
                await trio.Event().wait()

    with pytest.raises(SweepError, match="deadlock"):
        sweep(stuck)


def test_an_invariant_may_be_async() -> None:
    """It runs in the same virtual time, after the workflow has ended."""
    at: list[float] = []

    async def later(_world: World, ended: Ended) -> None:
        await trio.sleep(10)
        at.append(trio.current_time() - ended.seconds)

    sweep(buy, make=World, faults=("error",), invariant=later)

    assert at == [10, 10, 10, 10]


def test_an_invariant_needs_no_world() -> None:
    """Without ``make`` it is asked about the end alone."""
    ends: list[bool] = []

    async def nap() -> None:
        await trio.sleep(1)

    sweep(nap, faults=("cancel",), invariant=lambda ended: ends.append(ended.cancelled))

    assert ends == [False, False, True]


def test_events_tell_an_invariant_what_happened() -> None:
    """Each run comes with the events of its workflows."""
    ended = seen_by(buy, "error")["error:buy/charge:CardDeclined"]

    assert [event.path for event in ended.events if event.kind == "step"] == [
        "buy/reserve",
        "buy/reserve",
        "buy/charge",
        "buy/charge",
    ]


def test_a_workflow_that_differs_from_run_to_run_cannot_be_swept() -> None:
    """Points only mean something where two runs are alike up to the fault."""
    runs = 0

    async def fickle() -> None:
        nonlocal runs
        runs += 1
        for _ in range(runs):
            await trio.lowlevel.checkpoint()

    with pytest.raises(NondeterminismError, match="schedule without a fault ran twice"):
        sweep(fickle)


async def test_a_sweep_inside_a_task_is_refused() -> None:
    """It starts Trio itself, so it belongs in a plain function."""
    with pytest.raises(RuntimeError, match="call them from a plain function"):
        sweep(buy, make=World)


class Colour(enum.Enum):
    """Colours of a form."""

    RED = 1


class Refused(TaggedError):
    """A tagged error with fields."""

    who: str
    code: int


class Odd(msgspec.Struct, frozen=True):
    """A record of many types of fields."""

    name: str
    colour: Colour
    mode: Literal["a", "b"]
    parts: list[int]
    inner: CardDeclined
    maybe: int | None
    size: float = 1.5


class Opaque:
    """An error that needs an argument without a type."""

    def __init__(self, thing) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
        self.thing = thing


async def many(_: int) -> Result[int, Odd | Refused] | Err[CardDeclined]:
    """Declare several errors, in two ways."""
    raise NotImplementedError


def test_declared_errors_are_read_off_the_annotation() -> None:
    """Unions, in whatever form, give each error once and in order."""
    assert declared_errors(many) == (Odd, Refused, CardDeclined)
    assert declared_errors(trio.sleep) == ()
    assert declared_errors(len) == ()


def test_an_example_is_made_of_empty_fields() -> None:
    """Required fields get the emptiest value of their type."""
    assert example_of(Odd, {}) == Odd("", Colour.RED, "a", [], CardDeclined(""), None)
    assert example_of(Refused, {}) == Refused("", 0)


def test_an_error_that_cannot_be_made_has_to_be_given() -> None:
    """The message shows the argument that helps."""
    with pytest.raises(ValueError, match=r"give one with errors=\{Opaque: Opaque\(...\)\}"):
        example_of(Opaque, {})
    assert isinstance(example_of(Opaque, {Opaque: Opaque(1)}), Opaque)


def test_a_field_default_is_left_alone() -> None:
    """A record that can be made without arguments is."""

    @dataclass
    class Defaulted:
        tags: list[str] = field(default_factory=lambda: ["x"])

    assert example_of(Defaulted, {}) == Defaulted()
