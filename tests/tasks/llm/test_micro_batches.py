"""Splitting batches: no split is better, nothing is lost, and losses and gradients are those of each example alone."""

from __future__ import annotations

import copy
import itertools
import json
import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optathlon.llm.chat import Encoded
from optathlon.tasks.llm.kinds.exit import SortedLoss
from optathlon.tasks.llm.micro_batches import OVERHEAD, by_length, by_rows, in_rows
from optathlon.tasks.llm.training import ResponseLoss
from optathlon.tasks.llm.tunable_model import Adapter

LENGTHS = st.lists(st.integers(1, 400), min_size=1, max_size=9)
BUDGETS = st.integers(1, 2000)


def cost(lengths: Sequence[int], parts: Sequence[Sequence[int]]) -> int:
    return sum(OVERHEAD + len(part) * max(lengths[number] for number in part) for part in parts)


def fits(lengths: Sequence[int], part: Sequence[int], budget: int) -> bool:
    return len(part) == 1 or len(part) * max(lengths[number] for number in part) <= budget


def all_splits(lengths: Sequence[int], budget: int) -> Iterator[list[list[int]]]:
    """Every partition into sets that fit."""
    for owners in itertools.product(range(len(lengths)), repeat=len(lengths)):
        parts = [[number for number, owner in enumerate(owners) if owner == part] for part in {*owners}]
        if all(fits(lengths, part, budget) for part in parts):
            yield parts


@given(st.lists(st.integers(1, 400), min_size=1, max_size=5), BUDGETS)
def test_no_split_by_length_costs_less(lengths: list[int], budget: int) -> None:
    found = by_length(lengths, budget)
    assert cost(lengths, found) == min(cost(lengths, parts) for parts in all_splits(lengths, budget))


@pytest.mark.parametrize("split", [by_length, by_rows])
@given(lengths=LENGTHS, budget=BUDGETS)
def test_every_example_is_in_one_part_that_fits(split: Any, lengths: list[int], budget: int) -> None:
    parts = split(lengths, budget)
    assert sorted(itertools.chain(*parts)) == list(range(len(lengths)))
    assert all(part == sorted(part) for part in parts)
    widest = [max(lengths[number] for number in part) for part in parts]
    assert widest == sorted(widest, reverse=True)
    for part, width in zip(parts, widest, strict=True):
        rows = in_rows([lengths[number] for number in part], width) if split is by_rows else [[one] for one in part]
        assert len(part) == 1 or len(rows) * width <= budget or len(rows) == 1


@given(st.lists(st.integers(1, 400), min_size=1, max_size=6))
def test_rows_hold_every_example_once_and_are_few(lengths: list[int]) -> None:
    width = max(lengths)
    rows = in_rows(lengths, width)
    assert sorted(itertools.chain(*rows)) == list(range(len(lengths)))
    assert all(sum(lengths[number] for number in row) <= width for row in rows)
    fewest = min(
        len({*owners})
        for owners in itertools.product(range(len(lengths)), repeat=len(lengths))
        if all(
            sum(length for length, owner in zip(lengths, owners, strict=True) if owner == one) <= width
            for one in {*owners}
        )
    )
    assert fewest <= len(rows) <= 11 / 9 * fewest + 1


def test_a_batch_of_like_lengths_stays_as_it_is() -> None:
    assert by_length([30, 35, 31, 40], 10_000) == [[0, 1, 2, 3]]
    assert by_length([100, 1000, 90, 1000], 10_000) == [[1, 3], [0, 2]]
    assert sorted(by_length([100, 1000, 90, 1000], 1500)) == [[0, 2], [1], [3]]


@pytest.mark.skipif("OPTATHLON_TEST_DATA" not in os.environ, reason="OPTATHLON_TEST_DATA is not set")
def test_real_instructions_have_little_padding() -> None:
    """252 real instructions with their answers, at four characters a token, in batches of 64."""
    path = Path(os.environ["OPTATHLON_TEST_DATA"]) / "self_instruct_user_oriented.jsonl"
    rows = map(json.loads, path.read_text().splitlines())
    texts = [(row["instruction"], row["instances"][0]["input"], row["instances"][0]["output"]) for row in rows]
    lengths = np.array([12 + math.ceil(sum(map(len, parts)) / 4) for parts in texts])
    rng = np.random.default_rng(0)
    shares = []
    for _ in range(20):
        batch = rng.choice(lengths, 64, replace=False).tolist()
        padded = cost(batch, parts := by_length(batch, 16_384)) - OVERHEAD * len(parts)
        width = max(batch)
        packed = width * len(in_rows(batch, width))
        shares.append([sum(batch) / tokens for tokens in (64 * width, padded, packed)])
    whole, sorted_, in_full_rows = np.mean(shares, axis=0)
    assert whole < 0.4 and sorted_ > 2 * whole and in_full_rows > 0.9, shares


