"""`llm/preference`: the losses of DPO and SimPO, pairs and their errors, and tunings on them."""

from __future__ import annotations

import json
import math
import shutil
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from optathlon.errors import UsageError
from optathlon.tasks.llm.setup_files import read_setup
from optathlon.tasks.llm.setups import TINY

torch = pytest.importorskip("torch", reason="the extra 'llm' is not installed")
pytest.importorskip("transformers", reason="the extra 'llm' is not installed")
pytest.importorskip("peft", reason="the extra 'llm' is not installed")
pytestmark = pytest.mark.torch

from optathlon.llm.matching import is_right  # noqa: E402
from optathlon.tasks.llm import LLM  # noqa: E402
from optathlon.tasks.llm.kinds import SECTIONS  # noqa: E402
from optathlon.tasks.llm.kinds.preference import DPO, PreferenceLoss, SimPO, contrast, response_logs  # noqa: E402
from optathlon.tasks.llm.kinds.preference.pairs import read_preferences  # noqa: E402
from optathlon.tasks.llm.recipe import Recipe  # noqa: E402
from optathlon.tasks.llm.training import Training  # noqa: E402
from optathlon.tasks.llm.tunable_model import Adapter  # noqa: E402

GOOD = {
    **{"method": "full", "learning_rate": 3e-4, "batch_size": 16, "optimizer": "adamw", "schedule": "cosine"},
    **{"warmup": 0.1, "weight_decay": 0.01, "loss": "dpo", "dpo_beta": 0.1, "sft_weight": 1.0},
}
SIDES = ("chosen", "rejected")
LOSSES = [DPO(0.3), SimPO(2.5, 0.4)]


@pytest.fixture(autouse=True)
def _cache(llm_cache: Path) -> None:
    """All tests share the tiny model and its pairs."""


def make(objectives: str = "win-rate") -> Any:
    return LLM().make(f"llm/preference/tiny/{objectives}")


@pytest.fixture
def pairs() -> Any:
    return make().pairs.all


@pytest.fixture
def start() -> Any:
    """The model that a training starts from, all of its weights trainable."""
    loaded = make().loaded
    with loaded.base.tunable(None, 0, loaded.reference_weights) as model:
        yield model.eval()


def loss_of(way: Any, sft_weight: float = 0.0) -> PreferenceLoss:
    return PreferenceLoss(make().loaded.tokenizer.pad_token_id, "cpu", way, sft_weight)


# Losses


@pytest.mark.parametrize("beta", [0.05, 0.7])
def test_dpo_is_its_closed_form(beta: float) -> None:
    logs, reference = torch.tensor([[-3.0, -8.0], [-5.0, -2.0]]), torch.tensor([[-4.0, -6.0], [-4.5, -3.0]])
    margins = DPO(beta).margins(logs, reference, torch.tensor([[3, 4], [5, 6]]))
    assert margins.tolist() == pytest.approx([beta * ((-3 + 4) - (-5 + 4.5)), beta * ((-8 + 6) - (-2 + 3))])


def test_simpo_is_its_closed_form() -> None:
    logs = torch.tensor([[-3.0, -8.0], [-5.0, -2.0]])
    margins = SimPO(2.0, 0.5).margins(logs, torch.full((2, 2), math.nan), torch.tensor([[3, 4], [5, 8]]))
    assert margins.tolist() == pytest.approx([2 * (-3 / 3 + 5 / 5) - 1.0, 2 * (-8 / 4 + 2 / 8) - 1.0])


def test_dpo_starts_at_the_logarithm_of_two(pairs: Any, start: Any) -> None:
    for beta in (0.05, 1.0):
        with torch.no_grad():
            assert float(loss_of(DPO(beta)).total(start, pairs[:40])) / 40 == pytest.approx(math.log(2), abs=1e-5)


def test_responses_probabilities_are_products_over_their_tokens(pairs: Any, start: Any) -> None:
    for pair in pairs[:5]:
        for encoded, known in ((pair.chosen, pair.reference[0]), (pair.rejected, pair.reference[1])):
            with torch.no_grad():
                probabilities = start(torch.tensor([encoded.tokens])).logits[0].double().softmax(-1)
            steps = range(encoded.asked, len(encoded.tokens))
            expected = sum(math.log(float(probabilities[step - 1, encoded.tokens[step]])) for step in steps)
            assert known == pytest.approx(expected, abs=1e-4)


