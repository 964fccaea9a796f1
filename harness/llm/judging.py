"""Judges: who tells which of two answers to a prompt is the better, and how they are asked.

A judge is named by a call, as in `noisy(pool(verifier, likelihood('path/to/model')), p_flip=0.1)`; the names are entry
points of the group `optathlon.judges`.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, cast

import numpy as np
from pydantic import ConfigDict, TypeAdapter, ValidationError

from optathlon.entries import load_entry
from optathlon.errors import FailedCheck, UsageError, first_complaint, unknown
from optathlon.text import shortened

Failures = Literal["apart", "ties"]
"""What becomes of judgements that were not understood: they are left out and counted apart, or count as ties, as in
PandaLM's own evaluation."""

_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
_LONGEST_CALL, _LONGEST_SHOWN = 5_000, 160
"""Characters of a judge's call, and of what is shown of it in messages."""
_EXAMPLE = "write NAME or NAME(argument, option=value), e.g. noisy(verifier, p_flip=0.1)"


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is to be answered.

    Parameters
    ----------
    id:
        Unique in its data; everything about prompts is joined by it.
    instruction, input:
        What to do, and with what (may be empty).
    answer:
        The right answer, where there is one.
    matching:
        How that is compared with what is answered (see `optathlon.llm.matching`).
    """

    id: str
    instruction: str
    input: str = ""
    answer: str | None = None
    matching: str = "exact"


class Refusal(UsageError):
    """A judge refuses these pairs of answers and may judge others: its server filters contents, for example."""


class Verdicts(NamedTuple):
    """What a judge says of n pairs of answers.

    `preferences`, of shape (n,), has the probability that the candidate's answer is the better one: 0.5 is a tie, NaN
    where what the judge said could not be understood. `metrics` has what the judging took, summed, e.g.
    `"judge/dollars"`. `unclear` is an example of why something was not understood, such as "it said 'maybe'".
    """

    preferences: np.ndarray
    metrics: Mapping[str, float] = MappingProxyType({})
    unclear: str = ""


class Judge(ABC):
    """Compares two answers to a prompt.

    Class or instance attributes
    ----------------------------
    id:
        The call that makes the same judge.
    template:
        The text that it is asked by, where there is one; it is part of what identifies a judgement.
    symmetric:
        Whether the order in which the answers are shown can't matter, so that one order is enough.
    """

    id: str
    template: str = ""
    symmetric: bool = False

    @abstractmethod
    def prefer(
        self, prompts: Sequence[Prompt], candidate: Sequence[str], reference: Sequence[str], *, seed: int
    ) -> Verdicts:
        """Judge n pairs of answers, the candidate's shown first. `seed` drives all chance.

        Raises `Refusal` where it will not judge these, and other errors where it can't judge any.
        """

    def check(self) -> None:  # noqa: B027, most judges need nothing
        """Raise `UsageError` where what the judge needs is not here: it is called before trials are spent on it."""

    def load(self) -> None:  # noqa: B027, most judges need nothing
        """Load what it judges by, so that no trial is charged for it. It is called before new trials."""

    def weights(self) -> str:
        """A hash of the weights that judge, where it is a model that lies here; they are no part of its id."""
        return ""

    def needs_answers(self) -> bool:
        """Whether it can only judge where right answers are known."""
        return False

    def likelihoods_of(self) -> tuple[str, ...]:
        """The models by whose own likelihood of an answer it judges, as they were named to it."""
        return ()

    def __repr__(self) -> str:
        return self.id

    @property
    def template_hash(self) -> str:
        """The first 12 hexadecimal digits of the SHA-256 of the template."""
        return hashlib.sha256(self.template.encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Comparison:
    """The judgement of n pairs of answers, over both orders.

    Attributes
    ----------
    preferences:
        Shape (n,): the probability that the candidate's answer is the better one; NaN where no order was understood.
    failures:
        How many pairs have an order that was not understood.
    agreement:
        Among the pairs that were understood in both orders, the share that both decide alike; NaN where there is none.
    judged:
        How many pairs the judge was asked about; identical answers are ties without asking.
    metrics:
        What the judging took, summed.
    unclear:
        An example of why something was not understood; empty where all was.
    """

    preferences: np.ndarray
    failures: int
    agreement: float
    judged: int
    metrics: Mapping[str, float] = field(default_factory=dict)
    unclear: str = ""

    @property
    def win_rate(self) -> float:
        """The mean preference over the pairs that were understood; NaN where there is none."""
        known = self.preferences[~np.isnan(self.preferences)]
        return float(known.mean()) if len(known) else float("nan")


class BothOrders(NamedTuple):
    """What a judge says of n pairs of answers, with the first answer shown first, and with the second one shown first.

    `preferences`, of shape (2, n), has the probability that the first answer is the better one, in either order; NaN
    where what the judge said could not be understood. `metrics` has what the judging took, summed, and `unclear` is as
    in `Verdicts`.
    """

    preferences: np.ndarray
    metrics: Mapping[str, float]
    unclear: str = ""

    def require_one(self, judge: str) -> None:
        """Raise `FailedCheck` where there are pairs, and of the judge of that name nothing was understood."""
        pairs = self.preferences.shape[1]
        if pairs and np.isnan(self.preferences).all():
            raise FailedCheck(nothing_understood(pairs, judge, self.unclear))


def ask(
    judge: Judge, prompts: Sequence[Prompt], candidate: Sequence[str], reference: Sequence[str], *, seed: int
) -> Verdicts:
    """What a judge prefers, checked: judges that ask others ask them by this too.

    Raises `UsageError` for a judge that doesn't give a probability, or NaN, for each pair.
    """
    verdicts: object = judge.prefer(prompts, candidate, reference, seed=seed)
    if not isinstance(verdicts, Verdicts):
        raise UsageError(
            f"the judge {judge.id} gave {type(verdicts).__name__}: let it give Verdicts(preferences), of "
            "optathlon.llm.judging"
        )
    try:
        preferences = np.asarray(verdicts.preferences, dtype=float)
    except (TypeError, ValueError):
        raise UsageError(f"the judge {judge.id} gave preferences that are not numbers: fix it") from None
    if preferences.shape != (len(prompts),):
        raise UsageError(
            f"the judge {judge.id} gave preferences of shape {preferences.shape} for {len(prompts)} pairs: fix it"
        )
    if (outside := preferences[(preferences < 0.0) | (preferences > 1.0)]).size:
        raise UsageError(f"the judge {judge.id} gave the preference {outside[0]:g}, which is not a probability: fix it")
    return Verdicts(preferences, verdicts.metrics, verdicts.unclear)


def ask_both_orders(
    judge: Judge, prompts: Sequence[Prompt], first: Sequence[str], second: Sequence[str], *, seed: int = 0
) -> BothOrders:
    """Have n pairs of answers judged in both orders.

    Parameters
    ----------
    judge:
        Asked once where the order can't matter to it.
    prompts, first, second:
        Of the same length n, in the same order.
    seed:
        Drives all chance of the judge, in each order another.

    Raises what `ask` raises.
    """
    shown = ask(judge, prompts, first, second, seed=2 * seed)
    if judge.symmetric:
        return BothOrders(np.array([shown.preferences, shown.preferences]), shown.metrics, shown.unclear)
    swapped = ask(judge, prompts, second, first, seed=2 * seed + 1)
    metrics = {
        name: shown.metrics.get(name, 0.0) + swapped.metrics.get(name, 0.0)
        for name in {**shown.metrics, **swapped.metrics}
    }
    both = np.array([shown.preferences, 1.0 - swapped.preferences])
    return BothOrders(both, metrics, shown.unclear or swapped.unclear)


def decided(orders: np.ndarray, failures: Failures) -> np.ndarray:
    """Shape (n,): the mean preference over orders (shape (orders, n)), by what becomes of `failures`.

    Apart, it is the mean over the orders that were understood, NaN where none was.
    """
    if failures == "ties":
        orders = np.where(np.isnan(orders), 0.5, orders)
    known = ~np.isnan(orders)
    return np.where(known.any(axis=0), np.where(known, orders, 0.0).sum(axis=0) / known.sum(axis=0).clip(1), np.nan)


def compare(
    judge: Judge,
    prompts: Sequence[Prompt],
    candidate: Sequence[str],
    reference: Sequence[str],
    *,
    seed: int = 0,
    failures: Failures = "apart",
) -> Comparison:
    """Judge n pairs of answers in both orders, and average; answers that are the same are ties without asking.

    Parameters
    ----------
    judge, seed:
        As in `ask_both_orders`, which also says what is raised.
    prompts, candidate, reference:
        Of the same length n, in the same order.
    failures:
        What becomes of judgements that were not understood.
    """
    if not len(prompts) == len(candidate) == len(reference):
        raise ValueError(f"{len(prompts)} prompts, {len(candidate)} and {len(reference)} answers are not as many")
    differ = [index for index in range(len(prompts)) if candidate[index].strip() != reference[index].strip()]
    if not differ:
        return Comparison(np.full(len(prompts), 0.5), failures=0, agreement=float("nan"), judged=0)
    ours, theirs = [candidate[index] for index in differ], [reference[index] for index in differ]
    orders, metrics, unclear = ask_both_orders(judge, [prompts[index] for index in differ], ours, theirs, seed=seed)
    preferences = np.full(len(prompts), 0.5)
    preferences[differ] = decided(orders, failures)
    understood = ~np.isnan(orders).any(axis=0)
    same = (np.sign(orders[0] - 0.5) == np.sign(orders[1] - 0.5))[understood]
    return Comparison(
        preferences=preferences,
        failures=int((~understood).sum()),
        agreement=float(same.mean()) if len(same) else float("nan"),
        judged=len(differ),
        metrics=metrics,
        unclear=unclear,
    )


def nothing_understood(pairs: int, judge: str, unclear: str) -> str:
    """The message for a judge of whose judgements none could be understood; `unclear` as in `Verdicts`."""
    example = f" ({unclear})" if unclear else ""
    return f"none of {pairs} judgements of {judge} could be understood{example}: is it a judge at all?"


def make_judge(call: str) -> Judge:
    """The judge that a call names, e.g. `verifier` or `noisy(verifier, p_flip=0.1)`.

    Arguments are judges, texts in quotes, numbers, `True`, `False` or `None`. Raises `UsageError` for a call that can't
    be read, unknown judges and options (with the nearest match), and arguments of the wrong kind.
    """
    if len(call) > _LONGEST_CALL:
        raise UsageError(f"a judge's call has at most {_LONGEST_CALL:,} characters, not {len(call):,}: {_EXAMPLE}")
    try:
        tree = ast.parse(call.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise UsageError(f"can't read the judge {_shown(call)}: {_EXAMPLE}") from None
    try:
        made = _value(tree, call)
    except RecursionError:
        raise UsageError(f"the judge {_shown(call)} is nested too deep: {_EXAMPLE}") from None
    if not isinstance(made, Judge):
        raise UsageError(f"{_shown(call)} is not a judge: {_EXAMPLE}")
    return made


@cache
def _entries() -> Mapping[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group="optathlon.judges")}


def _value(node: ast.expr, call: str) -> Any:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
            return -number
        case ast.Name(id=name):
            return _made(name, [], {}, call)
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=keywords):
            names = [keyword.arg for keyword in keywords]
            if None not in names and len({*names}) == len(names):
                options = {str(keyword.arg): _value(keyword.value, call) for keyword in keywords}
                return _made(name, [_value(argument, call) for argument in arguments], options, call)
    raise UsageError(f"can't read {_shown(ast.unparse(node))} in the judge {_shown(call)}: {_EXAMPLE}")


def _shown(call: str) -> str:
    return shortened(repr(call), _LONGEST_SHOWN)


def _made(name: str, arguments: Sequence[Any], options: Mapping[str, Any], call: str) -> Judge:
    if name not in _entries():
        raise unknown("judge", shortened(name, _LONGEST_SHOWN), _entries(), where=_shown(call))
    factory = load_entry(_entries()[name])
    signature = inspect.signature(factory, eval_str=True)
    known = [known for known, parameter in signature.parameters.items() if parameter.kind not in _VARIADIC]
    for option in options:
        if option not in known:
            raise unknown("option", shortened(option, _LONGEST_SHOWN), known, where=f"the judge {name!r}")
    try:
        bound = signature.bind(*arguments, **options)
    except TypeError as error:
        raise UsageError(
            f"the judge {name!r} of {_shown(call)}: {error}; it takes {', '.join(known) or 'judges'}"
        ) from None
    for argument, value in bound.arguments.items():
        parameter = signature.parameters[argument]
        for each in value if parameter.kind in _VARIADIC else [value]:
            _check(each, parameter, f"{argument} of the judge {name!r} in {_shown(call)}")
    return cast(Judge, factory(*arguments, **options))


def _check(value: object, parameter: inspect.Parameter, where: str) -> None:
    """Raise `UsageError` for a value of another type than the parameter's."""
    if parameter.annotation is inspect.Parameter.empty:
        return
    adapter = TypeAdapter(parameter.annotation, config=ConfigDict(arbitrary_types_allowed=True, strict=True))
    try:
        adapter.validate_python(value)
    except ValidationError as error:
        _, complaint = first_complaint(error)
        raise UsageError(f"{where} can't be {shortened(repr(value), _LONGEST_SHOWN)}: {complaint}") from None
