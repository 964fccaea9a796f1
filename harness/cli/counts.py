"""How many tasks there are: functions, tables, surrogates and real trainings apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping

from optathlon.facts import Evaluation, Facts
from optathlon.problem import TaskType
from optathlon.registry.facts import Group, is_installed

_HEADINGS = {
    Evaluation.FUNCTION: "functions",
    Evaluation.TABLE: "tables",
    Evaluation.SURROGATE: "surrogates",
    Evaluation.TRAINING: "trainings",
    Evaluation.UNKNOWN: "unknown",
}

TRAITS: Mapping[str, Callable[[Facts], bool]] = {
    "mixed: hyperparameters of several kinds": lambda facts: facts.mixed,
    "conditional": lambda facts: facts.conditional,
    "constrained": lambda facts: facts.constraints > 0,
    "noisy": lambda facts: facts.noisy,
    "real: values of trainings, not of functions": lambda facts: facts.real,
    "need data to be fetched first": lambda facts: facts.download,
    "recommended": lambda facts: facts.recommended,
    "recommended and real": lambda facts: facts.recommended and facts.real,
    "recommended and real, without data to be fetched": lambda facts: (
        facts.recommended and facts.real and not facts.download
    ),
}
"""What else one chooses tasks by."""


def count_lines(groups: Iterable[Group]) -> Iterator[str]:
    """A table of task types by what a trial does, and how many tasks have what else one chooses by."""
    cells: Counter[tuple[TaskType, Evaluation]] = Counter()
    shared: Counter[str] = Counter()
    listed: Counter[str] = Counter()
    for group in groups:
        facts, number = group.facts, len(group.ids)
        cells[facts.type, facts.kind] += number
        for trait, holds in TRAITS.items():
            shared[trait] += number if holds(facts) else 0
        listed[group.collection] += number
    absent = sum(number for collection, number in listed.items() if not is_installed(collection))
    yield from _table(cells)
    yield ""
    for trait in TRAITS:
        yield f"{shared[trait]:>9,}  {trait}"
    yield f"{absent:>9,}  need packages that are not installed: see `optathlon list collections`"


def _table(cells: Mapping[tuple[TaskType, Evaluation], int]) -> Iterator[str]:
    kinds = [kind for kind in Evaluation if kind is not Evaluation.UNKNOWN or any(cells[one, kind] for one in TaskType)]
    yield _row("", [*(_HEADINGS[kind] for kind in kinds), "all"])
    for one in TaskType:
        counts = [cells[one, kind] for kind in kinds]
        yield _row(one, [f"{count:,}" for count in (*counts, sum(counts))])
    totals = [sum(cells[one, kind] for one in TaskType) for kind in kinds]
    yield _row("all", [f"{count:,}" for count in (*totals, sum(totals))])


def _row(title: str, cells: Iterable[str]) -> str:
    return f"{title:<26}" + "".join(f"{cell:>12}" for cell in cells)


def composition(counted: Iterable[tuple[Facts, int]]) -> str:
    """How many tasks are of which kind, mixed, conditional and real, in one line; those of no number are left out.

    Mixed, conditional and real are there always: they tell tasks of hyperparameter optimization from functions.
    """
    found: Counter[str] = Counter()
    for facts, number in counted:
        found.update(
            {
                _HEADINGS[facts.kind]: number,
                "mixed": number * facts.mixed,
                "conditional": number * facts.conditional,
                "real": number * facts.real,
            }
        )
    kinds = [f"{found[name]:,} {name}" for name in _HEADINGS.values() if found[name]]
    return ", ".join([*kinds, *(f"{found[name]:,} {name}" for name in ("mixed", "conditional", "real"))])
