"""What importing Optathlon, listing and planning load: no library before it is used."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import pytest

NOTING = """
import json, pkgutil, sys
from contextlib import redirect_stdout
from importlib import import_module
from io import StringIO

loaded = {}


def note(step):
    loaded[step] = sorted(name for name in sys.modules if "." not in name or name.startswith("optathlon."))


def command(*arguments):
    from optathlon.cli import main
    sys.argv = ["optathlon", *arguments]
    with redirect_stdout(StringIO()):
        try:
            main()
        except SystemExit:
            pass
"""

RUNNING = """
import optathlon
optathlon.as_task, optathlon.Budget
note("public words")
command("--help")
command("run", "--help")
note("help")
command("list", "optimizers")
command("list", "optimizers", "--where", "conditions")
note("list of optimizers")
optathlon.load, optathlon.run_experiment, optathlon.Experiment
note("experiments")

command("info", "random")
from optathlon.tasks.bbob import Bbob
from optathlon.tasks.pymoo.problems import Pymoo
for collection in (Bbob(), Pymoo()):
    for id in collection.ids():
        collection.make(id).metadata
command("run", "-o", "random", "-o", "optuna-tpe", "-t", "mfh/*", "--dry-run", "--out", "nowhere")
note("information, tasks and plans")

from optathlon.llm.judging import make_judge
make_judge("noisy(pool(verifier, length, likelihood('m'), pandalm, endpoint('http://h/v1', 'm')))")
note("judges")

import optathlon.optimizers, optathlon.tasks
for package in (optathlon.optimizers, optathlon.tasks):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        import_module(module.name)
note("optimizers and tasks")

from optathlon.tasks.llm.table import LLMTable
task = LLMTable().make("llm-table/sft-tiny")
assert task.evaluate(dict(task.problem.space.get_default_configuration()), fidelity=2, seed=0).ok
note("a table's value")
"""

HELPING = """
from optathlon.cli.commands import command as whole
from typer.core import TyperGroup

def below(words, one):
    yield words
    if isinstance(one, TyperGroup):
        for name, inner in one.commands.items():
            yield from below((*words, name), inner)

for words in below((), whole()):
    command(*words, "--help")
note("help of every command")
"""

DOING = """
for line in LINES:
    command(*line.split())
    note(line)
"""

NEEDS_NO_SPACE = [
    "--version",
    "completion bash",
    "init optimizer made.py",
    "list subsets",
    "info subset:blackbox",
    "data path",
    "info random",
    "info smac-bb",
    "info bbob",
    "info yahpo",
    "info bayesmark",
    "info llm",
    "info sklearn",
    "info training-table",
    "list optimizers",
    "list optimizers --json",
    "list optimizers --where conditions",
    "list collections",
    "list collections --json",
    "list tasks --names",
    "list tasks --count",
    "list tasks --where conditional",
    "list tasks bbob/f1/*",
    "list tasks bbob/* --count",
    "list tasks bbob/* --where dims<=2 --json",
    "env list",
    "data list",
    "status grid",
    "status grid --json",
    "best grid",
    "best grid --json",
    "compact grid",
    "resume grid",
    "retry grid --status crashed",
]
"""Those that load adapters come after those that don't, and those that read results last."""

NEEDS_NO_MODELS = [
    "data list",
    "archive list",
    "best grid",
    "compact grid",
    "resume grid",
    "retry grid --status crashed",
]
"""Those that have nothing to check by pydantic; the folder `grid` has nothing left to do."""

JUDGING = """
import optathlon.analysis
note("analysis")
import optathlon.subsets
note("subsets")
import optathlon.subsets.validation
note("validation of subsets")
for name in optathlon.analysis.__all__:
    getattr(optathlon.analysis, name)
note("all of the analysis")
"""


def modules_of_extras() -> set[str]:
    """Top-level modules of the libraries that only extras ask for, as far as they are installed."""

    def plain(name: str) -> str:
        return re.sub(r"[-_.]+", "-", name).lower()

    core: set[str] = set()
    extras: set[str] = set()
    for requirement in requires("optathlon") or ():
        (core, extras)["extra ==" in requirement].add(plain(re.split(r"[^\w.-]", requirement)[0]))
    return {
        module
        for module, distributions in packages_distributions().items()
        if not module.startswith("_") and {*map(plain, distributions)} & (extras - core - {"optathlon"})
    }