# Losses and gradients

torch = pytest.importorskip("torch", reason="the extra 'llm' is not installed")
pytest.importorskip("transformers", reason="the extra 'llm' is not installed")
pytest.importorskip("peft", reason="the extra 'llm' is not installed")


@pytest.fixture(scope="module")
def loaded(llm_cache: Path) -> Any:
    from optathlon.tasks.llm.loaded_setup import LoadedSetup
    from optathlon.tasks.llm.setups import TINY

    return LoadedSetup(TINY)


@pytest.fixture(scope="module")
def items(loaded: Any) -> list[Encoded]:
    """Some whose lengths differ much: several responses in one."""
    rng = np.random.default_rng(3)
    found = []
    for _ in range(24):
        parts = [loaded.train[index] for index in rng.integers(0, len(loaded.train), rng.integers(1, 5))]
        found.append(Encoded(tuple(itertools.chain(*(part.tokens for part in parts))), parts[0].asked))
    return found


@pytest.fixture(params=[None, Adapter(4, 2.0, 0.0)], ids=["full", "lora"])
def model(loaded: Any, request: pytest.FixtureRequest) -> Iterator[Any]:
    """In double precision, with adapters that do something."""
    with loaded.base.tunable(request.param, 1) as tunable:
        exact = copy.deepcopy(tunable).double().train()
        generator = torch.Generator().manual_seed(5)
        with torch.no_grad():
            for name, weight in exact.named_parameters():
                if ".lora_B" in name:
                    weight.add_(0.1 * torch.randn(weight.shape, generator=generator, dtype=torch.float64))
        yield exact


def alone(model: Any, items: Sequence[Encoded]) -> Any:
    """The mean loss over tokens, by one pass of the whole model for each example and each token by itself."""
    losses = []
    for item in items:
        logs = model(torch.tensor([item.tokens])).logits[0].log_softmax(-1)
        losses += [-logs[place - 1, item.tokens[place]] for place in range(item.asked, len(item.tokens))]
    return torch.stack(losses).mean()


def gradients(model: Any) -> list[Any]:
    found = [weight.grad.clone() for weight in model.parameters() if weight.requires_grad]
    model.zero_grad(set_to_none=True)
    return found


@pytest.mark.torch
@pytest.mark.parametrize("budget", [1, 120, 400, 10_000])
@pytest.mark.parametrize("packing", [False, True], ids=["padded", "packed"])
def test_losses_and_gradients_are_those_of_each_example_alone(
    model: Any, items: list[Encoded], packing: bool, budget: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from optathlon.llm import head

    monkeypatch.setattr(head, "LOGITS_BYTES", 4 * model.config.vocab_size * 7)  # seven tokens at once
    loss = ResponseLoss(0, "cpu", packing)
    total = 0.0
    parts = loss.parts(items, budget)
    for numbers in parts:
        part = loss.total(model, [items[number] for number in numbers]) / loss.weight(items)
        part.backward()
        total += part.item()
    ours = gradients(model)
    expected = alone(model, items)
    expected.backward()
    assert total == pytest.approx(expected.item(), rel=1e-6)
    for one, other in zip(ours, gradients(model), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-7)
    assert len(parts) == (len(items) if budget == 1 else len(parts))


@pytest.mark.torch
def test_early_exits_are_packed_too(model: Any, items: list[Encoded]) -> None:
    weights = {1 / 3: 0.5, 1.0: 1.0}
    apart, together = (SortedLoss(0, "cpu", packing, weights=weights) for packing in (False, True))
    with torch.no_grad():
        one, other = (float(loss.total(model, items)) for loss in (apart, together))
    assert together.tokens(items) < apart.tokens(items)
    assert one == pytest.approx(other, rel=1e-6)


@pytest.mark.torch
def test_what_stands_before_an_example_in_its_row_is_not_seen(model: Any, items: list[Encoded]) -> None:
    """The gradient of one example's loss with respect to the others' input is nought."""
    from optathlon.llm.batches import packed
    from optathlon.llm.head import has_plain_head, token_losses, without_wrapper

    assert has_plain_head(without_wrapper(model.eval()))
    batch = packed(items[:3], [[0, 1, 2]], 0, "cpu")
    seen: list[Any] = []

    def watched(_: Any, inputs: Any, output: Any) -> Any:
        seen.append(output.detach().requires_grad_())
        return seen[0]

    hook = model.get_input_embeddings().register_forward_hook(watched)
    losses = token_losses(model, batch)
    hook.remove()
    lengths, responses = [len(item.tokens) for item in items[:3]], [len(item.response) for item in items[:3]]
    for number, part in enumerate(losses.split(responses)):
        (gradient,) = torch.autograd.grad(part.sum(), seen[0], retain_graph=True)
        touched = [bool(piece.any()) for piece in gradient[0].split(lengths)]
        assert touched == [other == number for other in range(3)]
