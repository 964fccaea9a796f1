"""`llm/judge`: folds that share nothing, κ as scikit-learn's, and a judge that is better on what it has not seen."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optathlon.errors import UsageError
from optathlon.llm.agreement import cohens_kappa, majority
from optathlon.llm.judging import ask_both_orders, decided, make_judge
from optathlon.llm.labelled_pairs import labels_of
from optathlon.tasks.llm.kinds.judge.labelled import LEFT_OUT, TEST, split, tiny_pairs

GOOD = {
    **{"method": "full", "learning_rate": 3e-3, "batch_size": 8, "optimizer": "adamw", "schedule": "cosine"},
    **{"warmup": 0.1, "weight_decay": 0.01, "orders": "both"},
}
STANDING_STILL = {**GOOD, "learning_rate": 1e-5, "orders": "one"}


# Folds


@given(
    groups=st.lists(st.integers(0, 30), min_size=40, max_size=120),
    folds=st.integers(2, 5),
    test_share=st.floats(0.05, 0.5),
    seed=st.integers(0, 100),
    most=st.none() | st.integers(20, 60),
)
def test_no_instruction_is_in_two_parts(
    groups: list[int], folds: int, test_share: float, seed: int, most: int | None
) -> None:
    asked = [f"  Say {group}" if number % 2 else f"say  {group} " for number, group in enumerate(groups)]
    if len({*groups}) < folds + 1:
        with pytest.raises(UsageError, match=f"instructions are too few for {folds} folds and a test"):
            split(asked, folds=folds, test_share=test_share, most=most, seed=seed)
        return
    parts = split(asked, folds=folds, test_share=test_share, most=most, seed=seed)
    assert all(len({*parts[np.array(groups) == group].tolist()}) == 1 for group in groups)
    assert {*parts.tolist()} - {LEFT_OUT} == {TEST, *range(folds)}
    assert (parts == split(asked, folds=folds, test_share=test_share, most=most, seed=seed)).all()
    assert (LEFT_OUT in parts) <= (most is not None)


def test_folds_are_of_like_size_and_the_test_as_large_as_asked() -> None:
    parts = split([f"say {number}" for number in range(1000)], folds=5, test_share=0.2, seed=3)
    assert [int((parts == part).sum()) for part in (TEST, *range(5))] == [200] + [160] * 5
    other = split([f"say {number}" for number in range(1000)], folds=5, test_share=0.2, seed=4)
    assert 0.1 < (parts == other).mean() < 0.3
    drawn = split([f"say {number}" for number in range(1000)], folds=5, test_share=0.2, most=100, seed=3)
    assert int((drawn != LEFT_OUT).sum()) == 100


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=5, max_size=60))
def test_kappa_is_that_of_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    first, second = np.array(pairs).T
    if len({*first.tolist(), *second.tolist()}) == 1:
        assert np.isnan(cohens_kappa(first, second))
        return
    assert cohens_kappa(first, second) == pytest.approx(metrics.cohen_kappa_score(first, second), abs=1e-12)


def test_the_tiny_pairs_are_by_their_criterion() -> None:
    items = tiny_pairs()
    (labels,) = items.labels.values()
    for first, second, label in zip(items.first, items.second, labels, strict=True):
        whole = [text.startswith("the answer is") for text in (first, second)]
        assert label == (0 if whole[0] == whole[1] else 1 if whole[0] else 2)
    assert len({prompt.id for prompt in items.prompts}) == len(items.prompts) == 192
    assert (np.bincount(labels) > 20).all()


# Tunings


@pytest.fixture
def task(llm_cache: Path) -> Any:
    from optathlon.tasks.llm import LLM

    return LLM().make("llm/judge/tiny/kappa")


@pytest.mark.torch
def test_tuning_makes_a_better_judge_of_pairs_that_it_has_not_seen(task: Any) -> None:
    """The tiny model is made here, and another processor's may be right more often before it is tuned."""
    tuned = task.evaluate(GOOD, fidelity=None, seed=0)
    untuned = task.evaluate(STANDING_STILL, fidelity=None, seed=0)
    assert tuned.values[0] < min(0.3, untuned.values[0] - 0.1)
    assert tuned.metrics["test/1-kappa"] < 0.6  # of 60 pairs; chance gives 1
    assert tuned.metrics["train_loss"] < untuned.metrics["train_loss"] / 2
    assert tuned.metrics["1-kappa_longer"] == untuned.metrics["1-kappa_longer"] < 0.3, "whole sentences are longer"


