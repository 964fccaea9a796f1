"""The library bayesian-optimization, in an environment of its own: Nevergrad pins an older version of it."""

from optathlon.optimizers.bayesopt.adapter import BayesOptGP

__all__ = ["BayesOptGP"]
