"""How often a system's answers are preferred to a reference's: as judged, and had both been equally long.

Judges prefer longer answers. The length-controlled win rate of AlpacaEval 2 (Dubois et al. 2024, arXiv 2404.04475)
explains the preferences by a logistic regression on length, difficulty of the prompt and quality, and predicts what
they would be without a difference in length.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from optathlon.errors import UsageError, unknown

_RIDGE = 1e-6
"""Half of it times the sum of the squared coefficients is added to the negative log-likelihood."""
_LEAST_INFORMATION = 1e-3
"""A combination of coefficients with less Fisher information (a standard error above 30 logits) is undetermined."""
_NEGLIGIBLE = 1e-3
"""A component of a unit vector that small counts as none."""


@dataclass(frozen=True, eq=False)
class Judged:
    """One system's answers, judged against the reference's answers to the same prompts.

    Parameters
    ----------
    ids:
        Of the n prompts, no two alike; in any order, as everything is joined by them.
    preferences:
        Shape (n,), in [0, 1]: the probability that the system's answer is better than the reference's; 0.5 is a tie,
        NaN unknown.
    lengths, reference_lengths:
        Shape (n,): the characters of the system's and of the reference's answers.

    Raises `UsageError` where these don't fit together.
    """

    ids: Sequence[str]
    preferences: np.ndarray
    lengths: np.ndarray
    reference_lengths: np.ndarray

    def __post_init__(self) -> None:
        if len(set(self.ids)) < len(self.ids):
            twice = next(id for n, id in enumerate(self.ids) if id in self.ids[:n])
            raise UsageError(f"the prompt {twice!r} is judged twice: give one judgement of each prompt")
        for name in ("preferences", "lengths", "reference_lengths"):
            values = np.asarray(getattr(self, name), dtype=float)
            object.__setattr__(self, name, values)
            if values.shape != (len(self.ids),):
                raise UsageError(f"{name} of shape {values.shape} for {len(self.ids)} prompts: give one for each")
        outside = (self.preferences < 0) | (self.preferences > 1)
        self._refuse(outside, self.preferences, "the preference {} for the prompt {!r} is not in [0, 1]")
        for lengths in (self.lengths, self.reference_lengths):
            self._refuse(~((lengths >= 0) & np.isfinite(lengths)), lengths, "{} is not a length (prompt {!r})")

    def _refuse(self, wrong: np.ndarray, values: np.ndarray, complaint: str) -> None:
        for row in np.flatnonzero(wrong).tolist():
            raise UsageError(complaint.format(f"{values[row]:g}", self.ids[row]))


class WinRate(NamedTuple):
    """The mean preference, in [0, 1], and its standard error over prompts."""

    rate: float
    standard_error: float


@dataclass(frozen=True)
class LengthControlled:
    """A length-controlled win rate, and the logistic regression that it comes from.

    Attributes
    ----------
    win_rate:
        In [0, 1]: the probability that the candidate's answer is preferred to an equally long one of the reference,
        averaged over the candidate's prompts. NaN where no preference for the candidate is known.
    standard_error:
        Of `win_rate`, over prompts drawn again; NaN where it is not `identified` or the prompts are too few.
    length, difficulty, quality:
        The coefficients, in logits. `length` is above 0 where longer answers are preferred: the published weights of
        AlpacaEval have the opposite sign there. `difficulty` is 0 without difficulties.
    identified:
        Whether the data determine `win_rate`. If not, it is where a slight penalty on the coefficients holds it.
    note:
        What the data don't determine, and why; empty where all is determined.
    """

    win_rate: float
    standard_error: float
    length: float
    difficulty: float
    quality: float
    identified: bool
    note: str


def win_rate(preferences: np.ndarray) -> WinRate:
    """The mean preference as judged.

    Parameters
    ----------
    preferences:
        Shape (n,), in [0, 1]; NaN is left out.

    Returns
    -------
    NaN without a known preference; the standard error is NaN with fewer than two.
    """
    known = preferences[~np.isnan(preferences)]
    rate = float(known.mean()) if len(known) else float("nan")
    error = float(known.std(ddof=1) / np.sqrt(len(known))) if len(known) > 1 else float("nan")
    return WinRate(rate, error)


def predicted_win_rate(quality: float, difficulty_weight: float, difficulties: np.ndarray) -> float:
    """The win rate at equal length that known weights predict, e.g. those that AlpacaEval publishes.

    Parameters
    ----------
    quality, difficulty_weight:
        In logits; AlpacaEval's `not_gamed_baseline.astype(float)` and `instruction_difficulty`.
    difficulties:
        Shape (n,): of the prompts to average over, n > 0.
    """
    from scipy.special import expit

    return float(expit(quality + difficulty_weight * np.asarray(difficulties)).mean())


def length_controlled(
    candidate: Judged,
    variants: Sequence[Judged] = (),
    difficulty: Mapping[str, float] | None = None,
    *,
    weight: float = 0.2,
) -> LengthControlled:
    """The win rate that the candidate would have if its answers were as long as the reference's.

    The model is logit P(answer is preferred) = length · tanh(Δ / sd(Δ)) + difficulty · d + quality, where Δ is how
    many characters longer the answer is than the reference's, sd its sample standard deviation over the system's
    prompts, and d the prompt's difficulty. It is fitted by maximum likelihood, to which fractional preferences
    contribute as in binomial regression, with a ridge penalty of 1e-6 that only matters where there is no optimum.
    AlpacaEval chooses an L1 penalty by cross-validation instead.

    The standard error is by the delta method from the sandwich covariance, clustered by prompt, and counts that the
    difficulties are a sample, too. The Fisher information would overstate it: fractional preferences vary less than
    wins and losses do.

    Parameters
    ----------
    candidate:
        The system in question.
    variants:
        The reference's own concise and verbose answers, judged against the reference. Their quality is 0 by
        definition, so they tell the effect of length apart from that of quality.
    difficulty:
        By prompt, of the order of 1; must have all prompts, and may have others. Without it there is no such effect.
    weight:
        Of all variants together, at least 0: each of their judgements weighs `weight / len(variants)`, and one of the
        candidate's 1. AlpacaEval has 0.2.

    Raises `UsageError` for prompts without a difficulty and references that are not the same everywhere.
    """
    if not (weight >= 0 and np.isfinite(weight)):
        raise UsageError(f"the weight of the variants must be finite and at least 0, not {weight:g}")
    _refuse_other_references([candidate, *variants])
    rows = _rows(candidate, variants, difficulty, weight)
    if np.isnan(candidate.preferences).all():
        nan = float("nan")
        return LengthControlled(nan, nan, nan, nan, nan, identified=False, note="no preference is known")
    coefficients = _fit(rows)
    at_equal_length = _features(candidate, difficulty, quality=1.0)
    at_equal_length[:, 0] = 0.0
    predicted = _probabilities(at_equal_length, coefficients)
    gradient = (predicted * (1 - predicted)) @ at_equal_length / len(predicted)
    undetermined = _undetermined(rows, coefficients)
    identified = bool(np.abs(undetermined @ gradient).max(initial=0.0) <= _NEGLIGIBLE * np.linalg.norm(gradient))
    error = _standard_error(rows, coefficients, gradient, predicted) if identified else float("nan")
    length, *slope, quality = map(float, coefficients)
    effects = ("length", "quality") if difficulty is None else ("length", "difficulty", "quality")
    return LengthControlled(
        win_rate=float(predicted.mean()),
        standard_error=error,
        length=length,
        difficulty=sum(slope),
        quality=quality,
        identified=identified,
        note=_note(rows, undetermined, effects),
    )


@dataclass(frozen=True, eq=False)
class _Rows:
    """The judgements of all systems whose preference is known.

    `prompts` numbers the prompts, those of the candidate first and in its order.
    """

    features: np.ndarray
    preferences: np.ndarray
    weights: np.ndarray
    prompts: np.ndarray


def _refuse_other_references(systems: Iterable[Judged]) -> None:
    lengths: dict[str, float] = {}
    for system in systems:
        for id, length in zip(system.ids, system.reference_lengths.tolist(), strict=True):
            if lengths.setdefault(id, length) != length:
                raise UsageError(
                    f"the reference's answer to the prompt {id!r} has {lengths[id]:g} characters in one system and "
                    f"{length:g} in another: judge all systems against the same reference"
                )


def _rows(
    candidate: Judged, variants: Sequence[Judged], difficulty: Mapping[str, float] | None, weight: float
) -> _Rows:
    systems = (candidate, *variants)
    qualities = (1.0, *(0.0 for _ in variants))
    weights = (1.0, *(weight / len(variants) for _ in variants))
    ids = [id for system in systems for id in system.ids]
    numbers = {id: number for number, id in enumerate(dict.fromkeys(ids))}
    preferences = np.concatenate([system.preferences for system in systems])
    known = ~np.isnan(preferences)
    features = [_features(system, difficulty, quality) for system, quality in zip(systems, qualities, strict=True)]
    return _Rows(
        np.concatenate(features)[known],
        preferences[known],
        np.repeat(weights, [len(system.ids) for system in systems])[known],
        np.array([numbers[id] for id in ids], dtype=int)[known],
    )


def _features(system: Judged, difficulty: Mapping[str, float] | None, quality: float) -> np.ndarray:
    """Shape (n, 2 or 3): what multiplies length, difficulty (if any) and quality."""
    columns = [_relative_length(system), np.full(len(system.ids), quality)]
    if difficulty is not None:
        columns.insert(1, _difficulties(system, difficulty))
    return np.column_stack(columns)


def _relative_length(system: Judged) -> np.ndarray:
    """Shape (n,), in [-1, 1]; the sign where all differ by the same, which is the limit of little variation."""
    longer = system.lengths - system.reference_lengths
    spread = longer.std(ddof=1) if len(longer) > 1 else 0.0
    relative: np.ndarray = np.tanh(longer / spread) if spread > 0 else np.sign(longer)
    return relative


def _difficulties(system: Judged, difficulty: Mapping[str, float]) -> np.ndarray:
    for id in system.ids:
        if id not in difficulty:
            raise unknown("prompt", id, difficulty, where="the difficulties")
        if not np.isfinite(difficulty[id]):
            raise UsageError(f"the difficulty of the prompt {id!r} is {difficulty[id]}: give a finite one")
    return np.array([difficulty[id] for id in system.ids], dtype=float)


def _probabilities(features: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    from scipy.special import expit

    probabilities: np.ndarray = expit(features @ coefficients)
    return probabilities


def _information(rows: _Rows, coefficients: np.ndarray) -> np.ndarray:
    """The Fisher information of the coefficients."""
    probabilities = _probabilities(rows.features, coefficients)
    information: np.ndarray = (rows.features.T * (rows.weights * probabilities * (1 - probabilities))) @ rows.features
    return information


def _fit(rows: _Rows) -> np.ndarray:
    from scipy.optimize import minimize

    def loss(coefficients: np.ndarray) -> float:
        logits = rows.features @ coefficients
        losses = np.logaddexp(0.0, logits) - rows.preferences * logits
        return float(rows.weights @ losses + _RIDGE / 2 * coefficients @ coefficients)

    def gradient(coefficients: np.ndarray) -> np.ndarray:
        excess = _probabilities(rows.features, coefficients) - rows.preferences
        slope: np.ndarray = (rows.weights * excess) @ rows.features + _RIDGE * coefficients
        return slope

    def hessian(coefficients: np.ndarray) -> np.ndarray:
        return _information(rows, coefficients) + _RIDGE * np.eye(len(coefficients))

    start = np.zeros(rows.features.shape[1])
    found = minimize(loss, start, jac=gradient, hess=hessian, method="trust-exact", options={"gtol": 1e-7})
    coefficients: np.ndarray = found.x
    return coefficients


def _standard_error(rows: _Rows, coefficients: np.ndarray, gradient: np.ndarray, predicted: np.ndarray) -> float:
    """From each prompt's influence on the mean of `predicted`: by the coefficients, and as one of those averaged."""
    excess = rows.weights * (rows.preferences - _probabilities(rows.features, coefficients))
    covariance = np.linalg.inv(_information(rows, coefficients) + _RIDGE * np.eye(len(coefficients)))
    influence = np.bincount(rows.prompts, excess * (rows.features @ covariance @ gradient), minlength=len(predicted))
    influence[: len(predicted)] += (predicted - predicted.mean()) / len(predicted)
    prompts, free = len(np.unique(rows.prompts)), len(np.unique(rows.prompts)) - len(coefficients)
    return float(np.sqrt(prompts / free * (influence @ influence))) if free > 0 else float("nan")


def _undetermined(rows: _Rows, coefficients: np.ndarray) -> np.ndarray:
    """Shape (m, effects): orthonormal combinations of the coefficients that the judgements tell nothing about."""
    information, directions = np.linalg.eigh(_information(rows, coefficients))
    nothing: np.ndarray = directions[:, information < _LEAST_INFORMATION].T
    return nothing


def _note(rows: _Rows, undetermined: np.ndarray, effects: Sequence[str]) -> str:
    if not len(undetermined):
        return ""
    parts = np.abs(undetermined).max(axis=0)
    names = [effect for effect, part in zip(effects, parts, strict=True) if part > _NEGLIGIBLE]
    varied = not len(_undetermined(rows, np.zeros(len(effects))))
    reason = "they separate wins from losses" if varied else "lengths or difficulties vary too little"
    return f"the judgements don't determine {', '.join(names)}: {reason}"
