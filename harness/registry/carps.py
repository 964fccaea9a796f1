"""Names that CARP-S gives to tasks and subsets, and which tasks of ours they are.

Benjamins et al. (2025), "carps: A Framework for Comparing N Hyperparameter Optimizers on M Benchmarks"; its release
1.1.0 names 6,066 tasks. A task is the same where the search space, the objectives and their values are, at the full
fidelity at least. Its tasks without a fidelity (`yahpo/…/None`) are ours with one: an optimizer that uses none doesn't
see it. Subsets are lists of names, with a number of trials for each.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from pydantic import TypeAdapter

from optathlon.errors import MissingData, MissingDependency, UsageError, unknown
from optathlon.registry.tasks import make_task
from optathlon.yaml_file import read_yaml

PREFIX = "carps:"
"""What a task pattern starts with that is a name of CARP-S, or one of its subsets, as `carps:blackbox/dev`."""

_HARTMANN = re.compile("mfpbench/SO/mfh/mfh([36])_(good|moderate|bad|terrible)")
_YAHPO = re.compile(
    "yahpo/(?P<group>so/|mo/|multifidelity/so/(?:epoch|trainsize|repl)/|MOMF/(?:epoch|trainsize|repl)/)?"
    "(?P<scenario>[a-z0-9_]+)/(?P<instance>[0-9A-Za-z_]+)/(?P<fidelity>None|epoch|trainsize|repl)"
)
_YAHPO_TARGETS = {"lcbench": "val_accuracy", "nb301": "val_accuracy", "rbv2": "acc", "iaml": "f1"}
_YAHPO_PAIRS = {
    "lcbench": "val_accuracy+val_cross_entropy",
    "rbv2": "acc+memory",
    "iaml_glmnet": "mmce+nf",
    "iaml_ranger": "mmce+nf+ias",
    "iaml_super": "mmce+nf+ias",
    "iaml_xgboost": "mmce+nf+ias+rammodel",
}
"""Objectives by scenario, or by what its name begins with."""

_YAHPO_FIDELITIES = {
    "lcbench": ("epoch",),
    "nb301": ("epoch",),
    "rbv2": ("trainsize", "repl"),
    "iaml": ("trainsize",),
}

_PYMOO = re.compile("Pymoo/(?:SO|MO|ManyO)/unconstraint/(?P<name>[a-z0-9_]+)")
_PYMOO_SIZES = {
    **dict.fromkeys(("zdt1", "zdt2", "zdt3"), (2, 30)),
    **dict.fromkeys(("zdt4", "zdt6"), (2, 10)),
    "dtlz1": (3, 7),
    **{f"dtlz{number}": (3, 10) for number in range(2, 8)},
    **{f"wfg{number}": (5, 10) for number in range(1, 10)},
}
"""Objectives and hyperparameters of pymoo's problems, which its defaults give."""

_TABLES = {
    "NavalPropulsionBenchmark": "fcnet/naval_propulsion",
    "ParkinsonsTelemonitoringBenchmark": "fcnet/parkinsons_telemonitoring",
    "ProteinStructureBenchmark": "fcnet/protein_structure",
    "SliceLocalizationBenchmark": "fcnet/slice_localization",
    "Cifar10ValidNasBench201Benchmark": "nb201/cifar10",
    "Cifar100NasBench201Benchmark": "nb201/cifar100",
    "ImageNetNasBench201Benchmark": "nb201/imagenet",
}

_REASONS = {
    "bbob_vizier/": "Vizier's BBOB functions are shifted and rotated in another way than COCO's",
    "dummy": "it is a placeholder for tests of CARP-S",
    "hpob/": "nobody has compared it with the tasks of HPO-B that Optathlon has, if any",
    "hpobench/blackbox/tabular/ml/": "HPOBench's tables of scikit-learn's models are not read by Optathlon",
    "hpobench/multiobjective/tabular/ml/": "HPOBench's tables of scikit-learn's models are not read by Optathlon",
    "hpobench/multifidelity/real/ml/": "HPOBench trains these on data of OpenML in a container",
    "hpobench/blackbox/surrogate/": "HPOBench's ParamNet and SVM surrogates are not read by Optathlon",
    "hpobench/blackbox/tabular/nas/NASCifar": "the data of NAS-Bench-101 are not read by Optathlon",
    "mfpbench/MO/pd1/": "PD1's surrogates are not read by Optathlon",
    "mfpbench/SO/pd1/": "PD1's surrogates are not read by Optathlon",
    "nasengb/": "these engineering problems are not among Optathlon's",
    "PapenBench/": "PapenBench's traffic simulations are not among Optathlon's",
}
"""Why names that begin so stand for no task of ours."""


@dataclass(frozen=True)
class CarpsTask:
    """A name of CARP-S.

    Attributes
    ----------
    name:
        As CARP-S gives it.
    id:
        The same task's id here; empty where there is none.
    reason:
        Why there is none.
    """

    name: str
    id: str = ""
    reason: str = ""


