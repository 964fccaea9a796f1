from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
import yaml

from optathlon.errors import UsageError
from optathlon.facts import Evaluation
from optathlon.registry.facts import known_facts
from optathlon.registry.plugins import collection_of
from optathlon.registry.tasks import expand_tasks
from optathlon.subsets import subset as module
from optathlon.subsets.subset import FeatureRecord, Part, Subset, shipped, subset_tasks

FEATURES = FeatureRecord(
    optimizers=["random", "smac-hpo[n_trees=50]"],
    scale="log",
    ranges={"random": (0.0, 0.1), "smac-hpo[n_trees=50]": (1e-9, 1.0)},
    budgets=["77 evaluations", "147 evaluations"],
    seeds=(5, 5),
    tasks=4,
    distinct=4,
)
DEV = Part(
    discrepancy=0.25, other_discrepancy=0.5, lower_bound=0.2, tasks={"toy/a": "00ff", "toy/b": "1234567890123456"}
)
TEST = Part(discrepancy=0.5, tasks={"toy/c": ""})


def subset(**changes: Any) -> Subset:
    fields: dict[str, Any] = {
        "name": "mine",
        "type": "blackbox",
        "target": "empirical",
        "seed": 3,
        "features": FEATURES,
        "parts": {"dev": DEV, "test": TEST},
        "optathlon": "0.1.0",
        "command": "optathlon subset out -k 2",
    }
    return Subset(**fields | changes)


def refused(call: Callable[..., object], *args: object) -> str:
    with pytest.raises(UsageError) as caught:
        call(*args)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    subset().write(Path("deep/mine.yaml"))
    return tmp_path


@pytest.fixture
def some_shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SHIPPED", tmp_path)
    subset(name="small").write(tmp_path / "small.yaml")
    subset(name="whole", parts={"all": DEV}).write(tmp_path / "whole.yaml")


def test_what_is_written_is_read(here: Path) -> None:
    assert Subset.read("deep/mine.yaml") == subset()
    text = (here / "deep" / "mine.yaml").read_text()
    assert "\n      toy/b: '1234567890123456'\n" in text, "a task a line, and no fingerprint becomes a number"
    assert "lower_bound: null" not in text
    assert [path.name for path in (here / "deep").iterdir()] == ["mine.yaml"]


def test_the_gap_is_a_share_of_the_discrepancy() -> None:
    assert DEV.gap == pytest.approx(0.2)
    assert TEST.gap is None
    assert Part(discrepancy=0.2, lower_bound=0.2 + 1e-12, tasks={"t": ""}).gap == 0


def test_tasks_of_a_file_and_of_its_parts(here: Path) -> None:
    assert subset_tasks("subset:deep/mine.yaml") == ["toy/a", "toy/b", "toy/c"]
    assert subset_tasks("subset:deep/mine.yaml/dev") == ["toy/a", "toy/b"]
    assert subset_tasks(f"subset:{here}/deep/mine.yaml/test") == ["toy/c"]


def test_shipped_subsets_go_by_name(some_shipped: None) -> None:
    assert shipped() == ["small", "whole"]
    assert subset_tasks("subset:small/test") == ["toy/c"]
    assert subset_tasks("subset:whole") == subset_tasks("subset:whole/all") == ["toy/a", "toy/b"]


@pytest.mark.parametrize(
    ("pattern", "hint"),
    [
        ("subset:smal", "did you mean 'small'?"),
        ("subset:small/tst", "unknown part 'tst' in the subset 'small': did you mean 'test'?"),
        ("subset:whole/dev", "unknown part 'dev' in the subset 'whole': known: all"),
        ("subset:a/b/c", "subset:FILE.yaml/dev"),
        ("subset:", "unknown subset ''"),
        ("subset:none.yaml/dev", "no subset file 'none.yaml'"),
    ],
)
def test_unknown_subsets_and_parts(some_shipped: None, pattern: str, hint: str) -> None:
    assert hint in refused(subset_tasks, pattern)


def test_a_folder_is_no_subset(here: Path) -> None:
    assert "end in .yaml" in refused(Subset.read, "deep")
    (here / "folder.yaml").mkdir()
    assert "no subset file" in refused(Subset.read, "folder.yaml")


