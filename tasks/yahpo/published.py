"""Where YAHPO Gym's data is published: one source per scenario, and one for what they share."""

from __future__ import annotations

from optathlon.data_source import DataFile, DataSource
from optathlon.tasks.yahpo.scenarios import SCENARIOS

CITATION = (
    "Pfisterer, Schneider, Moosbauer, Binder, Bischl (2022): YAHPO Gym – An Efficient Multi-Objective Multi-Fidelity "
    "Benchmark for Hyperparameter Optimization, AutoML Conference"
)
LICENCE = "Apache-2.0"

_ADDRESS = "https://raw.githubusercontent.com/slds-lmu/yahpo_data/v1.0.2"
_KNOWN = {
    "lcbench/config_space.json": (2151, "4d1c78a91429b4a37628e13f286cf1abe15f778a09722a4c01714f2d72a8200d"),
    "lcbench/encoding.json": (507, "d8af928f412bbeb07e58ecd69877fcab35fbc595333d1c1c3f76120d2f2508da"),
    "lcbench/model.onnx": (2153124, "b45c0d85ae39abf8820c8bea5ac82f415763afcbaf3b725e36af452b09cb6dcd"),
    "rbv2_xgboost/config_space.json": (4955, "acf4485d314d86801f61b615d64ffea7859c414c363da9e7f943621468ebbda4"),
    "rbv2_xgboost/encoding.json": (1604, "0bd3cf9a4c9459a3148adf740f20b347fd11a6714f89348f41467a8f1206172a"),
    "rbv2_xgboost/model.onnx": (3335828, "85125b6d97f553d10cd50f9e632e1a3f1ad44bcb00300dd2880d70dfd043d9f3"),
    "global_statistics/instance_target_statistics.csv": (
        564007,
        "9c7339cf6ae2a10187cea120cc3d290aebf7cff10fa0a5ce8b12adb772bca56b",
    ),
    "benchmark_suites/v1.0/multi.json": (2899, "11c0c86c58658db4e534faacd4b2f92a2df2261d2569c9e483c6a901518c0199"),
}
"""Size and SHA-256 of the files of release v1.0.2 that were there to be measured."""
_ABOUT = {"config_space.json": 50_000, "encoding.json": 20_000, "model.onnx": 20_000_000}
"""What the others have at most, in bytes."""


def sha256(relative: str) -> str | None:
    """The checksum of a file of the release, where it is known."""
    return _KNOWN[relative][1] if relative in _KNOWN else None


def _file(relative: str) -> DataFile:
    about = _ABOUT.get(relative.rpartition("/")[2], 0)
    size, checksum = _KNOWN.get(relative, (about, None))
    return DataFile(path=relative, url=f"{_ADDRESS}/{relative}", size=size, sha256=checksum)


def _source(name: str, title: str, *paths: str) -> DataSource:
    return DataSource(
        name=name,
        title=title,
        licence=LICENCE,
        homepage="https://github.com/slds-lmu/yahpo_data",
        citation=CITATION,
        parts=tuple(map(_file, paths)),
    )


SOURCES = (
    *(_source(name, f"YAHPO Gym's surrogate of {name}", *(f"{name}/{file}" for file in _ABOUT)) for name in SCENARIOS),
    _source(
        "statistics",
        "YAHPO Gym's ranges of targets and suite of tasks with several objectives, for all scenarios",
        "global_statistics/instance_target_statistics.csv",
        "benchmark_suites/v1.0/multi.json",
    ),
)
