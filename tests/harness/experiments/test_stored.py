"""Experiments as files of their results folder: they mean the same when they are read, wherever that is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optathlon import Experiment
from optathlon.errors import UsageError
from optathlon.experiments.plan import make_plan
from optathlon.experiments.stored import experiment_text, read_experiment, store
from optathlon.redaction import STRUCK
from optathlon.results.folder import ResultsFolder
from optathlon.results.planned import StoredExperiment, stored_experiments

ODD = [
    "~",
    "null",
    "no",
    "1:30",
    "",
    "ünï",
    'a "b" c',
    "# x",
    "{a: b}",
    "&a",
    "line\nline",
    "tab\t",
    "- x",
    "0x1",
    "1_0",
]


def read(experiment: Experiment, folder: Path) -> Experiment:
    """The experiment as it is after it was written and read."""
    file = folder / "one.yaml"
    file.write_text(experiment_text(experiment), encoding="utf-8")
    return read_experiment(StoredExperiment(file), ResultsFolder(experiment.out), {})


@given(
    optimizers=st.lists(st.sampled_from(["random", "sobol", "smac-bb[acquisition=ei]"]), min_size=1),
    tasks=st.lists(st.sampled_from(["bbob/f[1-3]/d2/*", "mfh/h3/good", "subset:quick/dev", *ODD]), min_size=1),
    seeds=st.lists(st.integers(0, 2**63 - 1) | st.integers(0, 9), min_size=1, max_size=6, unique=True),
    changes=st.fixed_dictionaries(
        {},
        optional={
            "name": st.sampled_from(ODD),
            "budget": st.sampled_from(["50", "600s", "10min", "3600cost", "0.5"]),
            "where": st.sampled_from(["", 'dims <= 10 and kind == "training"']),
            "root_seed": st.integers(0, 2**63 - 1),
            "workers_per_run": st.integers(1, 9),
            "clock": st.just("virtual"),
            "shard": st.sampled_from(["1/1", "2/5"]),
            "fresh": st.lists(st.sampled_from(["random", "smac-*"])),
            "keep_old": st.booleans(),
            "jobs": st.integers(1, 99),
            "executor": st.sampled_from(["local", {"kind": "slurm", "time": "2h", "mem": "16GB", "array": 3}]),
            "trial_timeout": st.sampled_from(["60s", "10min"]),
            "run_timeout": st.just("6h"),
            "trial_memory": st.sampled_from(["500MB", "4GiB"]),
            "fail_fast": st.integers(1, 9),
            "isolate": st.booleans(),
        },
    ),
)
def test_what_is_stored_is_read_as_it_was(
    tmp_path_factory: pytest.TempPathFactory,
    optimizers: list[str],
    tasks: list[str],
    seeds: list[int],
    changes: dict[str, Any],
) -> None:
    experiment = Experiment(optimizers=optimizers, tasks=tasks, seeds=seeds, **changes)
    found = read(experiment, tmp_path_factory.getbasetemp())
    assert found.model_dump(exclude={"executor"}) == experiment.model_dump(exclude={"executor"})
    assert str(found.executor).replace("'3'", "3") == str(experiment.executor), "options are text, as flags are"


def test_paths_mean_the_same_from_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("walk.py", "other.py", "flags.py", "lists.yaml", "table.yaml"):
        (tmp_path / name).touch()
    experiment = Experiment(
        optimizers=["walk.py:Walk", "mine=other.py:Walk[step=2]", "random", "package.walk:Walk"],
        tasks=["subset:lists.yaml/dev", "subset:quick/test", "table.yaml", "bbob/*"],
        plugins=[Path("flags.py")],
    )
    found = read(experiment, tmp_path)
    here = os.fspath(tmp_path)
    assert found.optimizers == [
        f"{here}/walk.py:Walk",
        f"mine={here}/other.py:Walk[step=2]",
        *experiment.optimizers[2:],
    ]
    assert found.tasks == [f"subset:{here}/lists.yaml/dev", "subset:quick/test", f"{here}/table.yaml", "bbob/*"]
    assert found.plugins == [tmp_path / "flags.py"]


def test_a_plugin_that_has_moved_is_asked_for_and_taken(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    new.mkdir()
    for name in ("walk.py", "tasks.py"):
        (old / name).touch()
    experiment = Experiment(
        optimizers=[f"mine={old}/walk.py:Walk"], tasks=["mine/*"], plugins=[old / "tasks.py"], out=tmp_path / "out"
    )
    file = tmp_path / "one.yaml"
    file.write_text(experiment_text(experiment))
    stored, folder = StoredExperiment(file), ResultsFolder(experiment.out)
    for name in ("walk.py", "tasks.py"):
        (old / name).rename(new / name)
    with pytest.raises(UsageError, match=r"the plugin '.*old/tasks\.py' of '.*one\.yaml' is not there any more: give"):
        read_experiment(stored, folder, {})
    found = read_experiment(stored, folder, {}, [new / "tasks.py", new / "walk.py"])
    assert found.plugins == [new / "tasks.py", new / "walk.py"]
    assert found.optimizers == [f"mine={new}/walk.py:Walk"]


def test_no_secret_is_stored_and_what_needs_one_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret, other = "sk-live-0123456789abcdef", "hunter2-hunter2"
    monkeypatch.setenv("MY_API_KEY", secret)
    experiment = Experiment(
        optimizers=[f"random[api_key={other}1]"],
        tasks=["bbob/f1/d2/i1"],
        name=f"with {secret}",
        executor={"kind": "dask", "address": f"tcp://me:{other}@host:8786"},
    )
    text = experiment_text(experiment)
    assert secret not in text
    assert other not in text
    assert text.count(STRUCK) == 3
    file = tmp_path / "one.yaml"
    file.write_text(text)
    stored, folder = StoredExperiment(file), ResultsFolder(tmp_path)
    with pytest.raises(UsageError, match="needs a secret that is not stored: give --executor"):
        read_experiment(stored, folder, {})
    found = read_experiment(stored, folder, {"executor": {"kind": "local"}})
    with pytest.raises(UsageError, match="stands for a secret that is not stored"):
        make_plan(found, set())


def test_flags_win_and_are_stored(tmp_path: Path) -> None:
    out = tmp_path / "out"
    experiment = Experiment(optimizers=["random"], tasks=["bbob/f1/d2/i1"], seeds=[0, 1], out=out)
    folder = ResultsFolder.create(out)
    for jobs in (1, 3):
        changed = experiment.model_copy(update={"jobs": jobs})
        store(changed, make_plan(changed, set()), folder)
    (stored,) = stored_experiments(folder)
    assert read_experiment(stored, folder, {}).jobs == 3
    assert read_experiment(stored, folder, {"jobs": 5}).jobs == 5
    assert "out:" not in stored.file.read_text(), "the folder may be moved"
    first = stored.file.read_text().splitlines()[0]
    assert first.startswith("# Last changed by ")


def test_the_command_is_one_comment_whatever_it_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["optathlon", "run", "--name", "a\nplugins: [/evil.py]\n", "\x1b[31m"])
    folder = ResultsFolder.create(tmp_path / "out")
    experiment = Experiment(optimizers=["random"], tasks=["bbob/f1/d2/i1"], out=folder.path)
    store(experiment, make_plan(experiment, set()), folder)
    (stored,) = stored_experiments(folder)
    assert read_experiment(stored, folder, {}).plugins == []
    assert "\x1b" not in stored.file.read_text()
