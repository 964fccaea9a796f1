"""What is declared of Gradient-Free-Optimizers; `child.py` runs it."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Gt, Lt

from optathlon.optimizer import Capability, Pending
from optathlon.options import Count, Plural, Positive, Share
from optathlon.problem import Problem
from optathlon.remote import Environment, EnvironmentOptimizer, Timeout

ENVIRONMENT = Environment(
    "gfo",
    (
        "gradient-free-optimizers==1.13.0",
        "numpy==2.4.6",
        "pandas==2.3.3",
        "python-dateutil==2.9.0.post0",
        "pytz==2026.6",
        "tzdata==2026.6",
    ),
)

Boundary = Literal["clip", "reflect", "periodic", "random", "intermediate"]
"""What becomes of a step beyond a bound."""

Distribution = Literal["normal", "laplace", "gumbel", "logistic"]
"""How the length of a step is distributed."""

Decay = Annotated[float, Gt(0), Lt(1)]
"""By which a length is multiplied, time and again."""

Factor = Annotated[float, Gt(0), Lt(float("inf"))]
"""Any positive number."""


class _GFO(EnvironmentOptimizer):
    """An optimizer of the library, whose `search` runs in a thread of its own; failed trials are told as NaN.

    The library has no logarithmic scale: such hyperparameters are searched as logarithms to base 10.
    """

    environment = ENVIRONMENT
    _script: ClassVar[str] = "child.py"
    capabilities = frozenset({Capability.CATEGORICALS})
    pending = Pending.WAITS
    reference = "Blanke (2020), https://github.com/SimonBlanke/Gradient-Free-Optimizers"

    _optimizer: ClassVar[str]

    def __init__(
        self, problem: Problem, seed: int, *, init_spread: int, init_random: int, timeout: float, **own: Any
    ) -> None:
        initialize = {"grid": init_spread, "random": init_random, "vertices": init_spread}
        options = {"optimizer": self._optimizer, "initialize": initialize, **own}
        super().__init__(problem, seed, options=options, timeout=timeout)


class GFOHillClimbing(_GFO):
    """Hill climbing: random steps from the best configuration; choices change now and then.

    Parameters
    ----------
    epsilon:
        The length of a step, as a share of each range, and the probability that a choice changes.
    distribution:
        How the length of a step is distributed.
    boundary:
        What becomes of a step beyond a bound.
    init_spread:
        How many points of a grid, and how many corners of the space, are evaluated first.
    init_random:
        How many random configurations are evaluated after them.
    timeout:
        Seconds that it may take for a proposal.
    """

    _optimizer: ClassVar[str] = "HillClimbingOptimizer"

    def __init__(
        self,
        problem: Problem,
        seed: int,
        *,
        epsilon: Share = 0.03,
        distribution: Distribution = "normal",
        boundary: Boundary = "clip",
        init_spread: Count = 4,
        init_random: Positive = 2,
        timeout: Timeout = 3600.0,
    ) -> None:
        super().__init__(
            problem,
            seed,
            init_spread=init_spread,
            init_random=init_random,
            timeout=timeout,
            epsilon=epsilon,
            distribution=distribution,
            boundary=boundary,
        )


class GFORepulsing(_GFO):
    """Repulsing hill climbing: a step that is no better makes the next one longer.

    Parameters
    ----------
    repulsion_factor:
        By how much it is longer.
    epsilon, distribution, boundary, init_spread, init_random, timeout:
        As of `gfo-hill-climbing`.
    """

    _optimizer: ClassVar[str] = "RepulsingHillClimbingOptimizer"

    def __init__(
        self,
        problem: Problem,
        seed: int,
        *,
        repulsion_factor: Factor = 5.0,
        epsilon: Share = 0.03,
        distribution: Distribution = "normal",
        boundary: Boundary = "clip",
        init_spread: Count = 4,
        init_random: Positive = 2,
        timeout: Timeout = 3600.0,
    ) -> None:
        super().__init__(
            problem,
            seed,
            init_spread=init_spread,
            init_random=init_random,
            timeout=timeout,
            repulsion_factor=repulsion_factor,
            epsilon=epsilon,
            distribution=distribution,
            boundary=boundary,
        )


class GFORandomAnnealing(_GFO):
    """Random annealing: hill climbing whose steps get shorter with a falling temperature.

    Parameters
    ----------
    start_temp:
        The first temperature: by how much steps are longer than `epsilon`.
    annealing_rate:
        By which the temperature is multiplied after each trial.
    epsilon, distribution, boundary, init_spread, init_random, timeout:
        As of `gfo-hill-climbing`.
    """

    _optimizer: ClassVar[str] = "RandomAnnealingOptimizer"

    def __init__(
        self,
        problem: Problem,
        seed: int,
        *,
        start_temp: Factor = 10.0,
        annealing_rate: Decay = 0.98,
        epsilon: Share = 0.03,
        distribution: Distribution = "normal",
        boundary: Boundary = "clip",
        init_spread: Count = 4,
        init_random: Positive = 2,
        timeout: Timeout = 3600.0,
    ) -> None:
        super().__init__(
            problem,
            seed,
            init_spread=init_spread,
            init_random=init_random,
            timeout=timeout,
            start_temp=start_temp,
            annealing_rate=annealing_rate,
            epsilon=epsilon,
            distribution=distribution,
            boundary=boundary,
        )


class GFOParallelTempering(_GFO):
    """Parallel tempering (Swendsen & Wang 1986): annealings at several temperatures, which they exchange.

    Parameters
    ----------
    population:
        How many annealings.
    n_iter_swap:
        After how many trials of each they exchange temperatures.
    boundary, init_spread, init_random, timeout:
        As of `gfo-hill-climbing`.
    """

    reference = "Swendsen & Wang (1986), doi:10.1103/PhysRevLett.57.2607"
    _optimizer: ClassVar[str] = "ParallelTemperingOptimizer"

    def __init__(
        self,
        problem: Problem,
        seed: int,
        *,
        population: Plural = 5,
        n_iter_swap: Positive = 5,
        boundary: Boundary = "clip",
        init_spread: Count = 4,
        init_random: Positive = 2,
        timeout: Timeout = 3600.0,
    ) -> None:
        super().__init__(
            problem,
            seed,
            init_spread=init_spread,
            init_random=init_random,
            timeout=timeout,
            population=population,
            n_iter_swap=n_iter_swap,
            boundary=boundary,
        )


class GFOSpiral(_GFO):
    """Spiral optimisation (Tamura & Yasuda 2011): points turn around the best one and draw near to it.

    Parameters
    ----------
    population:
        How many points.
    decay_rate:
        By which their distance is multiplied at each turn.
    boundary, init_spread, init_random, timeout:
        As of `gfo-hill-climbing`.
    """

    reference = "Tamura & Yasuda (2011), doi:10.20965/jaciii.2011.p1116"
    _optimizer: ClassVar[str] = "SpiralOptimization"

    def __init__(
        self,
        problem: Problem,
        seed: int,
        *,
        population: Plural = 10,
        decay_rate: Decay = 0.99,
        boundary: Boundary = "clip",
        init_spread: Count = 4,
        init_random: Positive = 2,
        timeout: Timeout = 3600.0,
    ) -> None:
        super().__init__(
            problem,
            seed,
            init_spread=init_spread,
            init_random=init_random,
            timeout=timeout,
            population=population,
            decay_rate=decay_rate,
            boundary=boundary,
        )


class GFOPowell(_GFO):
    """Powell's method (Powell 1964): line searches along directions that become conjugate, then random search.

    Parameters
    ----------
    iters_p_dim:
        How many trials a line search has.
    line_search:
        Evenly spaced points, a golden-section search, or hill climbing.
    boundary, init_spread, init_random, timeout:
        As of `gfo-hill-climbing`.
    """

    capabilities = frozenset()
    reference = "Powell (1964), doi:10.1093/comjnl/7.2.155"
    _optimizer: ClassVar[str] = "PowellsMethod"

    def __init__(
        self,
        problem: Problem,
        seed: int,
        *,
        iters_p_dim: Plural = 10,
        line_search: Literal["grid", "golden", "hill_climb"] = "grid",
        boundary: Boundary = "clip",
        init_spread: Count = 4,
        init_random: Positive = 2,
        timeout: Timeout = 3600.0,
    ) -> None:
        super().__init__(
            problem,
            seed,
            init_spread=init_spread,
            init_random=init_random,
            timeout=timeout,
            iters_p_dim=iters_p_dim,
            line_search=line_search,
            boundary=boundary,
        )


class GFOPatternSearch(_GFO):
    """Pattern search (Hooke & Jeeves 1961): points around the best one along the axes, which draw nearer.

    Parameters
    ----------
    n_positions:
        How many points a pattern has, before it is laid again, from the beginning.
    pattern_size:
        The length of its arms, as a share of each range.
    reduction:
        By which it is multiplied where no point is better.
    boundary, init_spread, init_random, timeout:
        As of `gfo-hill-climbing`.
    """

    capabilities = frozenset()
    reference = "Hooke & Jeeves (1961), doi:10.1145/321062.321069"
    _optimizer: ClassVar[str] = "PatternSearch"

    def __init__(
        self,
        problem: Problem,
        seed: int,
        *,
        n_positions: Positive = 4,
        pattern_size: Share = 0.25,
        reduction: Decay = 0.9,
        boundary: Boundary = "clip",
        init_spread: Count = 4,
        init_random: Positive = 2,
        timeout: Timeout = 3600.0,
    ) -> None:
        super().__init__(
            problem,
            seed,
            init_spread=init_spread,
            init_random=init_random,
            timeout=timeout,
            n_positions=n_positions,
            pattern_size=pattern_size,
            reduction=reduction,
            boundary=boundary,
        )
