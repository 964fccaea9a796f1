"""The table of `optathlon best`: a column of how often a judge was right, where trials tell it."""

from __future__ import annotations

from optathlon.cli.best import _table
from optathlon.results.best import BestConfiguration, BestOfTask


def found(*metrics: dict[str, float]) -> BestOfTask:
    best = [
        BestConfiguration({"rate": 0.1}, {"1-win_rate": 0.25}, {}, one, None, 1, "random", 0, trial)
        for trial, one in enumerate(metrics)
    ]
    return BestOfTask("llm/sft/x/win-rate", "1", {"1-win_rate": "minimize"}, best, len(best), "")


def test_a_judges_accuracy_stands_beside_the_win_rate() -> None:
    _, head, first, second = _table(found({"judge/accuracy": 0.875, "judge/known": 8.0}, {}))
    assert head.split("  ")[-1] == "configuration" and "judge right" in head
    place = head.index("judge right")
    assert first[place:].split()[0] == "88%" and second[place:].split()[0] == "unknown"


def test_other_tasks_have_no_such_column() -> None:
    assert "judge" not in "\n".join(_table(found({"loss": 1.0})))
