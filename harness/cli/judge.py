"""`optathlon judge`: is a judge any good?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from optathlon.cli.flags import LAST_SEED, path_argument, path_option
from optathlon.cli.output import show
from optathlon.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from optathlon.analysis.stats.agreement import PositionConsistency
    from optathlon.llm.judging import Failures
    from optathlon.llm.labelled_pairs import LabelledPairs

group = typer.Typer(help="Check judges, which tell the better of two answers, against people.")


@group.command("validate")
def validate(
    data: Annotated[Path, path_argument(help="Items that people judged, in the format of PandaLM's test set.")],
    answers: Annotated[Path | None, path_option(help="A judge's stored answers to these items.")] = None,
    judge: Annotated[str | None, typer.Option(help="A judge to ask, e.g. verifier.")] = None,
    failures: Annotated[
        Literal["apart", "ties"],  # `Failures`, without loading numpy for `--help`
        typer.Option(help="What becomes of judgements that were not understood: left out, or ties as in PandaLM."),
    ] = "apart",
    seed: Annotated[int, typer.Option(min=0, max=LAST_SEED, help="Of the judge's chance and the bootstrap.")] = 0,
) -> None:
    """Compare a judge, and the people with each other, with what most people say.

    Files are a JSON list or JSON lines: .json, .jsonl, .json.gz or .jsonl.gz. Without a judge, only people are
    compared. A judge that is asked sees both orders of the answers. The exit code is 1 where nothing that the judge
    said could be understood.
    """
    from optathlon.llm.labelled_pairs import read_labelled_pairs

    if answers is not None and judge is not None:
        raise UsageError("give --answers or --judge, not both")
    items = read_labelled_pairs(data)
    lines = [*_about_people(items)]
    if answers is not None:
        lines += _about_judge(_stored(answers, items), items, failures, seed)
    elif judge is not None:
        lines += _about_judge(_asked(judge, items, seed), items, failures, seed)
    show("\n".join(lines))


@dataclass(frozen=True, eq=False)
class _Judged:
    """What a judge said of n pairs: preferences for the first answer of shape (orders, n), NaN if not understood."""

    name: str
    orders: np.ndarray
    position: PositionConsistency | None


def _stored(answers: Path, items: LabelledPairs) -> _Judged:
    from optathlon.llm.labelled_pairs import preferences_of, read_answers

    return _Judged(f"the answers in {answers.name}", preferences_of(read_answers(answers, items))[None], None)


def _asked(call: str, items: LabelledPairs, seed: int) -> _Judged:
    from optathlon.analysis import position_consistency
    from optathlon.llm.judging import ask_both_orders, make_judge
    from optathlon.llm.labelled_pairs import labels_of

    judge = make_judge(call)
    asked = ask_both_orders(judge, items.prompts, items.first, items.second, seed=seed)
    asked.require_one(call)
    orders = asked.preferences
    position = None if judge.symmetric else position_consistency(labels_of(orders[0]), labels_of(orders[1]))
    return _Judged(call, orders, position)


def _about_people(items: LabelledPairs) -> Iterator[str]:
    from optathlon.analysis import kappas, label_counts, majority

    people = _people(items)
    split = int((people.mode(axis=1).notna().sum(axis=1) > 1).sum())
    with_majority = people.assign(majority=majority(people))
    yield f"{len(people)} items, {len(people.columns)} annotators; no label is the most frequent on {split}"
    yield from _table("labels", label_counts(with_majority).drop(columns="not understood"))
    yield from _table("Cohen's κ", kappas(with_majority))


def _about_judge(judged: _Judged, items: LabelledPairs, failures: Failures, seed: int) -> Iterator[str]:
    import numpy as np

    from optathlon.analysis import judge_quality, kappas, label_counts, majority
    from optathlon.llm.judging import decided
    from optathlon.llm.labelled_pairs import labels_of

    people = _people(items)
    truth = majority(people)
    labels = labels_of(decided(judged.orders, failures))
    found = judge_quality(labels, truth, seed=seed)
    yield f"\n{judged.name}, compared with the majority"
    yield f"accuracy         {_with_interval(found.accuracy, found.accuracy_interval)}"
    yield f"Cohen's κ        {_with_interval(found.kappa, found.kappa_interval)}"
    yield f"macro precision  {found.precision:.4f}"
    yield f"macro recall     {found.recall:.4f}"
    yield f"macro F1         {found.f1:.4f}"
    not_understood = int(np.isnan(judged.orders).any(axis=0).sum())
    yield f"not understood   {not_understood} ({'left out' if failures == 'apart' else 'counted as ties'})"
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


def _people(items: LabelledPairs) -> pd.DataFrame:
    """Items x annotators."""
    import pandas as pd

    return pd.DataFrame(dict(items.labels))


def _table(title: str, table: pd.DataFrame) -> Iterator[str]:
    yield f"\n{title}"
    yield table.to_string(float_format="{:.4f}".format)


def _with_interval(value: float, interval: tuple[float, float]) -> str:
    low, high = interval
    return f"{value:.4f} (95 %: {low:.4f} to {high:.4f})"
