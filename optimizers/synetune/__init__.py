"""Syne Tune's searchers and its schedulers that stop trials early (Salinas et al. 2022), without one of its backends.

The search space is the one that a Syne Tune user writes; it is flat. Failed trials are told as errors: the searchers
learn nothing from them. Its population-based training (Jaderberg et al. 2017) is not here, as it continues a trial with
another configuration, nor are its Gaussian processes by BoTorch, which put a random configuration in place of any model
that fails.
"""

from optathlon.optimizers.synetune.searchers import SyneTuneBore, SyneTuneCQR, SyneTuneREA, SyneTuneTPE
from optathlon.optimizers.synetune.stopping import (
    SyneTuneASHA,
    SyneTuneASHABore,
    SyneTuneASHACQR,
    SyneTuneBOHB,
    SyneTuneMedian,
)

__all__ = [
    "SyneTuneASHA",
    "SyneTuneASHABore",
    "SyneTuneASHACQR",
    "SyneTuneBOHB",
    "SyneTuneBore",
    "SyneTuneCQR",
    "SyneTuneMedian",
    "SyneTuneREA",
    "SyneTuneTPE",
]
