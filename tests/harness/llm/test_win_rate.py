"""Length-controlled win rates against scikit-learn, statsmodels, closed forms, and what AlpacaEval has published."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from optathlon.errors import UsageError
from optathlon.llm.win_rate import Judged, length_controlled, predicted_win_rate, win_rate

LENGTH, DIFFICULTY, QUALITY = 1.2, 0.8, 0.5
RIDGE = 1e-6


def relative(system: Judged) -> np.ndarray:
    longer = pd.Series(system.lengths - system.reference_lengths)
    return np.tanh(longer / longer.std()).to_numpy()


def simulated(
    rng: np.random.Generator, prompts: pd.DataFrame, *, longer: float = 0.0, quality: float = QUALITY
) -> Judged:
    """Answers to `prompts` (columns `reference`, `difficulty`) with fractional preferences by the model."""
    spread = 300.0
    lengths = np.clip(prompts["reference"] + rng.normal(longer, spread, len(prompts)).round(), 1, None)
    change = np.tanh((lengths - prompts["reference"]) / spread)
    p = expit(LENGTH * change + DIFFICULTY * prompts["difficulty"] + quality)
    preferences = rng.beta(2 * p, 2 * (1 - p))
    return Judged(list(prompts.index), preferences, lengths.to_numpy(), prompts["reference"].to_numpy())


def drawn_prompts(rng: np.random.Generator, n: int) -> pd.DataFrame:
    columns = {"reference": rng.integers(1500, 4000, n).astype(float), "difficulty": rng.normal(-0.5, 1, n)}
    return pd.DataFrame(columns, index=[f"prompt {number}" for number in range(n)])


def setting(seed: int, n: int = 300) -> tuple[Judged, list[Judged], dict[str, float]]:
    """A candidate, a concise and a verbose variant of the reference, and difficulties."""
    rng = np.random.default_rng(seed)
    prompts = drawn_prompts(rng, n)
    variants = [simulated(rng, prompts, longer=longer, quality=0.0) for longer in (-500.0, 500.0)]
    return simulated(rng, prompts, longer=200.0), variants, prompts["difficulty"].to_dict()


def design(
    candidate: Judged, variants: Sequence[Judged], difficulty: Mapping[str, float] | None, weight: float = 0.2
) -> pd.DataFrame:
    """All rows with known preferences; the difficulties are joined by pandas."""
    parts = [
        pd.DataFrame({"id": system.ids, "y": system.preferences, "length": relative(system)}).assign(
            quality=float(number == 0), weight=1.0 if number == 0 else weight / len(variants)
        )
        for number, system in enumerate([candidate, *variants])
    ]
    rows = pd.concat(parts, ignore_index=True)
    if difficulty is not None:
        rows = rows.merge(pd.Series(difficulty, name="difficulty"), left_on="id", right_index=True)
    return rows.dropna(subset="y")


def by_sklearn(rows: pd.DataFrame) -> pd.Series:
    """Coefficients; a fractional label is a win and a loss that weigh as much together."""
    from sklearn.linear_model import LogisticRegression

    features = rows.drop(columns=["id", "y", "weight"])
    model = LogisticRegression(C=1 / RIDGE, fit_intercept=False, tol=1e-10, max_iter=10_000)
    model.fit(
        pd.concat([features, features]),
        np.repeat([1, 0], len(rows)),
        sample_weight=np.concatenate([rows["weight"] * rows["y"], rows["weight"] * (1 - rows["y"])]),
    )
    return pd.Series(model.coef_[0], index=features.columns)


def shuffled(system: Judged, order: np.ndarray) -> Judged:
    arrays = (values[order] for values in (system.preferences, system.lengths, system.reference_lengths))
    return Judged([system.ids[row] for row in order], *arrays)


@pytest.mark.parametrize("with_difficulty", [False, True])
@pytest.mark.parametrize("with_variants", [False, True])
def test_coefficients_are_those_of_scikit_learn(with_variants: bool, with_difficulty: bool) -> None:
    pytest.importorskip("sklearn")
    candidate, both, all_difficulties = setting(1)
    candidate.preferences[::7] = np.nan
    variants, difficulty = both if with_variants else [], all_difficulties if with_difficulty else None
    found = length_controlled(candidate, variants, difficulty)
    expected = by_sklearn(design(candidate, variants, difficulty))
    assert found.identified
    assert found.note == ""
    assert found.length == pytest.approx(expected["length"], abs=1e-4)
    assert found.quality == pytest.approx(expected["quality"], abs=1e-4)
    assert found.difficulty == pytest.approx(expected.get("difficulty", 0.0), abs=1e-4)
    difficulties = np.array([all_difficulties[id] for id in candidate.ids])
    assert found.win_rate == pytest.approx(
        predicted_win_rate(expected["quality"], expected.get("difficulty", 0.0), difficulties), abs=1e-5
    )


@pytest.mark.filterwarnings("ignore:cov_type not fully supported with var_weights")
@pytest.mark.parametrize("with_variants", [False, True])
def test_the_standard_error_is_the_clustered_one_of_statsmodels(with_variants: bool) -> None:
    """Without difficulties the win rate depends on quality alone, so that the delta method has one factor."""
    api = pytest.importorskip("statsmodels.api")
    candidate, both, _ = setting(2)
    variants = both if with_variants else []
    found = length_controlled(candidate, variants, weight=2.0)
    rows = design(candidate, variants, None, weight=2.0)
    model = api.GLM(rows["y"], rows[["length", "quality"]], family=api.families.Binomial(), var_weights=rows["weight"])
    groups = {"groups": rows["id"].astype("category").cat.codes.to_numpy(), "use_correction": False}
    error = model.fit(cov_type="cluster", cov_kwds=groups, tol=1e-12).bse["quality"]
    small_sample = np.sqrt(300 / (300 - 2))
    slope = found.win_rate * (1 - found.win_rate)
    assert found.standard_error == pytest.approx(small_sample * slope * error, rel=1e-4)


def test_what_was_planted_is_found() -> None:
    candidate, variants, difficulty = setting(4, n=30_000)
    found = length_controlled(candidate, variants, difficulty)
    assert found.length == pytest.approx(LENGTH, abs=0.06)
    assert found.difficulty == pytest.approx(DIFFICULTY, abs=0.04)
    assert found.quality == pytest.approx(QUALITY, abs=0.04)
    assert found.win_rate == pytest.approx(
        predicted_win_rate(QUALITY, DIFFICULTY, np.array([*difficulty.values()])), abs=0.01
    )
    assert win_rate(candidate.preferences).rate > found.win_rate + 0.05


def test_variants_tell_length_from_quality() -> None:
    """Every answer of this candidate is longer by as much: alone, it can't be known why it is preferred."""
    rng = np.random.default_rng(5)
    prompts = drawn_prompts(rng, 20_000)
    variants = [simulated(rng, prompts, longer=longer, quality=0.0) for longer in (-500.0, 500.0)]
    p = expit(LENGTH + DIFFICULTY * prompts["difficulty"] + QUALITY).to_numpy()
    reference = prompts["reference"].to_numpy()
    candidate = Judged(list(prompts.index), rng.beta(2 * p, 2 * (1 - p)), reference + 900, reference)
    difficulty = prompts["difficulty"].to_dict()
    alone = length_controlled(candidate, (), difficulty)
    assert not alone.identified
    assert alone.note == "the judgements don't determine length, quality: lengths or difficulties vary too little"
    assert np.isnan(alone.standard_error)
    assert np.isfinite(alone.win_rate)
    found = length_controlled(candidate, variants, difficulty)
    assert found.identified

    assert found.quality == pytest.approx(QUALITY, abs=0.12)
    assert found.length == pytest.approx(LENGTH, abs=0.12)


