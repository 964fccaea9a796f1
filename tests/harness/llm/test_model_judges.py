"""Judges that are language models: against transformers' own losses, and PandaLM's own words and settings."""

from __future__ import annotations

import gzip
import json
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from optathlon.errors import MissingData, MissingDependency, UsageError
from optathlon.llm.chat import ALPACA
from optathlon.llm.judges.likelihood import Likelihood
from optathlon.llm.judges.pandalm import PandaLM, preference, request
from optathlon.llm.judging import Judge, Prompt, compare


def prompts(count: int) -> list[Prompt]:
    return [Prompt(f"p{number}", f"say {number}") for number in range(count)]


# Language models: made on the spot


def bytes_tokenizer(words: Sequence[str] = ()) -> Any:
    """One token a byte, and one for each of some words; 0 is padding, 2 the end."""
    tokenizers = pytest.importorskip("tokenizers")
    transformers = pytest.importorskip("transformers")
    alphabet = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    numbers = {word: number for number, word in enumerate(["<unk>", "<s>", "</s>", *alphabet])}
    core = tokenizers.Tokenizer(tokenizers.models.BPE(numbers, []))
    core.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = tokenizers.decoders.ByteLevel()
    core.add_tokens([tokenizers.AddedToken(word, normalized=False) for word in words])
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=core, unk_token="<unk>", bos_token="<s>", eos_token="</s>"
    )


def small_llama(tokenizer: Any, context: int = 512) -> Any:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=context,
            initializer_range=0.3,
        )
    )


def small_gpt2(tokenizer: Any, context: int = 512) -> Any:
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    return GPT2LMHeadModel(
        GPT2Config(
            vocab_size=len(tokenizer), n_embd=32, n_layer=2, n_head=4, n_positions=context, initializer_range=0.3
        )
    )


def saved(folder: Path, model: Any, tokenizer: Any) -> str:
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module", params=[small_llama, small_gpt2])
def language_model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Any, Any]:
    pytest.importorskip("torch")
    tokenizer = bytes_tokenizer()
    model = request.param(tokenizer).eval()
    return saved(tmp_path_factory.mktemp("judge"), model, tokenizer), model, tokenizer


ASKED = [Prompt("p0", "Name a fruit."), Prompt("p1", "Add.", "1 and 1"), Prompt("p2", "Say nothing long.")]
OURS = ["An apple, for example.", "2", "Well, that is hard, as it is hard to be short."]
THEIRS = ["Pear.", "It is 3, I think.", "Yes"]


def worth(model: Any, tokenizer: Any, prompt: Prompt, answer: str, per: str) -> float:
    """The plain computation: one text at a time, by the loss of transformers."""
    import torch

    context = ", paired with an input that provides further context" if prompt.input else ""
    given = f"\n\n### Input:\n{prompt.input}" if prompt.input else ""
    asked = (
        f"Below is an instruction that describes a task{context}. "
        "Write a response that appropriately completes the request."
        f"\n\n### Instruction:\n{prompt.instruction}{given}\n\n### Response:"
    )
    parts = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in (asked, f"{answer}</s>")]
    tokens = torch.tensor([[*parts[0], *parts[1]]])
    labels = tokens.clone()
    labels[:, : len(parts[0])] = -100
    with torch.no_grad():
        loss = float(model(input_ids=tokens, labels=labels).loss)
    return -loss * (1 if per == "token" else int((labels != -100).sum()))


@pytest.mark.torch
@pytest.mark.parametrize(("per", "temperature"), [("token", 1.0), ("token", 0.3), ("answer", 50.0)])
def test_likelihoods_are_those_of_transformers(
    language_model: tuple[str, Any, Any], per: Any, temperature: float
) -> None:
    folder, model, tokenizer = language_model
    found = Likelihood(folder, per=per, temperature=temperature, template="alpaca").prefer(ASKED, OURS, THEIRS, seed=0)
    expected = [
        1 / (1 + math.exp((worth(model, tokenizer, p, b, per) - worth(model, tokenizer, p, a, per)) / temperature))
        for p, a, b in zip(ASKED, OURS, THEIRS, strict=True)
    ]
    assert found.preferences == pytest.approx(expected, rel=1e-3)
    assert all(1e-6 < preference_ < 1 - 1e-6 for preference_ in expected)


