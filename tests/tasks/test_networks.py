"""The networks, against a training that is written out by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from facts_check import recommended, require_facts_of_tasks

from optathlon.problem import TaskType
from optathlon.space import active_checker, decode
from optathlon.tasks.trainings.networks import Networks
from optathlon.tasks.trainings.networks.architectures import ARCHITECTURES
from optathlon.trial import Status

CONFIG = {
    **{"learning_rate": 0.01, "batch_size": 64, "optimizer": "sgd", "momentum": 0.9, "weight_decay": 1e-3},
    **{"schedule": "constant", "n_layers": 2, "n_units": 16, "activation": "relu", "batch_norm": True, "dropout": 0.2},
}


def _forget() -> None:
    """As in a new process, which keeps no training."""
    from optathlon.tasks.trainings.networks import training

    training._kept.clear()


def _sample(task: Any, count: int) -> list[dict[str, Any]]:
    space = task.problem.space
    space.seed(2)
    return decode(space, np.stack([space.sample_configuration().get_array() for _ in range(count)]))


@pytest.mark.torch
@pytest.mark.parametrize("dataset", ["digits", "friedman1"])
def test_errors_are_those_of_a_training_by_hand(dataset: str) -> None:
    import torch
    from sklearn.preprocessing import StandardScaler
    from torch import nn

    from optathlon.tasks.trainings.splits import load_split

    split, is_class = load_split(dataset), dataset == "digits"
    scaler, target = StandardScaler().fit(split.train.x), StandardScaler().fit(split.train.y[:, None])

    def tensors(part: Any) -> Any:
        y = part.y if is_class else target.transform(part.y[:, None])[:, 0]
        return torch.tensor(scaler.transform(part.x)).float(), torch.tensor(y, dtype=torch.long if is_class else None)

    (x, y), (other_x, other_y) = tensors(split.train), tensors(split.validation)
    torch.manual_seed(5)
    layers = [nn.Linear(x.shape[1], 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.2)]
    layers += [nn.Linear(16, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 10 if is_class else 1)]
    network = nn.Sequential(*layers)
    optimizer = torch.optim.SGD(network.parameters(), 0.01, momentum=0.9, weight_decay=1e-3)
    loss = nn.CrossEntropyLoss() if is_class else nn.MSELoss()
    for epoch in range(2):
        torch.manual_seed(5 * 27 + epoch)
        for batch in torch.randperm(len(x)).split(64):
            out = network(x[batch])
            optimizer.zero_grad()
            loss(out if is_class else out[:, 0], y[batch].to(out.dtype if not is_class else torch.long)).backward()
            optimizer.step()
    network.eval()
    with torch.no_grad():
        out = network(other_x)
    if is_class:
        expected = float((out.argmax(dim=1) != other_y).double().mean())
    else:
        expected = float(((out[:, 0] - other_y) ** 2).sum() / ((other_y - other_y.mean()) ** 2).sum())
    task = Networks().make(f"networks/mlp/{dataset}")
    assert active_checker(task.problem.space)(CONFIG) == CONFIG
    assert task.evaluate(CONFIG, fidelity=2, seed=5).values[0] == pytest.approx(expected, rel=1e-4)


@pytest.mark.torch
@pytest.mark.parametrize("id", ["networks/mlp/quantiles", "networks/cnn/digits"])
def test_going_on_gives_what_training_from_scratch_gives(id: str) -> None:
    task = Networks().make(id)
    [config] = _sample(task, 1)
    _forget()
    whole = task.evaluate(config, fidelity=4, seed=1)
    _forget()
    parts = [task.evaluate(config, fidelity=level, seed=1) for level in (1, 2, 4)]
    assert parts[-1].values == whole.values
    assert parts[-1].metrics["test/error"] == whole.metrics["test/error"]
    assert [part.reused for part in (whole, *parts)] == [False, False, True, True]
    costs = [part.cost or 0.0 for part in parts]
    assert 0 < costs[0] < costs[1] < costs[2]
    earlier = task.evaluate(config, fidelity=2, seed=1)
    assert (earlier.values, earlier.reused) == (parts[1].values, False)


@pytest.mark.torch
def test_the_seed_and_the_epochs_matter() -> None:
    task = Networks().make("networks/mlp/digits")
    errors = [task.evaluate(CONFIG, fidelity=1, seed=seed).values[0] for seed in range(3)]
    assert len(set(errors)) == 3
    assert task.evaluate(CONFIG, fidelity=6, seed=0).values[0] < min(errors)


@pytest.mark.torch
def test_a_training_that_diverges_is_a_failure() -> None:
    config = {**CONFIG, "optimizer": "sgd", "momentum": 0.99, "learning_rate": 0.3, "batch_norm": False, "dropout": 0.0}
    config |= {"weight_decay": 1e-6, "n_layers": 3, "n_units": 256}
    result = Networks().make("networks/mlp/friedman1").evaluate(config, fidelity=9, seed=0)
    assert result.status is Status.DIVERGED
    assert result.values == ()


@pytest.mark.torch
@pytest.mark.parametrize("id", [id for id in Networks().ids() if "-size/" in id])
def test_every_sampled_configuration_trains_within_the_bounds(id: str) -> None:
    task = Networks().make(id)
    assert task.problem.type is TaskType.MULTI_FIDELITY_OBJECTIVE
    for config in _sample(task, 3):
        result = task.evaluate(config, fidelity=1, seed=0)
        assert result.status in (Status.OK, Status.DIVERGED)
        for objective, value in zip(task.problem.objectives, result.values, strict=False):
            assert objective.lower <= value <= objective.upper


@pytest.mark.torch
def test_the_number_of_weights_is_the_layers() -> None:
    task = Networks().make("networks/mlp-size/digits")
    result = task.evaluate(CONFIG, fidelity=1, seed=0)
    weights = (64 + 1) * 16 + 2 * 16 + (16 + 1) * 16 + 2 * 16 + (16 + 1) * 10
    assert 10 ** result.values[1] == pytest.approx(weights)


def test_the_optimizer_has_its_own_hyperparameters() -> None:
    for architecture in ARCHITECTURES.values():
        conditions: Sequence[Any] = architecture.space().conditions
        assert {one.child.name: one.parent.name for one in conditions} == {
            "beta": "optimizer",
            "momentum": "optimizer",
        }


def test_ids_and_facts() -> None:
    ids = list(Networks().ids())
    assert len(ids) == len(set(ids)) == 12
    for id in ids:
        assert Networks().make(id).id == id
    for wrong in ("networks/cnn/quantiles", "networks/mlp", "networks/mlp-mo/digits", "sklearn/mlp/digits"):
        with pytest.raises(KeyError):
            Networks().make(wrong)
    require_facts_of_tasks(Networks())
    assert recommended(Networks()) == ids
