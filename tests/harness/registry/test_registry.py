from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from optathlon import Optimizer
from optathlon.errors import MissingDependency, UsageError, unknown
from optathlon.experiments.plan import choose_tasks
from optathlon.registry.optimizers import choose_optimizer, optimizer_class
from optathlon.registry.plugins import collection_names, load_plugin, optimizer_names
from optathlon.registry.tasks import expand_tasks, make_task, task_ids

PLUGIN = '''
from abc import abstractmethod
from collections.abc import Iterator

from ConfigSpace import ConfigurationSpace

from optathlon import Collection, Optimizer, Problem, Result, Task, Trial, as_task
from optathlon.optimizers.random import RandomSearch


class MyWalk(RandomSearch):
    """Walks."""

    def __init__(self, problem: Problem, seed: int, *, step: float = 0.1) -> None:
        super().__init__(problem, seed)


class Needy(RandomSearch):
    packages = ("surely_no_such_package",)
    install = "pip install 'needy[all]'"


class Base(Optimizer):
    @abstractmethod
    def more(self) -> None: ...


@as_task("toy/line", space={"x": (0.0, 1.0)})
def line(config):
    return config["x"]


@as_task("toy/line2", space={"x": (0.0, 1.0)})
def line2(config):
    return config["x"]


class Grid(Collection):
    name = "grid"
    description = "A grid."

    def ids(self) -> Iterator[str]:
        return (f"grid/f{i}/d{d}" for i in range(1, 13) for d in (2, 5))

    def make(self, id: str) -> Task:
        if id not in [*self.ids(), "grid/hidden/d7"]:
            raise KeyError(id)
        return as_task(id, space={"x": (0.0, 1.0)})(lambda config: config["x"])


class NeedyCollection(Grid):
    name = "needy"
    packages = ("surely_no_such_package",)
    install = "pip install 'needy[all]'"

    def ids(self) -> Iterator[str]:
        return iter(["needy/1"])
'''


@pytest.fixture
def plugin(own_plugins: None, tmp_path: Path) -> Path:
    path = tmp_path / "my_plugin.py"
    path.write_text(PLUGIN)
    load_plugin(path)
    return path


def refused(call: Callable[..., object], *args: object) -> str:
    with pytest.raises(UsageError) as caught:
        call(*args)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.usefixtures("plugin")
def test_a_plugin_brings_optimizers_collections_and_tasks() -> None:
    assert {"my-walk", "needy"} <= set(optimizer_names())
    assert "base" not in optimizer_names(), "it is abstract"
    assert {"toy", "grid", "needy"} <= set(collection_names())
    assert list(task_ids("toy")) == ["toy/line", "toy/line2"]
    assert make_task("toy/line").id == "toy/line"
    assert choose_optimizer("my-walk[step=0.5]").options == {"step": 0.5}
    assert choose_optimizer("my-walk[step=.50]").id == "my-walk[step=0.5]"


