"""How a refusal is raised where no ``Result`` can carry it, and the wait that could never end."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from awaitly_trio._values.errors import AwaitlyError

if TYPE_CHECKING:
    from typing import TypeAlias

    from awaitly_trio._values.errors import CircuitOpen, QueueFull, RateLimited

    Refusal: TypeAlias = CircuitOpen | RateLimited | QueueFull


@final
class CallRefusedError(AwaitlyError):
    """Raised when a breaker or limiter refuses a block of code.

    ``error`` is the value that ``Err`` would have carried, had there been a call.
    """

    def __init__(self, error: Refusal) -> None:
        super().__init__(error)
        self.error = error

    def __str__(self) -> str:
        return (
            f"not admitted: {self.error!r}; try again later, "
            "or make it a call, which returns the refusal in an Err"
        )


@final
class SelfWaitError(AwaitlyError):
    """Raised when a task would wait for something that only the task itself could bring about."""

    def __init__(self, what: str, name: str) -> None:
        super().__init__(what, name)
        self.what, self.name = what, name

    def __str__(self) -> str:
        return (
            f"this task already holds {self.what} {self.name!r} and would wait for itself: "
            "leave the outer call first, or use a second limiter for the inner one"
        )
