"""Names of CARP-S: which tasks of ours they are, against the published list."""

from __future__ import annotations

import csv
import gzip
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from optathlon.budget import Budget
from optathlon.errors import UsageError
from optathlon.registry.carps import carps_subset, carps_tasks, from_carps, left_out
from optathlon.registry.tasks import make_task

InProcess = Callable[..., SimpleNamespace]

TYPES = ("blackbox", "multifidelity", "multifidelityobjective", "multiobjective")


@pytest.fixture
def no_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPTATHLON_DATA", str(tmp_path / "no-data"))


def published(name: str) -> list[dict[str, str]]:
    folder = os.environ.get("OPTATHLON_TEST_DATA")
    if not folder:
        pytest.skip("needs OPTATHLON_TEST_DATA")
    path = Path(folder) / name
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    ("name", "id"),
    [
        ("bbob/2/12/0", "bbob/f12/d2/i0"),
        ("bbob/32/9/2", "bbob/f9/d32/i2"),
        ("mfpbench/SO/mfh/mfh3_bad", "mfh/h3/bad"),
        ("yahpo/lcbench/168335/None", "yahpo/lcbench/168335/val_accuracy"),
        ("yahpo/iaml_ranger/1067/trainsize", "yahpo/iaml_ranger/1067/f1"),
        ("yahpo/so/rbv2_glmnet/375/None", "yahpo/rbv2_glmnet/375/acc"),
        ("yahpo/rbv2_aknn/18/repl", "yahpo/rbv2_aknn/18/acc/repl"),
        ("yahpo/multifidelity/so/repl/rbv2_glmnet/375/repl", "yahpo/rbv2_glmnet/375/acc/repl"),
        ("yahpo/mo/iaml_super/1067/None", "yahpo/iaml_super/1067/mmce+nf+ias"),
        ("yahpo/MOMF/epoch/lcbench/167185/epoch", "yahpo/lcbench/167185/val_accuracy+val_cross_entropy"),
        ("yahpo/nb301/CIFAR10/epoch", "yahpo/nb301/CIFAR10/val_accuracy"),
        ("Pymoo/MO/unconstraint/zdt6", "pymoo/zdt6/m2/d10"),
        ("Pymoo/ManyO/unconstraint/wfg2_10_5", "pymoo/wfg2/m5/d10"),
    ],
)
def test_names_of_the_same_task(name: str, id: str) -> None:
    assert from_carps(name).id == id


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("bbob_vizier/20/1/0", "Vizier"),
        ("hpob/all/124/41", "HPO-B"),
        ("hpobench/blackbox/tabular/nas/NavalPropulsionBenchmark", "'hpobench/fcnet/naval_propulsion'"),
        ("hpobench/blackbox/tabular/ml/lr/146818", "scikit-learn's models"),
        ("Pymoo/MO/unconstraint/kursawe", "kursawe"),
        ("dummy-mf", "placeholder"),
    ],
)
def test_why_others_have_no_equal(name: str, reason: str) -> None:
    found = from_carps(name)
    assert (found.id, reason in found.reason) == ("", True)
    with pytest.raises(UsageError, match=f"the task '{name}' of CARP-S has no equal here"):
        carps_tasks(f"carps:{name}")


@pytest.mark.parametrize(
    "name", ["", "nothing", "bbob/2/12", "yahpo/lcbench/1/trainsize", "yahpo/nb302/CIFAR10/epoch", "mfh/h3/bad"]
)
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match="is not a task of CARP-S"):
        from_carps(name)


def test_every_published_name_is_understood() -> None:
    rows = published("carps_tasks.csv.gz")
    found = {row["task"]: from_carps(row["task"]) for row in rows}
    assert all(bool(one.id) != bool(one.reason) for one in found.values())
    same = Counter(row["benchmark"] for row in rows if found[row["task"]].id)
    assert same == {"BBOB": 360, "YAHPO": 2615, "MFPBench": 8, "Pymoo": 21}
    for row in rows:
        if row["benchmark"] == "YAHPO":
            *_, targets = found[row["task"]].id.removesuffix("/repl").split("/")
            assert targets == row["objectives"]


