"""PandaLM's test set (Wang et al. 2023, arXiv 2306.05087): pairs of answers that people labelled, from its repository.

The file of answers that one finds there has `NaN` where an answer or input is empty.
"""

from __future__ import annotations

from pathlib import Path

from optathlon.data import data_root
from optathlon.data_source import DataFile, DataSource
from optathlon.errors import MissingData
from optathlon.llm.smol import FOLDER

NAME = "pandalm"
ITEMS, ANSWERS = "testset-v1.json", "pandalm-7b-testset-v1.json"
"""The items, and what the judge PandaLM-7B said of them."""
REMEDY = f"fetch it by `optathlon data fetch {FOLDER}/{NAME}`"

_RAW = "https://raw.githubusercontent.com/WeOpenML/PandaLM"

SOURCE = DataSource(
    name=NAME,
    title="PandaLM's test set: 999 pairs of answers that three people labelled, and its judge's labels",
    licence="Apache-2.0",
    homepage="https://github.com/WeOpenML/PandaLM",
    citation="Wang et al. (2023): PandaLM: An Automatic Evaluation Benchmark for LLM Instruction Tuning Optimization, "
    "arXiv 2306.05087",
    parts=(
        DataFile(
            path=ITEMS,
            url=f"{_RAW}/65d7cff541edaa2d1be0f4b206c31fae42bc334b/data/{ITEMS}",
            size=938_120,
            sha256="77ad325f0a82046bfc59b4cb545d77a97f08daf8d2a3b29a0da3dad983f1dd40",
        ),
        DataFile(
            path=ANSWERS,
            url=f"{_RAW}/2e3f5898bce8c9077e0ee1ea34400dc279e461a2/data/{ANSWERS}",
            size=403_524,
            sha256="9a40b62a7bb2aa87ca77eb8bfcb51539b5a62f974ce91678d30e834d65ed0a7e",
        ),
    ),
)


def published(file: str) -> Path:
    """Where one of the files is in the data folder, as it is or as `.gz`. Raises `MissingData` where it isn't."""
    folder = data_root() / FOLDER
    found = [path for path in (folder / file, folder / f"{file}.gz") if path.is_file()]
    if not found:
        raise MissingData(f"{str(folder / file)!r} is not there: {REMEDY}")
    return found[0]


def named(path: Path, file: str) -> Path:
    """The published file for the name `pandalm`; any other path as it is. Raises as `published`."""
    return published(file) if str(path) == NAME else path