def test_the_first_gradient_of_dpo_pulls_responses_apart(pairs: Any, start: Any) -> None:
    """At equal models the logistic loss has the slope -1/2, so the gradient is -β/2 of that of the log ratio."""
    beta, few = 0.3, pairs[:6]
    weights = [weight for weight in start.parameters() if weight.requires_grad]
    ours = torch.autograd.grad(loss_of(DPO(beta)).total(start, few), weights)
    better, worse = (response_logs(start, [getattr(pair, side) for pair in few], 0, "cpu") for side in SIDES)
    theirs = torch.autograd.grad((better - worse).sum(), weights)
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, -beta / 2 * other, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("way", LOSSES)
def test_the_loss_is_that_of_each_pair_alone(way: Any, pairs: Any, start: Any) -> None:
    """Computed one by one, without padding, by what both papers write."""
    loss = loss_of(way, sft_weight=0.7)
    expected = []
    with torch.no_grad():
        start.get_input_embeddings().weight.mul_(1.05)
        for pair in pairs[:8]:
            logs, lengths = [], []
            for encoded in (pair.chosen, pair.rejected):
                log = start(torch.tensor([encoded.tokens])).logits[0].double().log_softmax(-1)
                steps = range(encoded.asked, len(encoded.tokens))
                logs.append(sum(float(log[step - 1, encoded.tokens[step]]) for step in steps))
                lengths.append(len(steps))
            if isinstance(way, DPO):
                margin = 0.3 * ((logs[0] - pair.reference[0]) - (logs[1] - pair.reference[1]))
            else:
                margin = 2.5 * logs[0] / lengths[0] - 2.5 * logs[1] / lengths[1] - 0.4 * 2.5
            expected.append(math.log1p(math.exp(-margin)) - 0.7 * logs[0] / lengths[0])
        together = float(loss.total(start, pairs[:8]))
    assert together == pytest.approx(sum(expected), rel=1e-4)
    assert loss.weight(pairs[:8]) == 8


@pytest.mark.parametrize("adapter", [None, Adapter(4, 2.0, 0.0)])
def test_micro_batches_change_nothing_but_rounding(pairs: Any, adapter: Adapter | None) -> None:
    loaded = make().loaded
    tuned = []
    for budget in (10_000, 100):
        with loaded.base.tunable(adapter, 1, loaded.reference_weights) as model:
            recipe = Recipe(1e-2, 16, "sgd", schedule="constant")
            training = Training(
                model, pairs[:48], loss_of(DPO(0.3), 0.5), recipe, epochs=1, seed=1, autocast=nullcontext
            )
            training.run(1, budget)
            tuned.append([weight.detach().clone() for weight in model.parameters() if weight.requires_grad])
    for one, other in zip(*tuned, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=2e-5)


# Pairs


def test_made_pairs_are_right_and_wrong_answers_to_the_same(pairs: Any) -> None:
    loaded = make().loaded
    examples = {loaded.template.prompt(example): example for example in TINY.examples("train")}
    assert len(pairs) > 100
    for pair in pairs:
        prompt = pair.chosen.tokens[: pair.chosen.asked]
        assert prompt == pair.rejected.tokens[: pair.rejected.asked]
        right = examples[prompt].prompt.answer or ""
        for encoded, is_chosen in ((pair.chosen, True), (pair.rejected, False)):
            text = loaded.tokenizer.decode(encoded.response, skip_special_tokens=True)
            assert is_right(text, right) == is_chosen, text


def preference_file(folder: Path, *rows: Any) -> str:
    (folder / "pairs.jsonl").write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows))
    return "pairs.jsonl"


