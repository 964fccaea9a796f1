"""Choosing an executor: by its kind, with options of its own, in a file as by flags."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from optathlon import Experiment
from optathlon.errors import MissingDependency, UsageError
from optathlon.experiments.executors.choice import ExecutorChoice, choose_executor
from optathlon.experiments.executors.executor import Executor, ExecutorOptions
from optathlon.experiments.executors.local import LocalExecutor
from optathlon.experiments.executors.ray import RayOptions
from optathlon.experiments.executors.slurm import SlurmOptions

GRID = "optimizers: [random]\ntasks: [mfh/*]\n"


class Needy(LocalExecutor):
    """An executor whose package is nowhere."""

    packages = ("no_such_package",)
    install = "pip install no-such-package"


def options(tmp_path: Path, text: str, **flags: Any) -> ExecutorOptions:
    """Those of the executor that a file and flags choose."""
    path = tmp_path / "experiment.yaml"
    path.write_text(GRID + text)
    return choose_executor(Experiment.read(path, flags).executor).options


def test_a_kind_alone_has_the_default_options() -> None:
    assert issubclass(choose_executor("local").cls, LocalExecutor)
    assert choose_executor("ray").options == choose_executor({"kind": "ray"}).options == RayOptions()


def test_a_section_and_flags_mean_the_same(tmp_path: Path) -> None:
    expected = SlurmOptions(array=3, time="2h", extra={"constraint": "avx2"})
    section = "executor:\n  kind: slurm\n  array: 3\n  time: 2h\n  extra_constraint: avx2\n"
    assert options(tmp_path, section) == expected
    flags = {"kind": "slurm", "array": "3", "time": "2h", "extra_constraint": "avx2"}
    assert options(tmp_path, "", executor=flags) == expected


def test_flags_win_option_by_option_and_another_kind_leaves_none(tmp_path: Path) -> None:
    section = "executor: {kind: slurm, array: 3, partition: cpu}\n"
    assert options(tmp_path, section, executor={"partition": "gpu"}) == SlurmOptions(array=3, partition="gpu")
    assert options(tmp_path, section, executor={"kind": "slurm", "array": "7"}) == SlurmOptions(
        array=7, partition="cpu"
    )
    assert options(tmp_path, section, executor={"kind": "ray"}) == RayOptions()
    assert options(tmp_path, "executor: slurm\n", executor={"array": "7"}) == SlurmOptions(array=7)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("slrum", r"unknown executor 'slrum': did you mean 'slurm'\?"),
        ({"kind": "slurm", "partitoin": "gpu"}, r"unknown option 'partitoin' in the executor 'slurm': did you mean"),
        ({"kind": "ray", "adress": "auto"}, r"unknown option 'adress' in the executor 'ray': did you mean 'address'"),
        ({"kind": "slurm", "array": "0"}, r"option array=0 of the executor 'slurm': .*greater than or equal to 1"),
        ({"kind": "local", "time": "2h"}, r"executor 'local' has no options, but 'time' is given: .*--executor"),
        (
            {"kind": "slurm", "time": "2x"},
            r"option time=2x of the executor 'slurm': can't read the duration '2x': give",
        ),
        ({"kind": "slurm", "extra_constraint": ["a"]}, r"option extra\.constraint\S*=\['a'\] of the executor 'slurm'"),
        ({"kind": "slurm", 3: 4}, "unknown option '3' in the executor 'slurm'"),
        ({"kind": "dask", "address": "head"}, "option address=head of the executor 'dask': give tcp://HOST:PORT"),
        ({"kind": "dask", "address": ""}, "option address= of the executor 'dask': give tcp://HOST:PORT"),
        ({"kind": 3}, "unknown executor '3'"),
        ({"time": "2h"}, r"no kind: give e\.g\. `kind: slurm`"),
        ({}, r"no kind: give e\.g\. `kind: slurm`"),
    ],
)
def test_a_mistake_is_one_clear_line(section: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        Experiment(optimizers=["random"], tasks=["mfh/*"], executor=section)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["executor: [slurm]\n", "executor:\n"])
def test_a_section_that_is_neither_name_nor_mapping_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError, match=r"executor can't be .*: give a kind, or a mapping"):
        options(tmp_path, text)


def test_options_without_a_kind_are_of_the_local_executor(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"'local' has no options, but 'time' is given"):
        options(tmp_path, "", executor={"time": "2h"})


def test_a_package_that_is_missing_is_told_when_the_executor_is_started() -> None:
    choice = ExecutorChoice("needy", Needy, ExecutorOptions())
    with pytest.raises(MissingDependency, match=r"the executor 'needy' .*no_such_package.*pip install no-such-package"):
        choice.start(None)  # type: ignore[arg-type]


def test_every_executor_says_how_its_packages_are_installed() -> None:
    for kind in ("dask", "local", "ray", "slurm"):
        cls = choose_executor(kind).cls
        assert issubclass(cls, Executor)
        assert bool(cls.packages) == bool(cls.install)
