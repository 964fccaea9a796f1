"""`llm/watermark`: keyed numbers, green lists and drawings against brute force and closed forms; the task on `tiny`."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import chisquare, kstest

from optathlon.errors import UsageError
from optathlon.llm.generation import write
from optathlon.llm.sampling import Randomly, Sampling, drawn_by, gumbel
from optathlon.tasks.llm import LLM
from optathlon.tasks.llm.kinds.decode import Decode
from optathlon.tasks.llm.kinds.serve import Serve
from optathlon.tasks.llm.kinds.watermark import WatermarkTask, watermark_space
from optathlon.tasks.llm.kinds.watermark.keyed_numbers import keyed_uniforms
from optathlon.tasks.llm.kinds.watermark.schemes import (
    ExponentialMinimum,
    GreenList,
    area_under_curve,
    true_positive_rate,
)
from optathlon.tasks.llm.setups import TINY
from optathlon.tasks.llm.task import LLMTask

torch = pytest.importorskip("torch", reason="the extra 'llm' is not installed")
pytest.importorskip("transformers", reason="the extra 'llm' is not installed")
pytestmark = pytest.mark.torch

MASK = 2**64 - 1
PROBABILITIES = [0.5, 0.25, 0.15, 0.07, 0.03]


def split_mix(number: int) -> int:
    """The reference implementation's `next` (Vigna, splitmix64.c), on Python's integers."""
    number = (number + 0x9E3779B97F4A7C15) & MASK
    number = ((number ^ (number >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    number = ((number ^ (number >> 27)) * 0x94D049BB133111EB) & MASK
    return number ^ (number >> 31)


@pytest.fixture(scope="module")
def loaded(llm_cache: Path) -> Any:
    from optathlon.tasks.llm.loaded_setup import LoadedSetup

    return LoadedSetup(TINY)


def test_keyed_numbers_are_those_of_the_reference_implementation() -> None:
    contexts, tokens = [[3, 5], [5, 3], [127_999, 0]], [0, 1, 4, 99_999]
    found = keyed_uniforms(2**61 + 7, torch.tensor(contexts), torch.tensor([tokens]))
    for row, context in enumerate(contexts):
        for column, token in enumerate(tokens):
            state = 2**61 + 7
            for earlier in context:
                state = split_mix(state ^ split_mix(earlier))
            expected = (split_mix(state ^ split_mix(token)) >> 11) + 0.5
            assert found[row, column].item() == expected / 2**53
    assert split_mix(0) == 0xE220A8397B1DCDAF  # the first number of seed 0, as published


def test_keyed_numbers_look_uniform_over_keys_contexts_and_tokens() -> None:
    tokens, context = torch.arange(4000)[None], torch.tensor([[8, 1]])
    over_tokens = keyed_uniforms(5, context, tokens)[0]
    over_contexts = keyed_uniforms(5, tokens.T, torch.tensor([[3]]))[:, 0]
    over_keys = torch.cat([keyed_uniforms(key, context, torch.tensor([[3]]))[0] for key in range(2000)])
    for numbers in (over_tokens, over_contexts, over_keys):
        assert kstest(numbers.numpy(), "uniform").pvalue > 1e-3


@pytest.mark.parametrize(("share", "size"), [(0.25, 10), (0.001, 1), (0.999, 39)])
def test_green_lists_have_the_size_asked_for_and_depend_on_the_whole_context(share: float, size: int) -> None:
    mark = GreenList(3, 2, 40, share, 2.0)
    green = mark.green(torch.tensor([[1, 2], [3, 2], [1, 4], [1, 2]]))
    assert mark.size == size
    assert green.sum(dim=1).tolist() == [size] * 4
    assert torch.equal(green[0], green[3])
    assert not torch.equal(green[0], green[1])
    assert not torch.equal(green[0], green[2])


def test_without_a_watermark_the_green_share_is_gamma_and_scores_are_standard() -> None:
    rng = np.random.default_rng(0)
    answers = rng.integers(0, 1000, size=(400, 60)).tolist()
    for mark in (GreenList(9, 2, 1000, 0.25, 2.0), ExponentialMinimum(9, 2, 1000)):
        scores = np.array([mark.detect(answer) for answer in answers])
        assert abs(scores.mean()) < 4 / math.sqrt(400)
        assert abs(scores.std() - 1.0) < 4 / math.sqrt(2 * 400)
    tokens = torch.tensor(answers)
    green = GreenList(9, 2, 1000, 0.25, 2.0).green(tokens[:, :2])
    share = green.gather(1, tokens[:, 2:3]).double().mean().item()
    assert abs(share - 0.25) < 4 * math.sqrt(0.25 * 0.75 / 400)


def test_the_score_is_equation_3_over_distinct_windows() -> None:
    mark = GreenList(1, 1, 10, 0.3, 2.0)
    answer = [1, 2, 3, 1, 2, 3, 7, 0]
    windows = {(1, 2), (2, 3), (3, 1), (3, 7), (7, 0)}
    green = sum(mark.green(torch.tensor([[before]]))[0, token].item() for before, token in windows)
    assert mark.detect(answer) == pytest.approx((green - 0.3 * 5) / math.sqrt(5 * 0.3 * 0.7))
    assert mark.detect([4]) == 0.0


def test_drawing_by_keys_has_the_models_distribution() -> None:
    logs = torch.tensor([PROBABILITIES]).double().log()
    context = torch.tensor([[7, 7, 2]])
    draws = [
        ExponentialMinimum(key, 2, 5).marked(Randomly(0, "cpu"))(context, logs).argmax().item() for key in range(4000)
    ]
    assert chisquare(np.bincount(draws, minlength=5), 4000 * np.array(PROBABILITIES)).pvalue > 1e-3


def test_the_token_drawn_by_a_key_has_the_largest_root() -> None:
    mark = ExponentialMinimum(11, 1, 5)
    for last in range(50):
        context = torch.tensor([[last]])
        logs = torch.tensor([PROBABILITIES]).double().log()
        roots = mark.uniforms(context)[0] ** (1.0 / torch.tensor(PROBABILITIES).double())
        assert mark.marked(Randomly(0, "cpu"))(context, logs).argmax() == roots.argmax()


def test_a_watermarked_token_scores_a_harmonic_number_where_all_are_equally_likely() -> None:
    """The largest of V uniform numbers has a mean −ln(1 − u) of 1 + 1/2 + … + 1/V."""
    vocabulary, count = 8, 4000
    mark = ExponentialMinimum(2, 1, vocabulary)
    context = torch.arange(count)[:, None]
    tokens = mark.uniforms(context).argmax(dim=1)
    mean = mark.score(context, tokens) / math.sqrt(count) + 1.0
    variance = sum(1.0 / k**2 for k in range(1, vocabulary + 1))
    assert abs(mean - sum(1.0 / k for k in range(1, vocabulary + 1))) < 4 * math.sqrt(variance / count)


def test_chance_draws_by_temperature_and_top_p() -> None:
    logits = torch.tensor(PROBABILITIES).log().expand(4000, -1)
    for temperature in (0.5, 2.0):
        powers = np.array(PROBABILITIES) ** (1.0 / temperature)
        draws = Randomly(1, "cpu")(logits, Sampling(temperature, 1.0).logs(logits)).argmax(dim=1)
        assert chisquare(np.bincount(draws, minlength=5), 4000 * powers / powers.sum()).pvalue > 1e-3
    kept = Sampling(1.0, 0.7).logs(logits[:1]).exp()[0].numpy()
    assert kept == pytest.approx([0.5 / 0.75, 0.25 / 0.75, 0.0, 0.0, 0.0])
    assert gumbel(torch.tensor([math.exp(-1.0), 0.0]).double()).isfinite().all()


def test_rates_are_those_of_brute_force() -> None:
    rng = np.random.default_rng(4)
    marked, unmarked = rng.integers(0, 9, 37).astype(np.float64), rng.integers(0, 7, 100).astype(np.float64)
    wins = np.mean([(a > b) + 0.5 * (a == b) for a in marked for b in unmarked])
    assert area_under_curve(marked, unmarked) == pytest.approx(wins)
    best = max(np.mean(marked > threshold) for threshold in [-1.0, *unmarked] if np.mean(unmarked > threshold) <= 0.05)
    assert true_positive_rate(marked, unmarked, false_positives=0.05) == best


def test_answers_bear_the_mark_and_lose_it_without_a_bias(loaded: Any) -> None:
    def answers(model: Any, mark: GreenList | None) -> list[list[int]]:
        chance = Randomly(3, "cpu")
        return write(
            model,
            loaded.tokenizer,
            loaded.prompts("validation")[:24],
            ends=loaded.template.ends,
            max_new_tokens=16,
            batch_size=64,
            device="cpu",
            scores=drawn_by(Sampling(1.0, 1.0), mark.marked(chance) if mark else chance),
        )

    with loaded.base.untuned() as model:
        mark = GreenList(5, 2, model.config.vocab_size, 0.5, 1e6)
        marked, plain, unbiased = (answers(model, one) for one in (mark, None, replace(mark, bias=0.0)))
    assert plain == unbiased
    long = [answer for answer in marked if len(answer) > 2]
    assert long
    share = mark.size / mark.vocabulary
    for answer in long:
        count = len({tuple(answer[start : start + 3]) for start in range(len(answer) - 2)})
        assert mark.detect(answer) == pytest.approx(math.sqrt(count * (1 - share) / share))


def test_the_reference_tuning_gives_the_references_answers_again(loaded: Any) -> None:
    known = loaded.side("validation").reference
    for _ in range(2):
        with loaded.reference_tuned() as model:
            assert loaded.answer(model, loaded.prompts("validation")).texts == known


@pytest.mark.parametrize("task", [WatermarkTask, Decode, Serve])
def test_a_file_of_answers_is_no_tuning(task: type[LLMTask]) -> None:
    with pytest.raises(UsageError, match="is a file of answers: give the hyperparameters"):
        task("llm/…/mine/…", replace(TINY, reference="answers.jsonl"), ())


def test_a_strong_watermark_is_detected_and_spoils_answers(llm_cache: Path) -> None:
    task: Any = LLM().make("llm/watermark/tiny/detect+quality")
    assert [objective.name for objective in task.problem.objectives] == ["1-auc", "1-win_rate"]
    config = {"scheme": "green-list", "green_share": 0.5, "context_width": 1, "temperature": 1.0, "top_p": 1.0}
    strong, weak = (task.evaluate({**config, "bias": bias}, fidelity=None, seed=1) for bias in (10.0, 0.1))
    assert strong.values[0] < 0.15 < weak.values[0]
    assert strong.values[1] > weak.values[1]
    assert strong.metrics["loss"] > weak.metrics["loss"]
    assert 0.3 < weak.values[0] < 0.7
    again = task.measure({**config, "bias": 10.0}, None, 1)
    assert (again["1-auc"], again["1-win_rate"]) == strong.values


def test_lists_have_hyperparameters_that_keys_lack() -> None:
    space = watermark_space()
    for config in space.sample_configuration(20):
        assert ("bias" in config) == ("green_share" in config) == (config["scheme"] == "green-list")