@pytest.mark.torch
def test_a_trial_of_more_folds_goes_on_where_one_of_fewer_ended(
    task: Any, llm_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from optathlon.tasks.llm.kinds.judge import JudgeTuning

    tunings: list[set[str]] = []
    tuned_on = JudgeTuning._tuned_on

    def counted(self: Any, numbers: Any, config: Any, seed: int) -> Any:
        tunings.append({self._pairs[number].prompt.instruction for number in numbers})
        return tuned_on(self, numbers, config, seed)

    monkeypatch.setattr(JudgeTuning, "_tuned_on", counted)
    config = {**GOOD, "learning_rate": 1e-3, "batch_size": 32}
    one = task.evaluate(config, fidelity=1, seed=5)
    assert len(tunings) == 1
    whole = task.evaluate(config, fidelity=3, seed=5)
    assert len(tunings) == 3
    assert whole.cost > one.cost and whole.metrics["pairs"] > 2 * one.metrics["pairs"]
    for number, seen in enumerate(tunings):
        held_out = {task._pairs[index].prompt.instruction for index in np.flatnonzero(task._parts == number)}
        tested = {task._pairs[index].prompt.instruction for index in np.flatnonzero(task._parts == TEST)}
        assert seen and held_out and tested
        assert not seen & held_out and not seen & tested


@pytest.mark.torch
def test_kappa_is_that_of_the_labels_of_all_folds(task: Any) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    result = task.evaluate({**GOOD, "learning_rate": 5e-4}, fidelity=None, seed=0)
    said, people = [], []
    for number in range(3):
        fold = task._fold({**GOOD, "learning_rate": 5e-4}, number, 0)
        said += fold["validation"]
        people += task._labels[task._parts == number].tolist()
    assert 1 - result.values[0] == pytest.approx(metrics.cohen_kappa_score(people, said))
    assert result.metrics["1-accuracy"] == pytest.approx(1 - metrics.accuracy_score(people, said))


@pytest.mark.torch
def test_a_tuned_judge_is_a_folder_that_judges_as_in_the_task(
    task: Any, tmp_path: Path, in_process: Callable[..., SimpleNamespace]
) -> None:
    folder = tmp_path / "judge"
    done = in_process("judge", "tune", task.id, "--out", folder, "--config", json.dumps(GOOD))
    assert done.returncode == 0, done.stderr
    assert f"name it as judge: tuned('{folder}')" in done.stdout
    told = {line.split()[0]: float(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("test/")}
    judge = make_judge(f"tuned('{folder}')")
    assert make_judge(judge.id).id == judge.id and not judge.symmetric and judge.weights()
    items, tested = tiny_pairs(), np.flatnonzero(task._parts == TEST).tolist()
    prompts = [items.prompts[number] for number in tested]
    first, second = ([texts[number] for number in tested] for texts in (items.first, items.second))
    labels = labels_of(decided(ask_both_orders(judge, prompts, first, second).preferences, "apart"))
    people = majority(np.column_stack([*items.labels.values()]))[tested]
    assert 1 - cohens_kappa(labels, people) == pytest.approx(told["test/1-kappa"], abs=1e-3)
    assert told["test/1-kappa"] < 0.3 and told["test/pairs"] == len(tested)
    again = in_process("judge", "tune", task.id, "--out", folder, "--config", json.dumps(GOOD))
    assert again.returncode == 2 and "is not empty: give a new folder" in again.stderr


@pytest.mark.torch
def test_a_tuned_judge_compares_the_answers_of_a_setup(task: Any, own_task: Callable[..., Any], tmp_path: Path) -> None:
    task.save_judge(GOOD, tmp_path / "judge", seed=0)
    judged = own_task(judge=f"tuned('{tmp_path / 'judge'}')", test_judge="verifier", epochs=1)
    config = {name: value for name, value in GOOD.items() if name != "orders"}
    result = judged.evaluate(config, fidelity=None, seed=0)
    assert 0.0 <= result.values[0] <= 1.0, result.error


def test_a_tuned_judge_reads_no_template_from_elsewhere(tmp_path: Path) -> None:
    asking = {"request": "{task} {first} {second}", "verdicts": ["0", "1", "2"], "most_tokens": 9}
    (tmp_path / "judge.json").write_text(json.dumps({**asking, "template": "chatml"}))
    assert make_judge(f"tuned('{tmp_path}')").template == asking["request"]
    (tmp_path / "judge.json").write_text(json.dumps({**asking, "template": "/etc/passwd"}))
    with pytest.raises(UsageError, match=r"template: .*no file elsewhere is read"):
        make_judge(f"tuned('{tmp_path}')")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("llm/sft/tiny/win-rate",), "tunes no judge: give a task llm/judge/SETUP/kappa"),
        (("llm/judge/tiny/kappa", "--config", "[1]"), "--config is not an object in JSON"),
        (("llm/judge/tiny/kappa", "--config", '{"orders": "three"}'), "--config: "),
        (("llm/judge/tiny/kappa", "--config", "none.json"), "none.json"),
    ],
)
@pytest.mark.torch
def test_what_can_not_be_tuned_is_one_line(
    llm_cache: Path,
    in_process: Callable[..., SimpleNamespace],
    tmp_path: Path,
    arguments: tuple[str, ...],
    complaint: str,
) -> None:
    done = in_process("judge", "tune", *arguments, "--out", tmp_path / "judge")
    assert done.returncode == 2 and complaint in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.torch
