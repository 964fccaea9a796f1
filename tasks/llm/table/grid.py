"""The tables, and the grids of their configurations: over what matters most when the model of a setup is tuned."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from optathlon.tasks.llm.setup_names import SMOL, TINY

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

    from optathlon.tasks.llm.setups import Setup

VARIED = ("method", "learning_rate", "batch_size", "optimizer", "schedule", "rank")
"""What tells configurations apart."""
FIXED = {"warmup": 0.1, "weight_decay": 0.01}
FIXED_OF_LORA = {"alpha_over_rank": 2.0, "dropout": 0.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """The levels of each hyperparameter, in their order; the ranks are those of `lora`."""

    methods: tuple[str, ...]
    learning_rates: tuple[float, ...]
    batch_sizes: tuple[int, ...]
    optimizers: tuple[str, ...]
    schedules: tuple[str, ...]
    ranks: tuple[int, ...]

    def configurations(self) -> Iterator[dict[str, Any]]:
        """All of them, with active hyperparameters only."""
        shared = product(self.learning_rates, self.batch_sizes, self.optimizers, self.schedules)
        for rate, size, optimizer, schedule in shared:
            common = {"learning_rate": rate, "batch_size": size, "optimizer": optimizer, "schedule": schedule, **FIXED}
            for method in self.methods:
                if method == "full":
                    yield {"method": method, **common}
                else:
                    yield from ({"method": method, **common, "rank": rank, **FIXED_OF_LORA} for rank in self.ranks)

    def space(self) -> ConfigurationSpace:
        """Method, learning rate, batch size, optimizer and schedule; for LoRA the rank."""
        from ConfigSpace import Categorical, ConfigurationSpace, Constant, EqualsCondition, OrdinalHyperparameter

        space = ConfigurationSpace()
        method = Categorical("method", self.methods)
        rank = OrdinalHyperparameter("rank", self.ranks, default_value=_middle(self.ranks))
        of_lora = [Constant(name, value) for name, value in FIXED_OF_LORA.items()]
        space.add(
            method,
            OrdinalHyperparameter("learning_rate", self.learning_rates, default_value=1e-3),
            OrdinalHyperparameter("batch_size", self.batch_sizes, default_value=_middle(self.batch_sizes)),
            Categorical("optimizer", self.optimizers),
            Categorical("schedule", self.schedules),
            *(Constant(name, value) for name, value in FIXED.items()),
            rank,
            *of_lora,
        )
        if "full" in self.methods:
            space.add(*(EqualsCondition(one, method, "lora") for one in (rank, *of_lora)))
        return space


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A file of trials of `llm/sft` on a setup.

    Parameters
    ----------
    setup_name:
        Of the setup: what is tuned on what.
    tunings:
        In words.
    grids:
        Each holds the one before; they are measured one after the other.
    stored:
        The number of grids that are wholly in the file; the last of them is offered.
    seeds:
        Of the trials of each configuration.
    listed:
        The objectives of its tasks that are listed, several joined by `+`.
    """

    setup_name: str
    tunings: str
    grids: tuple[Grid, ...]
    stored: int
    seeds: tuple[int, ...]
    listed: tuple[str, ...]

    @property
    def name(self) -> str:
        """The second part of its ids, and the file's name without its ending."""
        return f"sft-{self.setup_name}"

    @property
    def setup(self) -> Setup:
        """The setup that was tuned."""
        from optathlon.tasks.llm.setup_files import load_setup

        return load_setup(self.setup_name)

    @property
    def epochs(self) -> int:
        """Of a full training."""
        return self.setup.epochs

    @property
    def grid(self) -> Grid:
        """What is offered."""
        return self.grids[self.stored - 1]

    def planned(self) -> Iterator[dict[str, Any]]:
        """The configurations of all grids, in the order in which they are measured."""
        yield from {str(config): config for grid in self.grids for config in grid.configurations()}.values()


def _middle(levels: tuple[int, ...]) -> int:
    return levels[len(levels) // 2]


def _growing(grid: Grid, *changes: Mapping[str, Any]) -> tuple[Grid, ...]:
    """A grid, and what it grows to by one change after the other."""
    grids = [grid]
    for change in changes:
        grids.append(replace(grids[-1], **change))
    return tuple(grids)


_TINY_GRID = Grid(
    methods=("full", "lora"),
    learning_rates=(3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1),
    batch_sizes=(8, 16, 32),
    optimizers=("adamw", "sgd"),
    schedules=("cosine", "constant"),
    ranks=(2, 8, 32),
)
_SMOL_GRIDS = _growing(
    Grid(
        methods=("lora",),
        learning_rates=(1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2),
        batch_sizes=(4,),
        optimizers=("adamw",),
        schedules=("linear",),
        ranks=(8,),
    ),
    {"schedules": ("linear", "constant")},
    {"ranks": (2, 8)},
    {"batch_sizes": (4, 8)},
    {"ranks": (2, 8, 32)},
    {"batch_sizes": (2, 4, 8)},
    {"learning_rates": (3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2)},
    {"learning_rates": (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1)},
)

_WITHOUT_CLOCK = ("win-rate", "exact-match", "loss", "lc-win-rate+length")

TABLES: Mapping[str, Table] = MappingProxyType(
    {
        table.name: table
        for table in (
            Table(
                setup_name=TINY,
                tunings="full and low-rank tunings of a tiny language model",
                grids=(_TINY_GRID,),
                stored=1,
                seeds=(0, 1),
                listed=(*_WITHOUT_CLOCK, "lc-win-rate+seconds"),
            ),
            Table(
                setup_name=SMOL,
                tunings="low-rank tunings of SmolLM2-135M-Instruct",
                grids=_SMOL_GRIDS,
                stored=8,
                seeds=(0,),
                listed=_WITHOUT_CLOCK,
            ),
        )
    }
)
"""By their names."""