def test_loading_a_plugin_twice_is_loading_it_once(plugin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(plugin.parent)
    assert load_plugin(plugin) is load_plugin(Path("my_plugin.py"))


@pytest.mark.usefixtures("plugin")
@pytest.mark.parametrize(
    ("patterns", "ids"),
    [
        (["grid/f1/*"], ["grid/f1/d2", "grid/f1/d5"]),
        (["grid/f?/d5"], [f"grid/f{i}/d5" for i in range(1, 10)]),
        (["grid/f1[01]/d2"], ["grid/f10/d2", "grid/f11/d2"]),
        (["gr*/f12/d5"], ["grid/f12/d5"]),
        (["*/f12/d5", "toy/*"], ["grid/f12/d5", "toy/line", "toy/line2"]),
        (["grid/f2/d5", "grid/f2/*", "grid/f2/d5"], ["grid/f2/d5", "grid/f2/d2"]),
        (["grid/hidden/d7"], ["grid/hidden/d7"]),
        (["grid/*12*"], ["grid/f12/d2", "grid/f12/d5"]),
    ],
)
def test_patterns(patterns: list[str], ids: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("optathlon.registry.plugins.declared", lambda group: {})
    assert expand_tasks(patterns) == ids


@pytest.fixture
def subset_file(plugin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`mine.yaml`, of tasks of the plugin."""
    monkeypatch.chdir(plugin.parent)
    features = {"optimizers": ["a"], "scale": "log", "ranges": {}, "budgets": [], "seeds": (1, 1), "tasks": 9}
    parts = {
        "dev": {"discrepancy": 0.1, "tasks": {"toy/line2": "", "grid/hidden/d7": ""}},
        "test": {"discrepancy": 0.1, "tasks": {"grid/f99/d2": ""}},
    }
    rest = {"name": "mine", "type": "any", "target": "uniform", "seed": 0, "optathlon": "1", "command": ""}
    Path("mine.yaml").write_text(
        yaml.safe_dump({"features": {**features, "distinct": 9}, "parts": parts, **rest}, sort_keys=False)
    )


@pytest.mark.usefixtures("subset_file")
def test_the_tasks_of_a_subset() -> None:
    assert choose_tasks(["subset:mine.yaml/dev"]) == ["toy/line2", "grid/hidden/d7"]
    assert choose_tasks(["toy/*", "subset:mine.yaml/dev"]) == ["toy/line", "toy/line2", "grid/hidden/d7"]


@pytest.mark.usefixtures("subset_file")
@pytest.mark.parametrize(
    ("pattern", "hint"),
    [
        ("subset:mine.yaml", "unknown task 'grid/f99/d2': did you mean"),
        ("subset:mine.yaml/dve", "unknown part 'dve' in the subset 'mine.yaml': did you mean 'dev'?"),
        ("subset:your.yaml/dev", "no subset file 'your.yaml'"),
    ],
)
def test_subsets_that_can_not_be_expanded(pattern: str, hint: str) -> None:
    assert hint in refused(choose_tasks, [pattern])


@pytest.mark.usefixtures("plugin")
@pytest.mark.parametrize(
    ("pattern", "hint"),
    [
        ("gird/*", "did you mean 'grid'?"),
        ("gird/f1/d2", "did you mean 'grid'?"),
        ("grid/f1/d3", "did you mean 'grid/f1/d"),
        ("grid/f99/*", "unknown task 'grid/f99/*'"),
        ("toy/lin", "did you mean 'toy/line'?"),
        ("grid", "unknown task 'grid'"),
        ("toy", "unknown task 'toy'"),
        ("", "unknown"),
        ("/", "unknown"),
        ("needy/*", "surely_no_such_package"),
        ("needy/1", "surely_no_such_package"),
    ],
)
def test_unknown_tasks_get_a_hint(pattern: str, hint: str) -> None:
    assert hint in refused(expand_tasks, [pattern])


@pytest.mark.usefixtures("plugin")
@pytest.mark.parametrize(
    ("id", "hint"),
    [
        ("randon", "did you mean 'random'?"),
        ("optuna-tpee", "did you mean 'optuna-tpe'?"),
        ("my_walk", "did you mean 'my-walk'?"),
        ("my-walk[stpe=1]", "did you mean 'step'?"),
        ("my-walk[step=big]", "step=big"),
        ("random[a=1]", "unknown option 'a'"),
        ("random[a=1", "write NAME"),
        ("zzzzzz", "optathlon list optimizers"),
        ("no_such_module:Opt", "can't import 'no_such_module'"),
        ("optathlon.optimizers.random:RandomSerach", "did you mean 'RandomSearch'?"),
        ("optathlon.optimizers.random:Problem", "unknown optimizer class"),
        ("missing.py:Opt", "missing.py"),
        (":Opt", "Opt"),
        (".random:Opt", "Opt"),
        ("random:", "unknown"),
    ],
)
def test_unknown_optimizers_get_a_hint(id: str, hint: str) -> None:
    assert hint in refused(choose_optimizer, id)


@pytest.mark.usefixtures("plugin")
def test_a_missing_library_is_named_with_its_remedy() -> None:
    with pytest.raises(MissingDependency, match=r"'surely_no_such_package': pip install 'needy\[all\]'"):
        choose_optimizer("needy")
    assert optimizer_class("needy").packages == ("surely_no_such_package",), "it can be listed all the same"


def test_a_class_can_be_named_by_module_or_file(own_plugins: None, plugin: Path) -> None:
    by_module = choose_optimizer("optathlon.optimizers.random:RandomSearch")
    assert issubclass(by_module.cls, Optimizer)
    by_file = choose_optimizer(f"{plugin}:MyWalk[step=0.2]")
    assert (by_file.cls.__name__, by_file.options) == ("MyWalk", {"step": 0.2})
    assert by_file.id == "my-walk[step=0.2]", "results do not hang on where the file lies"
    assert "did you mean 'MyWalk'" in refused(choose_optimizer, f"{plugin}:MyWolk")


def test_plugins_that_can_not_be_loaded(own_plugins: None, tmp_path: Path) -> None:
    assert "no plugin file" in refused(load_plugin, tmp_path / "none.py")
    assert "no plugin file" in refused(load_plugin, tmp_path)
    text = tmp_path / "text.txt"
    text.write_text("x = 1")
    assert "not a Python file" in refused(load_plugin, text)
    for name, content in {"syntax": "def f(:", "imports": "import surely_no_such_package", "raises": "1 / 0"}.items():
        path = tmp_path / f"{name}.py"
        path.write_text(content)
        assert str(path) in refused(load_plugin, path)


def test_a_plugin_does_not_replace_what_exists(own_plugins: None, tmp_path: Path) -> None:
    """Else results of two different optimizers would stand under one name."""
    path = tmp_path / "impostor.py"
    path.write_text(
        "from optathlon.optimizers.random import RandomSearch\nclass Random(RandomSearch):\n    pass\n",
    )
    assert "'random'" in refused(load_plugin, path)


def test_hints_for_unknown_names() -> None:
    assert str(unknown("key", "seds", ["seeds", "tasks"], where="x.yaml")) == (
        "unknown key 'seds' in x.yaml: did you mean 'seeds'?"
    )
    assert "known: a, b" in str(unknown("option", "zzz", ["b", "a"]))
    assert "no similar name" in str(unknown("option", "zzz", []))
