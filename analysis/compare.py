"""Two sets of results of the same optimizers: before and after a change, here and there, published and rerun."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pandas.api.types import union_categoricals

from optathlon.analysis.metrics.anytime import CELL, incumbents_at
from optathlon.analysis.metrics.axes import positions_of_runs
from optathlon.analysis.metrics.comparable import comparable
from optathlon.analysis.metrics.coverage import has_failed
from optathlon.analysis.metrics.normalisation import BEST_TO_WORST
from optathlon.analysis.metrics.ties import with_ties
from optathlon.analysis.metrics.trajectory import trajectories
from optathlon.analysis.stats.bootstrap import Resampling
from optathlon.analysis.stats.significance import ALPHA, holm
from optathlon.analysis.stats.wilcoxon import wilcoxon_of_scores
from optathlon.errors import UsageError
from optathlon.task import agree

if TYPE_CHECKING:
    from optathlon.results.frames import Results

_SIDES = ("first", "second")

_ROUNDING = 1e-12
"""Mean losses that differ by less, relative to the larger one, are equal."""

_OUTCOMES = ("better", "equal", "worse")

_OF_TASK = {"task_version": "version", "collection": "collection"}
"""Columns of runs and trials that repeat what the `tasks` frame says, and its name there."""


def side_by_side(first: Results, second: Results, *, names: tuple[str, str]) -> Results:
    """One set of results in which an optimizer that both have is two: `"NAME (A)"` and `"NAME (B)"`.

    Others keep their names. Ids of runs and sessions are prefixed by `"A/"` and `"B/"`. A task that one side doesn't
    know the fingerprint of (e.g. a table) is taken for the other's. Where each side has a single root seed, the second
    gets that of the first, so that equal seeds are pairs; if they differ, these pairs are independent runs.

    Parameters
    ----------
    first, second:
        As `optathlon.load` returns them.
    names:
        What A and B are called.

    Raises
    ------
    UsageError
        Where the names are equal, and where a task of both differs in version, fingerprint or the directions of its
        objectives, or an optimizer is called already as another one is to be.
    """
    if names[0] == names[1]:
        raise UsageError(f"both results are called {names[0]!r}: give two names")
    _refuse_other_tasks(first.tasks, second.tasks, names)
    _refuse_taken_names(first, second, names)
    tasks = _tasks_of_both(first.tasks, second.tasks)
    shared = shared_optimizers(first, second)
    one, other = (_renamed(side, name, shared, tasks) for side, name in zip((first, second), names, strict=True))
    return replace(
        first,
        runs=stacked(one.runs, _paired_roots(other.runs, one.runs)),
        trials=stacked(one.trials, other.trials),
        tasks=tasks,
        provenance=pd.concat([one.provenance, other.provenance]),
    )


def shared_optimizers(first: Results, second: Results) -> list[str]:
    """The optimizers that have runs in both, by name."""
    return sorted({*first.runs["optimizer"].astype(str)} & {*second.runs["optimizer"].astype(str)})


def paired_runs(first: Results, second: Results, *, ties: float = 0.0) -> pd.DataFrame:
    """The runs that both results have, skipped in neither.

    Those of the same optimizer, task and seed are paired where budget, workers and clock are equal.

    Parameters
    ----------
    first, second:
        As `optathlon.load` returns them.
    ties:
        Values on a task are equal if they differ by at most this share of the larger one, in [0, 1).

    Returns
    -------
    Index (`optimizer`, `task`, `seed`), labelled as by `comparable` of both together, sorted; each of these with the
    suffixes `_first` and `_second`:

    - `run`: the id, prefixed as by `side_by_side`;
    - `loss` at the end of the budget, NaN without a result;
    - `regret` of it, `BEST_TO_WORST` of all runs of both results, the same on both sides where the losses are equal up
      to rounding;
    - `failed`: whether the run was neither ok nor skipped;
    - `seconds`: of `ask` and `tell`, the median of its trials; NaN where that is not known;

    and `identical`: whether both runs have equally many trials, with exactly the same objective values, constraints and
    statuses in this order, inside the budget and beyond.

    Raises
    ------
    UsageError
        As `side_by_side`.
    """
    both = comparable(with_ties(side_by_side(first, second, names=_SIDES), ties))
    runs = _run_facts(both)
    shared = shared_optimizers(first, second)
    one, other = (_of_side(runs, side, shared).add_suffix(f"_{side}") for side in _SIDES)
    pairs = one.join(other, how="inner").sort_index()
    equal = np.isclose(pairs["loss_first"], pairs["loss_second"], rtol=_ROUNDING, atol=0)
    pairs["regret_second"] = pairs["regret_second"].where(~equal, pairs["regret_first"])
    return pairs.assign(identical=_identical(both.trials, pairs))


def changes(pairs: pd.DataFrame, *, resamples: int = 1000, level: float = 0.95, seed: int = 0) -> pd.DataFrame:
    """What changed from the first results to the second, by optimizer.

    Parameters
    ----------
    pairs:
        As `paired_runs` returns them.
    resamples, level, seed:
        Of the interval of the difference: how many resamples, its coverage in (0, 1), and what seeds the resampling.

    Returns
    -------
    Index `optimizer`, sorted:

    - `pairs`, `tasks`: how many are in both;
    - `better`, `equal`, `worse`: on how many tasks the second is. On each, fewer runs without a result are better; of
      equally many, the lower mean loss over the seeds on which both have a result, equal up to rounding;
    - `identical`: the share of pairs whose trials have exactly the same values, in [0, 1];
    - `difference`: of regret, second less first, mean over seeds, then tasks; negative where the second is better;
    - `low`, `high`: its interval by the bootstrap over tasks, then seeds (see `Resampling`);
    - `p_value`: of Wilcoxon's signed-rank test on the tasks' mean regrets, corrected over optimizers by Holm's
      procedure; NaN where too few tasks differ for any outcome to be significant;
    - `verdict`: `"better"` or `"worse"` where that is significant (`ALPHA`) of the second, and neither the mean
      difference nor the number of tasks says the opposite; `"unclear"` where one does; else `""`;
    - `failed_only_first`, `failed_only_second`: pairs of which only this run failed;
    - `seconds_first`, `seconds_second`: of `ask` and `tell` per trial: the median over pairs of the run's median.
    """
    pairs = pairs.sort_index()
    by_optimizer = pairs.groupby(level="optimizer")
    outcomes = task_changes(pairs)["outcome"].groupby(level="optimizer")
    counts = outcomes.value_counts().unstack(fill_value=0).reindex(columns=[*_OUTCOMES], fill_value=0)
    first_failed, second_failed = pairs["failed_first"], pairs["failed_second"]
    table = pd.DataFrame({"pairs": by_optimizer.size(), "tasks": outcomes.size()}).join(counts)
    return (
        table.assign(identical=by_optimizer["identical"].mean())
        .join(_differences(pairs, resamples, level, seed))
        .join(_tests(pairs))
        .assign(verdict=_agreed)
        .assign(
            failed_only_first=(first_failed & ~second_failed).groupby(level="optimizer").sum(),
            failed_only_second=(second_failed & ~first_failed).groupby(level="optimizer").sum(),
            seconds_first=by_optimizer["seconds_first"].median(),
            seconds_second=by_optimizer["seconds_second"].median(),
        )
    )


def task_changes(pairs: pd.DataFrame) -> pd.DataFrame:
    """What changed from the first results to the second, by task; what changed most first.

    Parameters
    ----------
    pairs:
        As `paired_runs` returns them.

    Returns
    -------
    Index (`optimizer`, `task`): optimizers sorted, the tasks of each by the size of the difference, then by name.
    `seeds`: how many are in both; `regret_first`, `regret_second`: means over them; `difference`: second less first,
    negative where the second is better; `outcome`: `"better"`, `"equal"` or `"worse"`, as `changes` counts it.
    """
    pairs = pairs.sort_index()
    by_task = pairs.groupby(level=["optimizer", "task"])
    regret = by_task[["regret_first", "regret_second"]].mean()
    difference = (regret["regret_second"] - regret["regret_first"]).round(12)  # so that equal ones tie
    table = regret.assign(difference=difference, outcome=_outcomes(pairs))
    table.insert(0, "seeds", by_task.size())
    largest_first = table.assign(size=-difference.abs()).sort_values(["optimizer", "size", "task"])
    return largest_first.drop(columns="size")


def _refuse_other_tasks(first: pd.DataFrame, second: pd.DataFrame, names: tuple[str, str]) -> None:
    for task in sorted({*first.index} & {*second.index}):
        one, other = first.loc[[task]], second.loc[[task]]
        known = _versions(one), _versions(other)
        if all(known) and not _are_same(*known):
            listed = [", ".join(f"version {version} (fingerprint {text})" for version, text in side) for side in known]
            raise UsageError(
                f"task {task!r} is not the same: {listed[0]} in {names[0]}, {listed[1]} in {names[1]}: compare results "
                "of one version of the task, or other tasks (--task)"
            )
        ways = _directions(one), _directions(other)
        if ways[0] != ways[1]:
            raise UsageError(
                f"task {task!r} has the objectives {ways[0]} in {names[0]}, {ways[1]} in {names[1]}: say --maximize if "
                "larger values are better in a table, or compare other tasks (--task)"
            )


def _refuse_taken_names(first: Results, second: Results, names: tuple[str, str]) -> None:
    everyone = {*first.runs["optimizer"].astype(str), *second.runs["optimizer"].astype(str)}
    for optimizer in shared_optimizers(first, second):
        for name in names:
            if _label(optimizer, name) in everyone:
                raise UsageError(
                    f"{_label(optimizer, name)!r} is an optimizer already, as {optimizer!r} of {name} would be called: "
                    "give other names (--names)"
                )


def _versions(task: pd.DataFrame) -> list[tuple[str, str]]:
    """The versions of a task with their fingerprints; none where these are unknown."""
    described = task[_is_known(task)].sort_values("version")
    return [(str(row.version), str(row.fingerprint)) for row in described.itertuples()]


def _are_same(one: list[tuple[str, str]], other: list[tuple[str, str]]) -> bool:
    return len(one) == len(other) and all(
        version == another and agree(text, its) for (version, text), (another, its) in zip(one, other, strict=True)
    )


def _directions(task: pd.DataFrame) -> str:
    return ", ".join(objective["direction"] for objective in task["objectives"].iloc[0])


def _is_known(tasks: pd.DataFrame) -> np.ndarray:
    """Shape (tasks,): whether a fingerprint says which task it is."""
    known: np.ndarray = tasks["fingerprint"].fillna("").ne("").to_numpy()
    return known


def _tasks_of_both(first: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    """Each version of each task once; those without a fingerprint only where no side has one."""
    every = pd.concat([first, second])
    known = _is_known(every)
    described = every[known | ~every.index.isin(every.index[known])]
    again = pd.MultiIndex.from_arrays([described.index, described["version"].astype(str)]).duplicated()
    return described[~again].sort_index(kind="stable")


def _renamed(side: Results, name: str, shared: list[str], tasks: pd.DataFrame) -> Results:
    """One side with its own names for shared optimizers, runs and sessions, its unknown tasks as `tasks` has them."""
    unknown = side.tasks.index[~_is_known(side.tasks)]
    labels = {optimizer: _label(optimizer, name) for optimizer in shared}

    def renamed(frame: pd.DataFrame) -> pd.DataFrame:
        columns: dict[str, Any] = {"optimizer": _relabelled(frame["optimizer"], labels)}
        for key in ("run", "provenance"):
            if key in frame:
                ids = frame[key].astype("category").cat
                columns[key] = ids.rename_categories([f"{name}/{id}" for id in ids.categories])
        return _described(frame.assign(**columns), tasks.loc[tasks.index.isin(unknown)])

    provenance = side.provenance.rename(index=lambda id: f"{name}/{id}")
    return replace(side, runs=renamed(side.runs), trials=renamed(side.trials), provenance=provenance)


def _label(optimizer: str, name: str) -> str:
    return f"{optimizer} ({name})"


def _relabelled(labels: pd.Series, new: dict[str, str]) -> pd.Series:
    categories = labels.astype("category").cat
    return categories.rename_categories({label: new.get(str(label), str(label)) for label in categories.categories})


def _described(frame: pd.DataFrame, tasks: pd.DataFrame) -> pd.DataFrame:
    """Runs or trials that say of these tasks what the `tasks` frame says."""
    if tasks.empty:
        return frame
    known = tasks[~tasks.index.duplicated()]
    task = frame["task"].astype(str)
    columns = {
        name: task.map(known[source].astype(str)).fillna(frame[name].astype(str)).astype("category")
        for name, source in _OF_TASK.items()
        if name in frame
    }
    return frame.assign(**columns)


def _paired_roots(runs: pd.DataFrame, others: pd.DataFrame) -> pd.DataFrame:
    """`runs` with the root seed of the other side, if both sides have one only."""
    single = runs["root_seed"].nunique() == 1 and others["root_seed"].nunique() == 1
    return runs.assign(root_seed=others["root_seed"].iloc[0]) if single else runs


def stacked(first: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    """The rows of both; labels that are categorical in both stay so, their categories sorted."""
    labels = {
        name: union_categoricals([first[name], second[name]], sort_categories=True)
        for name in first.columns.intersection(second.columns)
        if all(isinstance(frame[name].dtype, pd.CategoricalDtype) for frame in (first, second))
    }
    rest = pd.concat([first.drop(columns=[*labels]), second.drop(columns=[*labels])], ignore_index=True)
    columns = [*first.columns, *second.columns.difference(first.columns, sort=False)]
    return rest.assign(**labels)[columns]


def _run_facts(results: Results) -> pd.DataFrame:
    """Index (`optimizer`, `task`, `seed`), of runs that were not skipped: the columns of `paired_runs`."""
    losses = incumbents_at(trajectories(results), results.runs, [1.0])
    runs = results.runs.set_index(CELL).loc[losses.index]
    trials = results.trials
    thinking = trials[["ask_s", "tell_s"]].astype(float).sum(axis=1, min_count=1)
    seconds = thinking.groupby(trials["run"].astype("category"), observed=True).median()
    seconds.index = seconds.index.astype(str)
    return pd.DataFrame(
        {
            "run": runs["run"],
            "loss": losses.iloc[:, -1],
            # where no run at all has a result, there is no scale
            "regret": BEST_TO_WORST(losses, results.tasks).iloc[:, -1].fillna(BEST_TO_WORST.upper),
            "failed": has_failed(runs),
            "seconds": seconds.reindex(runs["run"]).to_numpy(),
        }
    )


def _of_side(runs: pd.DataFrame, side: str, shared: list[str]) -> pd.DataFrame:
    """The runs of the shared optimizers on one side, under their own names."""
    optimizers = {_label(optimizer, side): optimizer for optimizer in shared}
    own = runs[runs.index.get_level_values("optimizer").isin(list(optimizers))]
    return own.rename(index=optimizers, level="optimizer")


def _identical(trials: pd.DataFrame, pairs: pd.DataFrame) -> np.ndarray:
    """Shape (pairs,): whether both runs have equally many trials with equal values, in order."""
    (one, first), (other, second) = (_values(trials, pairs[f"run_{side}"]) for side in _SIDES)
    lengths, others = np.bincount(one, minlength=len(pairs)), np.bincount(other, minlength=len(pairs))
    as_long = lengths == others
    first, second = first[as_long[one]], second[as_long[other]]
    differs = ((first != second) & ~(np.isnan(first) & np.isnan(second))).any(axis=1)
    differing = np.bincount(one[as_long[one]], weights=differs, minlength=len(pairs))
    identical: np.ndarray = as_long & (differing == 0)
    return identical


def _values(trials: pd.DataFrame, runs: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Of the trials of these runs, run by run in order: the position of the run, and what must be equal."""
    run = positions_of_runs(trials, runs.to_frame("run"))
    order = np.lexsort((trials["trial"].to_numpy(), run))
    order = order[run[order] >= 0]
    numbers = trials.filter(regex=r"^(value(_\d+)?|constraint_\d+|over_budget)$").to_numpy(dtype=float)
    ended = pd.factorize(trials["status"].astype(str), sort=True)[0]
    return run[order], np.column_stack([numbers, ended])[order]


