"""SMAC3's facades (Lindauer et al. 2022): Gaussian process, random forests, Hyperband with and without a forest.

Its `RandomFacade` is random search where nothing is evaluated twice, and not here.

Several objectives are scalarised by ParEGO (Knowles 2006), in place of the facades' fixed mean, which aims at one
point of the front only. SMAC repeats itself in another process only where `PYTHONHASHSEED` is fixed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal

from optathlon.encoding import tempered
from optathlon.errors import SearchSpaceExhausted
from optathlon.fidelity import Schedule, asked_level
from optathlon.optimizer import Capability, Optimizer
from optathlon.options import Plural, Positive, Probability, Share
from optathlon.problem import Fidelity, Problem
from optathlon.space import count_configurations
from optathlon.trial import Result, Status, Trial

if TYPE_CHECKING:
    from ConfigSpace import Configuration
    from smac import Scenario
    from smac.facade.abstract_facade import AbstractFacade
    from smac.runhistory import TrialInfo


_LARGEST = 1e300
"""Losses beyond are on a logarithmic scale: SMAC computes their range."""
_DEFAULT_TRIALS = 100
"""SMAC's own, where the budget counts something else."""
_CONFIGURATIONS_PER_TRIAL = 4
"""A space is small where it has no more of them: then SMAC may well come upon known configurations."""
_RETRIES = 16
"""SMAC's default."""
_RETRIES_PER_CONFIGURATION = 10
"""By so many random draws of one in n, the last one is missed with a probability of exp(-10)."""


class _SmacOptimizer(Optimizer):
    """A facade driven by ask and tell; failed trials are told with their status and the imputed losses."""

    capabilities = frozenset(
        {
            Capability.MULTI_OBJECTIVE,
            Capability.CATEGORICALS,
            Capability.CONDITIONS,
            Capability.FORBIDDENS,
            Capability.CONSTANT_SPACES,
            Capability.ASYNCHRONOUS,
        }
    )
    packages = ("smac",)
    install = "pip install 'optathlon[smac]'"

    _facade: AbstractFacade
    _untried: int | None = None
    """How many configurations of a small space it has not proposed yet: each is proposed once."""

    def ask(self) -> Trial | None:
        """The intensifier's next trial; `None` where SMAC finds no new configuration."""
        if self._untried == 0:
            raise SearchSpaceExhausted("every configuration was proposed")
        info = self._next()
        if info is not None and self._untried is not None:
            self._untried -= 1
        return None if info is None else Trial(dict(info.config), native=info)

    def tell(self, trial: Trial, result: Result) -> None:
        """Add the result to the run history; nothing is written to disk."""
        from smac.runhistory import StatusType, TrialValue

        statuses = {
            Status.OK: StatusType.SUCCESS,
            Status.TIMEOUT: StatusType.TIMEOUT,
            Status.MEMORY: StatusType.MEMORYOUT,
        }
        losses = [tempered(loss, _LARGEST) for loss in result.losses]
        value = TrialValue(
            cost=losses if len(losses) > 1 else losses[0],
            time=result.cost or 0.0,
            status=statuses.get(result.status, StatusType.CRASHED),
        )
        self._facade.tell(trial.native, value, save=False)

    def _next(self) -> TrialInfo | None:
        from smac.main.exceptions import ConfigurationSpaceExhaustedException

        try:
            return self._facade.ask()
        except (StopIteration, ConfigurationSpaceExhaustedException):
            return None


class SmacBlackBox(_SmacOptimizer):
    """`BlackBoxFacade`: a Gaussian process, for few dimensions and expensive evaluations.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    acquisition:
        Expected improvement, probability of improvement or lower confidence bound.
    model:
        `"vanilla"` maximises the marginal likelihood, `"mcmc"` integrates over the kernel's hyperparameters.
    initial_per_dimension:
        Sobol' configurations per hyperparameter in the initial design.
    initial_share:
        The share of the budget, in (0, 1], that the initial design may use at most.
    random_share:
        The probability of a random configuration in place of the model's.
    """

    reference = "Lindauer et al. 2022, https://jmlr.org/papers/v23/21-0888.html"

    def __init__(
        self,
        problem: Problem,
        seed: int,
        *,
        acquisition: Literal["ei", "pi", "lcb"] = "ei",
        model: Literal["vanilla", "mcmc"] = "vanilla",
        initial_per_dimension: Positive = 8,
        initial_share: Share = 0.25,
        random_share: Probability = 0.08447232371720552,
    ) -> None:
        from smac import BlackBoxFacade
        from smac.acquisition.function import EI, LCB, PI

        functions = {"ei": EI, "pi": PI, "lcb": LCB}
        self._untried = _size_of_small(problem)
        with _scenario(problem, seed, **_trials(problem)) as scenario:
            self._facade = BlackBoxFacade(
                scenario,
                model=BlackBoxFacade.get_model(scenario, model_type=model),
                acquisition_function=functions[acquisition](),
                initial_design=BlackBoxFacade.get_initial_design(
                    scenario, n_configs_per_hyperparameter=initial_per_dimension, max_ratio=initial_share
                ),
                random_design=BlackBoxFacade.get_random_design(scenario, probability=random_share),
                config_selector=BlackBoxFacade.get_config_selector(scenario, retries=_retries(self._untried)),
                **_common(scenario),
            )


