"""The tiny model: answers against Python's own operations, and a model that knows its operations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from optathlon.llm.tiny.corpus import text, vocabulary
from optathlon.llm.tiny.operations import OPERATIONS

LETTERS = "abcdefgh"


def by_hand(name: str, given: list[str]) -> str:
    """The operations once more, over strings instead of lists of words."""
    joined = "".join(given)
    match name:
        case "rev":
            result = joined[::-1]
        case "first":
            result = joined[0]
        case "last":
            result = joined[-1]
        case "tail":
            result = joined[1:]
        case "len":
            result = str(len(joined))
        case "sort":
            result = "".join(letter for letter in LETTERS if letter in joined)
        case "next":
            result = (LETTERS + "a")[LETTERS.index(joined) + 1]
        case "prev":
            result = ("h" + LETTERS)[LETTERS.index(joined)]
        case "max":
            result = str(max(int(digit) for digit in joined))
        case "min":
            result = str(min(int(digit) for digit in joined))
        case "add":
            result = str(int(joined[0]) + int(joined[1]))
        case "dup":
            result = joined * 2
        case _:
            raise AssertionError(name)
    return " ".join(result)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_answers_are_right(operation: object) -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        given = operation.draw(rng)  # type: ignore[attr-defined]
        assert operation.answer(given) == by_hand(operation.name, given)  # type: ignore[attr-defined]


def test_the_vocabulary_holds_every_word() -> None:
    words = set(vocabulary())
    assert len(words) == len(vocabulary())
    assert set(text(np.random.default_rng(1), 20_000).split()) <= words


@pytest.mark.torch
def test_the_model_is_small_and_has_learnt_its_operations(llm_cache: Path) -> None:
    from optathlon.llm.generation import answer
    from optathlon.llm.models import load_model, load_tokenizer

    (folder,) = (path for path in (llm_cache / "llm").glob("tiny-*") if path.is_dir())
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 1_000_000
    model, tokenizer = load_model("tiny", "cpu", "float32"), load_tokenizer("tiny")
    assert 100_000 <= sum(weight.numel() for weight in model.parameters()) <= 500_000
    rng = np.random.default_rng(3)
    given = [(operation, operation.draw(rng)) for operation in OPERATIONS * 20]
    calls = [f"<s> <user> {one.name} ( {' '.join(words)} ) <assistant>" for one, words in given]
    prompts = [tokenizer(call)["input_ids"] for call in calls]
    said = answer(
        model,
        tokenizer,
        prompts,
        ends=[tokenizer.eos_token_id],
        max_new_tokens=10,
        batch_size=64,
        device="cpu",
    ).texts
    right = [text == f"-> {one.answer(words)}" for text, (one, words) in zip(said, given, strict=True)]
    assert np.mean(right) > 0.85


@pytest.mark.torch
def test_the_same_seed_gives_the_same_weights(llm_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from optathlon.llm.tiny import pretraining

    monkeypatch.setattr(pretraining, "STEPS", 3)
    monkeypatch.setenv("OPTATHLON_CACHE", str(llm_cache / "twice"))
    weights = []
    for attempt in range(2):
        torch.manual_seed(attempt)
        folder = llm_cache / f"weights-{attempt}"
        folder.mkdir()
        pretraining._write(folder)
        weights.append((folder / "model.safetensors").read_bytes())
    assert weights[0] == weights[1]
