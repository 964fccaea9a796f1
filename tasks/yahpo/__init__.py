"""YAHPO Gym: surrogates of hyperparameter optimisation, multi-fidelity and multi-objective.

Neural networks (ONNX) that were fitted to millions of real evaluations answer in their stead. Data: the public
repository `slds-lmu/yahpo_data` (v1.0), one folder per scenario with `config_space.json`, `encoding.json` and
`model.onnx`, beside `global_statistics/` and `benchmark_suites/`. Source: Pfisterer et al., "YAHPO Gym – An Efficient
Multi-Objective Multi-Fidelity Benchmark for Hyperparameter Optimization", AutoML 2022 (arXiv:2109.03670).

The rules that every value depends on are those of the `yahpo_gym` package 1.0:

- How configurations are encoded: see `optathlon.tasks.yahpo.surrogate.Encoder`. The model answers differently if an
  inactive hyperparameter is given a value, so `evaluate` must get active ones only.
- `repl` (which of ten replications; rbv2 only) is 10, as in the paper's experiments. It is the second fidelity that
  upstream declares; the tasks whose id ends in `/repl` have it as their fidelity, at the full training set.
- Outputs are reported as the model gives them: upstream clips nothing, so an accuracy may be 1.000004 and an F1 score
  -1e-12. Only the cost of an evaluation, a duration, is cut at 0.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import groupby
from typing import Any, ClassVar

from optathlon.budget import Budget
from optathlon.data import used_files
from optathlon.data_source import DataSource
from optathlon.facts import Evaluation, Facts
from optathlon.problem import Objective, Problem, TaskType
from optathlon.task import PROBES, Collection, Task, short_hash
from optathlon.tasks.yahpo import files, published
from optathlon.tasks.yahpo.scenarios import DOMAINS, SCENARIOS, TARGETS
from optathlon.trial import Result

_ROUNDING = 1e-4
"""By which share of the range a model's answer may lie outside the bounds of what it imitates."""


class YahpoTask(Task):
    """One instance of a scenario, with one or several of its targets as objectives.

    The reference point for the hypervolume is the worst value of each objective that upstream's random search met
    (`global_statistics/`; at all fidelities).

    Parameters
    ----------
    id:
        Its id.
    scenario, instance:
        A key of `SCENARIOS`, and one of its instances.
    targets:
        The objectives, in order.
    fidelity:
        The scenario's fidelity, or its second one; the other is at its upper bound.
    """

    def __init__(self, id: str, scenario: str, instance: str, targets: tuple[str, ...], fidelity: str) -> None:
        self.id = id
        self._scenario = scenario
        self._instance = instance
        self._targets = targets
        self._fidelity = fidelity
        spec = SCENARIOS[scenario]
        self._values = [spec.targets.index(target) for target in targets]
        self._metrics = [(_metric(name), index) for index, name in enumerate(spec.targets) if name not in targets]
        self._runtime = spec.targets.index(spec.runtime)
        self.metadata = {
            "scenario": scenario,
            "instance": instance,
            "dimension": len(set(spec.inputs) - spec.fixed),
        }

    @cached_property
    def problem(self) -> Problem:
        """The search space without instance, fidelity and constants; the model is not loaded."""
        space = files.search_space(self._scenario)
        return Problem(
            space=space,
            objectives=tuple(self._objective(target) for target in self._targets),
            fidelity=files.fidelity(self._scenario, self._fidelity),
            budget=Budget.for_dimension(len(space)),
        )

    def evaluate(self, config: Mapping[str, Any], *, fidelity: float | None, seed: int) -> Result:
        """Ask the surrogate; it is deterministic, so `seed` has no effect. The other targets are metrics."""
        from optathlon.tasks.yahpo.surrogate import surrogate

        return self._result(surrogate(self._scenario)(self._all_values(config, fidelity)))

    def evaluate_many(
        self, configs: Sequence[Mapping[str, Any]], *, fidelity: float | None, seeds: Sequence[int]
    ) -> list[Result]:
        """Ask the surrogate for several configurations together."""
        from optathlon.tasks.yahpo.surrogate import surrogate

        values = [self._all_values(config, fidelity) for config in configs]
        return list(map(self._result, surrogate(self._scenario).many(values)))

    def data_files(self) -> Mapping[str, str]:
        """The scenario's files that this process has loaded."""
        return {name: sha256 for name, sha256 in used_files().items() if name.startswith(f"yahpo/{self._scenario}/")}

    def fingerprint(self) -> str:
        """A hash of the model and of its inputs at five fixed probes.

        The model's answers are left out: their last float32 digits differ between processors.
        """
        from optathlon.space import probes
        from optathlon.tasks.yahpo.surrogate import Encoder

        encode = Encoder(self._scenario)
        lines = [files.scenario_file(self._scenario, "model.onnx").read_bytes().hex(), *self._targets]
        for config in probes(self.problem.space, PROBES):
            x_cat, x_cont = encode([self._all_values(config, None)])
            lines.append(" ".join(f"{number:.6g}" for number in (*x_cat[0].tolist(), *x_cont[0].tolist())))
        return short_hash("\n".join([*lines, *self._of_second]))

    def _result(self, outputs: Sequence[float]) -> Result:
        return Result(
            values=tuple([outputs[index] for index in self._values]),
            cost=max(outputs[self._runtime], 0.0),
            metrics={name: outputs[index] for name, index in self._metrics},
        )

    def _all_values(self, config: Mapping[str, Any], level: float | None) -> dict[str, Any]:
        """The configuration with instance, constants and fidelity."""
        fixed = self._fixed if level is None else {**self._fixed, self._fidelity: level}
        return {**config, **fixed}

    @cached_property
    def _fixed(self) -> dict[str, Any]:
        """The instance, the constants, and the fidelities at their upper bounds."""
        spec = SCENARIOS[self._scenario]
        full = files.fidelity(self._scenario, spec.fidelity).upper
        return {spec.instance: self._instance, **dict(spec.constants), spec.fidelity: full}

    @property
    def _of_second(self) -> list[str]:
        """What a task with the second fidelity adds to its fingerprint."""
        return [] if self._fidelity == SCENARIOS[self._scenario].fidelity else [self._fidelity]

    def _objective(self, target: str) -> Objective:
        direction, most = TARGETS[target]
        slack = _ROUNDING * (most if math.isfinite(most) else 1.0)
        lower, upper = -slack, most + slack
        if len(self._targets) == 1:
            return Objective(target, direction, lower, upper)
        lowest, highest = files.statistics(self._scenario, self._instance, target)
        return Objective(target, direction, lower, upper, reference=highest if direction == "minimize" else lowest)


