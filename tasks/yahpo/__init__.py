"""YAHPO Gym: surrogates of hyperparameter optimisation, multi-fidelity and multi-objective.

Neural networks (ONNX) that were fitted to millions of real evaluations answer in their stead. Data: the public
repository `slds-lmu/yahpo_data` (v1.0), one folder per scenario with `config_space.json`, `encoding.json` and
`model.onnx`, beside `global_statistics/` and `benchmark_suites/`. Source: Pfisterer et al., "YAHPO Gym – An Efficient
Multi-Objective Multi-Fidelity Benchmark for Hyperparameter Optimization", AutoML 2022 (arXiv:2109.03670).

The rules that every value depends on are those of the `yahpo_gym` package 1.0:

- How configurations are encoded: see `optathlon.tasks.yahpo.surrogate.Encoder`. The model answers differently if an
  inactive hyperparameter is given a value, so `evaluate` must get active ones only.
- `repl` (which of ten replications; rbv2 only) is 10, as in the paper's experiments.
- Outputs are reported as the model gives them: upstream clips nothing, so an accuracy may be 1.000004 and an F1 score
  -1e-12. Only the cost of an evaluation, a duration, is cut at 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, ClassVar

from optathlon.budget import Budget
from optathlon.data import used_files
from optathlon.problem import Objective, Problem
from optathlon.space import probes
from optathlon.task import PROBES, Collection, Task, short_hash
from optathlon.tasks.yahpo import files
from optathlon.tasks.yahpo.scenarios import SCENARIOS, TARGETS
from optathlon.tasks.yahpo.surrogate import Encoder, surrogate
from optathlon.trial import Result


class YahpoTask(Task):
    """One instance of a scenario, with one or several of its targets as objectives.

    The reference point for the hypervolume is the worst value of each objective that upstream's random search met
    (`global_statistics/`; at all fidelities).
    """

    def __init__(self, id: str, scenario: str, instance: str, targets: tuple[str, ...]) -> None:
        self.id = id
        self._scenario = scenario
        self._instance = instance
        self._targets = targets
        spec = SCENARIOS[scenario]
        self._fixed = {spec.instance: instance, **dict(spec.constants)}
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
            fidelity=files.fidelity(self._scenario),
            budget=Budget.for_dimension(len(space)),
        )

    def evaluate(self, config: Mapping[str, Any], *, fidelity: float | None, seed: int) -> Result:
        """Ask the surrogate; it is deterministic, so `seed` has no effect. The other targets are metrics."""
        outputs = surrogate(self._scenario)(self._all_values(config, fidelity))
        return Result(
            values=tuple([outputs[index] for index in self._values]),
            cost=max(outputs[self._runtime], 0.0),
            metrics={name: outputs[index] for name, index in self._metrics},
        )

    def data_files(self) -> Mapping[str, str]:
        """The scenario's files that this process has loaded."""
        return {name: sha256 for name, sha256 in used_files().items() if name.startswith(f"yahpo/{self._scenario}/")}

    def fingerprint(self) -> str:
        """A hash of the model and of its inputs at five fixed probes.

        The model's answers are left out: their last float32 digits differ between processors.
        """
        encode = Encoder(self._scenario)
        lines = [files.scenario_file(self._scenario, "model.onnx").read_bytes().hex(), *self._targets]
        for config in probes(self.problem.space, PROBES):
            x_cat, x_cont = encode(self._all_values(config, None))
            lines.append(" ".join(f"{number:.6g}" for number in (*x_cat[0].tolist(), *x_cont[0].tolist())))
        return short_hash("\n".join(lines))

    def _all_values(self, config: Mapping[str, Any], level: float | None) -> dict[str, Any]:
        """The configuration with instance, constants and fidelity."""
        fidelity, full = self._full
        return {**config, **self._fixed, fidelity: full if level is None else level}

    @cached_property
    def _full(self) -> tuple[str, float]:
        fidelity = files.fidelity(self._scenario)
        return fidelity.name, fidelity.upper

    def _objective(self, target: str) -> Objective:
        direction, upper = TARGETS[target]
        if len(self._targets) == 1:
            return Objective(target, direction, 0.0, upper)
        lowest, highest = files.statistics(self._scenario, self._instance, target)
        return Objective(target, direction, 0.0, upper, reference=highest if direction == "minimize" else lowest)


class Yahpo(Collection):
    """`yahpo/SCENARIO/INSTANCE/TARGET`, and `…/TARGET+TARGET` with several objectives."""

    name: ClassVar[str] = files.FOLDER
    description: ClassVar[str] = "YAHPO Gym: surrogates of real tuning, multi-fidelity and multi-objective (needs data)"
    packages: ClassVar[tuple[str, ...]] = ("onnxruntime",)
    install: ClassVar[str] = "pip install 'optathlon[yahpo]'"
    data: ClassVar[str] = files.REMEDY

    def ids(self) -> Iterator[str]:
        """Every score of every instance whose scenario is in the data folder, and upstream's multi-objective suite."""
        suite = files.multi_objective_suite()
        for scenario in files.available():
            for instance in files.instances(scenario):
                for target in SCENARIOS[scenario].scores:
                    yield f"{self.name}/{scenario}/{instance}/{target}"
                for targets in suite.get((scenario, instance), ()):
                    yield f"{self.name}/{scenario}/{instance}/{'+'.join(targets)}"

    def make(self, id: str) -> Task:
        """The task of that id, with any objectives; `MissingData` where the scenario's data is absent."""
        match id.split("/"):
            case [self.name, scenario, instance, joined] if scenario in SCENARIOS:
                targets = tuple(joined.split("+"))
                exist = len(set(targets)) == len(targets) and set(targets) <= set(SCENARIOS[scenario].objectives)
                if exist and instance in files.instances(scenario):
                    files.require_complete(scenario, statistics=len(targets) > 1)
                    return YahpoTask(id, scenario, instance, targets)
        raise KeyError(id)


def _metric(target: str) -> str:
    """A target as a metric: test scores by their own name, `"test/cross_entropy"`."""
    return f"test/{target.removeprefix('test_')}" if target.startswith("test_") else target
