"""Baselines beside other results: which of them can be compared with these, and why others can't."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import pandas as pd

from optathlon.analysis.compare import stacked
from optathlon.archive.frames import baselines_on
from optathlon.errors import UsageError, unknown
from optathlon.results.frames import Results
from optathlon.task import agree
from optathlon.trial import Status

_CONDITIONS = {"budget": "another budget", "n_workers": "other workers", "clock": "another clock"}
_OWN = "these results have their own runs of it"
_SHARE = 0.5
"""A task and a seed that at least this share of the baselines has is one that all should have."""

_LISTED = 6


@dataclass(frozen=True)
class Joined:
    """Results with baselines.

    Attributes
    ----------
    results:
        All of them.
    baselines:
        The optimizers that came from the archive, by name.
    left_out:
        Why others of the archive did not come, by name.
    remarks:
        Sentences on what to know before relying on the comparison.
    """

    results: Results
    baselines: list[str]
    left_out: dict[str, str]
    remarks: list[str]

    def lines(self) -> Iterator[str]:
        """What to print: how many came, and for each reason who did not."""
        named = f": {_listed(self.baselines)}" if self.baselines else ""
        yield f"{len(self.baselines)} baseline{'' if len(self.baselines) == 1 else 's'}{named}"
        by_reason: dict[str, list[str]] = {}
        for name, reason in self.left_out.items():
            by_reason.setdefault(reason, []).append(name)
        for reason, names in sorted(by_reason.items(), key=lambda item: (-len(item[1]), item[0])):
            yield f"left out: {', '.join(names)}: {reason}"
        yield from self.remarks


def with_baselines(
    results: Results,
    patterns: Sequence[str] = ("*",),
    *,
    more_tasks: Collection[str] = (),
    folder: Path | None = None,
) -> Joined:
    """Results beside the baselines of the same tasks, budgets and seeds.

    Runs of the archive are taken on the tasks that the results have, with the same budget, workers, clock, root seed
    and seeds. An optimizer of the archive is left out where it could not do these tasks, and, unless a pattern names
    it, where it lacks runs that most of the others have. Where the results have their own runs of it, it gives only
    runs that these lack, of the same source.

    Parameters
    ----------
    results:
        As `optathlon.load` returns them.
    patterns:
        Names of optimizers of the archive, or patterns with `*`.
    more_tasks:
        Tasks on which baselines come, too, where the results have no run: under the conditions that theirs have.
    folder:
        A folder of tables; by default those that ship with Optathlon.

    Raises
    ------
    UsageError
        Where the results have no runs, and where the archive has other versions or fingerprints of their tasks, none of
        their tasks, or no optimizer of such a name.
    """
    if results.runs.empty:
        raise UsageError("these results hold no runs: baselines come beside runs of the same tasks, so do some first")
    archive = baselines_on({*results.runs["task"].astype(str), *more_tasks}, folder=folder)
    if archive is None:
        raise UsageError(
            "no baselines are of the tasks of these results: they are of the shipped subsets, such as `optathlon run "
            "--task subset:blackbox/dev`"
        )
    _refuse_other_tasks(results, archive)
    named = _named(archive, patterns)
    candidates = archive.runs[archive.runs["optimizer"].astype(str).isin(named).to_numpy()]
    wanted = _conditions(results.runs, archive.runs[archive.runs["task"].astype(str).isin(more_tasks).to_numpy()])
    left_out, kept = _chosen(results.runs, wanted, candidates, {*patterns})
    found = _runs_of(archive, kept)
    both = joined(results, found) if len(kept) else results
    present = sorted(kept["optimizer"].astype(str).unique())
    return Joined(both, present, left_out, [*_remarks(results, found, present)])


def joined(results: Results, baselines: Results) -> Results:
    """Both as one, where no run is in both."""
    tasks = pd.concat([results.tasks, baselines.tasks])
    again = pd.MultiIndex.from_arrays([tasks.index, tasks["version"].astype(str)]).duplicated()
    sessions = pd.concat([results.provenance, baselines.provenance])
    return replace(
        results,
        runs=stacked(results.runs, baselines.runs),
        trials=stacked(results.trials, baselines.trials[[*_columns(results.trials, baselines.trials)]]),
        tasks=tasks[~again].sort_index(kind="stable"),
        provenance=sessions[~sessions.index.duplicated()],
    )


def _columns(trials: pd.DataFrame, others: pd.DataFrame) -> Iterator[str]:
    """The columns of the others that say something, or that both have."""
    for name in others:
        if name in trials or others[name].notna().any():
            yield str(name)


def _refuse_other_tasks(results: Results, archive: Results) -> None:
    """Raise `UsageError` where a task is another one in the archive; an unknown fingerprint may be any."""
    ours = zip(results.tasks.index, results.tasks["version"].astype(str), results.tasks["fingerprint"], strict=True)
    for task, version, fingerprint in ours:
        theirs = archive.tasks[archive.tasks.index == task]
        known = dict(zip(theirs["version"].astype(str), theirs["fingerprint"].astype(str), strict=True))
        if known and version not in known:
            raise UsageError(
                f"the baselines are of version {max(known)} of the task {task!r}, these results of version {version}: "
                "do the runs again with this version of Optathlon"
            )
        if known and not agree(known[version], fingerprint or ""):
            raise UsageError(
                f"the task {task!r} is not that of the baselines: its fingerprint is {fingerprint}, theirs "
                f"{known[version]}: its data or its code differ, so compare other tasks (--task)"
            )


def _named(archive: Results, patterns: Sequence[str]) -> list[str]:
    known = sorted(archive.runs["optimizer"].astype(str).unique())
    found = []
    for pattern in patterns:
        matches = [name for name in known if name == pattern or fnmatchcase(name, pattern.replace("[", "[[]"))]
        if not matches:
            raise unknown("baseline", pattern, known)
        found += matches
    return sorted({*found})


def _conditions(ours: pd.DataFrame, elsewhere: pd.DataFrame) -> pd.DataFrame:
    """The conditions of wanted runs: of ours on each task what it has there, and on other tasks all that it has."""
    has_run = elsewhere["task"].astype(str).isin(ours["task"].astype(str))
    tasks = elsewhere.loc[~has_run.to_numpy(), ["task", "task_version"]].astype(str).drop_duplicates()
    conditions = ours[[*_CONDITIONS, "root_seed", "seed"]].drop_duplicates()
    return pd.concat([ours[["task", "task_version", *conditions]], tasks.merge(conditions, how="cross")])


def _chosen(
    ours: pd.DataFrame, wanted: pd.DataFrame, theirs: pd.DataFrame, asked: set[str]
) -> tuple[dict[str, str], pd.DataFrame]:
    """Why optimizers are left out, and the runs of the others that go beside ours."""
    own = {*ours["optimizer"].astype(str)}
    lacking = theirs[_lacking(ours, theirs)]
    complete = {*theirs["optimizer"].astype(str)} - {*lacking["optimizer"].astype(str)}
    left_out = dict.fromkeys(sorted(complete), _OWN)
    alike, reasons = _alike(wanted, lacking)
    left_out |= {name: _OWN if name in own else reason for name, reason in reasons.items()}
    optimizer, is_skipped = alike["optimizer"].astype(str), alike["status"].astype(str) == Status.SKIPPED
    done = alike[~is_skipped.to_numpy()]
    first_reason = alike["reason"].set_axis(optimizer)[~optimizer.duplicated().to_numpy()]
    can_do_none = is_skipped.groupby(optimizer).all()
    for name in can_do_none.index[can_do_none]:
        left_out[str(name)] = f"it can't do these tasks: {first_reason[name]}"
    left_out |= _incomplete(alike, done, asked | own)
    return left_out, done[~done["optimizer"].astype(str).isin([*left_out]).to_numpy()]


def _lacking(ours: pd.DataFrame, theirs: pd.DataFrame) -> np.ndarray:
    """Shape (theirs,), boolean: the runs that ours lack; of optimizers that ours have, those of the same source."""
    keys = ["optimizer", "task", "seed"]
    have = pd.MultiIndex.from_frame(ours[keys].astype({"optimizer": str, "task": str}))
    there = pd.MultiIndex.from_frame(theirs[keys].astype({"optimizer": str, "task": str}))
    own = {*ours["optimizer"].astype(str)}
    sources = {*zip(ours["optimizer"].astype(str), ours["code"].astype(str), strict=True)}
    codes = zip(theirs["optimizer"].astype(str), theirs["code"].astype(str), strict=True)
    comparable = np.array([name not in own or (name, code) in sources for name, code in codes], bool)
    lacking: np.ndarray = ~there.isin(have) & comparable
    return lacking


def _incomplete(alike: pd.DataFrame, done: pd.DataFrame, welcome: set[str]) -> dict[str, str]:
    """Optimizers, but for the welcome ones, that lack runs which most of the others have; with the reason."""
    cells = pd.Series([*_pairs(done)], index=done.index, dtype=object)
    optimizer = done["optimizer"].astype(str)
    share = cells.value_counts() / max(optimizer.nunique(), 1)
    usual = {*share.index[share >= _SHARE]}
    skipped = alike[(alike["status"].astype(str) == Status.SKIPPED).to_numpy()]
    found: dict[str, str] = {}
    for name, own_cells in cells.groupby(optimizer):
        if name not in welcome and (missing := usual - {*own_cells}):
            own_skipped = skipped[(skipped["optimizer"].astype(str) == name).to_numpy()]
            why = f": {own_skipped['reason'].iloc[0]}" if len(own_skipped) else ""
            found[str(name)] = f"it lacks {len(missing)} of {len(usual)} runs that most others have{why}"
    return found


def _alike(ours: pd.DataFrame, theirs: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, str]]:
    """Their runs under conditions that ours have, too; and why optimizers have none of these."""
    reasons: dict[str, str] = {}
    keys = ["task", "task_version"]
    texts = [*keys, *_CONDITIONS, "root_seed", "seed"]
    known, told = (runs[texts].astype(object).astype(str) for runs in (ours, theirs))
    left = theirs
    for columns, reason in (
        ([], "another version of the tasks"),
        *(([name], text) for name, text in _CONDITIONS.items()),
        (["root_seed"], "another root seed"),
        (["seed"], "other seeds"),
    ):
        keys = [*keys, *columns]
        stays = pd.MultiIndex.from_frame(told[keys]).isin(pd.MultiIndex.from_frame(known[keys].drop_duplicates()))
        gone = left[~left["optimizer"].isin(left["optimizer"][stays].unique()).to_numpy()]
        for name, own in gone.groupby(gone["optimizer"].astype(str)):
            reasons[str(name)] = f"{reason}{_there(own[column] for column in columns)}"
        left, told = left[stays], told[stays]
    return left, reasons


def _there(columns: Iterable[pd.Series]) -> str:
    """What the runs have instead, in brackets."""
    return "".join(
        f" ({', '.join(f'{value:g}' if isinstance(value, float) else str(value) for value in sorted(column.unique()))})"
        for column in columns
    )


def _pairs(runs: pd.DataFrame) -> pd.MultiIndex:
    """The task and the seed of each run."""
    return pd.MultiIndex.from_arrays([runs["task"].astype(str), runs["seed"]])


def _runs_of(archive: Results, runs: pd.DataFrame) -> Results:
    """What the archive has of these runs, without the names of its experiments: the results' own is the whole's."""
    runs = runs.reset_index(drop=True).assign(experiment="")
    trials = archive.trials[archive.trials["run"].isin(runs["run"]).to_numpy()].reset_index(drop=True)
    versions = pd.MultiIndex.from_arrays([archive.tasks.index, archive.tasks["version"].astype(str)])
    ran = pd.MultiIndex.from_arrays([runs["task"].astype(str), runs["task_version"].astype(str)])
    sessions = archive.provenance[archive.provenance.index.isin(runs["provenance"].astype(str))]
    return Results(runs, trials, archive.tasks[versions.isin(ran)], sessions)


def _remarks(results: Results, found: Results, names: list[str]) -> Iterator[str]:
    """What differs between them, and what is not known of baselines."""
    if not names:
        return
    if differing := _other_versions(results, found):
        yield f"library versions differ from those of the baselines: {'; '.join(differing)}"
    ours, theirs = (set(_pairs(frame)) for frame in (results.runs, found.runs))
    tasks = {task for task, _ in ours} - {task for task, _ in theirs}
    if tasks:
        yield f"no baselines on {len(tasks)} of {results.runs['task'].nunique()} tasks: {_listed(sorted(tasks))}"
    elif ours - theirs:
        yield f"no baselines of {len(ours - theirs)} of {len(ours)} pairs of task and seed"


def _other_versions(results: Results, found: Results) -> list[str]:
    """The distributions behind the baselines that the sessions of the results had in other versions."""
    here: dict[str, set[str]] = {}
    for packages in results.provenance.get("packages", pd.Series(dtype=object)):
        for name, version in packages.items() if isinstance(packages, dict) else ():
            here.setdefault(_canonical(name), set()).add(version)
    there: dict[str, set[str]] = {}
    for text in found.runs["versions"].dropna().astype(str).unique():
        for name, version in json.loads(text or "{}").items():
            there.setdefault(name, set()).add(version)
    return [
        f"{name} {'/'.join(sorted(versions))}, here {'/'.join(sorted(here[_canonical(name)]))}"
        for name, versions in sorted(there.items())
        if _canonical(name) in here and versions != here[_canonical(name)]
    ]


def _canonical(name: str) -> str:
    """A distribution's name as folders of metadata and people write it."""
    return name.lower().replace("-", "_").replace(".", "_")


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more
