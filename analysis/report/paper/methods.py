"""The paragraph of a paper that says how results came about and were compared, with citations."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import version

import pandas as pd

from optathlon.analysis.analysis import Analysis, ComparisonResult
from optathlon.analysis.report.paper.references import COLLECTIONS, package_key
from optathlon.analysis.report.section import ReportData
from optathlon.analysis.report.sentences import counted
from optathlon.analysis.stats.significance import ALPHA
from optathlon.analysis.stats.wilcoxon import SIGN_TEST
from optathlon.analysis.tables.latex_text import latex

_ANALYSED_WITH = ("optathlon", "numpy", "scipy", "pandas", "matplotlib")

RESAMPLES = 1000


def methods(data: ReportData) -> str:
    """LaTeX: what was run, how it was ranked and tested, and by which versions of what.

    It claims only what holds for these results, and cites by the keys of `optathlon.analysis.report.paper.references`.
    """
    analysis = data.analysis
    sentences = [
        *_experiment(analysis),
        *(sentence for result in analysis.comparisons for sentence in _comparison(result)),
        *(_ranking(data) if data.ranked else ()),
        *(_tests([*data.ranked.values()]) if data.ranked else ()),
        *_software(analysis),
    ]
    return "\n".join(sentences) + "\n"


def versions_of(runs: pd.DataFrame) -> dict[str, str]:
    """By distribution: the versions that did the runs, as far as that is known; several are joined by commas."""
    found: dict[str, set[str]] = {}
    for text in runs["versions"].dropna().unique() if "versions" in runs else ():
        for package, number in json.loads(text or "{}").items():
            found.setdefault(str(package), set()).add(str(number))
    return {package: ", ".join(sorted(numbers)) for package, numbers in sorted(found.items())}


def analysed_with() -> dict[str, str]:
    """By distribution: the versions that the analysis runs with."""
    return {package: version(package) for package in _ANALYSED_WITH}


def _experiment(analysis: Analysis) -> Iterator[str]:
    runs = analysis.results.runs
    collections = sorted(runs["collection"].astype(str).unique())
    sources = [key for name in collections for key in COLLECTIONS.get(name, ())]
    yield (
        f"We ran {counted(len(analysis.optimizers), 'optimizer')} on {counted(runs['task'].nunique(), 'task')} "
        f"({_listed(map(latex, collections))}{_cite(sources)}), {counted(len(runs), 'run')} in all"
        f"{', each with a budget of ' + _budget(runs) if analysis.has_course else ''}."
    )


def _budget(runs: pd.DataFrame) -> str:
    parts = []
    for unit, amounts in runs.groupby(runs["budget_unit"].astype(str))["budget"]:
        low, high = amounts.min(), amounts.max()
        amount = f"{low:g}" if low == high else f"{low:g} to {high:g}"
        parts.append(f"{amount} {'full evaluations' if unit == 'evaluations' else latex(str(unit))}")
    return " or ".join(parts)


def _comparison(result: ComparisonResult) -> Iterator[str]:
    comparison = result.comparison
    if len(comparison.optimizers) < 2:
        return
    seeds = comparison.runs.unique().to_frame().groupby(level=["optimizer", "task"]).size()
    low, high = int(seeds.min()), int(seeds.max())
    total = len(comparison.tasks) + len(comparison.dropped_tasks)
    some = f"{len(comparison.tasks):,} of " if comparison.dropped_tasks else ""
    scope = "" if comparison.name == "all tasks" else f" ({latex(comparison.name)})"
    yield (
        f"Compared are {len(comparison.optimizers)} of them over {some}{counted(total, 'task')}{scope} with "
        f"{counted(high, 'seed') if low == high else f'{low} to {high} seeds'} each."
    )


def _ranking(data: ReportData) -> Iterator[str]:
    analysis = data.analysis
    end = " within the budget" if analysis.has_course else ""
    yield (
        f"On each task and seed, optimizers are ranked by the best result that they found{end}; ties share their mean "
        "rank, and runs without a result rank last. Mean ranks are means over seeds, then tasks. Regret is scaled on "
        "each task from 0, the known optimum or else the best result, to 1, the worst result; a run without a result "
        "has a regret of 2."
    )
    if data.ties:
        yield f"Results on a task that differ by at most {data.ties:g} of the larger one count as equal."
    yield (
        r"Intervals cover 95\,\% and are percentiles of a hierarchical bootstrap with "
        f"{RESAMPLES:,} resamples of tasks, then of their seeds{_cite(['davison1997'])}; its random seed is "
        f"{analysis.seed}."
    )


def _tests(results: list[ComparisonResult]) -> Iterator[str]:
    tested = [result for result in results if result.significance.test]
    for result in results:
        if not result.significance.test:
            yield latex(result.significance.note)
    if not tested:
        return
    signs = any(result.significance.test == SIGN_TEST for result in tested)
    ranks = any(result.significance.test != SIGN_TEST for result in tested)
    names = [
        *([f"Wilcoxon's signed-rank test{_cite(['wilcoxon1945'])}"] if ranks else []),
        *([f"the sign test{_cite(['dixon1946'])} where there is one seed each"] if signs else []),
    ]
    several = any(len(result.comparison.optimizers) > 2 for result in tested)
    corrected = f", corrected for the number of pairs by Holm's procedure{_cite(['holm1979'])}" if several else ""
    yield (
        f"Whether two optimizers differ is tested for each pair by itself{_cite(['benavoli2016'])}, by "
        f"{' or '.join(names)}, two-sided, on the differences of their mean ranks over seeds on the tasks{corrected}, "
        f"at a level of {ALPHA:g}."
    )
    if several:
        yield (
            f"Where critical differences are shown, they are those of Nemenyi's test{_cite(['nemenyi1963'])} after "
            f"Friedman's{_cite(['friedman1937', 'demsar2006'])}."
        )
    yield (
        f"The probability of improvement is that of {_name_and_source('Agarwal et al.', 'agarwal2021')}; effect sizes "
        f"over tasks are matched-pairs rank-biserial correlations{_cite(['kerby2014'])}."
    )


def _software(analysis: Analysis) -> Iterator[str]:
    used = versions_of(analysis.results.runs)
    sessions = analysis.results.provenance
    pythons = sorted({str(value) for value in sessions["python"].dropna()}) if "python" in sessions else []
    under = f" under Python {_listed(pythons)}" if pythons else ""
    if used:
        yield f"The optimizers are those of {_packages(used)}{under}."
    yield f"Runs were ranked and tested with {_packages(analysed_with())} under Python {platform.python_version()}."


def _packages(versions: Mapping[str, str]) -> str:
    return _listed(f"{latex(name)}~{latex(number)}{_cite([package_key(name)])}" for name, number in versions.items())


def _name_and_source(name: str, key: str) -> str:
    return f"{name}{_cite([key])}"


def _cite(keys: Iterable[str]) -> str:
    listed = ",".join(dict.fromkeys(keys))
    return rf"~\cite{{{listed}}}" if listed else ""


def _listed(parts: Iterable[str]) -> str:
    *rest, last = parts
    return f"{', '.join(rest)} and {last}" if rest else last
