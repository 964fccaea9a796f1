from __future__ import annotations

from pathlib import Path

import pytest

from optathlon import Experiment, load
from optathlon.errors import UsageError
from optathlon.paths import resolved, shown


def test_a_path_stays_what_it_was_when_the_folder_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = resolved("a/../out")
    assert path == tmp_path / "out"
    assert shown(path) == Path("out")
    monkeypatch.chdir("/")
    assert resolved(path) == path
    assert shown(tmp_path / "out") == path.relative_to("/")


def test_the_home_folder_is_meant_by_its_sign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert resolved("~/out") == tmp_path / "out"
    assert resolved("~no-such-user-here/out") == Path.cwd() / "~no-such-user-here" / "out"
    with pytest.raises(UsageError, match=str(tmp_path / "none")):
        load("~/none")
    experiment = Experiment(optimizers=["random"], tasks=["mfh/*"], out="~/out", plugins=["~/p.py"])  # type: ignore[arg-type, list-item]
    assert (experiment.out, experiment.plugins) == (tmp_path / "out", [tmp_path / "p.py"])


def test_a_relative_results_folder_is_that_of_the_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    experiment = Experiment(optimizers=["random"], tasks=["mfh/*"])
    monkeypatch.chdir("/")
    assert experiment.out == tmp_path / "out"
