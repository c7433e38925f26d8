"""Row 7: a step that may be retried and need not, beside one without a retry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from awaitly_trio import Step, exponential, workflow
from benchmarks.lines import Line
from benchmarks.peers import peer
from benchmarks.subjects import answer, step_to_answers

if TYPE_CHECKING:
    from typing_extensions import Never

    from benchmarks.timer import Timer, Work

stamina, tenacity = peer("stamina"), peer("tenacity")


@workflow
async def retried_steps(step: Step[Never], repeats: int) -> None:
    """Take steps with a retry policy."""
    retried = step.options(retry=exponential(0.1, attempts=3))
    for _ in range(repeats):
        await retried(answer, 1)


def decorated(retry: Any) -> Work:
    """Return the same with a peer's decorator."""
    function = retry(answer)

    async def calls(repeats: int) -> None:
        for _ in range(repeats):
            await function(1)

    return calls


def measure(timer: Timer) -> list[Line]:
    """Compare the two."""
    works: dict[str, Work] = {"ours": retried_steps, "limit": workflow(step_to_answers)}
    if stamina is not None:
        works["stamina"] = decorated(stamina.retry(on=ValueError, attempts=3))
    if tenacity is not None:
        stop = tenacity.stop_after_attempt(3)
        works["tenacity"] = decorated(tenacity.retry(stop=stop))
    found = timer.compare(works)
    return [
        Line(
            "a step with a retry policy, first try `Ok`",
            found["ours"],
            "row 1",
            found["limit"],
            most=1.15,
            peers={name: found.get(name) for name in ("stamina", "tenacity")},
        )
    ]
