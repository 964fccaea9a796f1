"""`optathlon judge`: is a judge any good?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from optathlon.cli.flags import LAST_SEED, path_argument, path_option
from optathlon.cli.output import show
from optathlon.errors import InvalidConfiguration, UsageError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from ConfigSpace import ConfigurationSpace

    from optathlon.analysis.stats.agreement import PositionConsistency
    from optathlon.llm.judging import Failures
    from optathlon.llm.labelled_pairs import LabelledPairs
    from optathlon.trial import Value

group = typer.Typer(help="Judges, which tell the better of two answers: check them against people, and tune one.")


@group.command("validate")
def validate(
    data: Annotated[Path, path_argument(help="Items that people judged: a file, or pandalm for its test set.")],
    answers: Annotated[Path | None, path_option(help="A judge's stored answers: a file, or pandalm.")] = None,
    judge: Annotated[str | None, typer.Option(help="A judge to ask, e.g. verifier.")] = None,
    failures: Annotated[
        Literal["apart", "ties"],  # `Failures`, without loading numpy for `--help`
        typer.Option(help="What becomes of judgements that were not understood: left out, or ties as in PandaLM."),
    ] = "apart",
    seed: Annotated[int, typer.Option(min=0, max=LAST_SEED, help="Of the judge's chance and the bootstrap.")] = 0,
) -> None:
    """Compare a judge, and the people with each other, with what most people say.

    Files are a JSON list or JSON lines: .json, .jsonl, .json.gz or .jsonl.gz; `optathlon data fetch llm/pandalm` brings
    those that are called pandalm. Without a judge, only people are
    compared. A judge that is asked sees both orders of the answers. The exit code is 1 where nothing that the judge
    said could be understood.
    """
    from optathlon.llm import pandalm_items
    from optathlon.llm.labelled_pairs import read_labelled_pairs

    if answers is not None and judge is not None:
        raise UsageError("give --answers or --judge, not both")
    items = read_labelled_pairs(pandalm_items.named(data, pandalm_items.ITEMS))
    lines = [*_about_people(items)]
    if answers is not None:
        stored = _stored(pandalm_items.named(answers, pandalm_items.ANSWERS), items)
        lines += _about_judge(stored, items, failures, seed)
    elif judge is not None:
        lines += _about_judge(_asked(judge, items, seed), items, failures, seed)
    show("\n".join(lines))


@group.command("tune")
def tune(
    task: Annotated[str, typer.Argument(help="Whose model and pairs, e.g. llm/judge/mine/kappa.")],
    out: Annotated[Path, path_option(help="The folder to write, which is then called as tuned('FOLDER').")],
    config: Annotated[
        str, typer.Option(help="Hyperparameters as JSON, or a JSON file; by default those of the search space.")
    ] = "",
    seed: Annotated[int, typer.Option(min=0, max=LAST_SEED, help="Of the training.")] = 0,
) -> None:
    """Tune a judge, and write it to a folder.

    It is tuned on all folds of the task, and compared with people on the pairs that no fold has.
    """
    from optathlon.llm.judges.tuned import JudgeTuner
    from optathlon.registry.tasks import make_task

    made = make_task(task)
    if not isinstance(made, JudgeTuner):
        raise UsageError(f"{task!r} tunes no judge: give a task llm/judge/SETUP/kappa")
    found = made.save_judge(_configuration(config, made.problem.space), out, seed=seed)
    show("\n".join(f"{name:16} {value:.4g}" for name, value in found.items()))
    show(f"name it as judge: tuned({str(out)!r})")


def _configuration(given: str, space: ConfigurationSpace) -> Mapping[str, Value]:
    """The configuration that a JSON text or file holds, or the space's default one."""
    from optathlon.foreign_file import parse_json, read_text
    from optathlon.space import active_checker, plain

    if not given:
        return {name: plain(value) for name, value in dict(space.get_default_configuration()).items()}
    text = given if given.lstrip().startswith(("{", "[")) else read_text(Path(given), "configuration", most_bytes=2**20)
    content = parse_json(text, "--config")
    if not isinstance(content, dict):
        raise UsageError('--config is not an object in JSON: write {"learning_rate": 1e-4, …}')
    try:
        return active_checker(space)(content)
    except InvalidConfiguration as error:
        raise UsageError(f"--config: {error}") from None


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
