"""Making, finding and removing environments; uv and pip are played by small programs, but for the slow tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from optathlon.environment import Environment
from optathlon.errors import MissingEnvironment, OptathlonError, UsageError
from optathlon.remote import environments
from optathlon.remote.environments import CPU_TORCH, all_made, create, made, missing, read, remove, uv_settings

HERE = f"{sys.version_info[0]}.{sys.version_info[1]}"
TOY = Environment("toy", ("Toy_Lib==1.0", "numpy==2.0"), (HERE,))

UV = """#!{python}
import json, os, pathlib, sys
arguments = sys.argv[1:]
log = pathlib.Path({log!r})
log.write_text(log.read_text() + json.dumps([arguments, os.environ.get("UV_FIND_LINKS")]) + "\\n" if log.exists()
               else json.dumps([arguments, os.environ.get("UV_FIND_LINKS")]) + "\\n")
if arguments[0] == "venv":
    place = pathlib.Path(arguments[-1]) / "bin"
    place.mkdir(parents=True)
    (place / "python").write_text('#!/bin/sh\\necho \\'{packages}\\'\\n')
    (place / "python").chmod(0o755)
elif "--dry-run" in arguments:
    print(" + torch==2.0", file=sys.stderr)
    if not ({index!r} in arguments and {cpu}):
        print(" + nvidia-cublas-cu12==1", file=sys.stderr)
elif {fails}:
    sys.exit("no such version")
"""


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OPTATHLON_ENVIRONMENTS", str(tmp_path / "environments"))
    return tmp_path / "environments"


@pytest.fixture
def uv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Puts a uv on the path that only notes how it is called; the notes."""

    def put(*, cpu: bool = True, fails: bool = False, packages: dict[str, str] | None = None) -> Path:
        found = {"python": f"{HERE}.1", "packages": packages or {"toy-lib": "1.0", "numpy": "2.0", "other": "3"}}
        place, log = tmp_path / "bin", tmp_path / "calls"
        place.mkdir()
        text = UV.format(
            python=sys.executable, log=str(log), index=CPU_TORCH, cpu=cpu, fails=fails, packages=json.dumps(found)
        )
        (place / "uv").write_text(text)
        (place / "uv").chmod(0o755)
        monkeypatch.setenv("PATH", f"{place}:{os.environ['PATH']}")
        return log

    return put


def calls(log: Path) -> list[list[str]]:
    return [json.loads(line)[0] for line in log.read_text().splitlines()]


def test_made_once_recorded_and_removed(uv: Any, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_FIND_LINKS", "/wheels /others")
    log, said = uv(), list[str]()
    assert missing(TOY) == "the environment 'toy' is not there: optathlon env create toy"
    found = create(TOY, said.append)
    assert (found.python, found.python_version) == (root / "toy" / "bin" / "python", f"{HERE}.1")
    assert found.versions() == {"toy-lib": "1.0", "numpy": "2.0"}
    assert [call[0] for call in calls(log)] == ["venv", "pip"]
    assert calls(log)[1][-2:] == ["Toy_Lib==1.0", "numpy==2.0"]
    assert json.loads(log.read_text().splitlines()[1])[1] == "/wheels,/others"
    assert create(TOY, said.append) == made(TOY) == found
    assert len(calls(log)) == 2 and "there already" in said[-1]
    assert all_made() == [found]
    remove("toy")
    assert (read("toy"), all_made(), missing(None)) == (None, [], "")


def test_other_versions_are_not_what_is_meant(uv: Any, root: Path) -> None:
    log = uv()
    create(TOY, str)
    newer = Environment("toy", ("toy-lib==2.0",), (HERE,))
    with pytest.raises(MissingEnvironment, match="has other versions than are needed: optathlon env create toy"):
        made(newer)
    assert create(newer, str).requirements == ("toy-lib==2.0",)
    assert len(calls(log)) == 4
    (root / "toy" / "bin" / "python").unlink()
    assert "has lost its Python" in missing(newer)


def test_nothing_is_left_of_a_failure(uv: Any, root: Path) -> None:
    uv(fails=True)
    with pytest.raises(OptathlonError, match="uv failed: no such version"):
        create(TOY, str)
    assert not (root / "toy").exists()


def test_torch_comes_without_cuda(uv: Any) -> None:
    log = uv(packages={"torch": "2.0+cpu"})
    create(Environment("net", ("torch==2.0",), (HERE,)), str)
    *_, install = calls(log)
    assert install[-3:] == ["--extra-index-url", CPU_TORCH, "torch==2.0"]


def test_cuda_is_refused(uv: Any, root: Path) -> None:
    uv(cpu=False)
    with pytest.raises(OptathlonError, match=r"would bring nvidia-cublas-cu12: .*PIP_EXTRA_INDEX_URL="):
        create(Environment("net", ("torch==2.0",), (HERE,)), str)
    assert not (root / "net").exists()


def test_cuda_that_nobody_named_is_removed_again(uv: Any, root: Path) -> None:
    uv(packages={"torch": "2.0", "nvidia-cublas-cu12": "1", "triton": "3"})
    with pytest.raises(OptathlonError, match="as it brought nvidia-cublas-cu12, triton"):
        create(TOY, str)
    assert not (root / "toy").exists()


def test_a_fitting_python_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UsageError, match="needs Python 2"):
        create(Environment("old", ("x==1",), ("2.7",)), str)