def _outcomes(pairs: pd.DataFrame) -> pd.Series:
    """Index (`optimizer`, `task`): `"better"`, `"equal"` or `"worse"`, of the second."""
    losses = pairs[["loss_first", "loss_second"]]
    by_task = ["optimizer", "task"]
    missing = losses.isna().groupby(level=by_task).sum()
    # where no seed has both results, both means are 0 and equal
    mean = losses.where(losses.notna().all(axis=1)).groupby(level=by_task).mean().fillna(0.0)
    first, second = mean.to_numpy().T
    by_loss = np.where(np.isclose(first, second, rtol=_ROUNDING, atol=0), 0, np.sign(second - first))
    by_missing = np.sign(missing["loss_second"].to_numpy() - missing["loss_first"].to_numpy())
    worse = np.where(by_missing != 0, by_missing, by_loss).astype(int)
    return pd.Series(np.array(_OUTCOMES)[worse + 1], index=mean.index)


def _differences(pairs: pd.DataFrame, resamples: int, level: float, seed: int) -> pd.DataFrame:
    """Index `optimizer`: the mean `difference` of regret and the ends of its interval, `low` and `high`."""
    regret = pairs["regret_second"] - pairs["regret_first"]
    bands = {}
    for optimizer, own in regret.groupby(level="optimizer"):
        seeds = own.groupby(level="task").size().to_numpy()
        resampling = Resampling(seeds, resamples=resamples, seed=seed)
        bands[optimizer] = resampling.bands(own.to_numpy()[:, None], level=level)[:, 0]
    return pd.DataFrame.from_dict(bands, orient="index", columns=["difference", "low", "high"])