@settings(max_examples=25)
@given(seed=st.integers(0, 10**6), kept=st.floats(0.3, 1.0), weight=st.floats(0.05, 2.0))
def test_prompts_are_joined_by_id(seed: int, kept: float, weight: float) -> None:
    pytest.importorskip("sklearn")
    rng = np.random.default_rng(seed)
    systems, difficulty = [], {"unused": 9.0}
    candidate, variants, known = setting(seed, n=60)
    for id in rng.permutation([*known]):
        difficulty[str(id)] = known[id]
    for system in (candidate, *variants):
        order = rng.permutation(60)[: max(20, int(kept * 60))]
        systems.append(shuffled(system, order))
    found = length_controlled(systems[0], systems[1:], difficulty, weight=weight)
    expected = by_sklearn(design(systems[0], systems[1:], difficulty, weight))
    assert found.length == pytest.approx(expected["length"], abs=1e-3)
    assert found.difficulty == pytest.approx(expected["difficulty"], abs=1e-3)
    assert found.quality == pytest.approx(expected["quality"], abs=1e-3)
    again = length_controlled(systems[0], [shuffled(s, rng.permutation(len(s.ids))) for s in systems[1:]], difficulty)
    first = length_controlled(systems[0], systems[1:], difficulty)
    assert again.win_rate == pytest.approx(first.win_rate, abs=1e-9)
    assert again.standard_error == pytest.approx(first.standard_error, rel=1e-6)