def test_pip_s_settings_are_told_to_uv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("PIP_", "UV_", "XDG_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_DIRS", str(tmp_path / "none"))
    (tmp_path / ".config" / "pip").mkdir(parents=True)
    (tmp_path / ".config" / "pip" / "pip.conf").write_text(
        "[global]\nindex-url = https://one/simple\nextra-index-url =\n  https://two\n  https://three\n"
        "[install]\nfind-links = /wheels\n"
    )
    monkeypatch.setenv("PIP_INDEX_URL", "https://mine/simple")
    monkeypatch.setenv("UV_FIND_LINKS", "/own")
    told = uv_settings(environments.pip_settings())
    assert told["UV_DEFAULT_INDEX"] == "https://mine/simple"
    assert told["UV_INDEX"] == "https://two https://three"
    assert told["UV_INDEX_STRATEGY"] == "unsafe-best-match", "as pip, which takes the best of all indexes"
    assert "UV_FIND_LINKS" not in told, "what the user has set stays"


def test_only_environments_are_removed(root: Path, tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    for name in ("toy", "../precious", ".", "..", "/"):
        with pytest.raises(UsageError, match="there is no environment"):
            remove(name)
    assert (tmp_path / "precious").is_dir()


def test_commands_say_what_is_missing(in_process: Any, root: Path) -> None:
    hint = "the environment 'bayesopt' is not there: optathlon env create bayesopt"
    assert hint in in_process("info", "bayesopt-gp").stdout
    assert hint in in_process("list", "optimizers", "bayesopt*").stdout
    listed = in_process("env", "list").stdout
    assert hint in listed and "bayesopt-gp" in listed and str(root) in listed
    for more in (["--dry-run"], []):
        refused = in_process("run", "-o", "bayesopt-gp", "-t", "bbob/f1/d2/i1", "--out", root.parent / "out", *more)
        assert (refused.returncode, len(refused.stderr.splitlines())) == (2, 1)
        assert hint in refused.stderr
    assert "did you mean 'bayesopt'?" in in_process("env", "create", "bayesop").stderr


def test_run_makes_it_with_yes(in_process: Any, uv: Any, root: Path) -> None:
    uv(packages={"bayesian-optimization": "3.4.0"})
    done = in_process(
        "run", "-o", "bayesopt-gp", "-t", "bbob/f1/d2/i1", "--budget", 2, "--out", root.parent / "out", "--yes"
    )
    assert "making" in done.stderr and (root / "bayesopt" / "optathlon.json").is_file()
    assert "1 crashed" in done.stdout, "its Python is none"
    (record,) = (root.parent / "out" / "provenance").glob("*.json")
    assert json.loads(record.read_text())["environments"] == {
        "bayesopt": {"python": f"{HERE}.1", "packages": {"bayesian-optimization": "3.4.0"}}
    }
    assert "removed" in in_process("env", "remove", "bayesopt").stdout


def test_an_installer_that_outlives_its_process_is_waited_for(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, log = tmp_path / "bin", tmp_path / "log"
    place.mkdir()
    (place / "uv").write_text(f"#!/bin/sh\necho begins >> {log}\nsleep 1.5\necho ends >> {log}\nexit 1\n")
    (place / "uv").chmod(0o755)
    monkeypatch.setenv("PATH", f"{place}:{os.environ['PATH']}")
    code = (
        "from optathlon.environment import Environment\n"
        "from optathlon.remote.environments import create\n"
        f"create(Environment('toy', ('a==1',), ({HERE!r},)), print)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL) as killed:
        deadline = time.monotonic() + 30
        while not log.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        killed.kill()
    said: list[str] = []
    with pytest.raises(OptathlonError, match="uv failed"):
        create(TOY, said.append)
    assert log.read_text().split() == ["begins", "ends", "begins", "ends"]
    assert said[0] == f"waiting for another process that is at work in {root / 'toy'}"
