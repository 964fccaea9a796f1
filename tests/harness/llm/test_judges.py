"""Judges that need no model: right answers, a taste for length, pools and noise, against closed forms."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from optathlon.errors import UsageError
from optathlon.llm.judges.length_preference import Length
from optathlon.llm.judges.simulated_annotators import Noisy, Pool
from optathlon.llm.judges.verifier import Verifier
from optathlon.llm.judging import Judge, Prompt, Verdicts, compare, make_judge
from optathlon.llm.matching import is_right

SEEDS = 4000


class Always(Judge):
    """One preference for all, and a metric that counts."""

    def __init__(self, preference: float) -> None:
        self.id = f"always({preference!r})"
        self.preference = preference

    def prefer(
        self, prompts: Sequence[Prompt], candidate: Sequence[str], reference: Sequence[str], *, seed: int
    ) -> Verdicts:
        return Verdicts(np.full(len(prompts), self.preference), {"judge/asked": float(len(prompts))})


def prompts(count: int) -> list[Prompt]:
    return [Prompt(f"p{number}", f"say {number}") for number in range(count)]


def over_seeds(judge: Judge, count: int = 1) -> np.ndarray:
    """Shape (seeds, prompts)."""
    asked = prompts(count)
    return np.array([judge.prefer(asked, ["a"] * count, ["b"] * count, seed=seed).preferences for seed in range(SEEDS)])


def within(sample: np.ndarray, share: float) -> bool:
    """Whether a sample of zeros and ones is within four standard errors of a share."""
    return abs(float(sample.mean()) - share) < 4 * math.sqrt(share * (1 - share) / sample.size)


# Exact answers


@pytest.mark.parametrize(
    ("answer", "truth"),
    [
        ("42", "42"),
        ("the answer is 42 .", "42"),
        ("The answer is: 42.", "42"),
        ("THE ANSWER IS 42", "42"),
        ("The answer is 41? No, the answer is 42", "42"),
        ("Clearly the answer is hard to see.\n#### 42", "42"),
        ("#### 41\nso the answer is 42", "42"),
        ("6 * 7 = 42\n#### 42\n\nQuestion: what is 1 + 1?", "42"),
        ("1,000.0", "1000"),
        ("$1,000", "1000"),
        ("-0.50", "-.5"),
        (".5", "0.5"),
        ("+3", "3"),
        ("12,345,678.50", "12345678.5"),
        ("  Paris!", "paris"),
        ("**Paris**", "Paris"),
        ("New\n York", "new york"),
        ("the answer is c b a .", "c b a"),
        ("?", "?"),
        ("", ""),
        ("9007199254740993", "9007199254740993.0"),
    ],
)
def test_right_answers(answer: str, truth: str) -> None:
    assert is_right(answer, truth)


@pytest.mark.parametrize(
    ("answer", "truth"),
    [
        ("43", "42"),
        ("42 is not it", "42"),
        ("the answer is 42, no, the answer is 43", "42"),
        ("#### 42\nthe answer is 43", "42"),
        ("5", ".5"),
        ("1,2", "12"),
        ("1_000", "1000"),
        ("nan", "inf"),
        ("-42", "42"),
        ("42.0001", "42"),
        ("9007199254740992", "9007199254740993"),
        ("a b c", "c b a"),
        ("", "?"),
        ("!", "?"),
        ("the answer is", "42"),
        ("Paris, France", "Paris"),
    ],
)
def test_wrong_answers(answer: str, truth: str) -> None:
    assert not is_right(answer, truth)


def test_long_answers_are_parsed_in_little_time() -> None:
    assert not is_right("ab " * 200_000, "42")


def test_the_verifier_prefers_what_is_right() -> None:
    asked = [Prompt(f"p{number}", "6 * 7?", answer="42") for number in range(4)]
    ours, theirs = ["42", "the answer is 42", "41", "40"], ["41", "#### 42", "42", "41"]
    assert Verifier().prefer(asked, ours, theirs, seed=0).preferences.tolist() == [1.0, 0.5, 0.0, 0.5]
    assert compare(Verifier(), asked, theirs, ours).preferences.tolist() == [0.0, 0.5, 1.0, 0.5]


def test_the_verifier_needs_right_answers() -> None:
    with pytest.raises(UsageError, match="knows no right answer to the prompt 'p1'"):
        Verifier().prefer([Prompt("p0", "?", answer="1"), Prompt("p1", "?")], ["1", "2"], ["2", "1"], seed=0)


# A taste for length


def test_twice_as_long_is_preferred_in_four_of_five_cases() -> None:
    found = Length().prefer(prompts(4), ["aaaa", "a", "aa", ""], ["aa", "aa", "bb", "a"], seed=0).preferences
    assert found == pytest.approx([0.8, 0.2, 0.5, 0.5])


@pytest.mark.parametrize("weight", [-2.0, 0.0, 0.5, 1000.0])
def test_odds_are_the_ratio_of_lengths_to_the_power_of_the_weight(weight: float) -> None:
    with np.errstate(over="raise", invalid="raise"):
        found = Length(weight).prefer(prompts(1), ["aaa"], ["a"], seed=0).preferences[0]
        back = Length(weight).prefer(prompts(1), ["a"], ["aaa"], seed=0).preferences[0]
    assert found == pytest.approx(1.0 / (1.0 + 3.0**-weight))
    assert found + back == pytest.approx(1.0)


def test_a_taste_is_finite() -> None:
    with pytest.raises(UsageError, match="finite number, not inf"):
        Length(math.inf)


# Pools


def test_each_judge_of_a_pool_gets_each_prompt_alike() -> None:
    found = over_seeds(Pool(Always(0.0), Always(0.5), Always(0.5), Always(1.0)), count=3)
    for preference_, share in ((0.0, 0.25), (0.5, 0.5), (1.0, 0.25)):
        for prompt in range(3):
            assert within(found[:, prompt] == preference_, share)
    assert within((found[:, 0] == 1.0) & (found[:, 1] == 1.0), 1 / 16)


def test_a_pool_in_a_pool_draws_by_itself() -> None:
    inner = Pool(Always(0.0), Always(0.25)), Pool(Always(0.75), Always(1.0))
    found = over_seeds(Pool(*inner))
    assert all(within(found == preference_, 0.25) for preference_ in (0.0, 0.25, 0.75, 1.0))


def test_orders_are_drawn_for_apart() -> None:
    asked = prompts(1)
    pool = Pool(Always(0.0), Always(1.0))
    found = np.array([compare(pool, asked, ["a"], ["b"], seed=seed).preferences[0] for seed in range(SEEDS)])
    assert within(found == 0.5, 0.5)
    assert within(found == 1.0, 0.25)


def test_a_pool_sums_what_its_judges_took_and_passes_on_what_was_not_understood() -> None:
    verdicts = Pool(Always(1.0), Always(math.nan)).prefer(prompts(50), ["a"] * 50, ["b"] * 50, seed=3)
    assert verdicts.metrics == {"judge/asked": 50.0}
    assert 0 < np.isnan(verdicts.preferences).sum() < 50


def test_a_pool_has_the_templates_of_its_judges() -> None:
    asked_by = Always(1.0)
    asked_by.template = "Which?"
    assert Pool(Always(0.5)).template_hash != Pool(Always(0.5), asked_by).template_hash
    assert Noisy(asked_by).template == "Which?"


def test_an_empty_pool_is_refused() -> None:
    with pytest.raises(UsageError, match="a pool needs judges"):
        Pool()


# Noise


@pytest.mark.parametrize("p_flip", [0.0, 0.1, 0.25, 1.0])
def test_flips_have_their_probability(p_flip: float) -> None:
    found = over_seeds(Noisy(Always(0.9), p_flip), count=2)
    expected = 0.9 + p_flip * (1 - 2 * 0.9)
    error = 0.8 * math.sqrt(p_flip * (1 - p_flip) / SEEDS)
    assert np.allclose(found.mean(axis=0), expected, rtol=0, atol=4 * error + 1e-12)
    assert set(np.round(found.ravel(), 12)) <= {0.9, 0.1}


def test_the_mean_of_both_orders_has_the_distribution_of_two_flips() -> None:
    class Right(Always):
        def prefer(
            self, prompts: Sequence[Prompt], candidate: Sequence[str], reference: Sequence[str], *, seed: int
        ) -> Verdicts:
            return Verdicts(np.array([float(answer == "right") for answer in candidate]))

    asked = prompts(1)
    noisy = Noisy(Right(0.0))
    found = np.array([compare(noisy, asked, ["right"], ["wrong"], seed=seed).preferences[0] for seed in range(SEEDS)])
    for preference_, share in ((1.0, 0.75**2), (0.5, 2 * 0.75 * 0.25), (0.0, 0.25**2)):
        assert within(found == preference_, share)


def test_noise_in_noise_does_not_cancel() -> None:
    found = over_seeds(Noisy(Noisy(Always(1.0), 0.25), 0.25))
    assert within(found == 0.0, 2 * 0.25 * 0.75)
    deeper = over_seeds(Noisy(Pool(Noisy(Always(1.0), 0.25), Noisy(Always(1.0), 0.25)), 0.25))
    assert within(deeper == 0.0, 2 * 0.25 * 0.75)


def test_noise_leaves_ties_and_what_was_not_understood() -> None:
    assert (over_seeds(Noisy(Always(0.5), 0.5)) == 0.5).all()
    assert np.isnan(over_seeds(Noisy(Always(math.nan), 0.5))).all()


@pytest.mark.parametrize("judge", [Noisy(Always(1.5)), Pool(Always(1.5), Always(-0.5))])
def test_judges_that_ask_others_check_them(judge: Judge) -> None:
    with pytest.raises(UsageError, match=r"the judge always\(.*\) gave the preference .*, which is not a probability"):
        compare(judge, prompts(4), ["a"] * 4, ["b"] * 4)


def test_a_probability_is_a_probability() -> None:
    with pytest.raises(UsageError, match=r"p_flip of noisy is a probability, not 1\.5"):
        Noisy(Verifier(), 1.5)


def test_chance_hangs_on_the_prompt_not_on_what_stands_beside_it() -> None:
    judge = make_judge("noisy(pool(verifier, length, length(-1.0)), p_flip=0.4)")
    asked = [Prompt(f"p{number}", "?", answer="right") for number in range(60)]
    ours = ["right" if number % 2 else "wrong" * (number + 1) for number in range(60)]
    theirs = ["right" if number % 3 else "no" for number in range(60)]
    whole = judge.prefer(asked, ours, theirs, seed=5).preferences
    order = np.random.default_rng(0).permutation(60)
    shuffled = judge.prefer([asked[i] for i in order], [ours[i] for i in order], [theirs[i] for i in order], seed=5)
    assert shuffled.preferences.tolist() == whole[order].tolist()
    singles = [judge.prefer([asked[i]], [ours[i]], [theirs[i]], seed=5).preferences[0] for i in range(60)]
    assert singles == whole.tolist()
    assert judge.prefer(asked, ours, theirs, seed=6).preferences.tolist() != whole.tolist()
