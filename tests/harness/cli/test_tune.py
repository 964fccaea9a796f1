"""`optathlon tune`: one's own function by one optimizer, resumed after a kill, with limits and a report."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from optathlon import load

InProcess = Callable[..., SimpleNamespace]

TRAIN = """
import time
from pathlib import Path

from optathlon import as_task

CALLS = Path(__file__).with_name("calls")


SPACE = {"x": (0.0, 1.0), "kind": ["a", "b"]}


@as_task("mine/train", space=SPACE, objectives={"error": "minimize"}, budget=6, probed=False)
def train(config, seed):
    with CALLS.open("a") as calls:
        calls.write(f"{config['x']!r}\\n")
    if config["kind"] == "b":
        raise ValueError("no such kind")
    if (Path(__file__).with_name("slowly")).exists():
        time.sleep(0.2)
    return {"error": (config["x"] - 0.3) ** 2, "test/error": config["x"]}


@as_task("mine/line", space={"x": (0.0, 1.0)}, objectives={"a": "minimize", "b": "maximize"}, budget=6, probed=False)
def line(config):
    return config["x"], config["x"] + 1


def plain(config):
    return 0.0
"""


@pytest.fixture
def train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text(TRAIN)
    return tmp_path / "train.py"


def calls(train: Path) -> list[str]:
    return train.with_name("calls").read_text().splitlines()


@pytest.mark.processes
def test_the_best_is_printed_and_reported(train: Path, in_process: InProcess) -> None:
    done = in_process("tune", "train.py:train", "-o", "random", "--budget", 9, "--seed", 2, "--out", "t")
    assert (done.returncode, done.stderr.count("\n")) == (0, 1)
    trials = load("t").trials
    assert len(trials) == len(calls(train)) == 9
    assert (trials["seed"] == 2).all()
    best = trials.loc[trials["value"].idxmin()]
    heading, _, row, report, following = done.stdout.splitlines()
    assert heading == "mine/train: minimize error"
    assert row.split()[1:5] == [f"{best['value']:.6g}", "random", "2", str(best["trial"])]
    assert f"x={json.loads(best['config'])['x']!r}" in row
    assert report.startswith("the report is ")
    assert Path(report.removeprefix("the report is ")).is_file()
    assert following == "next: optathlon best t --as python"


@pytest.mark.processes
def test_repeated_it_does_nothing_more(train: Path, in_process: InProcess) -> None:
    command = ("tune", "train.py:train", "-o", "random", "--no-report", "--workers", 2)
    first = in_process(*command)
    assert len(calls(train)) == 6
    second = in_process(*command)
    assert second.stdout == first.stdout
    assert len(calls(train)) == 6


@pytest.mark.processes
def test_several_objectives_have_a_pareto_set_and_a_file_with_one_task_needs_no_name(
    train: Path, in_process: InProcess
) -> None:
    source = train.read_text().partition('@as_task("mine/train"')[0] + train.read_text().partition(
        '@as_task("mine/line"'
    )[2].join(['@as_task("mine/line"', ""])
    train.write_text(source)
    done = in_process("tune", "train.py", "-o", "random", "--no-report", "--isolate", "--trial-timeout", "60s")
    assert done.returncode == 0
    assert "mine/line: minimize a, maximize b; the Pareto set of 6" in done.stdout


@pytest.mark.processes
def test_after_a_kill_only_the_rest_is_evaluated(
    train: Path, start_command: Callable[..., subprocess.Popen[str]], in_process: InProcess
) -> None:
    slowly = train.with_name("slowly")
    slowly.touch()
    command = ("tune", "train.py:train", "-o", "optuna-tpe", "--budget", 30, "--out", "t", "--no-report")
    running = start_command(*command, cwd=train.parent)
    journals = train.parent / "t" / "journal"
    deadline = time.monotonic() + 100
    while not any(path.read_bytes().count(b"\n") > 4 for path in journals.glob("*.jsonl")):
        assert time.monotonic() < deadline
        assert running.poll() is None
        time.sleep(0.05)
    running.send_signal(signal.SIGKILL)
    running.wait()
    time.sleep(1.0)  # its worker sees that it is gone
    before = len(calls(train))
    slowly.unlink()
    done = in_process(*command)
    assert done.returncode == 0
    trials = load("t").trials
    assert len(trials) == 30
    assert load("t").runs["reason"].isna().all()
    evaluated = calls(train)
    assert 4 <= before < 30
    assert 30 <= len(evaluated) <= 31 + (before == len(evaluated))  # the one in flight is evaluated again
    assert sorted(set(evaluated)) == sorted({repr(json.loads(config)["x"]) for config in trials["config"]})


@pytest.mark.processes
def test_a_run_that_fails_ends_with_1(train: Path, in_process: InProcess) -> None:
    train.write_text(TRAIN.replace('config["kind"] == "b"', "True"))
    done = in_process("tune", "train.py:train", "-o", "random", "--no-report", "--fail-fast", 3)
    assert done.returncode == 1
    assert "none of 3 trials has a result" in done.stdout
    assert "it ended as crashed: " in done.stderr
    assert "no such kind" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train.py:trian"], "unknown function 'trian' in 'train.py', which has the tasks train, line: did you mean"),
        (["train.py"], "'train.py' has the tasks train, line: name one, as train.py:train"),
        (["train.py:plain"], "'plain' in 'train.py' is a plain function: say what its search space is by @as_task"),
        (["nowhere.py:train"], "no plugin file"),
        (["broken.py:train"], "can't import the plugin"),
        (["empty.py"], "'empty.py' has no task (a function with @as_task above it)"),
        (["train"], "unknown collection 'train' in the task 'train'"),
        (["train.py:train", "-o", "rnadom"], "unknown optimizer 'rnadom': did you mean 'random'?"),
        (["train.py:train", "--budget", "x"], "can't read the budget 'x'"),
        (["train.py:train", "--workers", "0"], "workers_per_run in the command"),
        (["train.py:train", "--seed", "-1"], "the seeds"),
        (
            ["train.py:train", "-o", "cmaes-cma"],
            "'cmaes-cma' can't tune 'mine/train': the search space has categorical",
        ),
        (["train.py:line", "-o", "optuna-tpe-median"], "'optuna-tpe-median' can't tune 'mine/line'"),
    ],
)
def test_what_can_not_be_done_is_one_line(
    train: Path, in_process: InProcess, arguments: list[str], message: str
) -> None:
    train.with_name("broken.py").write_text("import")
    train.with_name("empty.py").write_text("")
    given = arguments if "-o" in arguments else [*arguments, "-o", "random"]
    done = in_process("tune", *given, "--no-report")
    assert message in done.stderr
    assert (done.returncode, done.stderr.count("\n"), done.stdout) == (2, 1, "")
    assert not train.with_name("tuned").exists()


@pytest.mark.processes
def test_an_edited_function_is_refused_with_a_way_out(train: Path, in_process: InProcess) -> None:
    command = ("tune", "train.py:train", "-o", "random", "--no-report")
    assert in_process(*command).returncode == 0
    train.write_text(TRAIN.replace("- 0.3", "- 0.4"))
    done = in_process(*command, "--seed", 1)
    assert done.returncode == 2
    assert "give another --out folder, or raise its version" in done.stderr
