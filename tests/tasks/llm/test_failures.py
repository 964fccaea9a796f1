"""What is missing is told before trials are spent on it, and a killed run comes to the same results."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import optathlon
from optathlon.errors import UsageError

torch = pytest.importorskip("torch", reason="the extra 'llm' is not installed")
pytest.importorskip("transformers", reason="the extra 'llm' is not installed")
pytest.importorskip("peft", reason="the extra 'llm' is not installed")
pytestmark = pytest.mark.torch

TUNING = {"method": "full", "learning_rate": 5e-4, "batch_size": 4}


@pytest.fixture(autouse=True)
def _cache(llm_cache: Path) -> None:
    """All tests share the tiny model."""


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"judge": "verifer"}, "unknown judge 'verifer' in 'verifer': did you mean 'verifier'?"),
        ({"test_judge": "noisy(verifier, p_flip=2)"}, "p_flip of noisy is a probability, not 2"),
        ({"reference": {**TUNING, "method": "lorra"}}, "unknown method 'lorra' in the setup 'mine': reference"),
        ({"reference": {**TUNING, "learning_rat": 1}}, "'learning_rat' in the setup 'mine': reference: did you mean"),
        ({"reference": {"batch_size": 8}}, "the setup 'mine': reference: learning_rate: field required"),
        ({"reference": {**TUNING, "method": "lora"}}, "the setup 'mine': reference: rank: field required"),
        (
            {"expert_tuning": {**TUNING, "optimizer": "adam"}},
            "the setup 'mine': expert_tuning: optimizer: input should",
        ),
    ],
)
def test_setups_that_can_not_work_are_refused(own_task: Callable[..., Any], changes: Any, complaint: str) -> None:
    with pytest.raises(UsageError) as error:
        own_task(**changes)
    assert complaint in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"data": {"train": "broken.jsonl"}}, "broken.jsonl, line 2 is not JSON"),
        ({"data": {"test": "none.parquet"}}, "no data file 'none.parquet'"),
        ({"data": {"tune": "test.jsonl"}}, "1 prompts stand both in tune and in test"),
        ({"model": "./nowhere"}, "no model folder './nowhere'"),
        ({"model": "nobody/nothing"}, "the model 'nobody/nothing' is not on this machine: fetch it with"),
        ({"template": "none.jinja"}, "no chat template"),
        ({"reference": "none.jsonl"}, "no data file 'none.jsonl'"),
        ({"reference": "train.jsonl"}, "train.jsonl has no answer to 1 prompts of tune, the first is '0'"),
        ({"judge": "pool(verifier, likelihood('nobody/judge'))"}, "the model 'nobody/judge' is not on this machine"),
        ({"judge": "noisy(pandalm('nobody/judge'))"}, "the model 'nobody/judge' is not on this machine"),
        (
            {"test_judge": "endpoint('http://127.0.0.1:9/v1', 'm', key=None, retries=0)"},
            "127.0.0.1:9/v1 fails, tried 1",
        ),
        ({"judge": "endpoint('http://127.0.0.1:9/v1', 'm', key='NO_SUCH_KEY')"}, "variable NO_SUCH_KEY"),
        ({"device": "gpu"}, "can't compute on the device 'gpu'"),
        pytest.param(
            {"device": "cuda:99"},
            "can't compute on the device 'cuda:99'",
            marks=pytest.mark.skipif(torch.cuda.device_count() > 99, reason="there is such a device"),
        ),
        ({"objectives": "win-rate+exact-match", "data": {"test": "bare.jsonl"}}, "1 examples of test of the setup 'mi"),
        (
            {"objectives": "loss", "data": {"tune": "bare.jsonl"}},
            "tune of the setup 'mine' have no 'output', the fir",
        ),
        ({"test_judge": "pandalm('tiny', max_new_tokens=2)"}, "judgements of pandalm('tiny', max_new_tokens=2) could"),
        ({"kind": "preference", "preferences": "pairs.jsonl", "max_tokens": 24}, "which leaves no room for a response"),
    ],
)
def test_what_is_missing_is_told_before_trials(own_task: Callable[..., Any], changes: Any, complaint: str) -> None:
    with pytest.raises(UsageError) as error:
        own_task(**changes).fingerprint()
    assert complaint in str(error.value) and "\n" not in str(error.value)


def test_the_command_ends_with_that_line(
    own_task: Callable[..., Any], tmp_path: Path, command: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    own_task(data={"train": "broken.jsonl"})
    done = command(
        *("run", "-o", "random", "-t", "llm/sft/mine/win-rate", "--budget", 2, "--out", tmp_path / "out"),
        OPTATHLON_DATA=str(tmp_path),
        OPTATHLON_CACHE=os.environ["OPTATHLON_CACHE"],
    )
    assert done.returncode == 2
    assert "optathlon: broken.jsonl, line 2 is not JSON" in done.stderr.splitlines()[-1]
    assert not list((tmp_path / "out").rglob("*.parquet"))


def test_a_killed_run_comes_to_the_same_results(
    llm_cache: Path,
    tmp_path: Path,
    start_command: Callable[..., subprocess.Popen[str]],
    command: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    """Both begin with nothing but the tiny model; one is killed in the middle of its trials."""

    def arguments(name: str) -> tuple[Any, ...]:
        out = tmp_path / name
        return ("run", "-o", "random", "-t", "llm/sft/tiny/lc-win-rate", "--seeds", 1, "--budget", 4, "--out", out)

    caches = [tmp_path / "cache" / name for name in ("whole", "killed")]
    model = next((llm_cache / "llm").glob("tiny-*[!k]"))
    for cache in caches:
        shutil.copytree(model, cache / "llm" / model.name)
    assert command(*arguments("whole"), OPTATHLON_CACHE=str(caches[0])).returncode == 0
    process = start_command(*arguments("killed"), OPTATHLON_CACHE=str(caches[1]))
    deadline = time.monotonic() + 100
    while not list((caches[1] / "llm" / "results").rglob("*.json")):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not list((tmp_path / "killed").rglob("trials*.parquet"))
    assert command(*arguments("killed"), OPTATHLON_CACHE=str(caches[1])).returncode == 0
    whole, killed = (_measured(optathlon.load(tmp_path / name).trials) for name in ("whole", "killed"))
    assert len(whole) == 4 and "test/1-lc_win_rate" in whole[0] and whole == killed


def _measured(trials: Any) -> list[dict[str, Any]]:
    """Everything but times and memory."""
    taken = ("seconds", "_memory", "_s", "per_second", "start", "end", "cost")
    return (
        trials.drop(columns=[name for name in trials if name.endswith(taken)])
        .astype(object)
        .fillna("none")
        .to_dict("records")
    )
