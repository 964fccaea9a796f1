"""Sources of data: parts of files, several at once, and how often each example is trained on."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optathlon.errors import UsageError
from optathlon.llm.examples import Example
from optathlon.llm.judging import Prompt
from optathlon.tasks.llm.setup_files import make_setup
from optathlon.tasks.llm.sources import Source, read_sources

EXAMPLES = [Example(Prompt(str(number), f"ask {number}"), "a") for number in range(40)]


@given(st.integers(1, 40), st.floats(0.01, 9.0), st.integers(0, 5))
def test_each_example_is_there_as_often_as_its_weight_says(count: int, weight: float, seed: int) -> None:
    examples = EXAMPLES[:count]
    found = Source(file="a.jsonl", weight=weight, seed=seed).weighed(examples)
    times = Counter(example.prompt.id for example in found)
    assert len(found) == round(weight * count)
    assert {times[example.prompt.id] for example in examples} <= {int(len(found) / count), int(len(found) / count) + 1}
    assert found == Source(file="a.jsonl", weight=weight, seed=seed).weighed(examples)


def test_another_seed_draws_others() -> None:
    drawn = [Source(file="a.jsonl", weight=0.5, seed=seed).weighed(EXAMPLES) for seed in range(3)]
    assert len({repr(one) for one in drawn}) == 3
    assert all(len(one) == 20 for one in drawn)
    assert Source(file="a.jsonl").weighed(EXAMPLES) == EXAMPLES


def write(folder: Path, name: str, asked: list[str]) -> None:
    rows = ({"instruction": one, "output": "x"} for one in asked)
    (folder / name).write_text("\n".join(map(json.dumps, rows)))


def test_sources_are_joined_by_their_weights(tmp_path: Path) -> None:
    write(tmp_path, "a.jsonl", ["a0", "a1"])
    write(tmp_path, "b.jsonl", ["b0", "b1", "b2"])
    content = {
        **{"model": "tiny", "judge": "verifier"},
        "data": {
            "train": [{"file": "a.jsonl", "weight": "2"}, {"file": "b.jsonl", "rows": ["0", "1"]}],
            "validation": {"file": "b.jsonl", "rows": [1, 2]},
            "test": {"file": "b.jsonl", "rows": [2, 3]},
        },
    }
    setup = make_setup("x", content, tmp_path)
    ids = [example.prompt.id for example in setup.examples("train")]
    assert ids == ["a.jsonl:0", "a.jsonl:1", "a.jsonl:0", "a.jsonl:1", "b.jsonl:0"]
    assert [setup.examples(part)[0].prompt.instruction for part in ("validation", "test")] == ["b1", "b2"]


def test_wrong_sources_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "a.jsonl", ["a0", "a1"])
    with pytest.raises(UsageError, match=r"a\.jsonl has 2 rows, and not those to 3: change `rows`"):
        read_sources([Source(file="a.jsonl", rows=(0, 3))], tmp_path)
    with pytest.raises(UsageError, match=r"the weights of a\.jsonl leave no example: raise them"):
        read_sources([Source(file="a.jsonl", weight=0.1)], tmp_path)
    for given_data, complaint in (
        ({"file": "a.jsonl", "weight": 0}, "data.train.0.weight: input should be greater than 0"),
        ({"file": "a.jsonl", "rows": [2, 2]}, r"data.train.0.rows: \[first, end\] with first < end, not \[2, 2\]"),
        ({"file": "a.jsonl", "wieght": 2}, "data.train.0.wieght: extra inputs are not permitted"),
        ([], "data.train: value should have at least 1 item"),
    ):
        with pytest.raises(UsageError, match=complaint):
            make_setup("x", {"model": "tiny", "judge": "verifier", "data": {"train": given_data}}, tmp_path)
    weighed = {"train": "a.jsonl", "validation": "b.jsonl", "test": {"file": "c.jsonl", "weight": 2}}
    with pytest.raises(UsageError, match=r"c\.jsonl has a weight, which only sources of `train` may have"):
        make_setup("x", {"model": "tiny", "judge": "verifier", "data": weighed}, tmp_path)