@settings(max_examples=25)
@given(seed=st.integers(0, 10**6))
def test_whoever_is_the_candidate_the_two_rates_make_one(seed: int) -> None:
    candidate, _, difficulty = setting(seed, n=40)
    other = Judged(candidate.ids, 1 - candidate.preferences, candidate.reference_lengths, candidate.lengths)
    one, two = length_controlled(candidate, (), difficulty), length_controlled(other, (), difficulty)
    assert one.win_rate + two.win_rate == pytest.approx(1, abs=1e-6)
    assert one.length == pytest.approx(two.length, abs=1e-5)
    assert one.standard_error == pytest.approx(two.standard_error, rel=1e-4)


def test_lengths_that_hardly_vary_do_not_tell_length_from_quality() -> None:
    candidate, _, _ = setting(13)
    longer = 3000 + 300 * np.random.default_rng(13).standard_normal(300)
    found = length_controlled(replace(candidate, lengths=candidate.reference_lengths + longer))
    assert not found.identified
    assert found.note == "the judgements don't determine length, quality: lengths or difficulties vary too little"


def test_answers_of_equal_length_leave_the_rate_as_it_is() -> None:
    candidate, _, _ = setting(6)
    equal = replace(candidate, lengths=candidate.reference_lengths)
    found, raw = length_controlled(equal), win_rate(equal.preferences)
    assert found.win_rate == pytest.approx(raw.rate, abs=1e-8)
    assert found.standard_error == pytest.approx(raw.standard_error, rel=0.01)
    assert found.identified
    assert found.length == 0
    assert found.note == "the judgements don't determine length: lengths or difficulties vary too little"


def test_difficulties_that_are_all_alike_change_nothing() -> None:
    candidate, _, difficulty = setting(7)
    alike = length_controlled(candidate, (), dict.fromkeys(difficulty, -0.7))
    assert alike.identified
    assert alike.note == "the judgements don't determine difficulty, quality: lengths or difficulties vary too little"
    assert alike.win_rate == pytest.approx(length_controlled(candidate).win_rate, abs=1e-7)


@pytest.mark.parametrize(("preference", "rate"), [(1.0, 1.0), (0.0, 0.0)])
def test_a_candidate_that_always_wins_or_loses(preference: float, rate: float) -> None:
    candidate, _, difficulty = setting(8)
    found = length_controlled(replace(candidate, preferences=np.full(300, preference)), (), difficulty)
    assert found.win_rate == pytest.approx(rate, abs=1e-3)
    assert not found.identified
    assert found.note == "the judgements don't determine length, difficulty, quality: they separate wins from losses"
    assert np.isnan(found.standard_error)


