"""Classes and tasks that are known to this process alone: how they are named, run, and told apart by their code."""

from __future__ import annotations

import linecache
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from optathlon import Experiment, load, plan_experiment, run_experiment
from optathlon.errors import UsageError
from optathlon.registry.code import code_of
from optathlon.results.frames import Results

Cell = Callable[[str], None]

IMPORTS = """
import numpy as np
from optathlon import Optimizer, Trial, as_task
"""
STEPS = """
STEP = {step}

def moved(x, rng):
    return float(np.clip(x + STEP * rng.normal(), 0, 1))
"""
CLIMBER = """
class HillClimber(Optimizer):
    def __init__(self, problem, seed, scale: float = 1.0):
        self.rng, self.best = np.random.default_rng(seed), (np.inf, 0.5)

    def ask(self):
        return Trial({"x": moved(self.best[1], self.rng)})

    def tell(self, trial, result):
        self.best = min(self.best, (result.values[0], trial.config["x"]))
"""
PARABOLA = """
@as_task("mine/parabola", space={"x": (0.0, 1.0)}, budget=10)
def parabola(config):
    return (config["x"] - 0.3) ** 2
"""


@pytest.fixture
def typed(own_plugins: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The module of a notebook, which has no file."""
    module = ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "__main__", module)
    code_of.cache_clear()
    yield module
    code_of.cache_clear()


@pytest.fixture
def cell(typed: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Cell:
    """Runs text as a cell of a notebook, whose lines Python can show."""
    names = iter(range(100))

    def run(text: str) -> None:
        name = f"/kernel/{next(names)}.py"
        monkeypatch.setitem(linecache.cache, name, (len(text), None, text.splitlines(keepends=True), name))
        exec(compile(text, name, "exec"), vars(typed))

    return run


def values(results: Results) -> dict[str, list[float]]:
    return {str(name): one["value"].tolist() for name, one in results.trials.groupby("optimizer", observed=True)}


def test_cells_run_as_files_do(cell: Cell, typed: Any, tmp_path: Path) -> None:
    for text in (IMPORTS, STEPS.format(step=0.1), CLIMBER, PARABOLA):
        cell(text)
    here = Experiment(
        optimizers=[typed.HillClimber, "random"], tasks=[typed.parabola], seeds=[0, 1, 2], out=tmp_path / "here"
    )
    assert (here.optimizers, here.tasks, here.executor) == (["hill-climber", "random"], ["mine/parabola"], "in-process")
    assert len(plan_experiment(here).todo) == 6
    summary = run_experiment(here)
    assert (dict(summary.statuses), summary.new) == ({"ok": 6}, 6)
    assert run_experiment(here).new == 0, "nothing is missing"

    file = tmp_path / "mine.py"
    climber, parabola = CLIMBER.replace("HillClimber", "OtherClimber"), PARABOLA.replace("mine/", "file/")
    file.write_text(IMPORTS + STEPS.format(step=0.1) + climber + parabola)
    run_experiment(
        Experiment(
            optimizers=["random", "other-climber"],
            tasks=["file/parabola"],
            seeds=[0, 1, 2],
            plugins=[file],
            out=tmp_path / "there",
        )
    )
    one, other = values(load(tmp_path / "here")), values(load(tmp_path / "there"))
    assert {*one} == {"hill-climber", "random"}
    assert all(len(one[name]) == 30 for name in one)
    assert len(other["other-climber"]) == 30


def test_runs_in_process_are_those_of_workers(tmp_path: Path, timeless: Callable[[Results], Any]) -> None:
    found = []
    for executor in ("in-process", "local"):
        out = tmp_path / executor
        experiment = Experiment(
            optimizers=["random", "sobol"], tasks=["mfh/h3/*"], seeds=[0, 1], budget="4", out=out, executor=executor
        )
        assert run_experiment(experiment).statuses == {"ok": 16}
        found.append(timeless(load(out)))
    assert found[0] == found[1]


def test_the_code_is_the_text_of_the_class_and_of_what_it_names(cell: Cell, typed: Any) -> None:
    def source() -> str:
        code_of.cache_clear()
        return code_of(typed.HillClimber).source

    for text in (IMPORTS, STEPS.format(step=0.1), CLIMBER):
        cell(text)
    first = source()
    assert first
    assert '"numpy"' in code_of(typed.HillClimber).versions
    cell(CLIMBER + "\nprint('another statement of the cell')")
    cell("unrelated = 3")
    assert source() == first
    cell(STEPS.format(step=0.2))
    second = source()
    assert second != first, "a plain value"
    cell(STEPS.format(step=0.2).replace("x + STEP", "x - STEP"))
    third = source()
    assert third not in (first, second), "a function of another cell"
    cell(CLIMBER.replace("scale: float = 1.0", "scale: float = 2.0"))
    assert source() not in (first, second, third), "the class"


def test_a_class_that_is_defined_again_is_other_code(cell: Cell, typed: Any, tmp_path: Path) -> None:
    for text in (IMPORTS, STEPS.format(step=0.1), CLIMBER, PARABOLA):
        cell(text)

    def experiment(**more: Any) -> Experiment:
        return Experiment(optimizers=[typed.HillClimber], tasks=[typed.parabola], out=tmp_path / "out", **more)

    run_experiment(experiment())
    before = values(load(tmp_path / "out"))
    cell(CLIMBER.replace("0.5)", "0.9)"))
    with pytest.raises(UsageError, match="other code"):
        run_experiment(experiment())
    assert run_experiment(experiment(fresh=["hill-climber"])).new == 1
    assert values(load(tmp_path / "out")) != before


def test_options_of_a_class_in_a_cell(cell: Cell, typed: Any, tmp_path: Path) -> None:
    for text in (IMPORTS, STEPS.format(step=0.1), CLIMBER, PARABOLA):
        cell(text)
    experiment = Experiment(
        optimizers=[typed.HillClimber, "hill-climber[scale=2.0]"], tasks=[typed.parabola], out=tmp_path / "out"
    )
    assert run_experiment(experiment).statuses == {"ok": 2}
    later = Experiment(optimizers=["hill-climber[scale=3.0]"], tasks=["mine/parabola"], out=tmp_path / "out")
    assert later.executor == "in-process"


def test_failures_in_process_are_stored(cell: Cell, typed: Any, tmp_path: Path) -> None:
    cell(IMPORTS + PARABOLA.replace("return (", "raise SystemExit('odd')\n    return ("))
    summary = run_experiment(Experiment(optimizers=["random"], tasks=[typed.parabola], out=tmp_path / "out"))
    assert summary.statuses == {"crashed": 1}
    assert "odd" in load(tmp_path / "out").runs["reason"].iloc[0]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"optimizers": [3]}, "optimizers.0 in Experiment: input should be a valid string"),
        ({"optimizers": [dict]}, "an optimizer can't be the class dict"),
        ({"optimizers": 3}, "optimizers in Experiment: input should be a valid list"),
        ({"tasks": [len]}, "a task can't be of type builtin_function_or_method"),
        ({"tasks": [lambda config: 1.0]}, "or decorate the function with optathlon.as_task"),
        ({"jobs": 0}, "jobs in Experiment: input should be greater than or equal to 1"),
        ({"optimizer": ["random"]}, "unknown key 'optimizer' in Experiment: did you mean 'optimizers'?"),
        ({"seeds": "x"}, "can't read the seeds 'x'"),
    ],
)
def test_wrong_settings_are_one_line(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError) as error:
        Experiment(**{"optimizers": ["random"], "tasks": ["mfh/*"]} | settings)
    assert words in str(error.value)
    assert "\n" not in str(error.value)
    assert error.value._render_traceback_() == [f"{type(error.value).__name__}: {error.value}"]


def test_what_is_missing_is_said_in_a_line() -> None:
    with pytest.raises(UsageError, match="tasks in Experiment: field required"):
        Experiment(optimizers=["random"])  # type: ignore[call-arg]


def test_other_executors_refuse_what_only_this_process_knows(cell: Cell, typed: Any) -> None:
    cell(IMPORTS + CLIMBER)
    with pytest.raises(UsageError, match="'hill-climber' is known to this process alone: leave the executor out"):
        Experiment(optimizers=[typed.HillClimber], tasks=["mfh/*"], executor="local")


def test_names_of_others_are_not_taken(cell: Cell, typed: Any) -> None:
    cell(IMPORTS + CLIMBER.replace("HillClimber", "Random"))
    with pytest.raises(UsageError, match="another optimizer 'random': give the class Random another name"):
        Experiment(optimizers=[typed.Random], tasks=["mfh/*"])


def test_results_summaries_and_plans_are_tables_in_a_notebook(tmp_path: Path) -> None:
    experiment = Experiment(
        optimizers=["random"],
        tasks=["mfh/h3/good"],
        seeds=[0, 1],
        budget="3",
        out=tmp_path / "<b>",
        executor="in-process",
    )
    plan = plan_experiment(experiment)._repr_html_()
    summary = run_experiment(experiment)._repr_html_()
    results = load(tmp_path / "<b>")
    assert "<td>to do</td><td>2</td>" in plan
    assert "<td>ok</td><td>2</td>" in summary
    assert "&lt;b&gt;" in summary and "<b>" not in summary
    assert "<td>random</td><td>1</td><td>2</td><td>6</td><td>2 ok</td>" in results._repr_html_()
    assert repr(results) == "<Results: 2 runs, 1 optimizers, 1 tasks, 6 trials>"
