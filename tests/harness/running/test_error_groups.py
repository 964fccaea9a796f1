"""Groups of exceptions, as asynchronous libraries raise them, are told by what they are and hold."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from optathlon import as_task
from optathlon.running.evaluation import evaluate
from optathlon.trial import Status, Trial


async def fails() -> None:
    raise ConnectionError("no route")


async def together() -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(fails())


def task_group() -> None:
    asyncio.run(together())


def nested() -> None:
    raise ExceptionGroup("outer", [ExceptionGroup("inner", [ValueError("deep")])])


@pytest.mark.parametrize(
    ("objective", "cause"),
    [
        (
            task_group,
            "ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception): ConnectionError: no route",
        ),
        (nested, "ExceptionGroup: outer (1 sub-exception): ExceptionGroup: inner (1 sub-exception)"),
    ],
)
def test_the_last_line_of_an_error_says_what_it_is(objective: Any, cause: str) -> None:
    @as_task("groups/raised", space={"x": (0.0, 1.0)}, probed=False)
    def raised(config: Any) -> float:
        objective()
        return 0.0

    result = evaluate(raised, Trial({"x": 0.5}), seed=0)
    assert result.status == Status.CRASHED
    assert (result.error or "").splitlines()[-1] == cause
