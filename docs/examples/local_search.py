"""A method of one's own: check it with `optathlon check docs/examples/local_search.py:LocalSearch`."""

from ConfigSpace.util import get_random_neighbor

from optathlon import Capability, Optimizer, Problem, Result, Trial


class LocalSearch(Optimizer):
    """Random local search: move to a random neighbour whenever it is no worse."""

    capabilities = frozenset({Capability.CATEGORICALS, Capability.CONDITIONS, Capability.FORBIDDENS})

    def __init__(self, problem: Problem, seed: int) -> None:
        problem.space.seed(seed)
        self.best, self.loss, self.seed = problem.space.sample_configuration(), float("inf"), seed

    def ask(self) -> Trial:
        self.seed += 1
        config = self.best if self.loss == float("inf") else get_random_neighbor(self.best, self.seed)
        return Trial(config, native=config)

    def tell(self, trial: Trial, result: Result) -> None:
        if result.losses[0] <= self.loss:
            self.best, self.loss = trial.native, result.losses[0]
