"""`optathlon judge`: is a judge any good?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from optathlon.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from optathlon.analysis.stats.agreement import PositionConsistency
    from optathlon.llm.labelled_pairs import JudgedItems

group = typer.Typer(help="Check judges, which tell the better of two answers, against people.")


@group.command("validate")
def validate(
    data: Annotated[Path, typer.Argument(help="Items that people judged, in the format of PandaLM's test set.")],
    answers: Annotated[Path | None, typer.Option(help="A judge's stored answers to these items.")] = None,
    judge: Annotated[str | None, typer.Option(help="A judge to ask, e.g. verifier.")] = None,
    failures: Annotated[
        Literal["apart", "ties"],
        typer.Option(help="What becomes of judgements that were not understood: left out, or ties as in PandaLM."),
    ] = "apart",
    seed: Annotated[int, typer.Option(min=0, help="Of the judge's chance and the bootstrap.")] = 0,
) -> None:
    """Compare a judge, and the people with each other, with what most people say.

    Files are a JSON list or JSON lines: .json, .jsonl, .json.gz or .jsonl.gz. Without a judge, only people are
    compared. A judge that is asked sees both orders of the answers.
    """
    from optathlon.llm.labelled_pairs import read_items

    if answers and judge:
        raise UsageError("give --answers or --judge, not both")
    items = read_items(data)
    lines = [*_about_people(items)]
    if answers:
        lines += _about_judge(_stored(answers, items), items, failures, seed)
    elif judge:
        lines += _about_judge(_asked(judge, items, failures, seed), items, failures, seed)
    print("\n".join(lines))


@dataclass(frozen=True)
class _Judged:
    """What a judge said: its labels, how many were not understood, and whether it cares for the order, if known."""

    name: str
    labels: np.ndarray
    failures: int
    position: PositionConsistency | None


def _stored(answers: Path, items: JudgedItems) -> _Judged:
    from optathlon.llm.labelled_pairs import NOT_UNDERSTOOD, read_answers

    labels = read_answers(answers, items)
    return _Judged(f"the answers in {answers.name}", labels, int((labels == NOT_UNDERSTOOD).sum()), None)


def _asked(call: str, items: JudgedItems, failures: str, seed: int) -> _Judged:
    import numpy as np

    from optathlon.analysis import position_consistency
    from optathlon.llm.judging import make_judge
    from optathlon.llm.labelled_pairs import ask_both_orders, decided, labels_of

    judge = make_judge(call)
    orders = ask_both_orders(judge, items, seed=seed)
    missing = np.isnan(orders)
    position = None if judge.symmetric else position_consistency(labels_of(orders[0]), labels_of(orders[1]))
    labels = labels_of(decided(np.where(missing, 0.5, orders) if failures == "ties" else orders))
    return _Judged(call, labels, int(missing.any(axis=0).sum()), position)


def _about_people(items: JudgedItems) -> Iterator[str]:
    from optathlon.analysis import kappas, label_counts, majority

    people = _people(items)
    split = int((people.mode(axis=1).notna().sum(axis=1) > 1).sum())
    with_majority = people.assign(majority=majority(people))
    yield f"{len(people)} items, {len(people.columns)} annotators; no label is the most frequent on {split}"
    yield from _table("labels", label_counts(with_majority).drop(columns="not understood"))
    yield from _table("Cohen's κ", kappas(with_majority))


def _about_judge(judged: _Judged, items: JudgedItems, failures: str, seed: int) -> Iterator[str]:
    from optathlon.analysis import as_ties, judge_quality, kappas, label_counts, majority

    people = _people(items)
    truth = majority(people)
    labels = as_ties(judged.labels) if failures == "ties" else judged.labels
    found = judge_quality(labels, truth, seed=seed)
    yield f"\n{judged.name}, compared with the majority"
    yield f"accuracy         {_with_interval(found.accuracy, found.accuracy_interval)}"
    yield f"Cohen's κ        {_with_interval(found.kappa, found.kappa_interval)}"
    yield f"macro precision  {found.precision:.4f}"
    yield f"macro recall     {found.recall:.4f}"
    yield f"macro F1         {found.f1:.4f}"
    yield f"not understood   {judged.failures} ({'left out' if failures == 'apart' else 'taken for ties'})"
    yield from _about_order(judged.position)
    with_judge = people.assign(majority=truth, judge=labels)
    yield from _table("labels", label_counts(with_judge).loc[["judge"]])
    yield from _table("Cohen's κ", kappas(with_judge).loc[["judge"]].drop(columns="judge"))
    yield from _table("majority (rows) and judge (columns)", found.confusion)


def _about_order(position: PositionConsistency | None) -> Iterator[str]:
    if position is None:
        return
    yield f"both orders      {position.consistent:.1%} of {position.pairs} pairs decided alike"
    yield f"order's bias     {position.first_bias:+.1%}: by so much does the answer shown first win more often"


def _people(items: JudgedItems) -> pd.DataFrame:
    """Items x annotators."""
    import pandas as pd

    return pd.DataFrame(dict(items.labels))


def _table(title: str, table: pd.DataFrame) -> Iterator[str]:
    yield f"\n{title}"
    yield table.to_string(float_format="{:.4f}".format)


def _with_interval(value: float, interval: tuple[float, float]) -> str:
    low, high = interval
    return f"{value:.4f} (95 %: {low:.4f} to {high:.4f})"