def test_pairs_are_read_in_alpaca_and_in_chat_form(tmp_path: Path) -> None:
    chat = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "sum of 1 2"}]
    said = {
        name: [*chat, {"role": "assistant", "content": text}] for name, text in (("chosen", "3"), ("rejected", "4"))
    }
    file = preference_file(
        tmp_path, {"id": "x", "instruction": "mirror", "input": "a b", "chosen": "b a", "rejected": "a b"}, said
    )
    alpaca, chats = read_preferences(file, tmp_path)
    assert (alpaca.chosen.prompt.id, alpaca.chosen.turns[0].content) == ("x", "mirror\n\na b")
    assert (alpaca.chosen.response, alpaca.rejected.response) == ("b a", "a b")
    assert [turn.content for turn in chats.chosen.turns] == ["be brief", "sum of 1 2"]
    assert (chats.chosen.response, chats.rejected.response) == ("3", "4")


FINE = {"instruction": "a", "chosen": "b", "rejected": "c"}
USER, OTHER = ({"role": "user", "content": text} for text in ("a", "z"))
ASSISTANT = {"role": "assistant", "content": "b"}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("", "pairs.jsonl, line 2 is empty"),
        ('{"instruction"', "pairs.jsonl, line 2 is not JSON"),
        ([1], "pairs.jsonl, line 2 is list, not an object"),
        ({"instruction": "a", "chosen": "b"}, "pairs.jsonl, line 2: rejected is missing, neither text nor a chat"),
        ({"instruction": "a", "chosen": "", "rejected": "c"}, "pairs.jsonl, line 2: chosen is empty"),
        ({"instruction": "a", "chosen": 3, "rejected": "c"}, "pairs.jsonl, line 2: chosen is 3"),
        ({"chosen": "b", "rejected": "c"}, "pairs.jsonl, line 2: instruction is missing"),
        ({"instruction": "a", "chosen": "b", "rejected": "b"}, "line 2: chosen and rejected are the same"),
        ({"chosen": [USER, ASSISTANT], "rejected": [USER]}, "line 2: a chat doesn't end with what the assistant says"),
        ({"chosen": [USER, ASSISTANT], "rejected": [OTHER, ASSISTANT]}, "chosen and rejected answer different prompts"),
        ({"chosen": [ASSISTANT], "rejected": [ASSISTANT]}, "the last turn before the response is neither the user's"),
        ({"id": "0", **FINE}, "the id '0' stands twice"),
    ],
)
def test_malformed_pairs_are_named_with_their_line(tmp_path: Path, row: Any, message: str) -> None:
    with pytest.raises(UsageError) as error:
        read_preferences(preference_file(tmp_path, FINE, row, FINE), tmp_path)
    assert message in str(error.value) and "\n" not in str(error.value)


def own(folder: Path, **keys: Any) -> Any:
    from optathlon.tasks.llm.kinds.preference import PreferenceTask

    rows = {"train": ("sum of 1 2", "3"), "validation": ("sum of 3 4", "7"), "test": ("sum of 4 4", "8")}
    for part, (asked, answer) in rows.items():
        (folder / f"{part}.jsonl").write_text(json.dumps({"instruction": asked, "output": answer, "answer": answer}))
    content = {
        **{"model": "tiny", "judge": "verifier", "device": "cpu", "dtype": "float32", "max_new_tokens": 4},
        **{"data": {part: f"{part}.jsonl" for part in rows}, "batch_sizes": [1, 4], "learning_rates": [1e-5, 1e-2]},
        **{"reference": TINY.reference, "epochs": 1, **keys},
    }
    (folder / "mine.yaml").write_text(json.dumps(content))
    return PreferenceTask("llm/preference/mine/win-rate", read_setup(folder / "mine.yaml", SECTIONS), ("win-rate",))


def test_a_setup_has_pairs_of_its_own(tmp_path: Path) -> None:
    row = {"instruction": "mirror a b", "chosen": "b a", "rejected": "a b"}
    task = own(tmp_path, preference={"pairs": preference_file(tmp_path, row)})
    assert task.evaluate(GOOD, fidelity=1, seed=0).metrics["pairs"] == 1
    before = task.fingerprint()
    assert own(tmp_path, preference={"pairs": preference_file(tmp_path, row)}).fingerprint() == before
    preference_file(tmp_path, row, {"instruction": "mirror c d", "chosen": "d c", "rejected": "c"})
    changed = own(tmp_path, preference={"pairs": "pairs.jsonl"}, max_new_tokens=5)
    assert changed.fingerprint() != before and changed.ingredients != task.ingredients


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({}, "the setup 'mine' has no preference pairs: write `preference: {pairs: FILE}`"),
        ({"preference": {"pairs": "none.jsonl"}}, "no data file 'none.jsonl'"),
        (
            {"preference": {"pairs": "pairs.jsonl"}, "reference": "answers.jsonl"},
            "the reference of the setup 'mine' is a file",
        ),
        ({"preference": {"pairs": "pairs.jsonl"}}, "1 prompts stand both in preferences and in test"),
    ],
)
def test_wrong_setups_are_refused_in_words(tmp_path: Path, keys: dict[str, Any], message: str) -> None:
    preference_file(tmp_path, {"instruction": "sum of 4 4", "chosen": "8", "rejected": "9"})
    with pytest.raises(UsageError) as error:
        assert own(tmp_path, **keys).pairs.origin
    assert message in str(error.value)


