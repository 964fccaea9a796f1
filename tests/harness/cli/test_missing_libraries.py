"""Where a library is not installed, what it would do is still listed, and using it is refused in one line."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from optathlon.installation import as_installed

InProcess = Callable[..., SimpleNamespace]

REMEDY = "needs the package '{}': {}"


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Makes a package look as if it weren't installed."""
    find = importlib.util.find_spec

    def hide(hidden: str) -> None:
        monkeypatch.setattr(
            importlib.util, "find_spec", lambda name, *rest: None if name == hidden else find(name, *rest)
        )

    return hide


def refused(done: SimpleNamespace, package: str, extra: str) -> None:
    assert done.returncode == 2
    told = [line for line in done.stderr.splitlines() if not line.endswith(" runs")]  # but for the progress
    assert len(told) == 1
    assert REMEDY.format(package, as_installed(f"pip install 'optathlon[{extra}]'")) in told[0]


@pytest.mark.torch
@pytest.mark.smoke
def test_language_models_without_torch(in_process: InProcess, without: Callable[[str], None], tmp_path: Path) -> None:
    without("torch")
    listed = in_process("list", "tasks", "llm/*", "--names")
    assert listed.returncode == 0
    assert "llm/sft/tiny/win-rate" in listed.stdout.split()
    refused(in_process("run", "-o", "random", "-t", "llm/sft/tiny/win-rate", "--out", tmp_path / "out"), "torch", "llm")
    assert not (tmp_path / "out").exists()


@pytest.mark.torch
@pytest.mark.smoke
@pytest.mark.parametrize(("optimizer", "package"), [("hebo", "hebo"), ("optuna-gp", "torch")])
def test_optimizers_without_torch(
    in_process: InProcess, without: Callable[[str], None], tmp_path: Path, optimizer: str, package: str
) -> None:
    without(package)
    assert optimizer in in_process("list", "optimizers").stdout
    told = in_process("info", optimizer)
    assert told.returncode == 0
    assert "options" in told.stdout
    refused(in_process("run", "-o", optimizer, "-t", "bbob/f1/d2/i1", "--out", tmp_path / "out"), package, optimizer)


@pytest.mark.cluster
@pytest.mark.smoke
def test_the_executor_ray_without_ray(in_process: InProcess, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    given = ("run", "-o", "random", "-t", "bbob/f1/d2/i1", "--executor", "ray", "--out", tmp_path / "out")
    assert in_process(*given, "--dry-run").returncode == 0
    refused(in_process(*given), "ray", "ray")


@pytest.mark.parametrize("package", ["httpx2", "tenacity"])
def test_an_endpoint_without_its_client(
    in_process: InProcess, without: Callable[[str], None], tmp_path: Path, package: str
) -> None:
    without(package)
    items = tmp_path / "items.jsonl"
    items.write_text(
        '{"idx": 0, "instruction": "a", "response1": "b", "response2": "c", "annotator1": 1, "annotator2": 1}'
    )
    judge = "endpoint('http://127.0.0.1:9/v1', 'm', key=None)"
    refused(in_process("judge", "validate", items, "--judge", judge), package, "endpoint")