@pytest.mark.torch
def test_likelihoods_do_not_hang_on_order_or_company(language_model: tuple[str, Any, Any]) -> None:
    judge = Likelihood(language_model[0], template="alpaca")
    assert judge.symmetric
    whole = judge.prefer(ASKED * 7, OURS * 7, THEIRS * 7, seed=0).preferences
    alone = [judge.prefer([p], [a], [b], seed=1).preferences[0] for p, a, b in zip(ASKED, OURS, THEIRS, strict=True)]
    assert whole == pytest.approx(alone * 7, rel=1e-4)
    assert judge.prefer(ASKED, THEIRS, OURS, seed=0).preferences == pytest.approx(1 - np.array(alone), rel=1e-4)


def unprompted_worth(model: Any, tokenizer: Any, answer: str) -> float:
    """The sum of log-probabilities of an answer after the template around nothing."""
    return worth(model, tokenizer, Prompt("", ""), answer, "answer")


@pytest.mark.torch
@pytest.mark.parametrize("per", ["token", "answer"])
def test_pmi_is_what_the_prompt_adds(language_model: tuple[str, Any, Any], per: Any) -> None:
    folder, model, tokenizer = language_model
    judge = Likelihood(folder, per=per, template="alpaca", temperature=2.0, calibration="pmi")

    def gain(prompt: Prompt, answer: str) -> float:
        added = worth(model, tokenizer, prompt, answer, "answer") - unprompted_worth(model, tokenizer, answer)
        return added / (len(tokenizer(f"{answer}</s>")["input_ids"]) if per == "token" else 1)

    pairs = list(zip(ASKED, OURS, THEIRS, strict=True))
    expected = [1 / (1 + math.exp((gain(p, b) - gain(p, a)) / 2.0)) for p, a, b in pairs]
    found = judge.prefer(ASKED, OURS, THEIRS, seed=0).preferences
    assert found == pytest.approx(expected, abs=1e-4)
    plain = Likelihood(folder, per=per, template="alpaca", temperature=2.0).prefer(ASKED, OURS, THEIRS, seed=0)
    assert found != pytest.approx(plain.preferences, abs=1e-3)


@pytest.mark.torch
def test_an_answer_that_the_prompt_does_not_change_gains_nothing(language_model: tuple[str, Any, Any]) -> None:
    """Without a prompt there is nothing that it could add: all answers are worth 0."""
    judge = Likelihood(language_model[0], template="alpaca", calibration="pmi")
    nothing = [Prompt(str(number), "") for number in range(3)]
    assert judge.prefer(nothing, OURS, THEIRS, seed=0).preferences == pytest.approx([0.5] * 3, abs=1e-6)