# The task


def without_times(measured: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in measured.items() if not name.endswith(("seconds", "memory"))}


def test_a_continued_tuning_is_what_an_uninterrupted_one_is(llm_cache: Path, tmp_path: Path) -> None:
    letters = [f"{one} {other}" for one in "abcd" for other in "efg"]
    rows = [{"instruction": f"mirror {two}", "chosen": two[::-1], "rejected": two} for two in letters]
    task = own(tmp_path, preference={"pairs": preference_file(tmp_path, *rows)}, epochs=3)
    config = {**GOOD, "method": "lora", "rank": 4, "alpha_over_rank": 2.0, "dropout": 0.1, "learning_rate": 2e-3}
    config["batch_size"] = 4
    whole = task.measure(config, 3, 5)
    shutil.rmtree(llm_cache / "llm" / "checkpoints")
    parts = [task.measure(config, level, 5) for level in (1, 2, 3)]
    assert without_times(parts[-1]) == without_times(whole)
    assert parts[0]["train_seconds"] < parts[1]["train_seconds"] < parts[2]["train_seconds"]


def test_preferences_keep_what_the_reference_can_and_too_high_a_rate_ruins_it() -> None:
    """How much they improve on the reference depends on how good it is, which rounding in pre-training decides."""
    task = make("lc-win-rate+length")
    good, timid, wild = (
        task.evaluate({**GOOD, "learning_rate": rate}, fidelity=None, seed=1) for rate in (2e-4, 1e-6, 3e-2)
    )
    known = task.loaded.side("test")
    errors = [not is_right(text, one.answer) for text, one in zip(known.reference, known.prompts, strict=True)]
    assert timid.metrics["test/1-exact_match"] == pytest.approx(np.mean(errors), abs=0.04)
    assert good.metrics["test/1-exact_match"] < np.mean(errors) + 0.04
    assert wild.metrics["test/1-exact_match"] > np.mean(errors) + 0.2
    rates = [one.metrics["test/1-win_rate"] for one in (good, timid, wild)]
    assert rates[0] < rates[1] + 0.02 < rates[2] and rates[1] == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize(
    "loss", [{"loss": "dpo", "dpo_beta": 0.1}, {"loss": "simpo", "simpo_beta": 2.0, "gamma_over_beta": 0.5}]
)
def test_each_loss_falls_without_the_likelihood(loss: dict[str, Any], pairs: Any) -> None:
    config = {name: value for name, value in GOOD.items() if name not in ("loss", "dpo_beta")} | loss
    task = make()
    losses = [
        task.evaluate({**config, "sft_weight": 0.0}, fidelity=epochs, seed=2).metrics["train_loss"] for epochs in (1, 3)
    ]
    loaded = task.loaded
    with loaded.base.with_weights(loaded.reference_weights) as model, torch.no_grad():
        start = float(loss_of(contrast(config)).total(model, pairs)) / len(pairs)
    assert start > losses[0] > losses[1]


def test_the_space_has_each_losses_own_hyperparameters() -> None:
    space = make().problem.space
    space.seed(1)
    for config in space.sample_configuration(50):
        names = {"dpo": {"dpo_beta"}, "simpo": {"simpo_beta", "gamma_over_beta"}}[config["loss"]]
        assert names == set(config) & {"dpo_beta", "simpo_beta", "gamma_over_beta"}
    assert np.isfinite(make().evaluate(dict(space.get_default_configuration()), fidelity=1, seed=0).values[0])
