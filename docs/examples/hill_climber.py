"""A method that is not written in Python, and what Optathlon has to know of it."""

from optathlon import Capability
from optathlon.remote import CommandOptimizer


class HillClimber(CommandOptimizer):
    """A (1+1) evolution strategy in JavaScript: change one value of the best configuration, keep what is no worse."""

    command = ("node", "hill_climber.js")
    capabilities = frozenset({Capability.CATEGORICALS, Capability.CONSTANT_SPACES, Capability.ASYNCHRONOUS})