def test_what_is_here_has_the_published_budget(no_data: None) -> None:
    for row in published("carps_tasks.csv.gz"):
        id = from_carps(row["task"]).id
        if id.startswith(("mfh/", "pymoo/")) and "/m5/" not in id:
            problem = make_task(id).problem
            assert problem.budget == Budget(float(row["n_trials"])), id
            assert len(problem.objectives) == row["objectives"].count("+") + 1


@pytest.mark.parametrize("name", ["zdt1", "zdt3", "zdt4", "zdt6", "dtlz1", "dtlz2", "dtlz7"])
def test_sizes_are_the_defaults_of_pymoo(name: str) -> None:
    from pymoo.problems import get_problem

    default = get_problem(name)
    group = "MO" if name.startswith("zdt") else "ManyO"
    assert from_carps(f"Pymoo/{group}/unconstraint/{name}").id == f"pymoo/{name}/m{default.n_obj}/d{default.n_var}"


def test_shipped_subsets_are_the_published_ones() -> None:
    rows = published("carps_subsets.csv")
    assert len(rows) == 218
    for row in rows:
        subset = carps_subset(f"{row['type']}/{row['part']}")
        assert subset is not None
        assert subset[row["task"]] == int(row["n_trials"])
    assert sum(len(carps_subset(f"{type}/{part}") or ()) for type in TYPES for part in ("dev", "test")) == 218


def test_how_many_of_each_subset_are_ours() -> None:
    found = {
        (type, part): sum(bool(from_carps(name).id) for name in carps_subset(f"{type}/{part}") or ())
        for type in TYPES
        for part in ("dev", "test")
    }
    assert found == {
        ("blackbox", "dev"): 15,
        ("blackbox", "test"): 19,
        ("multifidelity", "dev"): 26,
        ("multifidelity", "test"): 25,
        ("multifidelityobjective", "dev"): 9,
        ("multifidelityobjective", "test"): 9,
        ("multiobjective", "dev"): 14,
        ("multiobjective", "test"): 13,
    }


def test_a_subset_runs_what_is_here_and_names_the_rest(in_process: InProcess, tmp_path: Path, no_data: None) -> None:
    assert {"bbob/f12/d2/i1", "bbob/f6/d4/i1"} <= set(carps_tasks("carps:blackbox/dev"))
    run = ("run", "-o", "random", "-t", "carps:blackbox/dev", "-t", "carps:mfpbench/SO/mfh/mfh3_bad", "--dry-run")
    planned = in_process(*run, "--out", tmp_path / "out").stdout
    assert f"note\n    {left_out('carps:blackbox/dev')}" in planned
    told = in_process("info", "carps:blackbox/dev").stdout
    assert told.startswith("blackbox/dev of CARP-S 1.1.0 (Benjamins et al. 2025): ")
    assert "  bbob/2/12/1" in told
    assert "[HPOBench's tables of scikit-learn's models" in told
    assert " 126 trials  [yahpo " in told.replace("yahpo needs", "yahpo ")


def test_bad_names_are_one_line(in_process: InProcess, no_data: None) -> None:
    for name, message in (
        ("carps:blackbox/def", "unknown part 'def' in the subset 'blackbox' of CARP-S: did you mean 'dev'?"),
        ("carps:bbbob/2/12/1", "is not a task of CARP-S"),
        ("carps:hpob/all/124/41", "has no equal here"),
    ):
        done = in_process("run", "-o", "random", "-t", name)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert message in done.stderr
    assert "mfh/h3/bad  (multi-fidelity" in in_process("info", "carps:mfpbench/SO/mfh/mfh3_bad").stdout
    assert "has no equal here: nobody has compared it" in in_process("info", "carps:hpob/all/124/41").stdout