class Yahpo(Collection):
    """`yahpo/SCENARIO/INSTANCE/TARGET`, `…/TARGET+TARGET` with several objectives, and `…/repl` with that fidelity."""

    name: ClassVar[str] = files.FOLDER
    description: ClassVar[str] = "YAHPO Gym: surrogates of real tuning, multi-fidelity and multi-objective (needs data)"
    packages: ClassVar[tuple[str, ...]] = ("onnxruntime",)
    install: ClassVar[str] = "pip install 'optathlon[yahpo]'"
    data: ClassVar[str] = files.REMEDY
    sources: ClassVar[tuple[DataSource, ...]] = published.SOURCES

    def ids(self) -> Iterator[str]:
        """Of each scenario whose files are all in the data folder: every score of every instance, every score with the
        runtime, upstream's suite of several objectives, and every score over the second fidelity.
        """
        for scenario in files.available():
            for group in self._groups(scenario):
                yield from group

    def facts(self) -> Iterator[tuple[Facts, Sequence[str]]]:
        """One search space is built per scenario."""
        for scenario in files.available():
            common = self._common_facts(scenario)
            for group in self._groups(scenario):
                for objectives, ids in groupby(group, key=lambda id: id.count("+") + 1):
                    listed = list(ids)
                    yield _facts(scenario, listed[0], objectives, common), listed

    def make(self, id: str) -> Task:
        """The task of that id, with any objectives; `MissingData` where the scenario's data is absent."""
        match id.split("/"):
            case [self.name, scenario, instance, joined, *second] if scenario in SCENARIOS:
                spec = SCENARIOS[scenario]
                targets = tuple(joined.split("+"))
                exist = len(set(targets)) == len(targets) and set(targets) <= set(spec.objectives)
                known = not second or (len(second) == 1 and second[0] in dict(spec.constants))
                if exist and known and instance in files.instances(scenario):
                    files.require_complete(scenario, statistics=len(targets) > 1)
                    return YahpoTask(id, scenario, instance, targets, second[0] if second else spec.fidelity)
        raise KeyError(id)

    def _groups(self, scenario: str) -> Iterator[list[str]]:
        """The listed ids of a scenario, in groups that differ in their objectives and their fidelity."""
        spec = SCENARIOS[scenario]
        before = [f"{self.name}/{scenario}/{instance}" for instance in files.instances(scenario)]
        for score in spec.scores:
            yield [f"{one}/{score}" for one in before]
        if files.has_statistics():
            pairs = [f"{one}/{score}+{spec.runtime}" for score in spec.scores for one in before]
            suite = (f"{self.name}/{scenario}/{rest}" for rest in files.multi_objective_suite(scenario))
            yield list(dict.fromkeys((*pairs, *suite)))
        for second in dict(spec.constants):
            for score in spec.scores:
                yield [f"{one}/{score}/{second}" for one in before]

    def _common_facts(self, scenario: str) -> Facts:
        """What holds for all tasks of a scenario; the rest is that of a task with one score."""
        spec, (domain, learner, data) = SCENARIOS[scenario], DOMAINS[scenario]
        id = f"{self.name}/{scenario}/{files.instances(scenario)[0]}/{spec.scores[0]}"
        return Facts.of(
            self.make(id).problem,
            kind=Evaluation.SURROGATE,
            domain=domain,
            description=f"The hyperparameters of {learner}, trained on {data}.",
            download=True,
            licence=published.LICENCE,
            citation=published.CITATION,
        )


def _facts(scenario: str, id: str, objectives: int, common: Facts) -> Facts:
    """The facts of tasks like the one of that id."""
    targets, *second = id.split("/")[3:]
    pinned = published.sha256(f"{scenario}/model.onnx") is not None
    several = objectives > 1
    wanted = "several validation scores and costs" if several else f"the validation score {targets}"
    return replace(
        common,
        type=TaskType.MULTI_FIDELITY_OBJECTIVE if several else TaskType.MULTI_FIDELITY,
        description=f"{common.description} The objective is {wanted}, which a network fitted to real trials predicts.",
        objectives=objectives,
        fidelity=second[0] if second else common.fidelity,
        recommended=pinned and id.endswith(f"/{SCENARIOS[scenario].scores[0]}"),
    )


def _metric(target: str) -> str:
    """A target as a metric: test scores by their own name, `"test/cross_entropy"`."""
    return f"test/{target.removeprefix('test_')}" if target.startswith("test_") else target