def changed(**changes: object) -> str:
    content = yaml.safe_load(yaml.safe_dump(subset().model_dump(mode="json"))) | changes
    return yaml.safe_dump({key: value for key, value in content.items() if value is not None})


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("a: [b\nc: d", "is not YAML"),
        ("[1, 2]", "is not a subset: make one with"),
        ("", "is not a subset"),
        (changed(seed=None), "seed: field required"),
        (changed(sede=1), "sede: extra inputs are not permitted"),
        (changed(parts={}), "parts"),
        (changed(parts={"train": DEV.model_dump()}), "parts: train"),
        (changed(parts={"dev": {"discrepancy": 1.5, "tasks": {"t": ""}}}), "parts: dev: discrepancy: input should be"),
        (changed(parts={"dev": {"discrepancy": 0.5, "tasks": {}}}), "parts: dev: tasks"),
        (
            changed(parts={"dev": DEV.model_dump(), "test": DEV.model_dump()}),
            "2 tasks are in several parts, e.g. toy/a",
        ),
        (changed(strata="kind"), "strata: input should be 'collection'"),
        (changed(target="normal"), "target: input should be 'empirical' or 'uniform'"),
    ],
)
def test_bad_files(here: Path, text: str, hint: str) -> None:
    (here / "bad.yaml").write_text(text)
    message = refused(Subset.read, "bad.yaml")
    assert "'bad.yaml'" in message
    assert hint in message


def test_a_binary_file(here: Path) -> None:
    (here / "bad.yaml").write_bytes(b"\xff\xfe\x00\x81")
    assert "the subset 'bad.yaml' is not UTF-8 text" in refused(Subset.read, "bad.yaml")


@pytest.mark.parametrize("fingerprint", ["12345678e1234567", "0x12", "010", "1:30", "no", "1_0"])
def test_a_fingerprint_that_looks_like_a_number_is_text(here: Path, fingerprint: str) -> None:
    made = subset(parts={"all": Part(discrepancy=0.5, tasks={"toy/a": fingerprint})})
    made.write(here / "made.yaml")
    assert Subset.read("made.yaml") == made


@pytest.mark.parametrize("name", ["blackbox", "multi-fidelity", "multi-fidelity-objective", "multi-objective"])
def test_shipped_subsets_are_of_their_type_and_reproducible(name: str) -> None:
    subset = Subset.read(name)
    assert (subset.name, subset.type, subset.target) == (name, name, "empirical")
    assert set(subset.parts) == {"dev", "test"}
    assert len(subset.tasks) == len(set(subset.tasks)) == 2 * len(subset.parts["dev"].tasks)
    assert all(subset.fingerprints[task] for task in subset.tasks)
    assert not (subset.features.imputed or subset.features.failed or subset.features.dropped)
    # the experiment file it was made from has all of its tasks
    grid = yaml.safe_load((Path(__file__).parents[2] / "configs" / f"grid-{name}.yaml").read_text())
    assert all(any(fnmatchcase(task, pattern) for pattern in grid["tasks"]) for task in subset.tasks)
    assert set(subset.features.optimizers) <= set(grid["optimizers"])


@pytest.mark.parametrize("name", ["blackbox", "multi-fidelity", "multi-objective"])
def test_parts_of_shipped_subsets_have_the_shares_of_the_grid(name: str) -> None:
    subset = Subset.read(name)
    grid = yaml.safe_load((Path(__file__).parents[2] / "configs" / f"grid-{name}.yaml").read_text())
    pool = expand_tasks(grid["tasks"])
    assert subset.strata == "collection"
    assert subset.features.tasks == len(pool)
    everywhere = Counter(map(collection_of, pool))
    for part in subset.parts.values():
        chosen = Counter(map(collection_of, part.tasks))
        for collection, count in everywhere.items():
            assert abs(chosen[collection] - count * len(part.tasks) / len(pool)) < 1


@pytest.mark.parametrize(
    ("name", "real", "mixed", "conditional"),
    [("blackbox", 9, 8, 0), ("multi-fidelity", 8, 8, 5), ("multi-objective", 1, 1, 0)],
)
def test_parts_of_shipped_subsets_hold_hyperparameter_optimization(
    name: str, real: int, mixed: int, conditional: int
) -> None:
    for part in Subset.read(name).parts.values():
        facts = known_facts(part.tasks).values()
        assert sum(one.kind in (Evaluation.TABLE, Evaluation.TRAINING) for one in facts) >= real
        assert sum(one.mixed for one in facts) >= mixed
        assert sum(one.conditional for one in facts) >= conditional
        assert not any(one.download for one in facts)


def test_nothing_else_is_shipped() -> None:
    assert shipped() == ["blackbox", "multi-fidelity", "multi-fidelity-objective", "multi-objective"]
