"""What the tests of several folders share: commands, plugin files, comparable frames, and LLM tasks."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import settings

from optathlon.registry.plugins import plugins
from optathlon.results.frames import Results
from optathlon.running.environment import is_pinned, pinned, pinning

for profile, examples in {"quick": 12, "thorough": 200}.items():
    settings.register_profile(profile, max_examples=examples, deadline=None, derandomize=True, database=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

os.environ.update({name: value for name, value in pinning().items() if name != "PYTHONHASHSEED"})
"""Before the workers of xdist start, which would fight for the cores with several threads each."""

with pinned():
    PINNED = dict(os.environ)
"""With this environment the command line does not start itself again, and the driver forks its workers."""

_TIMES = {
    "runs": ["started", "seconds", "host", "provenance"],
    "trials": ["ask_s", "tell_s", "evaluate_s", "start", "end", "worker", "peak_memory"],
}

Command = Callable[..., "subprocess.CompletedProcess[str]"]

GROUPS = {"processes", "torch", "browser", "cluster", "convergence", "slow"}


def pytest_configure(config: pytest.Config) -> None:
    """Without `-m`: the quick tests, and of files that are named all but the slow ones."""
    if not config.option.markexpr:
        named = config.args_source is pytest.Config.ArgsSource.ARGS
        config.option.markexpr = "not slow" if named else "quick"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as quick what is in no group, and the smoke tests of the groups."""
    for item in items:
        marks = {mark.name for mark in item.iter_markers()}
        if "smoke" in marks or not marks & GROUPS:
            item.add_marker("quick")


@pytest.fixture(scope="session")
def command() -> Command:
    """`optathlon ARGS` in a process of its own; the finished process with its output as text."""

    def run(*args: object, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "optathlon", *map(str, args)],
            cwd=cwd,
            env=PINNED | environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


@pytest.fixture(scope="session")
def start_command() -> Callable[..., subprocess.Popen[str]]:
    """`optathlon ARGS` in a process of its own that still runs."""

    def start(*args: object, cwd: Path | None = None, **environment: str) -> subprocess.Popen[str]:
        with _interruptible():
            return subprocess.Popen(
                [sys.executable, "-m", "optathlon", *map(str, args)],
                cwd=cwd,
                env=PINNED | environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )

    return start


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """What is started here can be interrupted, even if pytest can't, as in the background of a shell."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.fixture
def pinned_environment() -> Iterator[None]:
    """This process looks as if it had been started by the command line."""
    with pinned():
        yield


@pytest.fixture
def forget_plugins(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Forgets, until the end of the test, what plugins have brought."""

    def forget() -> None:
        for name in vars(plugins):
            monkeypatch.setattr(plugins, name, type(getattr(plugins, name))())

    return forget


@pytest.fixture
def own_plugins(forget_plugins: Callable[[], None]) -> None:
    """Plugins that the test loads are forgotten after it."""
    forget_plugins()


@pytest.fixture
def in_process(
    pinned_environment: None,
    own_plugins: None,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Iterator[Callable[..., SimpleNamespace]]:
    """`optathlon ARGS` without a new process (a second cheaper); its exit code and output."""
    from optathlon.cli import main

    def run(*args: object) -> SimpleNamespace:
        assert is_pinned(), "else the command line would start pytest again"
        monkeypatch.setattr(sys, "argv", ["optathlon", *map(str, args)])
        capfd.readouterr()
        try:
            main()
            code: object = 0
        except SystemExit as end:
            code = end.code or 0
        captured = capfd.readouterr()
        return SimpleNamespace(returncode=code, stdout=captured.out, stderr=captured.err)

    yield run


@pytest.fixture(scope="session")
def timeless() -> Callable[[Results], dict[str, list[dict[str, object]]]]:
    """The runs and trials of results without times and machine: what must be the same however they came about."""

    def strip(results: Results) -> dict[str, list[dict[str, object]]]:
        return {
            part: getattr(results, part).drop(columns=times).astype(object).fillna("missing").to_dict("records")
            for part, times in _TIMES.items()
        }

    return strip


OWN_REFERENCE = {"method": "full", "learning_rate": 5e-4, "batch_size": 4}


@pytest.fixture(scope="session")
def llm_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache of this process that holds nothing but the tiny model and, beside others of xdist, its reference."""
    for package in ("torch", "transformers", "peft"):
        pytest.importorskip(package, reason="the extra 'llm' is not installed")
    cache = tmp_path_factory.mktemp("cache")
    shutil.copytree(_shared_llm_cache(tmp_path_factory.getbasetemp()), cache, dirs_exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPTATHLON_CACHE", str(cache))
        yield cache


def _shared_llm_cache(own: Path) -> Path:
    """What the first of all processes of xdist makes for all of them; `own` is this one's temporary folder.

    The tiny model is pre-trained once for a machine: it stays in the user's cache.
    """
    from filelock import FileLock

    from optathlon.llm.tiny.pretraining import tiny_model
    from optathlon.tasks.llm.loaded_setup import LoadedSetup
    from optathlon.tasks.llm.setups import TINY

    is_shared = "PYTEST_XDIST_WORKER" in os.environ
    cache = (own.parent if is_shared else own) / "shared-llm-cache"
    with FileLock(f"{cache}.lock"):
        if cache.exists():
            return cache
        made, unfinished = tiny_model(), cache.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.copytree(made, unfinished / "llm" / made.name)
        if is_shared:
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("OPTATHLON_CACHE", str(unfinished))
                LoadedSetup(TINY).prepare()
        return unfinished.replace(cache)


@pytest.fixture
def own_task(llm_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Makes the task of a setup of one's own, with some keys changed."""
    monkeypatch.setenv("OPTATHLON_DATA", str(tmp_path))
    folder = tmp_path / "llm"
    folder.mkdir()
    rows = {"train": ("sum of 1 2", "3"), "validation": ("sum of 3 4", "7"), "test": ("sum of 4 4", "8")}
    for part, (asked, answer) in rows.items():
        (folder / f"{part}.jsonl").write_text(json.dumps({"instruction": asked, "output": answer, "answer": answer}))
    (folder / "bare.jsonl").write_text(json.dumps({"instruction": "mirror a b"}))
    pair = {"instruction": "sum of 1 2", "input": " ".join(["2"] * 30), "chosen": "3", "rejected": "4"}
    (folder / "pairs.jsonl").write_text(json.dumps(pair))
    (folder / "broken.jsonl").write_text('{"instruction": "a", "output": "b"}\n{"instruction": \n')

    def make(kind: str = "sft", objectives: str = "win-rate", **changes: Any) -> Any:
        content = {
            **{"model": "tiny", "judge": "verifier", "device": "cpu", "dtype": "float32", "reference": OWN_REFERENCE},
            **{"max_new_tokens": 4, "data": {part: f"{part}.jsonl" for part in rows} | changes.pop("data", {})},
        }
        (folder / "mine.yaml").write_text(json.dumps(content | changes))
        from optathlon.tasks.llm import LLM

        return LLM().make(f"llm/{kind}/mine/{objectives}")

    return make
