"""`llm/sampling`: penalties and cuts against those of transformers; the task on `tiny`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from optathlon.errors import UsageError
from optathlon.tasks.llm import LLM
from optathlon.tasks.llm.kinds.sampling import likeliest, penalised, sampled
from optathlon.trial import Status

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytest.importorskip("peft")
pytestmark = pytest.mark.torch

PLAIN = {"temperature": 1.0, "top_p": 1.0, "top_k": 200, "repetition_penalty": 1.0}
ALMOST_GREEDY = PLAIN | {"top_k": 1}


def drawn_logits() -> Any:
    return torch.randn(6, 40, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_the_penalty_is_that_of_transformers() -> None:
    tokens = torch.randint(1, 40, (6, 9), generator=torch.Generator().manual_seed(1))
    theirs = transformers.RepetitionPenaltyLogitsProcessor(1.7)(tokens, drawn_logits())
    assert torch.equal(penalised(tokens, drawn_logits(), 1.7, pad=0), theirs)
    padded = torch.nn.functional.pad(tokens, (3, 0), value=0)
    assert torch.equal(penalised(padded, drawn_logits(), 1.7, pad=0), theirs)


@pytest.mark.parametrize("count", [1, 7, 200])
def test_the_likeliest_are_those_of_transformers(count: int) -> None:
    assert torch.equal(likeliest(drawn_logits(), count), transformers.TopKLogitsWarper(count)(None, drawn_logits()))


def test_all_hyperparameters_are_applied_in_the_order_of_transformers() -> None:
    config = {"temperature": 0.6, "top_p": 0.8, "top_k": 9, "repetition_penalty": 1.4}
    tokens = torch.randint(1, 40, (6, 9), generator=torch.Generator().manual_seed(1))
    scores = transformers.RepetitionPenaltyLogitsProcessor(1.4)(tokens, drawn_logits()) / 0.6
    scores = transformers.TopPLogitsWarper(0.8)(None, transformers.TopKLogitsWarper(9)(None, scores))
    ours = sampled(config, lambda tokens, logs: logs, pad=0)(tokens, drawn_logits())
    assert torch.allclose(ours, torch.log_softmax(scores, dim=-1))


def test_the_likeliest_token_alone_gives_the_greedy_answers_and_heat_spoils_them(llm_cache: Path) -> None:
    task: Any = LLM().make("llm/sampling/tiny/exact-match+length")
    cold = task.evaluate(ALMOST_GREEDY, fidelity=None, seed=3)
    reference = task.loaded.side("test").describe(task.loaded.side("test").reference)
    assert cold.metrics["test/1-exact_match"] == reference["1-exact_match"]
    assert cold.metrics["test/judge/judged"] == 0, "answers that are the reference's are not asked about"
    hot = task.evaluate(PLAIN | {"temperature": 2.0}, fidelity=None, seed=3)
    assert hot.values is not None and cold.values is not None and hot.values[0] > cold.values[0] + 0.1


def test_the_seed_draws_and_fewer_prompts_are_the_first_ones(llm_cache: Path) -> None:
    task: Any = LLM().make("llm/sampling/tiny/win-rate")
    one, other = (task.measure(PLAIN, 0.125, seed) for seed in (1, 2))
    again = task.measure(PLAIN, 0.125, 1)
    same = {name for name in one if one[name] == again[name]}
    assert {"1-win_rate", "test/1-win_rate", "1-exact_match", "length", "tokens"} <= same
    assert one["tokens"] != other["tokens"]
    assert one["judge/judged"] <= 192 / 8 and one["test/judge/judged"] <= 256 / 8


def test_a_default_trial_is_fine_and_a_file_of_answers_is_not(own_task: Callable[..., Any], tmp_path: Path) -> None:
    task = own_task("sampling", "win-rate")
    config = dict(task.problem.space.get_default_configuration())
    assert task.evaluate(config, fidelity=None, seed=0).status is Status.OK
    with pytest.raises(UsageError, match="the reference of the setup 'mine' is a file of answers"):
        own_task("sampling", "win-rate", reference="answers.jsonl")