@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({}, "has no labelled pairs: write `labelled: {pairs: FILE}`"),
        ({"labelled": {"pairs": "none.json"}}, "has no labelled pairs"),
        ({"labelled": {"pairs": "x.json", "folds": 1}}, "labelled: folds: input should be greater than or equal to 2"),
        ({"labelled": {"pairs": "x.json", "request": "{task}"}}, "a request needs {task}, {first} and {second}"),
        ({"labelled": {"pairs": "x.json", "verdicts": ["1", "1", "2"]}}, "the three verdicts are different words"),
        ({"labelled": {"fold": 3}}, "unknown key 'fold' in the setup 'mine': labelled: did you mean 'folds'?"),
    ],
)
def test_setups_that_can_not_tune_a_judge_are_refused(
    own_task: Callable[..., Any], changes: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(UsageError) as caught:
        own_task(kind="judge", objectives="kappa", **changes)
    assert complaint in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.torch
def test_pairs_of_ones_own_are_read_from_the_setups_folder(own_task: Callable[..., Any], tmp_path: Path) -> None:
    items = tiny_pairs()
    rows = [
        {
            **{"idx": number, "instruction": prompt.instruction, "response1": first, "response2": second},
            **{"annotator1": int(label), "annotator2": int(label), "annotator3": 0},
        }
        for number, (prompt, first, second, label) in enumerate(
            zip(items.prompts, items.first, items.second, items.labels["annotator1"], strict=True)
        )
    ]
    rows.append({**rows[0], "idx": 999, "instruction": "sum of " + "1 " * 80})
    (tmp_path / "llm" / "mine.jsonl").write_text("\n".join(map(json.dumps, rows)))
    labelled = {
        **{"pairs": "mine.jsonl", "folds": 2, "test_share": 0.25, "max_tokens": 60},
        **{"request": "{task} ( {first} ) ( {second} )", "verdicts": ["0", "1", "2"]},
    }
    task = own_task(kind="judge", objectives="kappa+accuracy", labelled=labelled, epochs=1)
    result = task.evaluate(GOOD, fidelity=1, seed=0)
    assert result.metrics["left_out"] == 1
    assert (task._parts[:-1] != LEFT_OUT).all()
    assert result.metrics["pairs"] == (task._parts == 0).sum()
    assert len(result.values) == 2
    assert (
        task.fingerprint()
        != own_task(kind="judge", objectives="kappa+accuracy", labelled={**labelled, "seed": 1}, epochs=1).fingerprint()
    )
