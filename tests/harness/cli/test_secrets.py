"""Whatever commands store or show: keys of the environment and of options are not in it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from optathlon import load

InProcess = Callable[..., Any]

VARIABLE = "sk-env-0123456789abcdef"
OPTION = "sk-opt-fedcba9876543210"
PLUGIN = """
import os, time

from optathlon import Objective, Result, as_task
from optathlon.optimizers.random import RandomSearch


ABOUT = {"source": ["https://me@host/" + os.environ["MY_API_KEY"]]}


@as_task("leaky/task", space={"x": (0.0, 1.0)}, objectives=Objective("f"), budget=4, metadata=ABOUT)
def leaky(config):
    time.sleep(0.15)
    if config["x"] > 0.5:
        raise RuntimeError("401 for Authorization: Bearer " + os.environ["MY_API_KEY"])
    return Result(values=(config["x"],), metrics={"calls with " + os.environ["MY_API_KEY"]: 1.0})


class Client(RandomSearch):
    def __init__(self, problem, seed, *, api_key: str = "", note: str = "", step: float = 1.0):
        super().__init__(problem, seed)
        self.key = api_key

    def tell(self, trial, result):
        if trial.id == 3:
            raise RuntimeError(f"the server refused {self.key!r} and {os.environ['MY_API_KEY']}")
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MY_API_KEY", VARIABLE)
    (tmp_path / "leaks.py").write_text(PLUGIN)
    return tmp_path


def texts(folder: Path) -> dict[str, str]:
    """All that stands in the files, Parquet's columns included."""
    return {
        str(path.relative_to(folder)): str(pq.read_table(path).to_pylist())
        if path.suffix == ".parquet"
        else path.read_bytes().decode(errors="replace")
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }


def leaks(*places: str) -> list[str]:
    return [place for place in places if VARIABLE in place or OPTION in place]


COMMAND = ("run", "--plugin", "leaks.py", "-t", "leaky/task", "--out", "out", "--name", f"with {VARIABLE}", "--isolate")


def test_no_secret_is_stored_or_shown(in_process: InProcess, here: Path) -> None:
    optimizer = f"client[api_key={OPTION},note={VARIABLE},step=2]"
    done = in_process(*COMMAND, "-o", optimizer)
    assert done.returncode == 1
    again = in_process(*COMMAND, "-o", optimizer)
    assert "(0 new)" in again.stdout, "the run has the same id"
    shown = [in_process(*command) for command in (("status", "out"), ("report", "out"), ("report", "out/none"))]
    assert not leaks(*(text for one in (done, again, *shown) for text in (one.stdout, one.stderr)))
    found = texts(here / "out")
    assert [name for name, text in found.items() if leaks(text)] == []
    assert {name.partition("/")[0] for name in found} >= {"runs", "trials", "provenance", "report"}

    results = load(here / "out")
    (run,) = results.runs.to_dict("records")
    assert run["optimizer"].startswith("client[api_key=***")
    assert run["optimizer"].endswith(",step=2.0]")
    assert json.loads(run["options"])["step"] == 2.0
    assert "the server refused '***' and ***" in run["error"]
    assert results.trials["error"].dropna().str.contains("401 for Authorization: Bearer ***", regex=False).all()
    assert results.trials["error"].notna().any()


def test_a_journal_holds_no_secret(in_process: InProcess, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from optathlon.running.journal import Journal

    monkeypatch.setattr(Journal, "remove", Journal.close)
    in_process(*COMMAND, "-o", "random", "-j", "1")
    found = {name: text for name, text in texts(here / "out").items() if name.startswith("journal")}
    assert found
    assert any("Bearer ***" in text for text in found.values())
    assert not leaks(*found.values())


def test_a_run_whose_secret_is_not_stored_can_not_be_retried(in_process: InProcess, here: Path) -> None:
    in_process(*COMMAND, "-o", f"client[api_key={OPTION}]")
    done = in_process("retry", "out", "--status", "crashed", "--plugin", "leaks.py")
    assert done.returncode == 2
    assert "stands for a secret that is not stored" in done.stderr


def test_a_refusal_strikes_what_it_repeats(in_process: InProcess, here: Path) -> None:
    for arguments in (
        ("run", "-o", f"randon[api_key={OPTION}]", "-t", "mfh/*"),
        ("run", "-o", f"random[api_key={OPTION}]", "-t", "mfh/*"),
        ("run", "-o", "random", "-t", VARIABLE),
        ("run", "-o", "random", "-t", "mfh/*", "--executor", "slurm", "-x", f"token={OPTION}"),
        ("list", "tasks", f"--api-key={OPTION}"),
        ("info", f"x[password={OPTION}]"),
        ("report", f"{VARIABLE}/results"),
    ):
        done = in_process(*arguments)
        assert done.returncode == 2
        assert not leaks(done.stderr, done.stdout), arguments


def test_an_earlier_page_is_made_without_the_secrets_that_its_results_hold(
    in_process: InProcess, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Results of an earlier version, which stored what it was given."""
    from optathlon import redaction

    with monkeypatch.context() as patch:
        for module in ("results.rows", "results.provenance"):
            for name in ("redacted", "redacted_id", "redacted_options", "redacted_command"):
                plain = " ".join if name == "redacted_command" else lambda given: given
                patch.setattr(f"optathlon.{module}.{name}", plain, raising=False)
        in_process(*COMMAND, "-o", f"client[api_key={OPTION}]")
    assert leaks(*texts(here / "out").values())
    monkeypatch.setattr(redaction, "_noted", set())
    redaction.redacted_id.cache_clear()
    assert in_process("report", "out").returncode == 0
    page = (here / "out" / "report" / "index.html").read_text()
    assert not leaks(page)
    assert "client[api_key=***" in page
