"""Judges: comparing in both orders, and making them by calls."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from importlib.metadata import EntryPoint
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optathlon.errors import UsageError
from optathlon.llm import judging as judges
from optathlon.llm.judging import Failures, Judge, Prompt, Verdicts, ask_both_orders, compare, decided, make_judge
from optathlon.llm.labelled_pairs import labels_of, preferences_of

NAN = float("nan")


class Scripted(Judge):
    """Gives what stands in a list, a list for each order, and keeps what it was asked."""

    def __init__(
        self, *orders: Sequence[float], metrics: Mapping[str, float] | None = None, symmetric: bool = False
    ) -> None:
        self.id = "scripted"
        self.symmetric = symmetric
        self.calls: list[tuple[list[str], list[str], list[str], int]] = []
        self._orders = orders
        self._metrics = metrics or {}

    def prefer(
        self, prompts: Sequence[Prompt], candidate: Sequence[str], reference: Sequence[str], *, seed: int
    ) -> Verdicts:
        self.calls.append(([prompt.id for prompt in prompts], [*candidate], [*reference], seed))
        return Verdicts(np.array(self._orders[len(self.calls) - 1]), self._metrics)


class Strict(Judge):
    """Arguments of all kinds."""

    def __init__(
        self, rate: float = 0.5, *inner: Judge, count: int = 1, name: str | None = "x", fast: bool = False
    ) -> None:
        self.id = f"strict({rate!r})"
        self.rate, self.inner, self.count, self.name, self.fast = rate, inner, count, name, fast

    def prefer(
        self, prompts: Sequence[Prompt], candidate: Sequence[str], reference: Sequence[str], *, seed: int
    ) -> Verdicts:
        return Verdicts(np.full(len(prompts), self.rate))


@pytest.fixture
def strict(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = EntryPoint("strict", "not.imported:Strict", "optathlon.judges")
    monkeypatch.setattr(EntryPoint, "load", lambda self: Strict)
    monkeypatch.setattr(judges, "_entries", lambda: {"strict": entry})


def prompts(count: int) -> list[Prompt]:
    return [Prompt(f"p{number}", f"say {number}") for number in range(count)]


# Comparing


def test_both_orders_are_averaged() -> None:
    judge = Scripted([0.9, 0.2, 1.0], [0.3, 0.4, 1.0])
    found = compare(judge, prompts(3), ["a", "b", "c"], ["x", "y", "z"])
    assert found.preferences == pytest.approx([(0.9 + 0.7) / 2, (0.2 + 0.6) / 2, (1.0 + 0.0) / 2])
    assert found.win_rate == pytest.approx((0.8 + 0.4 + 0.5) / 3)
    assert (found.failures, found.judged) == (0, 3)
    assert found.agreement == pytest.approx(1 / 3)


def test_each_order_is_asked_with_the_answers_exchanged_and_chance_of_its_own() -> None:
    judge = Scripted([0.9, 0.2], [0.3, 0.4])
    compare(judge, prompts(2), ["a", "b"], ["x", "y"], seed=7)
    (first, ours, theirs, one), (second, swapped, back, two) = judge.calls
    assert (first, ours, theirs) == (["p0", "p1"], ["a", "b"], ["x", "y"])
    assert (second, swapped, back) == (["p0", "p1"], ["x", "y"], ["a", "b"])
    others = [Scripted([0.5], [0.5]) for _ in range(2)]
    for seed, other in zip((6, 8), others, strict=True):
        compare(other, prompts(1), ["a"], ["x"], seed=seed)
    assert len({one, two, *(call[-1] for other in others for call in other.calls)}) == 6


def test_a_symmetric_judge_is_asked_once() -> None:
    judge = Scripted([0.9, 0.2], symmetric=True)
    found = compare(judge, prompts(2), ["a", "b"], ["x", "y"])
    assert len(judge.calls) == 1
    assert found.preferences.tolist() == [0.9, 0.2]
    assert found.agreement == 1.0


def test_identical_answers_are_ties_and_not_asked_about() -> None:
    judge = Scripted([0.9], [0.1])
    found = compare(judge, prompts(3), ["same", "a", "same\n"], ["same", "x", " same"])
    assert [call[0] for call in judge.calls] == [["p1"], ["p1"]]
    assert found.preferences == pytest.approx([0.5, 0.9, 0.5])
    assert (found.judged, found.failures, found.agreement) == (1, 0, 1.0)


def test_a_judge_is_left_alone_where_all_answers_are_identical() -> None:
    judge = Scripted()
    found = compare(judge, prompts(2), ["a", "b"], ["a", "b"])
    assert judge.calls == []
    assert (found.preferences.tolist(), found.judged, found.win_rate) == ([0.5, 0.5], 0, 0.5)
    assert np.isnan(found.agreement)
    assert np.isnan(compare(judge, [], [], []).win_rate)


def test_failures_are_left_out_or_ties() -> None:
    orders = ([0.9, NAN, NAN, 1.0], [0.1, 0.0, NAN, 0.0])
    answers = (prompts(4), ["a", "b", "c", "d"], ["w", "x", "y", "z"])
    apart = compare(Scripted(*orders), *answers)
    assert apart.preferences == pytest.approx([0.9, 1.0, NAN, 1.0], nan_ok=True)
    assert apart.win_rate == pytest.approx(2.9 / 3)
    ties = compare(Scripted(*orders), *answers, failures="ties")
    assert ties.preferences == pytest.approx([0.9, 0.75, 0.5, 1.0])
    assert ties.win_rate == pytest.approx(3.15 / 4)
    assert apart.failures == ties.failures == 2
    assert apart.agreement == ties.agreement == 1.0


def test_nothing_understood_has_no_win_rate() -> None:
    found = compare(Scripted([NAN], [NAN]), prompts(1), ["a"], ["x"])
    assert np.isnan(found.win_rate)
    assert np.isnan(found.agreement)
    assert found.failures == found.judged == 1


def test_what_the_judging_took_is_summed() -> None:
    judge = Scripted([1.0], [0.0], metrics={"judge/dollars": 0.25})
    assert compare(judge, prompts(1), ["a"], ["x"]).metrics == {"judge/dollars": 0.5}


def test_one_order_alone_is_decided_as_two_are() -> None:
    orders = np.array([[1.0, 0.0, NAN]])
    assert decided(orders, "apart") == pytest.approx([1.0, 0.0, NAN], nan_ok=True)
    assert decided(orders, "ties").tolist() == [1.0, 0.0, 0.5]
    assert preferences_of(np.array([1, 2, 0, -1])) == pytest.approx([1.0, 0.0, 0.5, NAN], nan_ok=True)
    assert labels_of(preferences_of(np.array([1, 2, 0, -1]))).tolist() == [1, 2, 0, -1]


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        ([0.5], "the judge scripted gave preferences of shape (1,) for 2 pairs: fix it"),
        ([0.5, 1.5], "the judge scripted gave the preference 1.5, which is not a probability: fix it"),
        ([-0.5, NAN], "the judge scripted gave the preference -0.5, which is not a probability: fix it"),
    ],
)
def test_a_judge_that_errs_is_told(given_: list[float], message: str) -> None:
    for ask in (compare, ask_both_orders):
        with pytest.raises(UsageError) as caught:
            ask(Scripted(given_), prompts(2), ["a", "b"], ["x", "y"])
        assert str(caught.value) == message


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        (np.zeros(1), r"gave ndarray: let it give Verdicts\(preferences\)"),
        (None, "gave NoneType: let it give Verdicts"),
        (Verdicts(np.array(["first"])), "gave preferences that are not numbers"),
        (Verdicts(cast(Any, [[1.0, 0.0], 0.5])), "gave preferences that are not numbers"),
    ],
)
def test_a_judge_that_gives_something_else_is_told(given_: Any, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Scripted, "prefer", lambda *arguments, **options: given_)
    with pytest.raises(UsageError, match=f"the judge scripted {message}"):
        compare(Scripted(), prompts(1), ["a"], ["x"])


def test_answers_that_do_not_belong_together_are_refused() -> None:
    with pytest.raises(ValueError, match="2 prompts, 1 and 2 answers"):
        compare(Scripted(), prompts(2), ["a"], ["x", "y"])


@given(
    st.lists(st.tuples(*[st.floats(0, 1) | st.just(NAN)] * 2), min_size=1, max_size=8),
    st.sampled_from(["apart", "ties"]),
)
def test_exchanging_the_answers_exchanges_the_preferences(
    orders: list[tuple[float, float]], failures: Failures
) -> None:
    first, second = [order[0] for order in orders], [order[1] for order in orders]
    ours, theirs = [f"a{number}" for number in range(len(orders))], [f"b{number}" for number in range(len(orders))]
    one = compare(Scripted(first, second), prompts(len(orders)), ours, theirs, failures=failures)
    other = compare(Scripted(second, first), prompts(len(orders)), theirs, ours, failures=failures)
    assert one.preferences == pytest.approx(1 - other.preferences, nan_ok=True)
    assert one.agreement == pytest.approx(other.agreement, nan_ok=True)


def test_the_hash_of_the_template_is_sha256() -> None:
    judge = Scripted()
    judge.template = "Which is better?"
    assert judge.template_hash == hashlib.sha256(b"Which is better?").hexdigest()[:12]


# Calls


@pytest.mark.parametrize(
    "call",
    [
        "verifier",
        "length",
        "length(-1.5)",
        "noisy(verifier, p_flip=0.123456789)",
        "pool(verifier, length, noisy(pool(verifier, length(3.0)), p_flip=0.1))",
        "likelihood('path/to/a model', per='answer', temperature=2.0)",
        "pandalm('path/to/model', max_new_tokens=8)",
        "endpoint('http://127.0.0.1:8000/v1', 'some-model', key=None, per_minute=30.0)",
    ],
)
def test_the_id_is_a_call_that_makes_the_same_judge(call: str) -> None:
    judge = make_judge(call)
    assert repr(judge) == judge.id == make_judge(judge.id).id
    assert make_judge(judge.id).template == judge.template


def test_calls_and_names_make_the_same() -> None:
    assert make_judge(" verifier() ").id == make_judge("verifier").id
    assert make_judge("length(weight=-1)").id == make_judge("length(-1.0)").id


@pytest.mark.usefixtures("strict")
def test_arguments_reach_the_judge() -> None:
    judge = make_judge("strict(1, strict, strict(-0.25), count=-3, name=None, fast=True)")
    assert isinstance(judge, Strict)
    assert [inner.id for inner in judge.inner] == ["strict(0.5)", "strict(-0.25)"]
    assert (judge.rate, judge.count, judge.name, judge.fast) == (1, -3, None, True)


@pytest.mark.usefixtures("strict")
@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("strct", "unknown judge 'strct' in 'strct': did you mean 'strict'?"),
        ("strict(cuont=1)", "unknown option 'cuont' in the judge 'strict': did you mean 'count'?"),
        ("strict(inner=strict)", "unknown option 'inner' in the judge 'strict': "),
        ("strict(0.5, rate=0.5)", "the judge 'strict' of 'strict(0.5, rate=0.5)': multiple values for argument 'rate'"),
        ("strict('a')", "rate of the judge 'strict' in \"strict('a')\" can't be 'a': input should be a valid number"),
        ("strict(True)", "rate of the judge 'strict' in 'strict(True)' can't be True: input should be a valid number"),
        ("strict(strict)", "rate of the judge 'strict' in 'strict(strict)' can't be strict(0.5): input should be"),
        (
            "strict(0.5, 1)",
            "inner of the judge 'strict' in 'strict(0.5, 1)' can't be 1: input should be an instance of",
        ),
        ("strict(count=1.5)", "count of the judge 'strict' in 'strict(count=1.5)' can't be 1.5: input should be"),
        ("strict(name=b'x')", "name of the judge 'strict' in \"strict(name=b'x')\" can't be b'x': input should be"),
        ("strict(fast=1)", "fast of the judge 'strict' in 'strict(fast=1)' can't be 1: input should be a valid bool"),
        ("strict(", "can't read the judge 'strict(': write NAME or NAME(argument, option=value), e.g. noisy("),
        ("", "can't read the judge '': write NAME"),
        ("a\0b", "can't read the judge 'a\\x00b': write NAME"),
        ("'strict'", "\"'strict'\" is not a judge: write NAME"),
        ("strict(1 + 1)", "can't read '1 + 1' in the judge 'strict(1 + 1)': write NAME"),
        ("strict(*x)", "can't read '*x' in the judge 'strict(*x)': write NAME"),
        ("strict(**x)", "can't read 'strict(**x)' in the judge"),
        ("strict(count=1, count=2)", "can't read 'strict(count=1, count=2)' in the judge"),
        ("os.remove('x')", "can't read \"os.remove('x')\" in the judge"),
    ],
)
def test_calls_that_are_wrong_are_told_in_one_line(call: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        make_judge(call)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