def _agreed(table: pd.DataFrame) -> np.ndarray:
    """The verdicts of the test; `"unclear"` where the mean or the number of tasks speaks against it."""
    claimed = table["verdict"].map({"better": -1, "worse": 1}).fillna(0).to_numpy()
    says = np.sign([table["difference"].to_numpy(), (table["worse"] - table["better"]).to_numpy()])
    agreed: np.ndarray = np.where((says * claimed < 0).any(axis=0), "unclear", table["verdict"].to_numpy())
    return agreed


def _tests(pairs: pd.DataFrame) -> pd.DataFrame:
    """Index `optimizer`: the corrected `p_value` of Wilcoxon's test, and the `verdict`."""
    columns = [f"regret_{side}" for side in _SIDES]
    regret = pairs[columns].groupby(level=["optimizer", "task"]).mean()
    tests = {name: wilcoxon_of_scores(own.set_axis(_SIDES, axis=1)) for name, own in regret.groupby(level="optimizer")}
    p_values = pd.Series({name: test.p_value for name, test in tests.items()}, dtype=float)
    tested = p_values.dropna()
    corrected = pd.Series(holm(tested.to_numpy()), index=tested.index).reindex(p_values.index)
    ahead = {name: "better" if test.is_better("second", "first") else "worse" for name, test in tests.items()}
    verdict = pd.Series(ahead, dtype=str)
    return pd.DataFrame({"p_value": corrected, "verdict": verdict.where(corrected < ALPHA, "")})
