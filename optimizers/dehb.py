"""DEHB (Awad et al. 2021): Hyperband, whose configurations differential evolution makes of those that went before."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal

from optathlon.continuing import Finished
from optathlon.fidelity import Schedule, asked_level
from optathlon.optimizer import Capability, Optimizer, Pending
from optathlon.options import Probability, Reduction, Share
from optathlon.problem import Problem
from optathlon.trial import Result, Trial

if TYPE_CHECKING:
    from dehb import DEHB


class Dehb(Optimizer):
    """DEHB, driven by its ask and tell: a sub-population per level, and brackets of Hyperband (Li et al. 2018).

    Only in its first round of brackets a configuration goes on to higher levels, and names the trial that it continues;
    later on each level evolves its own from the best of the level below. It sees vectors in [0, 1]^d, of which
    ConfigSpace strips what is inactive. While a bracket waits for results, the next one begins. Failed trials are told
    with their imputed loss.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    eta:
        One in `eta` configurations goes on to the next level, which is `eta` times as high.
    mutation_factor:
        Weight of the difference of two individuals.
    crossover_prob:
        Probability that a coordinate is the mutant's.
    strategy:
        What is mutated (a random individual, the best one, ...), and with how many differences.
    """

    capabilities = frozenset(
        {
            Capability.MULTI_FIDELITY,
            Capability.RESUMABLE,
            Capability.CATEGORICALS,
            Capability.CONDITIONS,
            Capability.ASYNCHRONOUS,
        }
    )
    requires = frozenset({Capability.MULTI_FIDELITY})
    packages = ("dehb", "distributed", "loguru")
    install = "pip install 'optathlon[dehb]' && pip install --no-deps dehb==0.1.2"
    schedule = Schedule.BRACKETS
    pending = Pending.IGNORES
    reference = "Awad et al. 2021, arXiv:2105.09821"

    def __init__(
        self,
        problem: Problem,
        seed: int,
        *,
        eta: Reduction = 3,
        mutation_factor: Share = 0.5,
        crossover_prob: Probability = 0.5,
        strategy: Literal["rand1_bin", "rand2dir_bin", "best1_bin", "currenttobest1_bin", "randtobest1_bin"] = (
            "rand1_bin"
        ),
    ) -> None:
        assert problem.fidelity is not None
        self._fidelity = problem.fidelity
        self._finished = Finished(problem.fidelity)
        with warnings.catch_warnings(), TemporaryDirectory(prefix="optathlon-dehb-") as folder:
            warnings.simplefilter("ignore")
            self._dehb = _silent(Path(folder))(
                cs=problem.space,
                min_fidelity=problem.fidelity.lower,
                max_fidelity=problem.fidelity.upper,
                eta=eta,
                mutation_factor=mutation_factor,
                crossover_prob=crossover_prob,
                strategy=strategy,
                seed=seed,
                n_workers=1,
                save_freq="end",
            )

    @classmethod
    def objection(cls, problem: Problem) -> str:
        """DEHB refuses a fidelity that is none."""
        fidelity = problem.fidelity
        if fidelity is None or fidelity.lower < fidelity.upper:
            return ""
        return f"DEHB needs two levels at least, and {fidelity.name} has one"

    def ask(self) -> Trial:
        """The next configuration of a bracket that doesn't wait, or the first one of a new bracket."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            job = self._dehb.ask()
        level = asked_level(self._fidelity, float(job["fidelity"]))
        parent = self._finished.parent(int(job["config_id"]), level)
        return Trial(dict(job["config"]), fidelity=level, parent=parent, native=job)

    def tell(self, trial: Trial, result: Result) -> None:
        """Let the configuration take its parent's place if it is not worse."""
        self._dehb.tell(trial.native, {"fitness": result.losses[0], "cost": result.cost or 0.0})
        self._finished.note(int(trial.native["config_id"]), trial, result)


def _silent(folder: Path) -> type[DEHB]:
    """DEHB without its logger, which would set up loguru for the whole process and begin a file.

    It makes sure that `folder` exists, and writes nothing there.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from dehb import DEHB

    class Silent(DEHB):  # type: ignore[misc, unused-ignore]
        def _setup_logger(self, resume: bool, kwargs: dict[str, Any]) -> None:
            self.output_path = folder
            self.logger = logging.getLogger("dehb")

    return Silent