class SmacHPO(_SmacOptimizer):
    """`HyperparameterOptimizationFacade`: a random forest on log-scaled losses, for mixed and conditional spaces.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    n_trees:
        Trees of the random forest.
    initial_per_dimension:
        Sobol' configurations per hyperparameter in the initial design.
    initial_share:
        The share of the budget, in (0, 1], that the initial design may use at most.
    random_share:
        The probability of a random configuration in place of the model's.
    retrain_after:
        Configurations proposed from one fit of the model.
    """

    reference = "Lindauer et al. 2022, https://jmlr.org/papers/v23/21-0888.html"

    def __init__(
        self,
        problem: Problem,
        seed: int,
        *,
        n_trees: Positive = 10,
        initial_per_dimension: Positive = 10,
        initial_share: Share = 0.25,
        random_share: Probability = 0.2,
        retrain_after: Positive = 8,
    ) -> None:
        from smac import HyperparameterOptimizationFacade as HPOFacade

        self._untried = _size_of_small(problem)
        with _scenario(problem, seed, **_trials(problem)) as scenario:
            self._facade = HPOFacade(
                scenario,
                model=HPOFacade.get_model(scenario, n_trees=n_trees),
                initial_design=HPOFacade.get_initial_design(
                    scenario, n_configs_per_hyperparameter=initial_per_dimension, max_ratio=initial_share
                ),
                random_design=HPOFacade.get_random_design(scenario, probability=random_share),
                config_selector=HPOFacade.get_config_selector(
                    scenario, retrain_after=retrain_after, retries=_retries(self._untried)
                ),
                **_common(scenario),
            )


class SmacAlgorithmConfiguration(_SmacOptimizer):
    """`AlgorithmConfigurationFacade`: SMAC as it was published, a random forest on raw losses, and half at random.

    It starts from the default configuration.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    n_trees:
        Trees of the random forest.
    random_share:
        The probability of a random configuration in place of the model's.
    """

    reference = "Hutter et al. 2011, doi:10.1007/978-3-642-25566-3_40"

    def __init__(self, problem: Problem, seed: int, *, n_trees: Positive = 10, random_share: Probability = 0.5) -> None:
        from smac import AlgorithmConfigurationFacade as ACFacade

        self._untried = _size_of_small(problem)
        with _scenario(problem, seed, **_trials(problem)) as scenario:
            self._facade = ACFacade(
                scenario,
                model=ACFacade.get_model(scenario, n_trees=n_trees),
                random_design=ACFacade.get_random_design(scenario, probability=random_share),
                config_selector=ACFacade.get_config_selector(scenario, retries=_retries(self._untried)),
                **_common(scenario),
            )


class _SmacHyperbandOptimizer(_SmacOptimizer):
    """A facade that runs Hyperband (Li et al. 2018).

    Levels are those of Hyperband, upper * eta**-i; an integer fidelity gets the nearest integer, one with declared
    levels the highest that is not above, and SMAC its own level back. A promoted configuration names the trial it
    continues. Several objectives are not declared: SMAC fails where incumbents of two objectives stand at different
    levels.
    """

    capabilities = _SmacOptimizer.capabilities - {Capability.MULTI_OBJECTIVE} | {
        Capability.MULTI_FIDELITY,
        Capability.RESUMABLE,
    }
    requires = frozenset({Capability.MULTI_FIDELITY})
    schedule = Schedule.BRACKETS

    def __init__(self, problem: Problem, seed: int) -> None:
        assert problem.fidelity is not None
        self._fidelity = problem.fidelity
        self._evaluated: dict[Configuration, int] = {}

    def ask(self) -> Trial | None:
        """The next trial of the running brackets, or the first of a new one."""
        info = self._next()
        if info is None:
            return None
        assert info.budget is not None
        level = asked_level(self._fidelity, float(info.budget))
        parent = self._evaluated.get(info.config) if self._fidelity.resumable else None
        return Trial(dict(info.config), fidelity=level, parent=parent, native=info)

    def tell(self, trial: Trial, result: Result) -> None:
        """Add the result to the run history."""
        super().tell(trial, result)
        if result.ok:
            self._evaluated[trial.native.config] = trial.id


