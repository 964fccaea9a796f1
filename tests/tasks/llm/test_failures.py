"""What is missing is told before trials are spent on it, and a killed run comes to the same results."""

from __future__ import annotations

import os
import shutil
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

HOSTILE_TEMPLATES = {
    "endless.jinja": "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "huge.jinja": "{{ 'a' * 10**10 }}",
    "long.jinja": "a" * 5_000_000,
}
TUNING = {"method": "full", "learning_rate": 5e-4, "batch_size": 4}


@pytest.fixture(autouse=True)
def _cache(llm_cache: Path) -> None:
    """All tests share the tiny model."""


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"judge": "verifer"}, "unknown judge 'verifer' in 'verifer': did you mean 'verifier'?"),
        ({"test_judge": "noisy(verifier, p_flip=2)"}, "p_flip of noisy is a probability, not 2"),
        (
            {"reference": {**TUNING, "method": "lorra"}},
            "the setup 'mine': reference: unknown method 'lorra': did you mean 'lora'?",
        ),
        (
            {"reference": {**TUNING, "learning_rat": 1}},
            "'mine': reference: unknown hyperparameter 'learning_rat': did you mean",
        ),
        ({"reference": {"batch_size": 8}}, "the setup 'mine': reference: learning_rate: field required"),
        ({"reference": {**TUNING, "method": "lora"}}, "the setup 'mine': reference: rank: field required"),
        (
            {"merge": {"tuning": {**TUNING, "optimizer": "adam"}}},
            "the setup 'mine': merge: tuning: optimizer: input should",
        ),
        ({"merge": {"expert": {}}}, "unknown key 'expert' in the setup 'mine': merge: did you mean 'experts'?"),
        ({"merge": "all"}, "the setup 'mine': merge: input should be a valid dictionary"),
        ({"preferenc": {}}, "unknown key 'preferenc' in the setup 'mine': did you mean 'preference'?"),
        (
            {"preference": {"pairs": ["a"]}},
            "the setup 'mine': preference: pairs: input should be a valid string",
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
        ({"data": {"validation": "test.jsonl"}}, "1 prompts stand both in validation and in test"),
        ({"model": "./nowhere"}, "no model folder './nowhere'"),
        ({"model": "nobody/nothing"}, "the model 'nobody/nothing' is not on this machine: fetch it with"),
        ({"template": "none.jinja"}, "no chat template"),
        ({"reference": "none.jsonl"}, "no data file 'none.jsonl'"),
        ({"reference": "train.jsonl"}, "train.jsonl has no answer to 1 prompts of validation, the first is '0'"),
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
            {"objectives": "loss", "data": {"validation": "bare.jsonl"}},
            "validation of the setup 'mine' have no 'output'",
        ),
        (
            {"test_judge": "noisy(pool(length, verifier), p_flip=0.1)", "data": {"test": "bare.jsonl"}},
            "1 examples of test of the setup 'mine' have no 'answer', the first is '0', which the judge noisy(pool(len",
        ),
        ({"template": "endless.jinja"}, "the chat template can't write '0': it computes for more than 5 seconds"),
        ({"template": "huge.jinja"}, "the chat template can't write '0': it takes more than 512 MiB of memory"),
        ({"template": "long.jinja"}, "long.jinja' holds more than 1 MiB: give a smaller one"),
        ({"test_judge": "pandalm('tiny', max_new_tokens=2)"}, "judgements of pandalm('tiny', max_new_tokens=2) could"),
        (
            {"kind": "preference", "preference": {"pairs": "pairs.jsonl"}, "max_tokens": 24, "too_long": "drop"},
            "no pair of the setup 'mine' has room within 24 tokens",
        ),
    ],
)
def test_what_is_missing_is_told_before_trials(
    own_task: Callable[..., Any], tmp_path: Path, changes: Any, complaint: str
) -> None:
    for name, text in HOSTILE_TEMPLATES.items():
        (tmp_path / "llm" / name).write_text(text)
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
    assert not list((tmp_path / "out" / "runs").glob("*.parquet"))


PAUSE = """
import os
import time
from pathlib import Path

from optathlon.tasks.llm.kinds.sft import SFT

measure = SFT.measure


def measured_once(self, *arguments):
    kept = Path(os.environ["OPTATHLON_CACHE"]) / "llm" / "results"
    if list(kept.rglob("*.json")):
        Path(os.environ["PAUSED"]).touch()
        parent = os.getppid()
        while os.getppid() == parent:
            time.sleep(0.05)
        os._exit(1)
    return measure(self, *arguments)


SFT.measure = measured_once
"""


def test_a_killed_run_comes_to_the_same_results(
    own_task: Callable[..., Any], llm_cache: Path, tmp_path: Path, start_command: Callable[..., subprocess.Popen[str]]
) -> None:
    """Both begin with nothing but the tiny model; one is killed in the middle of its second trial."""
    own_task()
    paused = tmp_path / "paused"

    def start(name: str, *options: object) -> subprocess.Popen[str]:
        cache = tmp_path / "cache" / name
        for model in (llm_cache / "llm").glob("tiny-*[!k]"):
            shutil.copytree(model, cache / "llm" / model.name, dirs_exist_ok=True)
        return start_command(
            *("run", "-o", "random", "-t", "llm/sft/mine/loss", "--seeds", 1, "--budget", 4),
            *("--out", tmp_path / name, *options),
            OPTATHLON_CACHE=str(cache),
            OPTATHLON_DATA=str(tmp_path),
            PAUSED=str(paused),
        )

    def finish(process: subprocess.Popen[str]) -> None:
        _, errors = process.communicate()
        assert process.returncode == 0, errors

    finish(start("whole"))
    (tmp_path / "pause.py").write_text(PAUSE)
    process = start("killed", "--plugin", tmp_path / "pause.py")
    while not paused.exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    process.kill()
    process.communicate()
    assert not list((tmp_path / "killed").rglob("trials*.parquet"))
    finish(start("killed"))
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