def test_variants_leave_the_quality_of_one_that_always_wins_open() -> None:
    candidate, variants, difficulty = setting(8)
    found = length_controlled(replace(candidate, preferences=np.ones(300)), variants, difficulty)
    assert found.win_rate == pytest.approx(1, abs=1e-3)
    assert found.note == "the judgements don't determine quality: they separate wins from losses"
    assert not found.identified


def test_a_candidate_that_wins_just_where_it_is_longer() -> None:
    candidate, _, _ = setting(9)
    wins = (candidate.lengths > candidate.reference_lengths).astype(float)
    found = length_controlled(replace(candidate, preferences=wins))
    assert not found.identified
    assert 0 <= found.win_rate <= 1
    assert "separate wins from losses" in found.note


def test_without_a_known_preference_there_is_no_rate() -> None:
    candidate, variants, _ = setting(10)
    found = length_controlled(replace(candidate, preferences=np.full(300, np.nan)), variants)
    assert np.isnan(found.win_rate)
    assert (found.identified, found.note) == (False, "no preference is known")
    assert np.isnan(win_rate(np.array([np.nan])).rate)
    assert np.isnan(win_rate(np.array([0.5])).standard_error)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ids": ["a", "b", "a"]}, "the prompt 'a' is judged twice: give one judgement of each prompt"),
        ({"preferences": [0.5, 1.0]}, "preferences of shape (2,) for 3 prompts: give one for each"),
        ({"preferences": [0.5, 1.5, 0.0]}, "the preference 1.5 for the prompt 'b' is not in [0, 1]"),
        ({"lengths": [1, 2, -3]}, "-3 is not a length (prompt 'c')"),
        ({"reference_lengths": [1, np.nan, 3]}, "nan is not a length (prompt 'b')"),
    ],
)
def test_judgements_that_do_not_fit_together_are_refused(changes: dict[str, object], message: str) -> None:
    fields = {"ids": ["a", "b", "c"], "preferences": [0, 1, np.nan], "lengths": [1, 2, 3]}
    with pytest.raises(UsageError) as refusal:
        Judged(**(fields | {"reference_lengths": [3, 2, 1]} | changes))  # type: ignore[arg-type]
    assert str(refusal.value) == message


def test_what_cannot_be_joined_is_refused() -> None:
    candidate, variants, difficulty = setting(12, n=20)
    del difficulty["prompt 3"]
    with pytest.raises(UsageError, match=r"unknown prompt 'prompt 3' in the difficulties: did you mean 'prompt 1?3'"):
        length_controlled(candidate, variants, difficulty)
    with pytest.raises(UsageError, match="the difficulty of the prompt 'prompt 3' is nan: give a finite one"):
        length_controlled(candidate, variants, {**difficulty, "prompt 3": float("nan")})
    with pytest.raises(UsageError, match=r"'prompt 0' has .* characters in one system and 7 in another"):
        length_controlled(candidate, [replace(variants[0], reference_lengths=np.full(20, 7.0))])
    with pytest.raises(UsageError, match="weight of the variants must be finite and at least 0, not -1"):
        length_controlled(candidate, variants, weight=-1)


@pytest.mark.slow
@pytest.mark.parametrize("n", [100, 800])
def test_intervals_cover_what_they_should(n: int) -> None:
    """95 % intervals of the win rate over all prompts that might have been drawn."""
    rng = np.random.default_rng(n)
    truth = predicted_win_rate(QUALITY, DIFFICULTY, drawn_prompts(rng, 1_000_000)["difficulty"].to_numpy())
    rates, errors = [], []
    for _ in range(1000):
        prompts = drawn_prompts(rng, n)
        variants = [simulated(rng, prompts, longer=longer, quality=0.0) for longer in (-200.0, 200.0)]
        found = length_controlled(simulated(rng, prompts, longer=0.0), variants, prompts["difficulty"].to_dict())
        rates.append(found.win_rate)
        errors.append(found.standard_error)
    covered = np.abs(np.array(rates) - truth) <= 1.96 * np.array(errors)
    assert 0.93 <= covered.mean() <= 0.97
    assert np.mean(errors) == pytest.approx(np.std(rates), rel=0.1)