class SmacMultiFidelity(_SmacHyperbandOptimizer):
    """`MultiFidelityFacade`: Hyperband (Li et al. 2018) over configurations that a random forest proposes.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    eta:
        One in `eta` configurations goes on to the next level, which is `eta` times as high.
    n_trees:
        Trees of the random forest.
    initial_per_dimension:
        Random configurations per hyperparameter before the first model.
    initial_share:
        The share of the trials, in (0, 1], that the initial design may use at most.
    retrain_after:
        Configurations proposed from one fit of the model.
    """

    reference = "Lindauer et al. 2022, https://jmlr.org/papers/v23/21-0888.html"

    def __init__(
        self,
        problem: Problem,
        seed: int,
        *,
        eta: Plural = 3,
        n_trees: Positive = 10,
        initial_per_dimension: Positive = 10,
        initial_share: Share = 0.25,
        retrain_after: Positive = 8,
    ) -> None:
        from smac import MultiFidelityFacade

        super().__init__(problem, seed)
        with _scenario(problem, seed, **_hyperband_trials(problem, self._fidelity, eta)) as scenario:
            self._facade = MultiFidelityFacade(
                scenario,
                model=MultiFidelityFacade.get_model(scenario, n_trees=n_trees),
                initial_design=MultiFidelityFacade.get_initial_design(
                    scenario, n_configs_per_hyperparameter=initial_per_dimension, max_ratio=initial_share
                ),
                intensifier=MultiFidelityFacade.get_intensifier(scenario, eta=eta),
                config_selector=MultiFidelityFacade.get_config_selector(scenario, retrain_after=retrain_after),
                **_common(scenario),
            )


class SmacSuccessiveHalving(_SmacHyperbandOptimizer):
    """Successive halving (Jamieson & Talwalkar 2016) over random configurations: `HyperbandFacade`, its lowest bracket.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    eta:
        One in `eta` configurations goes on to the next level, which is `eta` times as high.
    """

    reference = "Jamieson & Talwalkar 2016, arXiv:1502.07943"

    def __init__(self, problem: Problem, seed: int, *, eta: Plural = 3) -> None:
        from smac import HyperbandFacade
        from smac.intensifier import SuccessiveHalving

        super().__init__(problem, seed)
        with _scenario(problem, seed, **_hyperband_trials(problem, self._fidelity, eta)) as scenario:
            self._facade = HyperbandFacade(
                scenario, intensifier=SuccessiveHalving(scenario, eta=eta), **_common(scenario)
            )


class SmacHyperband(_SmacHyperbandOptimizer):
    """`HyperbandFacade`: Hyperband (Li et al. 2018) over random configurations, without a model.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    eta:
        One in `eta` configurations goes on to the next level, which is `eta` times as high.
    """

    reference = "Li et al. 2018, https://jmlr.org/papers/v18/16-558.html"

    def __init__(self, problem: Problem, seed: int, *, eta: Plural = 3) -> None:
        from smac import HyperbandFacade

        super().__init__(problem, seed)
        with _scenario(problem, seed, **_hyperband_trials(problem, self._fidelity, eta)) as scenario:
            self._facade = HyperbandFacade(
                scenario, intensifier=HyperbandFacade.get_intensifier(scenario, eta=eta), **_common(scenario)
            )


@contextmanager
def _scenario(problem: Problem, seed: int, **settings: Any) -> Iterator[Scenario]:
    """A scenario in a folder that lives while the facade is built: SMAC writes there then, and not in ask or tell."""
    from smac import Scenario

    names = [objective.name for objective in problem.objectives]
    with TemporaryDirectory(prefix="optathlon-smac-") as folder:
        yield Scenario(
            problem.space,
            name="run",
            output_directory=Path(folder),
            deterministic=True,
            objectives=names if len(names) > 1 else names[0],
            seed=seed,
            **settings,
        )


def _common(scenario: Scenario) -> dict[str, Any]:
    """What all facades share: ParEGO, and logging as the user has set it up."""
    from smac.multi_objective import ParEGO

    algorithm = ParEGO(scenario) if scenario.count_objectives() > 1 else None
    return {"multi_objective_algorithm": algorithm, "logging_level": False, "overwrite": True}


def _size_of_small(problem: Problem) -> int | None:
    """How many configurations the space has, where the budget allows to try a good part of them."""
    trials = _trials(problem).get("n_trials", _DEFAULT_TRIALS)
    return count_configurations(problem.space, most=_CONFIGURATIONS_PER_TRIAL * trials)


def _retries(untried: int | None) -> int:
    """How often SMAC may come upon known configurations before it gives up: enough to find the last of a small space.

    SMAC's default is enough elsewhere, and lets it give up after three in four configurations of a small space.
    """
    return _RETRIES if untried is None else max(_RETRIES, _RETRIES_PER_CONFIGURATION * untried)


def _trials(problem: Problem) -> dict[str, int]:
    """How many trials the budget allows; SMAC's default where the budget counts something else."""
    evaluations = problem.budget.evaluations
    return {} if evaluations is None else {"n_trials": max(1, int(evaluations))}


def _hyperband_trials(problem: Problem, fidelity: Fidelity, eta: int) -> dict[str, float]:
    """The range of levels, and how many trials of Hyperband the budget allows, by SMAC's own reckoning."""
    from smac.intensifier.hyperband_utils import get_n_trials_for_hyperband_multifidelity

    levels = {"min_budget": fidelity.lower, "max_budget": fidelity.upper}
    evaluations = problem.budget.evaluations
    if evaluations is None:
        return levels
    trials = get_n_trials_for_hyperband_multifidelity(
        evaluations * fidelity.upper, fidelity.lower, fidelity.upper, eta, print_summary=False
    )
    return levels | {"n_trials": max(1, trials)}
