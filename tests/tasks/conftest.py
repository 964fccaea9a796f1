"""What the tests of LLM tasks share: the tiny model, made once for all sessions, and a cache of this session's own."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

OWN_REFERENCE = {"method": "full", "learning_rate": 5e-4, "batch_size": 4}


@pytest.fixture(scope="session")
def llm_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache that holds nothing but the tiny model."""
    for package in ("torch", "transformers", "peft"):
        pytest.importorskip(package, reason="the extra 'llm' is not installed")
    from optathlon.tasks.llm.tiny.pretraining import tiny_model

    made = tiny_model()
    cache = tmp_path_factory.mktemp("cache")
    shutil.copytree(made, cache / "llm" / made.name)
    before = os.environ.get("OPTATHLON_CACHE")
    os.environ["OPTATHLON_CACHE"] = str(cache)
    yield cache
    if before is None:
        del os.environ["OPTATHLON_CACHE"]
    else:
        os.environ["OPTATHLON_CACHE"] = before


@pytest.fixture
def own_task(llm_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Makes the task of a setup of one's own, with some keys changed."""
    monkeypatch.setenv("OPTATHLON_DATA", str(tmp_path))
    folder = tmp_path / "llm"
    folder.mkdir()
    rows = {"train": ("sum of 1 2", "3"), "tune": ("sum of 3 4", "7"), "test": ("sum of 4 4", "8")}
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
