"""A scenario's neural network: how configurations are encoded, and the ONNX session that answers."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from optathlon.data import data_root
from optathlon.tasks.yahpo.files import choices, damaged, read_json, scenario_file
from optathlon.tasks.yahpo.scenarios import SCENARIOS

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

_INACTIVE = "#na#"
"""The level under which `encoding.json` codes an inactive categorical hyperparameter."""
_TOGETHER = 3
"""How many rows the model is asked for at once. From four on, its logarithms and exponentials are computed four at a
time by another formula, and the last float32 digits differ from those of single rows."""


class Encoder:
    """Encodes configurations as the `yahpo_gym` package does (`BenchmarkSet._config_to_xs`).

    Categorical hyperparameters become the integer codes of `encoding.json`, numerical ones stay in their natural
    units (logarithms and scaling are in the model). Inactive ones become the code of `"#na#"`, and 0.
    """

    def __init__(self, scenario: str) -> None:
        self._numerical = SCENARIOS[scenario].numerical
        encoding, domains = read_json(f"{scenario}/encoding.json"), choices(scenario)
        for name in SCENARIOS[scenario].categorical:
            if not {_INACTIVE, *domains[name]} <= encoding.get(name, {}).keys():
                raise damaged(f"{scenario}/encoding.json", f"it doesn't code every choice of {name!r}")
        self._categorical = [
            (name, encoding[name], encoding[name][_INACTIVE]) for name in SCENARIOS[scenario].categorical
        ]

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> tuple[np.ndarray, np.ndarray]:
        """The model's inputs: codes, int32 of shape (rows, categorical), and numbers, float32 (rows, numerical)."""
        x_cat = [
            [codes[values[name]] if name in values else inactive for name, codes, inactive in self._categorical]
            for values in rows
        ]
        x_cont = [[values.get(name, 0.0) for name in self._numerical] for values in rows]
        return np.array(x_cat, dtype=np.int32), np.array(x_cont, dtype=np.float32)


class Surrogate:
    """A scenario's model with its encoder, in an ONNX session of one thread."""

    def __init__(self, scenario: str) -> None:
        self._encode = Encoder(scenario)
        self._session = _session(scenario)

    def __call__(self, values: Mapping[str, Any]) -> list[float]:
        """The targets for a configuration that includes instance, fidelity and constants."""
        return self._answers(*self._encode([values]))[0]

    def many(self, rows: Sequence[Mapping[str, Any]]) -> list[list[float]]:
        """The targets for several configurations, the same as for one after the other."""
        if not rows:
            return []
        x_cat, x_cont = self._encode(rows)
        places = range(0, len(rows), _TOGETHER)
        return [
            row
            for place in places
            for row in self._answers(x_cat[place : place + _TOGETHER], x_cont[place : place + _TOGETHER])
        ]

    def _answers(self, x_cat: np.ndarray, x_cont: np.ndarray) -> list[list[float]]:
        answers: list[list[float]] = self._session.run(None, {"x_cat": x_cat, "x_cont": x_cont})[0].tolist()
        return answers


def surrogate(scenario: str) -> Surrogate:
    """The surrogate of a scenario, loaded on first use, once per process (sessions don't survive a fork)."""
    return _surrogate(scenario, data_root(), os.getpid())


@lru_cache
def _surrogate(scenario: str, root: Path, process: int) -> Surrogate:
    return Surrogate(scenario)


def _session(scenario: str) -> InferenceSession:
    import onnxruntime as ort
    from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidArgument, InvalidGraph, InvalidProtobuf

    path = scenario_file(scenario, "model.onnx")
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    try:
        session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except (Fail, InvalidArgument, InvalidGraph, InvalidProtobuf) as error:
        raise damaged(f"{scenario}/model.onnx", str(error).splitlines()[0]) from None
    spec = SCENARIOS[scenario]
    expected = {"x_cat": len(spec.categorical), "x_cont": len(spec.numerical), "output": len(spec.targets)}
    found = {node.name: node.shape[-1] for node in (*session.get_inputs(), *session.get_outputs())}
    if found != expected:
        raise damaged(f"{scenario}/model.onnx", f"its inputs and outputs have the sizes {found}, not {expected}")
    return session
