"""What is known of a function before it is called."""

from __future__ import annotations

from functools import partial, update_wrapper
from typing import Any

import pytest

from awaitly_trio import Step, workflow
from awaitly_trio._values.callables import behind_partials, check_sync, is_async, name_of


def plain(_error: object = None) -> str:
    """Be a plain function."""
    return "plain"


async def fetch(_error: object = None) -> str:
    """Be an async one."""
    return "fetched"


@workflow
async def checkout(_step: Step[Any]) -> None:
    """Be a workflow."""


class Sync:
    """Is called without await."""

    def __call__(self, _error: object) -> None:
        """Do nothing."""

    async def method(self) -> None:
        """Be an async method."""


class Async:
    """Is awaited."""

    async def __call__(self, _error: object) -> None:
        """Do nothing."""


@pytest.mark.parametrize(
    ("fn", "name"),
    [
        (fetch, "fetch"),
        (partial(fetch, 1), "fetch"),
        (partial(partial(fetch), 1), "fetch"),
        (update_wrapper(partial(Async(), None), fetch), "fetch"),
        (update_wrapper(partial(Async(), None), checkout.options(name="buy")), "buy"),
        (Sync().method, "method"),
        (Sync(), "Sync"),
        (checkout, "checkout"),
        (checkout.options(name="buy"), "buy"),
    ],
)
def test_a_function_has_its_own_name(fn: Any, name: str) -> None:
    """Also behind a partial; a workflow has the one it was given, other objects their class's."""
    assert name_of(fn) == name


def test_a_partial_leads_to_its_function() -> None:
    """Through any number of them."""
    assert behind_partials(partial(partial(fetch), 1)) is fetch


@pytest.mark.parametrize("fn", [fetch, partial(fetch, 1), Sync().method, Async(), checkout])
def test_what_has_to_be_awaited_is_told_from_the_outside(fn: Any) -> None:
    """Functions, methods, partials and callable objects alike."""
    assert is_async(fn)


@pytest.mark.parametrize("fn", [plain, partial(plain, 1), Sync(), Sync, Async, len, None, 3])
def test_what_answers_at_once_is_told_from_the_outside(fn: Any) -> None:
    """A class is no coroutine function, whatever its objects are."""
    assert not is_async(fn)


def test_an_answer_that_nobody_would_await_is_refused() -> None:
    """With the way out."""
    with pytest.raises(TypeError, match=r"^hook is the async function .*: write a plain function$"):
        check_sync(partial(fetch, 1), "hook")
    with pytest.raises(TypeError, match=r"^hook is 3: write a function$"):
        check_sync(3, "hook")
