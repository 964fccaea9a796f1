"""An optimizer of one's own; `optathlon check my_optimizer.py` says whether it does what is needed."""

from __future__ import annotations

import random

from ConfigSpace.util import get_random_neighbor

from optathlon import Capability, Optimizer, Problem, Result, Trial


class MyOptimizer(Optimizer):
    """Local search with restarts: say here in one line what your method is."""

    # What the method can represent. A task that calls for more is skipped, with the reason. There are also
    # MULTI_FIDELITY, RESUMABLE, MULTI_OBJECTIVE, CONSTRAINTS, and ASYNCHRONOUS (asked while trials are pending).
    capabilities = frozenset({Capability.CATEGORICALS, Capability.CONDITIONS, Capability.FORBIDDENS})

    # The packages that it needs, as they are imported, and the command that installs them. Import them in __init__.
    packages = ()
    install = ""

    # Keyword arguments are options: -o 'my_optimizer.py:MyOptimizer[restarts=0.2]'
    def __init__(self, problem: Problem, seed: int, *, restarts: float = 0.1) -> None:
        # problem.space       a ConfigSpace.ConfigurationSpace, yours to seed; `optathlon.encoding` translates it
        # problem.objectives  one or several; what you are told is to be minimised, whatever their direction
        # problem.fidelity    None, or what has .lower and .upper
        # problem.budget      .evaluations is how many full evaluations there will be, or None
        self.space = problem.space
        self.space.seed(seed)
        self.random = random.Random(seed)  # all randomness comes from the seed
        self.restarts = restarts
        self.best = self.space.sample_configuration()
        self.best_loss = float("inf")

    def ask(self) -> Trial:
        """Propose a configuration: a mapping of names to values; inactive hyperparameters are stripped."""
        if self.best_loss == float("inf") or self.random.random() < self.restarts:
            config = self.space.sample_configuration()
        else:
            config = get_random_neighbor(self.best, self.random.randrange(2**31))
        # Multi-fidelity: Trial(config, fidelity=level) with problem.fidelity.lower <= level <= problem.fidelity.upper.
        # RESUMABLE: Trial(config, fidelity=level, parent=id) continues the trial of that id at a higher level.
        # Return None to wait for pending results; raise optathlon.SearchSpaceExhausted where nothing is left to try.
        return Trial(config, native=config)

    def tell(self, trial: Trial, result: Result) -> None:
        """Learn a result; `trial.native` is what `ask` has put there, and `trial.id` is known by now."""
        # result.losses are finite, also of a failed trial: the worst so far. result.ok says whether it succeeded.
        # Multi-objective: there is one loss per objective. CONSTRAINTS: result.constraints are feasible where <= 0.
        if result.losses[0] <= self.best_loss:
            self.best, self.best_loss = trial.native, result.losses[0]
