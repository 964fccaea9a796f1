"""Files that are edited, and libraries that are upgraded, between two commands on one results folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow.parquet as pq
import pytest

from optathlon import Experiment, load
from optathlon.errors import UsageError
from optathlon.experiments.driver import MachineDriver, plan_experiment
from optathlon.experiments.experiment import Execution
from optathlon.registry.optimizers import choose_optimizer
from optathlon.registry.plugins import PluginSet
from optathlon.results.drivers import DriverRecord
from optathlon.results.folder import ResultsFolder
from optathlon.results.rows import Session
from optathlon.running.runs import RunSpec

WALK = """
from optathlon import Trial, as_task
from optathlon.optimizers.random import RandomSearch

STEP = 1


class Walk(RandomSearch):
    capabilities = frozenset()

    def ask(self):
        from steps import scaled
        import fastlib

        trial = super().ask()
        return Trial({name: scaled(value) * STEP * fastlib.FACTOR for name, value in trial.config.items()})


@as_task("toy/line", space={"x": (0.0, 1.0)}, budget=4)
def line(config):
    return config["x"]


@as_task("toy/kinds", space={"x": (0.0, 1.0), "kind": ["a", "b"]}, budget=4)
def kinds(config):
    return config["x"]
"""

Command = Callable[..., SimpleNamespace]


@dataclass
class Lab:
    """A plugin with a module beside it, an installed library and one that is being worked on."""

    folder: Path
    command: Command
    forget: Callable[[], None]

    def run(self, *more: object, out: str = "out", task: str = "toy/line", seeds: object = 3) -> SimpleNamespace:
        plugin = self.folder / "walk.py"
        grid = ("-o", "walk", "-o", "random", "-t", task, "--seeds", seeds, "--plugin", plugin, "--out", self.out(out))
        return self.again("run", *grid, *more)

    def again(self, *arguments: object) -> SimpleNamespace:
        self.forget()
        return self.command(*arguments)

    def out(self, name: str = "out") -> Path:
        return self.folder.parent / name

    def edit(self, file: str, before: str, after: str) -> None:
        path = self.folder / file
        assert before in path.read_text()
        path.write_text(path.read_text().replace(before, after))

    def codes(self, out: str = "out", optimizer: str = "walk") -> list[int]:
        """The code of each run by seed, as numbers in the order in which they come."""
        runs = load(self.out(out), optimizers=[optimizer]).runs.sort_values("seed")
        found = list(dict.fromkeys(zip(runs["code"], runs["versions"], strict=True)))
        return [found.index(pair) for pair in zip(runs["code"], runs["versions"], strict=True)]


@pytest.fixture
def lab(
    in_process: Command, forget_plugins: Callable[[], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Lab:
    library, site = tmp_path / "checkout", tmp_path / "site-packages"
    for folder in (tmp_path / "lab", library / "deeplib", site / "fastlib", site / "fastlib-1.0.dist-info"):
        folder.mkdir(parents=True)
    (tmp_path / "lab" / "walk.py").write_text(WALK)
    (tmp_path / "lab" / "steps.py").write_text("from deeplib.core import BASE\n\ndef scaled(x):\n    return x * BASE\n")
    (library / "deeplib" / "__init__.py").touch()
    (library / "deeplib" / "core.py").write_text("BASE = 1\n")
    (site / "fastlib" / "__init__.py").write_text("FACTOR = 1\n")
    (site / "fastlib-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: fastlib\nVersion: 1.0\n")
    monkeypatch.syspath_prepend(str(library))
    monkeypatch.syspath_prepend(str(site))
    return Lab(tmp_path / "lab", in_process, forget_plugins)


def upgrade(lab: Lab) -> None:
    old = lab.folder.parent / "site-packages" / "fastlib-1.0.dist-info"
    (old / "METADATA").write_text((old / "METADATA").read_text().replace("1.0", "2.0"))
    old.rename(old.with_name("fastlib-2.0.dist-info"))


CHANGES: Mapping[str, tuple[Callable[[Lab], None], str]] = {
    "the class": (lambda lab: lab.edit("walk.py", "* STEP", "* STEP * 0.5"), "its source changed"),
    "a constant": (lambda lab: lab.edit("walk.py", "STEP = 1", "STEP = 0"), "its source changed"),
    "a module beside it": (lambda lab: lab.edit("steps.py", "x * BASE", "x / 2"), "its source changed"),
    "a working copy": (lambda lab: lab.edit("../checkout/deeplib/core.py", "BASE = 1", "BASE = 0"), "source changed"),
    "a version": (upgrade, "fastlib from 1.0 to 2.0"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_results_of_other_code_are_refused(lab: Lab, change: str) -> None:
    assert lab.run().returncode == 0
    stored = set((lab.out() / "runs").iterdir())
    edit, what = CHANGES[change]
    edit(lab)
    for arguments in ((), ("--dry-run",)):
        refused = lab.run(*arguments)
        assert (refused.returncode, refused.stderr.count("\n")) == (2, 1), refused.stderr
        assert "3 runs of 'walk'" in refused.stderr
        assert what in refused.stderr
        assert "--fresh walk" in refused.stderr
        assert "--keep-old" in refused.stderr
        assert "random" not in refused.stderr
    assert set((lab.out() / "runs").iterdir()) == stored


def test_the_user_decides_what_becomes_of_old_results(lab: Lab) -> None:
    lab.run()
    lab.edit("walk.py", "STEP = 1", "STEP = 0.5")
    assert lab.run(seeds="3:5").returncode == 2, "other seeds would mix as well"
    assert "2 new" in lab.run("--keep-old", seeds=4).stdout
    assert lab.codes() == [0, 0, 0, 1]
    assert "0 new" in lab.run("--keep-old", seeds=4).stdout
    assert lab.run(seeds=4).returncode == 2
    assert "3 again" in lab.run("--fresh", "walk", "--dry-run", seeds=4).stdout
    assert "3 new" in lab.run("--fresh", "wal*", seeds=4).stdout
    assert lab.codes() == [0, 0, 0, 0]
    assert load(lab.out(), optimizers=["walk"]).runs["attempt"].tolist() == [2, 2, 2, 1]
    for more in ((), ("--fresh", "walk"), ("--keep-old",)):
        assert "0 new" in lab.run(*more, seeds=4).stdout


def test_a_name_that_is_to_be_fresh_must_be_known(lab: Lab) -> None:
    refused = lab.run("--fresh", "wlak")
    assert (refused.returncode, "did you mean 'walk'?" in refused.stderr) == (2, True)


def test_a_file_says_the_same_as_flags(lab: Lab) -> None:
    lab.run()
    lab.edit("walk.py", "STEP = 1", "STEP = 0.5")
    file = lab.folder / "grid.yaml"
    text = f"optimizers: [walk]\ntasks: [toy/line]\nseeds: 4\nplugins: [{lab.folder / 'walk.py'}]\nout: {lab.out()}\n"
    for setting, new in (("keep_old: true", 1), ("fresh: [walk]", 3)):
        file.write_text(f"{text}{setting}\n")
        assert f"({new} new)" in lab.again("run", file).stdout


def test_what_changes_nothing_of_an_optimizer_is_no_change(lab: Lab) -> None:
    lab.run()
    elsewhere = lab.folder.rename(lab.folder.with_name("moved"))
    (elsewhere / "other.py").write_text("STEP = 3\n")
    lab.folder = elsewhere
    assert "(0 new)" in lab.run().stdout


def test_folders_of_earlier_versions_are_not_refused(lab: Lab) -> None:
    lab.run()
    for path in (lab.out() / "runs").iterdir():
        table = pq.read_table(path).replace_schema_metadata()
        pq.write_table(table.drop_columns(["code", "versions"]), path)
    lab.edit("walk.py", "STEP = 1", "STEP = 0.5")
    assert load(lab.out()).runs["code"].isna().all()
    assert "(0 new)" in lab.run().stdout
    assert "(3 new)" in lab.run("--fresh", "walk").stdout, "they may be of other code"
    assert "(0 new)" in lab.run("--fresh", "walk").stdout


def test_what_other_code_could_not_do_is_decided_again(lab: Lab) -> None:
    assert "3 skipped" in lab.run(task="toy/kinds").stdout
    assert "(0 new)" in lab.run(task="toy/kinds").stdout
    lab.edit("walk.py", "    capabilities = frozenset()\n", "")
    lab.edit("walk.py", "scaled(value) * STEP * fastlib.FACTOR", "value")
    assert "(3 new): 6 ok" in lab.run(task="toy/kinds").stdout


def test_shards_decide_each_for_itself(lab: Lab) -> None:
    assert lab.run("--shard", "1/2", seeds=8).returncode == 0
    first = len(lab.codes())
    lab.edit("walk.py", "STEP = 1", "STEP = 0.5")
    assert lab.run("--shard", "2/2", seeds=8).returncode == 2
    assert lab.run("--shard", "2/2", "--fresh", "walk", seeds=8).returncode == 0
    assert sum(lab.codes()) in (first, 8 - first)
    assert lab.run("--shard", "1/2", "--fresh", "walk", seeds=8).returncode == 0
    assert lab.codes() == [0] * 8
    assert "(0 new)" in lab.run(seeds=8).stdout


def test_retrying_does_not_mix_code(lab: Lab) -> None:
    lab.edit("walk.py", "trial = super().ask()", "trial = super().ask(); 1 / (trial.config['x'] < 0.9)")
    lab.run(seeds=4)
    statuses = load(lab.out(), optimizers=["walk"]).runs["status"].tolist()
    assert set(statuses) == {"ok", "crashed"}
    lab.edit("walk.py", "; 1 / (trial.config['x'] < 0.9)", "")
    retry = ("retry", lab.out(), "--status", "crashed", "--plugin", lab.folder / "walk.py")
    refused = lab.again(*retry)
    assert (refused.returncode, "--fresh walk" in refused.stderr, "--keep-old" in refused.stderr) == (2, True, True)
    assert lab.again(*retry, "--keep-old").returncode == 0
    assert set(lab.codes()) == {0, 1}


def test_retrying_all_of_an_optimizer_mixes_nothing(lab: Lab) -> None:
    lab.edit("walk.py", "trial = super().ask()", "1 / 0")
    lab.run()
    lab.edit("walk.py", "1 / 0", "trial = super().ask()")
    retry = ("retry", lab.out(), "--status", "crashed", "--plugin", lab.folder / "walk.py")
    assert lab.again(*retry).returncode == 0
    assert lab.codes() == [0, 0, 0]


def test_merging_does_not_mix_code(lab: Lab) -> None:
    lab.run(out="a")
    lab.edit("walk.py", "STEP = 1", "STEP = 0.5")
    lab.run(out="b")
    sources = (lab.out("a"), lab.out("b"))
    refused = lab.again("merge", lab.out("all"), *sources)
    assert (refused.returncode, "'walk'" in refused.stderr, "--keep-old" in refused.stderr) == (2, True, True)
    assert not lab.out("all").exists()
    assert lab.again("merge", lab.out("all"), *sources, "--keep-old").returncode == 0
    assert lab.again("merge", lab.out("same"), sources[0], sources[0]).returncode == 0


def test_a_compaction_keeps_the_code(lab: Lab) -> None:
    lab.run()
    lab.edit("walk.py", "STEP = 1", "STEP = 0.5")
    lab.run("--keep-old", seeds=5)
    before = load(lab.out()).runs[["code", "versions"]]
    assert lab.again("compact", lab.out()).returncode == 0
    assert load(lab.out()).runs[["code", "versions"]].equals(before)
    assert lab.codes() == [0, 0, 0, 1, 1]


def test_a_worker_elsewhere_with_other_files_is_refused(lab: Lab) -> None:
    plugin = lab.folder / "walk.py"
    experiment = Experiment(optimizers=["walk"], tasks=["toy/line"], plugins=[plugin], out=lab.out())
    plan = plan_experiment(experiment)
    session = Session("here", "", {id: choice.code for id, choice in plan.optimizers.items()})
    driver = MachineDriver(Execution(), ResultsFolder.create(lab.out()), session, PluginSet.loaded())
    lab.edit("walk.py", "STEP = 1", "STEP = 0.5")
    lab.forget()
    with pytest.raises(UsageError, match=r"'walk' is other code for a worker.*its source changed"):
        driver(plan.todo)
    assert load(lab.out()).runs.empty


def test_two_drivers_do_not_mix_code(lab: Lab) -> None:
    folder = ResultsFolder.create(lab.out())
    with DriverRecord(folder, "local", 1, 3, {"walk": "0123", "random": ""}):
        refused = lab.run()
        assert (refused.returncode, "'walk' by other code" in refused.stderr) == (2, True)
        assert lab.run("--optimizer", "sobol", "-t", "mfh/h3/good", "--dry-run").returncode == 0
    with DriverRecord(folder, "local", 1, 3, {"sobol": "0123", "random": ""}):
        assert lab.run().returncode == 0


def test_two_files_with_a_class_of_one_name_can_be_compared(lab: Lab) -> None:
    copy = lab.folder.with_name("copy")
    copy.mkdir()
    for file in ("walk.py", "steps.py"):
        (copy / file).write_text((lab.folder / file).read_text())
    (copy / "steps.py").write_text("def scaled(x):\n    return 0.0\n")
    grid = ("-t", "bbob/f1/d2/i1", "--budget", 4, "--seeds", 2, "--out", lab.out())
    both = lab.again("run", "-o", f"old={lab.folder / 'walk.py'}:Walk", "-o", f"new={copy / 'walk.py'}:Walk", *grid)
    assert both.returncode == 0, both.stderr
    results = load(lab.out())
    assert results.runs["optimizer"].tolist() == ["new", "new", "old", "old"]
    zeros = results.trials.groupby("optimizer", observed=True)["config"].agg(
        lambda configs: set(configs) == {configs.iloc[0]}
    )
    assert zeros.to_dict() == {"new": True, "old": False}, "each finds the module beside it"
    unnamed = lab.again("run", "-o", f"{lab.folder / 'walk.py'}:Walk", "-o", f"{copy / 'walk.py'}:Walk", *grid)
    assert (unnamed.returncode, "-o NAME=" in unnamed.stderr) == (2, True)


def test_names_have_options_and_stand_in_files(lab: Lab) -> None:
    file = lab.folder / "grid.yaml"
    file.write_text(
        f"optimizers: ['mine=smac-bb[acquisition=lcb]', 'w={lab.folder / 'walk.py'}:Walk']\n"
        f"tasks: [bbob/f1/d2/i1]\nout: {lab.out()}\n"
    )
    assert list(plan_experiment(Experiment.read(file, {})).optimizers) == ["mine[acquisition=lcb]", "w"]


@pytest.mark.parametrize(
    ("id", "hint"),
    [
        ("my name=random", "can't be called 'my name'"),
        ("=random", "can't be called ''"),
        ("sobol=random", "another optimizer 'sobol'"),
        ("a=", "unknown optimizer ''"),
        ("a=b=random", "unknown optimizer 'b=random'"),
        ("a=none.py:X", "no plugin file"),
    ],
)
def test_names_that_can_not_be_given(own_plugins: None, id: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        choose_optimizer(id)
    assert hint in str(caught.value)


def test_a_name_takes_the_place_of_the_id_and_others_keep_theirs(lab: Lab) -> None:
    """The ids are those of version 0.1.0."""
    plugin = lab.folder / "walk.py"

    def spec(optimizer: str, **more: Any) -> RunSpec:
        experiment = Experiment(optimizers=[optimizer], tasks=["toy/line"], plugins=[plugin], **more)
        (spec,) = plan_experiment(experiment).todo
        return spec

    assert spec("random").id == "db8158f0533865e5"
    assert spec("walk").id == spec(f"{plugin}:Walk").id == spec(f"walk={plugin}:Walk").id == "c92c18983f200da7"
    assert spec(f"other={plugin}:Walk").optimizer == "other"
    assert spec(f"other={plugin}:Walk").id not in ("db8158f0533865e5", "c92c18983f200da7")


def test_the_page_names_optimizers_of_several_codes(lab: Lab) -> None:
    lab.run()
    assert lab.again("report", lab.out()).returncode == 0
    page = lab.out() / "report" / "index.html"
    assert "by the same code" not in page.read_text()
    lab.edit("walk.py", "STEP = 1", "STEP = 0.5")
    upgrade(lab)
    lab.run("--keep-old", seeds=5)
    assert lab.again("report", lab.out()).returncode == 0
    assert "<b>walk (2 sources; fastlib 1.0 and 2.0)</b> are not all by the same code" in page.read_text()
