"""The functions that are listed: those that no other collection has.

Optima are BoTorch's, with more digits, but for those that its own optimizers or a local search beat.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from optathlon.tasks.botorch.entry import Entry

_MULTI_FIDELITY = 'Wu, Toscano-Palmerin, Frazier, Wilson (2019), "Practical Multi-Fidelity Bayesian Optimization"'
_MODELS = 'Chen et al. (2024), "A Latent Variable Approach for Non-Hierarchical Multi-Fidelity Adaptive Sampling"'
_MOMF = (
    'Irshad, Karsch, Döpp (2021), "Expected Hypervolume Improvement for Simultaneous Multi-Objective and '
    'Multi-Fidelity Optimization"'
)
_REAL = 'Tanabe, Ishibuchi (2020), "An Easy-to-Use Real-World Multi-Objective Optimization Problem Suite"'
_ROBUST = 'Deb, Gupta (2005), "Searching for Robust Pareto-Optimal Solutions in Multi-Objective Optimization"'

_FIXED: dict[str, tuple[str, int, float]] = {
    "beale": ("Beale", 2, 0.0),
    "branin": ("Branin", 2, 0.39788735772973816),
    "bukin": ("Bukin", 2, 0.0),
    "drop_wave": ("DropWave", 2, -1.0),
    "egg_holder": ("EggHolder", 2, -959.640662720851),
    "holder_table": ("HolderTable", 2, -19.20850256788675),
    "six_hump_camel": ("SixHumpCamel", 2, -1.0316284534898774),
    "three_hump_camel": ("ThreeHumpCamel", 2, 0.0),
}
"""Class, dimension and optimum."""

_STYBLINSKI_TANG = -39.16616570377142

_OF_ANY_DIMENSION: dict[str, tuple[str, dict[int, float]]] = {
    "ackley_mixed": ("AckleyMixed", {13: 0.0, 53: 0.0}),
    "dixon_price": ("DixonPrice", {2: 0.0, 5: 0.0, 10: 0.0}),
    "hartmann": ("Hartmann", {3: -3.862779786947598, 4: -3.1344941447601555, 6: -3.322368011415515}),
    "levy": ("Levy", {2: 0.0, 5: 0.0, 10: 0.0}),
    "michalewicz": ("Michalewicz", {2: -1.8013034100985537, 5: -4.687658179088148, 10: -9.660151715641348}),
    "powell": ("Powell", {4: 0.0, 8: 0.0}),
    "styblinski_tang": ("StyblinskiTang", {n: n * _STYBLINSKI_TANG for n in (2, 5, 10)}),
}
"""Class, and optimum by dimension."""

_SHEKEL = {5: -10.15319967905823, 7: -10.402915336777745, 10: -10.536443153483532}
"""Optimum by the number of peaks."""


def listed() -> Iterator[Entry]:
    """Every function in its usual dimensions."""
    yield from _functions()
    yield from _constrained()
    yield from _several_objectives()
    yield from _multi_fidelity()


def _functions() -> Iterator[Entry]:
    for name, (function, dimension, optimum) in _FIXED.items():
        yield _function(name, function, dimension, optimum=optimum)
    for name, (function, optima) in _OF_ANY_DIMENSION.items():
        for dimension, optimum in optima.items():
            integers = dimension - 3 if name == "ackley_mixed" else 0
            arguments = {"dim": dimension}
            yield _function(name, function, dimension, optimum=optimum, arguments=arguments, integers=integers)
    for peaks, optimum in _SHEKEL.items():
        yield _function(f"shekel{peaks}", "Shekel", 4, optimum=optimum, arguments={"m": peaks})
    yield _function("cosine8", "Cosine8", 8, optimum=0.8, direction="maximize")
    for dimension in (10, 30):
        yield Entry(
            name="trajectory",
            source="synthetic.TrajectoryPlanning",
            dimension=dimension,
            description=f"Minimise the way through obstacles of a path with {dimension // 2} waypoints from corner to "
            "corner.",
            arguments={"dim": dimension},
            domain="robotics",
            recommended=dimension == 30,
        )


def _function(name: str, function: str, dimension: int, **others: Any) -> Entry:
    verb = "Maximise" if others.get("direction") == "maximize" else "Minimise"
    return Entry(
        name=name,
        source=f"synthetic.{function}",
        dimension=dimension,
        description=f"{verb} the {function} function of {dimension} hyperparameters.",
        **others,
    )


def _constrained() -> Iterator[Entry]:
    yield _function("gramacy", "ConstrainedGramacy", 2, constraints=2, optimum=0.599788052)
    for dimension, optimum in ((3, -3.838521185981), (6, -3.322368011415515)):
        yield _function(
            "constrained_hartmann",
            "ConstrainedHartmann",
            dimension,
            constraints=1,
            arguments={"dim": dimension},
            optimum=optimum,
        )
    for dimension in (2, 10):
        yield _function("keane", "KeaneBumpFunction", dimension, constraints=2, arguments={"dim": dimension})
    yield Entry(
        name="welded_beam",
        source="synthetic.WeldedBeamSO",
        dimension=4,
        description="Minimise the cost of a welded beam by its four measures, within limits of stress, buckling and "
        "deflection.",
        citation='Coello Coello, Montes (2002), "Constraint-Handling in Genetic Algorithms Through the Use of '
        'Dominance-Based Tournament Selection"',
        domain="engineering",
        constraints=6,
        recommended=True,
    )
    yield Entry(
        name="spring",
        source="synthetic.TensionCompressionString",
        dimension=3,
        description="Minimise the weight of a spring by its wire, its diameter and its coils, within limits of "
        "deflection, stress and frequency.",
        citation='Hedar, Fukushima (2006), "Derivative-Free Filter Simulated Annealing Method for Constrained '
        'Continuous Global Optimization"',
        domain="engineering",
        constraints=4,
        optimum=0.012665232788,
        recommended=True,
    )
    yield Entry(
        name="speed_reducer",
        source="synthetic.SpeedReducer",
        dimension=7,
        description="Minimise the weight of a speed reducer by seven measures of its gears and shafts, under eleven "
        "constraints.",
        citation='Lemonge, Barbosa, Borges, Silva (2010), "Constrained Optimization Problems in Mechanical Engineering '
        'Design Using a Real-Coded Steady-State Genetic Algorithm"',
        domain="engineering",
        constraints=11,
        optimum=2996.348165,
        recommended=True,
    )


def _several_objectives() -> Iterator[Entry]:
    yield _objectives("branin_currin", "BraninCurrin", 2, reference=(18.0, 6.0))
    yield _objectives("constrained_branin_currin", "ConstrainedBraninCurrin", 2, reference=(80.0, 12.0), constraints=1)
    yield _objectives("constr", "CONSTR", 2, reference=(10.0, 10.0), constraints=2)
    yield _objectives("toy_robust", "ToyRobust", 1, reference=(-6.1397, -8.1942))
    areas = {1: 2 / 3, 2: 2 / 3, 3: 0.328449169794718, 4: None}
    for number, area in areas.items():
        yield _objectives(
            f"dh{number}",
            f"DH{number}",
            5,
            arguments={"dim": 5},
            citation=_ROBUST,
            reference=(1.1, 1.1),
            hypervolume=None if area is None else 1.1**2 - area,
        )
    yield _design(
        "vehicle_safety",
        "VehicleSafety",
        5,
        "Design the front of a car by five thicknesses: its mass, the acceleration in a crash and the intrusion into "
        "the footwell are minimised.",
        reference=(1864.72022, 11.81993945, 0.2903999384),
    )
    yield _design(
        "car_side_impact",
        "CarSideImpact",
        7,
        "Design the side of a car by seven thicknesses: its weight, the force on a passenger, the velocity of the "
        "pillar and the violation of limits are minimised.",
        reference=(45.4872, 4.5114, 13.3394, 10.3942),
    )
    yield _design(
        "disc_brake",
        "DiscBrake",
        4,
        "Design a disc brake by its radii, its force and its surfaces: mass and stopping time are minimised under four "
        "constraints.",
        reference=(5.7771, 3.9651),
        constraints=4,
    )
    yield Entry(
        name="penicillin",
        source="multi_objective.Penicillin",
        dimension=7,
        description="Control the fermentation of penicillin by seven settings: its negative yield, the carbon dioxide "
        "and the time in hours are minimised in a simulation.",
        citation='Liang, Lai (2021), "Scalable Bayesian Optimization Accelerates Process Optimization of Penicillin '
        'Production"',
        domain="chemistry",
        reference=(25.935, 57.612, 935.5),
        recommended=True,
    )


def _objectives(name: str, function: str, dimension: int, **others: Any) -> Entry:
    return Entry(
        name=name,
        source=f"multi_objective.{function}",
        dimension=dimension,
        description=f"{function}: two conflicting functions of {dimension} hyperparameters are minimised.",
        **others,
    )


def _design(name: str, function: str, dimension: int, description: str, **others: Any) -> Entry:
    return Entry(
        name=name,
        source=f"multi_objective.{function}",
        dimension=dimension,
        description=description,
        citation=_REAL,
        domain="engineering",
        recommended=True,
        **others,
    )


def _multi_fidelity() -> Iterator[Entry]:
    yield _augmented("augmented_branin", "AugmentedBranin", 2, optimum=0.39788735772973816)
    yield _augmented("augmented_hartmann", "AugmentedHartmann", 6, optimum=-3.322368011415515)
    yield _augmented("augmented_rosenbrock", "AugmentedRosenbrock", 5, optimum=0.0, arguments={"dim": 7}, fidelities=2)
    yield Entry(
        name="wing_weight",
        source="multi_fidelity.WingWeightMultiFidelity",
        dimension=10,
        description="Minimise the weight of a wing by ten measures, with four models of different cost.",
        citation=_MODELS,
        domain="engineering",
        fidelities=1,
        costs={1.0: 3.0, 10.0: 2.0, 100.0: 1.0, 1000.0: 0.0},
        optimum=123.25367170091783,
        recommended=True,
    )
    yield Entry(
        name="borehole",
        source="multi_fidelity.BoreholeMultiFidelity",
        dimension=8,
        description="Minimise the flow of water through a borehole by eight measures, with three models of different "
        "cost.",
        citation=_MODELS,
        domain="engineering",
        fidelities=1,
        costs={10.0: 2.0, 100.0: 1.0, 1000.0: 0.0},
        optimum=3.9854638032,
        recommended=True,
    )
    for name, function, dimension in (("momf_branin_currin", "BraninCurrin", 2), ("momf_park", "Park", 4)):
        yield Entry(
            name=name,
            source=f"multi_objective_multi_fidelity.MOMF{function}",
            dimension=dimension,
            description=f"{function}: two conflicting functions of {dimension} numbers are minimised, with a fidelity.",
            citation=_MOMF,
            fidelities=1,
            reference=(0.0, 0.0),
        )


def _augmented(name: str, function: str, dimension: int, *, fidelities: int = 1, **others: Any) -> Entry:
    return Entry(
        name=name,
        source=f"multi_fidelity.{function}",
        dimension=dimension,
        description=f"Minimise the {function} function of {dimension} numbers, with a fidelity.",
        citation=_MULTI_FIDELITY,
        fidelities=fidelities,
        **others,
    )