@pytest.mark.torch
def test_the_references_answers_are_read_once(
    language_model: tuple[str, Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a judge says doesn't depend on what it has read before, to the last bit."""
    from optathlon.llm.judges import likelihood
    from optathlon.llm.likelihoods import response_losses

    read: list[int] = []

    def counted(model: Any, encoded: Any, *rest: Any) -> list[float]:
        read.append(len(encoded))
        return response_losses(model, encoded, *rest)

    monkeypatch.setattr(likelihood, "response_losses", counted)
    judge = Likelihood(language_model[0], template="alpaca")
    tried = [OURS, ["other", "answers", "now"], ["x", "y", "z"]]
    remembered = [judge.prefer(ASKED, ours, THEIRS, seed=0).preferences.tolist() for ours in tried]
    assert read == [3, 1, 1, 1, 3, 3]
    read.clear()
    alone = [
        Likelihood(language_model[0], template="alpaca").prefer(ASKED, ours, THEIRS, seed=0).preferences.tolist()
        for ours in tried
    ]
    assert read == [3, 1, 1, 1] * 3
    assert remembered == alone


@pytest.mark.torch
def test_as_many_are_read_at_once_as_the_memory_holds(
    language_model: tuple[str, Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from optathlon.llm import likelihoods
    from optathlon.llm.chat import Encoded

    _, model, tokenizer = language_model
    asked = [Encoded(tuple(range(length)), 1) for length in (5, 40, 20)]
    logits_of_the_longest = 40 * len(tokenizer) * 4
    for room, expected in ((0, 1), (1, 1), (5, 5), (10_000, 64)):
        memory = 8 * 3 * logits_of_the_longest * room
        monkeypatch.setattr(likelihoods, "total_memory", lambda device, memory=memory: memory)
        assert likelihoods.fitting_batch(model, asked) == expected


@pytest.mark.torch
def test_an_empty_answer_is_worse_than_any_other(language_model: tuple[str, Any, Any]) -> None:
    judge = Likelihood(language_model[0], template="alpaca")
    assert judge.prefer(prompts(3), ["", "a", ""], ["b", " ", "\n"], seed=0).preferences.tolist() == [0.0, 1.0, 0.5]


@pytest.mark.torch
def test_what_exceeds_the_context_is_cut_or_not_understood(language_model: tuple[str, Any, Any]) -> None:
    judge = Likelihood(language_model[0], template="alpaca")
    found = judge.prefer([Prompt("p0", "x " * 300), *prompts(1)], ["a", "b " * 2000], ["b", "b " * 3000], seed=0)
    assert np.isnan(found.preferences[0]) and "or they fill its context" in found.unclear
    assert found.preferences[1] == pytest.approx(0.5)


@pytest.mark.torch
def test_a_model_is_loaded_once_whatever_it_is_called(
    language_model: tuple[str, Any, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from optathlon.llm.judges.loading import loaded

    folder = Path(language_model[0])
    (tmp_path / "link").symlink_to(folder)
    monkeypatch.chdir(folder.parent)
    first, *others = (loaded(name) for name in (str(folder), f"./{folder.name}", str(tmp_path / "link")))
    assert all(other is first for other in others)


@pytest.mark.torch
def test_models_without_a_chat_template_are_told(language_model: tuple[str, Any, Any]) -> None:
    with pytest.raises(UsageError, match="the model has no chat template: use `template: alpaca`"):
        Likelihood(language_model[0]).prefer(ASKED, OURS, THEIRS, seed=0)


def test_the_template_identifies_a_judgement(tmp_path: Path) -> None:
    (tmp_path / "mine.jinja").write_text("{{ messages }}")
    assert Likelihood("m", template="alpaca").template == ALPACA
    assert Likelihood("m", template=str(tmp_path / "mine.jinja")).template == "{{ messages }}"
    with pytest.raises(UsageError, match=r"no chat template 'nothing\.jinja'"):
        Likelihood("m", template="nothing.jinja")


@pytest.mark.parametrize("temperature", [0.0, -1.0, math.nan, math.inf])
def test_a_temperature_is_positive(temperature: float) -> None:
    with pytest.raises(UsageError, match="temperature of likelihood is more than 0"):
        Likelihood("m", temperature=temperature)


@pytest.mark.torch
@pytest.mark.parametrize("judge", [Likelihood("nobody/no-such-model"), PandaLM("nobody/no-such-model")])
def test_nothing_is_fetched(judge: Judge, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    assert judge.prefer([], [], [], seed=0).preferences.shape == (0,)
    with pytest.raises(MissingData, match="the model 'nobody/no-such-model' is not on this machine") as caught:
        judge.prefer(ASKED, OURS, THEIRS, seed=0)
    assert "\n" not in str(caught.value)


@pytest.mark.torch
@pytest.mark.parametrize("judge", [Likelihood("some/model"), PandaLM("some/model")])
@pytest.mark.parametrize("package", ["torch", "transformers"])
def test_a_library_that_is_missing_is_told(judge: Judge, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    monkeypatch.setitem(sys.modules, package, None)  # as if it weren't installed
    with pytest.raises(MissingDependency, match=f"judging by 'some/model' needs the package '{package}': pip install"):
        judge.prefer(ASKED, OURS, THEIRS, seed=0)


# PandaLM

PUBLISHED = (
    "Below are two responses for a given task. The task is defined by the Instruction. Evaluate the responses and "
    "generate a reference answer for the task.\n\n### Instruction:\nSay {hi}.\n\n### Response 1:\nHi!\n\n"
    "### Response 2:\nHello {0}\n\n### Evaluation:\n"
)
PUBLISHED_WITH_INPUT = (
    "Below are two responses for a given task. The task is defined by the Instruction with an Input that provides "
    "further context. Evaluate the responses and generate a reference answer for the task.\n\n### Instruction:\n"
    "Add.\n\n### Input:\n1 1\n\n### Response 1:\n2\n\n### Response 2:\n3\n\n### Evaluation:\n"
)
"""What `build_pandalm_prompt` of github.com/WeOpenML/PandaLM makes of these arguments."""


def test_prompts_are_the_published_ones() -> None:
    assert request(Prompt("p", "Say {hi}."), " <s>Hi!</s>\n", "Hello {0}[PAD] ") == PUBLISHED
    assert request(Prompt("p", "Add.", "1 1"), "2", "3<|endoftext|>") == PUBLISHED_WITH_INPUT


@pytest.mark.parametrize(
    ("judgement", "expected"),
    [
        ("1\n\n### Reason: Response 1 is better.", 1.0),
        ("2\n\n### Reason: Response 2 is better.\n\n### Reference: x\n", 0.0),
        ("Tie\n\n### Reason: Both.", 0.5),
        ("tie", 0.5),
        ("TIE</s>", 0.5),
        ("\n 1</s><unk>", 1.0),
        ("1.", math.nan),
        ("1 \n", 1.0),
        ("1 \nbecause", math.nan),
        ("Response 1", math.nan),
        ("12", math.nan),
        ("", math.nan),
    ],
)
def test_the_first_line_decides(judgement: str, expected: float) -> None:
    assert preference(judgement) == pytest.approx(expected, nan_ok=True)


def test_stored_judgements_are_understood() -> None:
    """PandaLM-7B's 999 judgements, written as it was trained to write them."""
    folder = os.environ.get("OPTATHLON_TEST_DATA")
    if folder is None:
        pytest.skip("OPTATHLON_TEST_DATA is not set")
    with gzip.open(Path(folder, "pandalm_testset", "pandalm-7b-testset-v1.json.gz"), "rt") as file:
        stored = json.load(file)
    assert len(stored) == 999
    for row in stored:
        label = row["pandalm_result"]
        reason, reference = row["pandalm_reason"], row["pandalm_reference"]
        text = f"{label or 'Tie'}\n\n### Reason: {reason}\n\n### Reference: {reference}\n"
        assert preference(text) == {1: 1.0, 2: 0.0, 0: 0.5}[label]


WORDS = [
    "Below are two responses for a given task. The task is defined by the Instruction",
    " with an Input that provides further context",
    ". Evaluate the responses and generate a reference answer for the task.\n\n### Instruction:\n",
    "\n\n### Input:\n",
    "\n\n### Response 1:\n",
    "\n\n### Response 2:\n",
    "\n\n### Evaluation:\n",
    "\n\n### Reason: ",
    "Tie",
]
"""Tokens of their own, so that texts are short and all judgements of one length."""
WORTHS = {"good": 2, "fair": 1, "poor": 0}
EXAMPLES = [
    (Prompt(f"{first} {second} {extra}", "Be good", extra), first, second)
    for extra in ("", "now")
    for first in WORTHS
    for second in WORTHS
]


def label(first: str, second: str) -> str:
    return "Tie" if first == second else "1" if WORTHS[first] > WORTHS[second] else "2"


@pytest.fixture(scope="module")
def tuned_judge(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Any, Any]:
    """A model that was tuned for seconds to judge by PandaLM's prompts."""
    torch = pytest.importorskip("torch")
    tokenizer = bytes_tokenizer([*WORDS, *WORTHS])
    model = small_llama(tokenizer, context=64)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    asked = [tokenizer(request(*pair))["input_ids"] for pair in EXAMPLES]
    said = [tokenizer(f"{label(*pair[1:])}\n\n### Reason: it is.</s>")["input_ids"] for pair in EXAMPLES]
    width = max(len(before) + len(after) for before, after in zip(asked, said, strict=True))
    tokens, labels = torch.zeros(2, len(asked), width, dtype=torch.long)
    labels[:] = -100
    for row, (before, after) in enumerate(zip(asked, said, strict=True)):
        tokens[row, : len(before) + len(after)] = torch.tensor(before + after)
        labels[row, len(before) : len(before) + len(after)] = torch.tensor(after)
    for _ in range(1500):
        optimizer.zero_grad()
        loss = model(input_ids=tokens, labels=labels).loss
        loss.backward()
        optimizer.step()
        if float(loss.detach()) < 1e-3:
            break
    model.eval()
    return saved(tmp_path_factory.mktemp("pandalm"), model, tokenizer), model, tokenizer


@pytest.mark.torch
def test_a_tuned_judge_is_understood_in_both_orders(tuned_judge: tuple[str, Any, Any]) -> None:
    judge = PandaLM(tuned_judge[0], max_new_tokens=16)
    asked, ours, theirs = zip(*EXAMPLES, strict=True)
    expected = [{"1": 1.0, "2": 0.0, "Tie": 0.5}[label(*pair[1:])] for pair in EXAMPLES]
    assert judge.prefer(asked, ours, theirs, seed=0).preferences.tolist() == expected
    both = compare(judge, asked, ours, theirs)
    assert both.preferences.tolist() == expected
    assert (both.failures, both.agreement) == (0, 1.0)


def one_by_one(model: Any, tokenizer: Any, asked: Sequence[Sequence[int]], penalty: float) -> list[str]:
    """The published way to generate, but for its length."""
    import torch
    from transformers import GenerationConfig

    settings = GenerationConfig(
        num_beams=4, early_stopping=True, repetition_penalty=penalty, max_new_tokens=12, eos_token_id=2, pad_token_id=0
    )
    texts = []
    for tokens in asked:
        with torch.no_grad():
            written = model.generate(torch.tensor([tokens]), generation_config=settings)[0, len(tokens) :]
        texts.append(tokenizer.decode(written).partition("</s>")[0])
    return texts


def together(folder: str, asked: Sequence[Sequence[int]], batch_size: int) -> list[str]:
    from optathlon.llm.judges.generation import BeamSearch
    from optathlon.llm.judges.loading import loaded

    texts = BeamSearch(4, 1.2, 12, 0).texts(loaded(folder), asked, batch_size)
    return [text.partition("</s>")[0] for text in texts]


@pytest.mark.torch
@pytest.mark.parametrize("batch_size", [1, 3, 16])
def test_judgements_together_are_those_that_the_published_settings_make_one_by_one(
    tuned_judge: tuple[str, Any, Any], batch_size: int
) -> None:
    folder, model, tokenizer = tuned_judge
    strange = [(Prompt("s", "good poor now " * n, ""), "odd", "x" * n) for n in range(1, 5)]
    asked = [tokenizer(request(*pair))["input_ids"] for pair in (*EXAMPLES[::4], *strange)]
    expected = one_by_one(model, tokenizer, asked, 1.2)
    assert len({len(tokens) for tokens in asked}) > 3
    assert len({*expected}) > 3
    assert together(folder, asked, batch_size) == expected


@pytest.mark.torch
def test_repetitions_are_penalised_as_published(language_model: tuple[str, Any, Any]) -> None:
    folder, model, tokenizer = language_model
    asked = [tokenizer(text)["input_ids"] for text in ("Say.", "Say it again.", "Again, and again, and again.")]
    expected = one_by_one(model, tokenizer, asked, 1.2)
    assert expected != one_by_one(model, tokenizer, asked, 1.0)
    assert together(folder, asked, 3) == expected


@pytest.mark.torch
def test_pairs_that_leave_no_room_are_not_understood(tuned_judge: tuple[str, Any, Any]) -> None:
    asked, ours, theirs = zip(*EXAMPLES[1:3], strict=True)
    found = PandaLM(tuned_judge[0], max_new_tokens=16).prefer(asked, [ours[0], "x" * 60], theirs, seed=0).preferences
    assert found == pytest.approx([1.0, math.nan], nan_ok=True)


def test_judgements_have_a_length() -> None:
    with pytest.raises(UsageError, match="max_new_tokens of pandalm is at least 1, not 0"):
        PandaLM(max_new_tokens=0)


def test_what_a_model_can_not_read_is_not_understood(llm_cache: Path) -> None:
    """To the tiny model most words are `<unk>`, whose likelihood says nothing."""
    judge = Likelihood("tiny")
    asked = [Prompt("0", "sum of 3 4"), Prompt("1", "sum of 3 4"), Prompt("2", "What is the capital of France?")]
    found = judge.prefer(asked, ["the answer is 7", "Paris", "Paris"], ["2 2", "zzz", "zzz"], seed=0).preferences
    assert found[0] > 0.5
    assert np.isnan(found[1:]).all()
    said = judge.prefer(asked, ["the answer is 7", "Paris", "Paris"], ["2 2", "zzz", "zzz"], seed=0).unclear
    assert said == "it doesn't know all words of 'sum of 3 4', 'Paris', 'zzz', or they fill its context"