LIBRARIES = modules_of_extras() | {"ioh", "matplotlib"}
JUDGED = ("optathlon.optimizers", "optathlon.tasks")


def after_each_step(code: str, folder: Path) -> dict[str, set[str]]:
    """The modules that are loaded after each of the steps, which go from little to much, in a process of its own."""
    code = f"{NOTING}\n{code}\nprint(json.dumps(loaded))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=folder)
    assert done.returncode == 0, done.stderr
    return {step: set(modules) for step, modules in json.loads(done.stdout).items()}


def test_libraries_of_extras_are_known() -> None:
    assert {"smac", "optuna", "sklearn", "pymoo", "nevergrad", "numba"} <= LIBRARIES
    assert not {"numpy", "pandas", "ConfigSpace"} & LIBRARIES


def test_commands_experiments_tasks_and_optimizers_load_libraries_when_used(tmp_path: Path) -> None:
    loaded = after_each_step(RUNNING, tmp_path)
    assert {"typer", "optathlon.cli"} <= loaded["help"]
    assert loaded["help"] & (LIBRARIES | {"numpy", "ConfigSpace", "pandas", "pyarrow"}) == set()
    assert loaded["public words"] & (LIBRARIES | {"pandas", "pyarrow", "scipy", "pydantic", "ConfigSpace"}) == set()
    assert loaded["list of optimizers"] & (LIBRARIES | {"pandas", "pyarrow", "scipy", "ConfigSpace"}) == set()
    for step in ("experiments", "information, tasks and plans", "judges", "optimizers and tasks"):
        assert loaded[step] & LIBRARIES == set(), step
    assert loaded["a table's value"] & {"torch", "transformers", "peft"} == set()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the results folder `grid`, of an experiment that is done."""
    path = tmp_path_factory.mktemp("imports")
    run = ["run", "-o", "random", "-t", "bbob/f1/d2/i1", "--budget", "2", "--out", "grid"]
    subprocess.run([sys.executable, "-m", "optathlon", *run], check=True, capture_output=True, cwd=path)
    return path


def test_commands_that_need_no_search_space_load_no_slow_library(folder: Path) -> None:
    loaded = after_each_step(f"LINES = {NEEDS_NO_SPACE!r}\n{HELPING}{DOING}", folder)
    slow = {"pandas", "ConfigSpace", "scipy", "matplotlib", "torch", "sklearn"}
    assert {line: modules & slow for line, modules in loaded.items() if modules & slow} == {}
    assert loaded["help of every command"] & {"numpy", "pyarrow", "pydantic", "yaml"} == set()
    assert loaded["data path"] & {"numpy", "pyarrow"} == set()
    assert loaded["info subset:blackbox"] & {"numpy", "pyarrow"} == set()
    assert {"pyarrow", "optathlon.results.status"} <= loaded["status grid"]
    assert {"optathlon.tasks.llm", "optathlon.tasks.trainings.collection"} <= loaded["list tasks --count"]
    assert (folder / "made.py").is_file()


def test_commands_that_have_nothing_to_do_load_nothing_that_does_it(folder: Path) -> None:
    loaded = after_each_step(f"LINES = {NEEDS_NO_MODELS!r}\n{DOING}", folder)
    slow = {"pandas", "ConfigSpace", "scipy", "pydantic"}
    assert {line: modules & slow for line, modules in loaded.items() if modules & slow} == {}
    assert loaded["data list"] & {"numpy", "pyarrow"} == set()
    assert "optathlon.experiments.resume" in loaded["resume grid"]
    doing = ("optathlon.experiments.driver", "optathlon.experiments.executors", "optathlon.running.runs")
    assert [name for name in loaded["retry grid --status crashed"] if name.startswith(doing)] == []


def test_analysis_and_subsets_load_libraries_when_used_and_never_what_they_judge(tmp_path: Path) -> None:
    loaded = after_each_step(JUDGING, tmp_path)
    assert loaded["analysis"] & (LIBRARIES | {"scipy", "pandas", "moocore"}) == set()
    assert loaded["validation of subsets"] & LIBRARIES == set()
    assert [name for name in loaded["validation of subsets"] if name.startswith("optathlon.analysis.")] == []
    assert [name for name in loaded["all of the analysis"] if name.startswith(JUDGED)] == []
