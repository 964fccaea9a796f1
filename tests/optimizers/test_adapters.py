"""What holds for every built-in adapter: seeds, declared options, and loading no library before it is used."""

import inspect
import subprocess
import sys
from importlib import import_module
from importlib.metadata import entry_points
from typing import Literal, get_origin, get_type_hints

import pytest

from optathlon import Capability, Optimizer

ADAPTERS = {point.name: point.value for point in entry_points(group="optathlon.optimizers")}
EARLY_MODEL = {"hebo": {"n_initial": 2}, "optuna-gp": {"n_startup_trials": 2}}


def load(value):
    module, name = value.split(":")
    return getattr(import_module(module), name)


@pytest.mark.parametrize("name", ADAPTERS)
def test_same_seed_same_sequence(kit, name):
    optimizer_class = load(ADAPTERS[name])

    def sequence(seed):
        fidelity = kit.levels if Capability.MULTI_FIDELITY in optimizer_class.needs else None
        problem = kit.problem(kit.numeric_space(), budget=8, fidelity=fidelity)  # two initial trials, then the model
        optimizer = optimizer_class(problem, seed, **EARLY_MODEL.get(name, {}))
        return kit.configs(kit.drive(optimizer, problem, kit.flat_loss, 3))

    first = sequence(1)
    assert sequence(1) == first
    assert sequence(2) != first


@pytest.mark.parametrize("name", ADAPTERS)
def test_conditional_spaces_where_declared(kit, name):
    optimizer_class = load(ADAPTERS[name])
    if Capability.CONDITIONS not in optimizer_class.capabilities:
        pytest.skip(f"{name} does not declare conditions")
    fidelity = kit.levels if Capability.MULTI_FIDELITY in optimizer_class.needs else None
    problem = kit.problem(kit.conditional_space(), budget=8, fidelity=fidelity)
    kit.drive(optimizer_class(problem, 0), problem, kit.conditional_loss, 3)  # `drive` checks every proposal


@pytest.mark.parametrize("name", ADAPTERS)
def test_options_are_keywords_with_defaults_and_plain_types(name):
    optimizer_class = load(ADAPTERS[name])
    assert issubclass(optimizer_class, Optimizer)
    hints = get_type_hints(optimizer_class.__init__)
    _, problem, seed, *options = inspect.signature(optimizer_class.__init__).parameters.values()
    assert (problem.name, seed.name) == ("problem", "seed")
    for option in options:
        assert option.kind is inspect.Parameter.KEYWORD_ONLY
        assert option.default is not inspect.Parameter.empty
        hint = hints[option.name]
        assert get_origin(hint) is Literal or hint in (int, float, bool, int | None, float | None)


@pytest.mark.parametrize("name", ADAPTERS)
def test_nothing_public_but_the_interface(name):
    public = {key for key in dir(load(ADAPTERS[name])) if not key.startswith("_")}
    assert public == {key for key in dir(Optimizer) if not key.startswith("_")}


def test_importing_adapters_imports_no_library():
    modules = sorted({value.partition(":")[0] for value in ADAPTERS.values()})
    libraries = {"smac", "optuna", "hebo", "torch", "sklearn", "pymoo", "matplotlib", "cmaes", "pandas", "nevergrad"}
    script = f"import sys, {', '.join(modules)}; print(*sorted({libraries!r} & sys.modules.keys()))"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert loaded == []