ROOT = Path(os.environ.get("OPTATHLON_TEST_DATA", "")) / "alpaca_eval_lc"
published = pytest.mark.skipif(
    "OPTATHLON_TEST_DATA" not in os.environ or not ROOT.is_dir(),
    reason="OPTATHLON_TEST_DATA has no folder alpaca_eval_lc/",
)


@pytest.fixture(scope="module")
def leaderboard() -> pd.DataFrame:
    return pd.read_csv(ROOT / "leaderboard.csv", index_col=0)


@pytest.fixture(scope="module")
def difficulties() -> pd.Series:
    table = pd.read_csv(ROOT / "instruction_difficulty.csv", dtype={"instruction_id": str}, index_col=0)
    return table["instruction_difficulty"]


@pytest.fixture(scope="module")
def models() -> dict[str, Judged]:
    """AlpacaEval codes preferences from 1 (the reference's answer) to 2 (the model's), and ties as 0."""
    table = pd.read_parquet(ROOT / "annotations.parquet")
    table["preference"] = table["preference"].replace(0.0, 1.5) - 1
    return {
        str(model): Judged(
            rows["instruction_id"].astype(str).tolist(),
            rows["preference"].to_numpy(),
            rows["len_model"].to_numpy(),
            rows["len_baseline"].to_numpy(),
        )
        for model, rows in table.groupby("model", observed=True)
    }


@published
def test_raw_win_rates_are_the_published_ones(models: dict[str, Judged], leaderboard: pd.DataFrame) -> None:
    assert len(models) == 29
    for model, judged in models.items():
        rate, error = win_rate(judged.preferences)
        assert 100 * rate == pytest.approx(leaderboard["win_rate"][model], abs=1e-6)
        assert 100 * error == pytest.approx(leaderboard["standard_error"][model], abs=1e-6)


@published
def test_published_weights_predict_the_published_rates(leaderboard: pd.DataFrame, difficulties: pd.Series) -> None:
    """Upstream attaches difficulties by position, which misaligns models with fewer than 805 prompts."""
    weights = pd.read_csv(ROOT / "glm_weights.csv", index_col=0)
    columns = ["not_gamed_baseline.astype(float)", "instruction_difficulty"]
    predicted = pd.Series(
        {
            model: 100 * predicted_win_rate(quality, slope, difficulties.to_numpy())
            for model, quality, slope in weights[columns].itertuples()
        }
    )
    differences = (predicted - leaderboard["length_controlled_winrate"]).abs().dropna()
    assert len(differences) == 171
    assert (differences <= 0.01).mean() >= 0.95
    assert differences.max() < 0.2


@published
def test_fits_without_the_regularising_rows_come_near(
    models: dict[str, Judged], leaderboard: pd.DataFrame, difficulties: pd.Series
) -> None:
    """Found: the rates differ by 1.7 points on average (raw ones by 5.1), and most for the one that games lengths.

    The official fit has judgements of two variants of the reference, which are not public.
    """
    difficulty = difficulties.to_dict()
    official = leaderboard["length_controlled_winrate"][[*models]]
    fitted = pd.Series({model: length_controlled(judged, (), difficulty) for model, judged in models.items()})
    rates = fitted.map(lambda fit: 100 * fit.win_rate)
    differences = (rates - official).abs()
    assert all(fitted.map(lambda fit: fit.identified and fit.length > 0))
    assert rates.corr(official, method="spearman") > 0.96
    assert differences.mean() < 2
    assert differences.idxmax() == "gpt4_gamed"
    assert differences.drop("gpt4_gamed").max() < 3.5