def from_carps(name: str) -> CarpsTask:
    """Which task of ours is the same, or why none is. Only names decide: its data may be missing here.

    Raises `UsageError` for what is not a name of CARP-S.
    """
    for resolve in (_bbob, _hartmann, _yahpo, _pymoo, _table):
        if found := resolve(name):
            return found
    for start, reason in _REASONS.items():
        if name.startswith(start):
            return CarpsTask(name, reason=reason)
    raise UsageError(
        f"{name!r} is not a task of CARP-S: give one as {PREFIX}bbob/2/12/1, or a subset as {PREFIX}blackbox/dev"
    )


def carps_subset(pattern: str) -> dict[str, int] | None:
    """The names and numbers of trials of `TYPE/dev` or `TYPE/test`; `None` where the pattern begins with no type.

    Raises `UsageError` for parts that there are not.
    """
    type, _, part = pattern.partition("/")
    if type not in _subsets():
        return None
    if part not in _subsets()[type]:
        raise unknown("part", part, _subsets()[type], where=f"the subset {type!r} of CARP-S")
    return dict(_subsets()[type][part])


def carps_tasks(pattern: str) -> list[str]:
    """The ids that `carps:NAME` or `carps:TYPE/PART` stands for; of a subset, of all tasks that can be run here.

    Raises `UsageError` where there are none, and says why.
    """
    text = pattern.removeprefix(PREFIX)
    subset = carps_subset(text)
    if subset is None:
        task = from_carps(text)
        if not task.id:
            raise UsageError(f"the task {text!r} of CARP-S has no equal here: {task.reason}")
        return [make_task(task.id).id]
    found = [task.id for task in map(runnable, subset) if task.id]
    if not found:
        raise UsageError(f"none of the {len(subset)} tasks of {pattern!r} is here: see `optathlon info {pattern}`")
    return list(dict.fromkeys(found))


def left_out(pattern: str) -> str:
    """What of a subset of CARP-S a run leaves out, in one line; empty where that is nothing, or it is not a subset."""
    subset = carps_subset(pattern.removeprefix(PREFIX)) if pattern.startswith(PREFIX) else None
    absent = [name for name in subset or () if not runnable(name).id]
    if not subset or not absent:
        return ""
    return f"{len(absent)} of the {len(subset)} tasks of {pattern} are not here: see `optathlon info {pattern}`"


def runnable(name: str) -> CarpsTask:
    """As `from_carps`, with the reason also where the task exists and can't be made here."""
    task = from_carps(name)
    if task.id:
        try:
            make_task(task.id)
        except (MissingData, MissingDependency) as error:
            return CarpsTask(name, reason=str(error))
        except UsageError:
            return CarpsTask(name, reason=f"there is no {task.id} here")
    return task


@cache
def _subsets() -> Mapping[str, Mapping[str, Mapping[str, int]]]:
    """Numbers of trials by type, part and name."""
    content = read_yaml(files("optathlon.registry") / "carps.yaml", "list of subsets")
    return TypeAdapter(dict[str, dict[str, dict[str, int]]]).validate_python(content)


def _bbob(name: str) -> CarpsTask | None:
    match = re.fullmatch(r"bbob/([0-9]+)/([0-9]+)/([0-9]+)", name)
    return match and CarpsTask(name, "bbob/f{2}/d{1}/i{3}".format(*match.group(0, 1, 2, 3)))


def _hartmann(name: str) -> CarpsTask | None:
    match = _HARTMANN.fullmatch(name)
    return match and CarpsTask(name, f"mfh/h{match[1]}/{match[2]}")


def _yahpo(name: str) -> CarpsTask | None:
    match = _YAHPO.fullmatch(name)
    if match is None:
        return None
    several = (match["group"] or "").startswith(("mo/", "MOMF/"))
    scenario = match["scenario"]
    known = _YAHPO_PAIRS if several else _YAHPO_TARGETS
    family = scenario.partition("_")[0]
    targets, fidelities = known.get(scenario) or known.get(family), _YAHPO_FIDELITIES.get(family, ())
    if targets is None or match["fidelity"] not in ("None", *fidelities):
        return None
    ending = "/repl" if match["fidelity"] == "repl" else ""
    return CarpsTask(name, f"yahpo/{scenario}/{match['instance']}/{targets}{ending}")


def _pymoo(name: str) -> CarpsTask | None:
    match = _PYMOO.fullmatch(name)
    if match is None:
        return None
    problem = re.sub(r"_10_5$", "", match["name"])
    if problem not in _PYMOO_SIZES:
        return CarpsTask(name, reason=f"pymoo's {problem} is not among Optathlon's problems")
    objectives, dimension = _PYMOO_SIZES[problem]
    return CarpsTask(name, f"pymoo/{problem}/m{objectives}/d{dimension}")


def _table(name: str) -> CarpsTask | None:
    start = "hpobench/blackbox/tabular/nas/"
    table = _TABLES.get(name.removeprefix(start)) if name.startswith(start) else None
    if table is None:
        return None
    return CarpsTask(
        name,
        reason=f"'hpobench/{table}' looks up the same table, and gives one repetition where HPOBench sums up all",
    )
