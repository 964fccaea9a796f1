"""`optathlon subset`, from results to a file, and what can be done with it."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from optathlon import load
from optathlon.cli.names import split_names
from optathlon.errors import UsageError
from optathlon.installation import as_installed
from optathlon.subsets.subset import FeatureRecord, Part, Subset

PLUGIN = """
from optathlon import Capability, Objective, as_task
from optathlon.optimizers.random import RandomSearch


class Flat(RandomSearch):
    capabilities = frozenset()


class Broken(RandomSearch):
    def ask(self):
        raise RuntimeError("broken")


def task(id, shift, **options):
    return as_task(id, space={"x": (0.0, 1.0)}, budget=4, **options)(lambda config: config["x"] ** (1 + shift))


plain = [task(f"toy/f{i}", i) for i in range(6)]
globals().update({f"task_{i}": one for i, one in enumerate(plain)})


@as_task("toy/two", space={"x": (0.0, 1.0)}, budget=4, objectives=[Objective("a"), Objective("b")])
def two(config):
    return config["x"], 1 - config["x"]
"""

InProcess = Callable[..., Any]
Command = Callable[..., Any]
SELECT = ("subset", "select")
SPANNED_BY = ("--optimizers", "random,sobol")


@pytest.fixture(scope="session")
def grid(command: Command, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of five optimizers on 24 tasks."""
    folder = tmp_path_factory.mktemp("grid")
    names = ("random", "sobol", "optuna-cmaes", "optuna-tpe", "optuna-nsga2")
    flags = [flag for name in names for flag in ("-o", name)]
    done = command("run", *flags, "-t", "bbob/f*/d2/i1", "--seeds", "2", "--budget", "8", "--out", "g", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "g"


@pytest.fixture(scope="session")
def toys(command: Command, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results with all that can be wrong: several types and budgets, missing, skipped and failed runs."""
    folder = tmp_path_factory.mktemp("toys")
    (folder / "toys.py").write_text(PLUGIN)

    def run(*arguments: str) -> None:
        done = command("run", "--plugin", "toys.py", "--out", "t", *arguments, cwd=folder)
        assert done.returncode in (0, 1), done.stderr

    run("-o", "random", "-o", "sobol", "-o", "flat", "-t", "toy/*", "--seeds", "2")
    run("-o", "optuna-tpe", "-t", "toy/f[0-3]", "--seeds", "1")
    run("-o", "broken", "-t", "toy/f*")
    run("-o", "optuna-cmaes", "-t", "toy/f[45]", "--budget", "3")
    return folder / "t"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, grid: Path, toys: Path) -> Path:
    """A working folder that sees the results as `g` and `t`; searches are short."""
    monkeypatch.setattr("optathlon.subsets.selection.WORTHWHILE", 4000)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "g").symlink_to(grid)
    (tmp_path / "t").symlink_to(toys)
    return tmp_path


def content(path: str) -> dict[str, Any]:
    read = yaml.safe_load(Path(path).read_text())
    del read["command"], read["name"]
    return dict(read)


def test_names_are_split_outside_of_brackets() -> None:
    assert split_names(["a[x=1,y=2],b", "c", "b"]) == ["a[x=1,y=2]", "b", "c"]
    assert split_names(["b,a[y=2,x=1]"]) == ["b", "a[x=1,y=2]"]
    assert split_names(["a, ", ""]) == ["a"]
    with pytest.raises(UsageError, match="option=value"):
        split_names(["a[x=1"])


def test_a_subset_and_its_record(in_process: InProcess, here: Path) -> None:
    done = in_process(*SELECT, "g", "-k", "6", *SPANNED_BY, "--out", "made/mine.yaml")
    assert done.returncode == 0, done.stderr
    made = Subset.read("made/mine.yaml")
    assert (made.name, made.type, made.target, made.seed) == ("mine", "blackbox", "empirical", 0)
    assert made.command == "optathlon subset select g -k 6 --optimizers random,sobol --out made/mine.yaml"
    assert made.features.optimizers == ["random", "sobol"]
    assert made.features.budgets == ["8 evaluations"]
    assert (made.features.tasks, made.features.seeds) == (24, (2, 2))
    assert list(made.parts) == ["all"]
    assert len(made.tasks) == 6
    assert all(len(text) == 16 for text in made.fingerprints.values())
    for words in (
        "24 blackbox tasks",
        f"{made.parts['all'].discrepancy:.4f} to all tasks",
        "next: optathlon subset validate g made/mine.yaml",
        "optathlon run -t subset:made/mine.yaml/all",
    ):
        assert words in done.stdout


def test_tasks_of_a_table_are_validated_on_but_not_run(in_process: InProcess, here: Path) -> None:
    values = np.random.default_rng(0).random((9, 3))
    cells = [("abc"[place], f"t{task}", 0, 1, value) for (task, place), value in np.ndenumerate(values)]
    pd.DataFrame(cells, columns=["optimizer", "task", "seed", "step", "value"]).to_csv("t.csv", index=False)
    done = in_process(*SELECT, "t.csv", "-k", "2", "--optimizers", "a,b", "--out", "s.yaml", "--maximize")
    assert "next: optathlon subset validate t.csv --maximize s.yaml" in done.stdout
    assert "optathlon run" not in done.stdout


@pytest.fixture
def mixed(here: Path) -> Path:
    """A table of results: 12 tasks of one collection, 4 of another one, 2 of a third one."""
    values = np.random.default_rng(3).random((5, 18, 2))
    names = [f"{'a' * 12}{'b' * 4}{'cc'}"[task] + f"/t{task}" for task in range(18)]
    cells = [("vwxyz"[place], names[task], seed, 1, value) for (place, task, seed), value in np.ndenumerate(values)]
    pd.DataFrame(cells, columns=["optimizer", "task", "seed", "step", "value"]).to_csv("m.csv", index=False)
    return here


def collections(tasks: Iterable[str]) -> dict[str, int]:
    return dict(Counter(task.partition("/")[0] for task in sorted(tasks)))


def test_each_part_has_its_share_of_every_collection(in_process: InProcess, mixed: Path) -> None:
    arguments = (*SELECT, "m.csv", "-k", "6", "--optimizers", "v,w", "--dev", "--test")
    done = in_process(*arguments, "--strata", "collection", "--out", "s.yaml", "--certify", "5s")
    assert done.returncode == 0, done.stderr
    assert "each part with its share of every collection" in done.stdout
    made = Subset.read("s.yaml")
    assert made.strata == "collection"
    assert collections(made.tasks) == {"a": 8, "b": 3, "c": 1}, "8, 2.67 and 1.33 of 12"
    assert [collections(part.tasks) for part in made.parts.values()] in (
        [{"a": 4, "b": 2}, {"a": 4, "b": 1, "c": 1}],
        [{"a": 4, "b": 1, "c": 1}, {"a": 4, "b": 2}],
    )
    for part in made.parts.values():
        assert part.lower_bound is not None
        assert part.lower_bound <= part.discrepancy + 1e-9
    assert "\nshares      of every collection as among all tasks\n" in in_process("info", "subset:s.yaml").stdout
    assert in_process(*arguments, "--out", "any.yaml").returncode == 0
    assert "strata" not in Path("any.yaml").read_text()
    assert "shares" not in in_process("info", "subset:any.yaml").stdout


def test_the_proof_does_not_break_shares(in_process: InProcess, mixed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With one part, better tasks that a proof finds are taken, unless they have other shares."""
    monkeypatch.setattr("optathlon.subsets.selection.WORTHWHILE", 0)
    arguments = (*SELECT, "m.csv", "-k", "6", "--optimizers", "v,w", "--certify", "20s", "--out", "s.yaml")
    assert in_process(*arguments).returncode == 0
    free = Subset.read("s.yaml").parts["all"]
    assert in_process(*arguments, "--strata", "collection").returncode == 0
    stratified = Subset.read("s.yaml").parts["all"]
    assert collections(stratified.tasks) == {"a": 4, "b": 1, "c": 1}
    assert free.lower_bound == stratified.lower_bound
    assert free.discrepancy < stratified.discrepancy


def test_sizes_are_tried_with_the_shares_of_the_subset(in_process: InProcess, mixed: Path) -> None:
    chosen = {}
    for strata in ([], ["--strata", "collection"]):
        arguments = (*SELECT, "m.csv", "-k", "4", "--optimizers", "v,w", *strata, "--out", "s.yaml")
        assert in_process(*arguments).returncode == 0
        done = in_process("subset", "validate", "m.csv", "s.yaml", "--sizes", "4", "--draws", "5", "--out", "v")
        assert done.returncode == 0, done.stderr
        by_size = pd.read_csv("v/by_size.csv").set_index("method").loc["chosen"]
        subset = pd.read_csv("v/methods.csv").set_index("method").loc["chosen"]
        chosen[bool(strata)] = (by_size["rank_error"], subset["rank_error"])
    for again, subset in chosen.values():
        assert again == pytest.approx(subset), "the same search chooses the same tasks"
    assert chosen[True] != chosen[False]


def test_the_same_command_makes_the_same_file_however_many_workers(in_process: InProcess, here: Path) -> None:
    arguments = ("-k", "5", *SPANNED_BY, "--dev", "--test", "--seed", "3")
    assert in_process(*SELECT, "g", *arguments, "--out", "a.yaml").returncode == 0
    first = Path("a.yaml").read_bytes()
    assert in_process(*SELECT, "g", *arguments, "--out", "a.yaml").returncode == 0
    assert Path("a.yaml").read_bytes() == first
    assert in_process(*SELECT, *arguments, "-j", "2", "g", "--out", "b.yaml").returncode == 0
    assert content("b.yaml") == content("a.yaml")


def test_dev_and_test_are_disjoint_and_can_be_run(in_process: InProcess, here: Path) -> None:
    assert in_process(*SELECT, "g", "-k", "4", *SPANNED_BY, "--dev", "--test", "--out", "s.yaml").returncode == 0
    made = Subset.read("s.yaml")
    assert list(made.parts) == ["dev", "test"]
    assert len(set(made.tasks)) == 8
    assert made.parts["dev"].discrepancy < 1
    plan = in_process("run", "-t", "subset:s.yaml/dev", "-o", "random", "--dry-run")
    assert "1 optimizers x 4 tasks: 4 runs" in plan.stdout
    Path("experiment.yaml").write_text("optimizers: [random]\ntasks: ['subset:s.yaml', 'subset:s.yaml/test']\n")
    assert "1 optimizers x 8 tasks: 8 runs" in in_process("run", "experiment.yaml", "--dry-run").stdout
    done = in_process("run", "-t", "subset:s.yaml/all", "-o", "random", "--dry-run")
    assert (done.returncode, "unknown part 'all'" in done.stderr) == (2, True)


def test_another_choice_is_not_written_over_unasked(in_process: InProcess, here: Path) -> None:
    file = Path("g/blackbox-4.yaml")
    try:
        for _ in range(2):
            assert in_process(*SELECT, "g", "-k", "4", *SPANNED_BY, "--dev", "--test").returncode == 0
        before = file.read_bytes()
        done = in_process(*SELECT, "g", "-k", "4", *SPANNED_BY)
        assert (done.returncode, "would be lost: give --out" in done.stderr) == (2, True)
        assert file.read_bytes() == before
        assert in_process(*SELECT, "g", "-k", "4", *SPANNED_BY, "--out", str(file)).returncode == 0
    finally:
        file.unlink(missing_ok=True)


def test_one_part_alone(in_process: InProcess, here: Path) -> None:
    assert in_process(*SELECT, "g", "-k", "4", *SPANNED_BY, "--test", "--out", "s.yaml").returncode == 0
    assert list(Subset.read("s.yaml").parts) == ["test"]


def test_the_proof_bounds_what_was_found(in_process: InProcess, here: Path) -> None:
    done = in_process(*SELECT, "g", "-k", "3", *SPANNED_BY, "--certify", "10s", "--out", "s.yaml")
    part = Subset.read("s.yaml").parts["all"]
    assert part.lower_bound is not None
    assert 0 < part.lower_bound <= part.discrepancy + 1e-9
    assert f"none below {part.lower_bound:.4f}, gap {part.gap:.1%}" in done.stdout


def test_held_out_optimizers_have_no_influence(in_process: InProcess, here: Path) -> None:
    """Without a known optimum, regret is relative to the best and worst runs, and only chosen optimizers' count."""
    (here / "toys.py").write_text(PLUGIN)
    run = ("run", "--plugin", "toys.py", "-t", "toy/f*", "-o", "random", "-o", "sobol", "--seeds", "2")
    in_process(*run, "--out", "without")
    assert in_process(*SELECT, "without", "-k", "2", *SPANNED_BY, "--out", "a.yaml").returncode == 0
    in_process(*run, "-o", "optuna-nsga2", "--out", "with")
    assert in_process(*SELECT, "with", "-k", "2", *SPANNED_BY, "--out", "b.yaml").returncode == 0
    assert content("a.yaml") == content("b.yaml")


def test_options_that_are_recorded(in_process: InProcess, here: Path) -> None:
    arguments = (
        "subset",
        "select",
        "g",
        "-k",
        "5",
        *SPANNED_BY,
        "--target",
        "uniform",
        "--scale",
        "log",
        "--seconds",
        "0.5",
    )
    done = in_process(*arguments, "--out", str(here / "s.yaml"))
    made = Subset.read("s.yaml")
    assert (made.target, made.features.scale) == ("uniform", "log")
    part = made.parts["all"]
    assert (
        f"{part.discrepancy:.4f} to the uniform distribution ({part.other_discrepancy:.4f} to all tasks)" in done.stdout
    )
    assert made.command.endswith("--seconds 0.5 --out s.yaml"), "no path of this machine"


def test_missing_runs_can_be_dropped_or_imputed_and_failed_ones_are_counted(in_process: InProcess, here: Path) -> None:
    arguments = (
        "subset",
        "select",
        "t",
        "--type",
        "blackbox",
        "-k",
        "2",
        "--optimizers",
        "random,optuna-tpe",
        "--out",
        "s.yaml",
    )
    dropped = in_process(*arguments, "--missing", "drop")
    assert "2 tasks left out" in dropped.stdout
    made = Subset.read("s.yaml").features
    assert (made.dropped, made.tasks, made.seeds, made.imputed) == (["toy/f4", "toy/f5"], 4, (1, 1), 0)
    imputed = in_process(*arguments, "--missing", "worst")
    assert "8 missing runs count as the worst" in imputed.stdout
    made = Subset.read("s.yaml").features
    assert (made.dropped, made.tasks, made.seeds, made.imputed) == ([], 6, (2, 2), 8)


def test_several_objectives(in_process: InProcess, here: Path) -> None:
    pytest.importorskip("pymoo")
    tasks = ("-t", "pymoo/zdt[1234]/m2/d6", "-t", "pymoo/dtlz[1-4]/m2/d6")
    names = ("-o", "random", "-o", "sobol", "-o", "optuna-nsga2")
    assert in_process("run", *tasks, *names, "--budget", "8", "--out", "m").returncode == 0
    done = in_process(*SELECT, "m", "-k", "3", "--optimizers", "random,sobol")
    assert done.returncode == 0, done.stderr
    made = Subset.read("m/multi-objective-3.yaml")
    assert (made.type, made.features.tasks, len(made.tasks)) == ("multi-objective", 8, 3)


def test_validate(in_process: InProcess, here: Path) -> None:
    assert in_process(*SELECT, "g", "-k", "6", *SPANNED_BY, "--dev", "--test", "--out", "s.yaml").returncode == 0
    arguments = ("subset", "validate", "g", "s.yaml", "--sizes", "4,8", "--draws", "20")
    done = in_process(*arguments, "--out", "v")
    assert done.returncode == 0, done.stderr
    assert "3 held-out optimizers (optuna-cmaes, optuna-nsga2 and optuna-tpe)" in done.stdout
    for words in ("dev: 6 tasks", "test: 6 tasks", "this subset", "random", "stratified", "4 tasks", "8 tasks"):
        assert words in done.stdout
    expected = {f"by_size.{kind}" for kind in ("svg", "pdf", "png", "csv")}
    expected |= {f"{name}.{kind}" for name in ("methods", "mean_ranks") for kind in ("csv", "tex", "md")}
    assert {path.name for path in Path("v").iterdir()} == expected
    before = {path: path.read_bytes() for path in Path("v").iterdir()}
    one = in_process(*arguments, "--part", "dev", "--out", "w", "--held-out", "optuna-tpe,optuna-cmaes")
    assert "test: 6 tasks" not in one.stdout
    assert "2 held-out optimizers (optuna-cmaes and optuna-tpe)" in one.stdout
    in_process(*arguments, "--out", "v")
    assert {path: path.read_bytes() for path in Path("v").iterdir()} == before


@pytest.fixture(scope="session")
def files(grid: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Subset files, good ones and others."""
    folder = tmp_path_factory.mktemp("files")
    fingerprints = load(grid).tasks["fingerprint"].astype(str).to_dict()
    chosen = list(fingerprints.items())[:8]
    subset = Subset(
        name="s",
        type="blackbox",
        target="empirical",
        seed=0,
        features=FeatureRecord(
            optimizers=["random", "sobol"],
            scale="linear",
            ranges={"random": (0.0, 1.0), "sobol": (0.0, 1.0)},
            budgets=["8 evaluations"],
            seeds=(2, 2),
            tasks=24,
            distinct=24,
        ),
        parts={
            "dev": Part(discrepancy=0.2, tasks=dict(chosen[:4])),
            "test": Part(discrepancy=0.2, tasks=dict(chosen[4:])),
        },
        optathlon="0.1.0",
        command="optathlon subset select g",
    )
    subset.write(folder / "s.yaml")
    text = (folder / "s.yaml").read_text()
    task, fingerprint = chosen[0]
    (folder / "changed.yaml").write_text(text.replace(fingerprint, "0" * 15 + "x"))
    (folder / "other.yaml").write_text(text.replace(f"{task}:", "bbob/f99/d2/i1:"))
    (folder / "note.yaml").write_text("milk: 2\n")
    (folder / "list.txt").write_text("bbob/f1/d2/i1\n")
    return folder


SELECT_G = (*SELECT, "g", "-k", "4", *SPANNED_BY)
TOYS = (*SELECT, "t", "-k", "2", "--type", "blackbox")
VALIDATE = ("subset", "validate", "g")
BAD = [
    (("subset",), "Missing command: give one of select, validate"),
    (("subset", "g", "-k", "4", *SPANNED_BY), "No such command 'g': give one of select, validate"),
    (SELECT, "Missing option '-k'"),
    ((*SELECT, "g"), "-k"),
    ((*SELECT, "-k", "4", *SPANNED_BY), "no results: give a results folder, or --baselines"),
    (("subset", "validate"), "Missing argument"),
    (("subset", "validate", "s.yaml"), "no results: give a results folder, or --baselines"),
    ((*SELECT_G, "--baselines"), "no baselines are of the tasks of these results"),
    ((*VALIDATE, "s.yaml", "--baselines=randon"), "no baselines are of the tasks of these results"),
    ((*SELECT, "nothing", "-k", "4", *SPANNED_BY), "nothing': give the folder"),
    (("subset", "vaildate", "g", "s.yaml"), "validate"),
    ((*SELECT, "g", "-k", "4"), "of these: optuna-cmaes, optuna-nsga2, optuna-tpe, random, sobol"),
    ((*SELECT, "g", "-k", "4", "--optimizers", "randon,sobol"), "did you mean 'random'?"),
    ((*SELECT, "g", "-k", "4", "--optimizers", "random[x"), "can't read"),
    ((*SELECT, "g", "-k", "0", *SPANNED_BY), "'-k': give a whole number from 1 on, not '0'"),
    ((*SELECT, "g", "-k", "25", *SPANNED_BY), "can't choose 25 tasks out of 24 tasks: give at most -k 24"),
    (
        (*SELECT, "g", "-k", "13", *SPANNED_BY, "--dev", "--test"),
        "can't choose 13 tasks for each of dev and test out of 24 tasks: give at most -k 12",
    ),
    ((*SELECT_G, "--type", "blackbx"), "did you mean 'blackbox'?"),
    ((*SELECT_G, "--target", "normal"), "normal"),
    ((*SELECT_G, "--scale", "square"), "square"),
    ((*SELECT_G, "--strata", "kind"), "kind"),
    ((*SELECT_G, "--certify", "soon"), "can't read the duration 'soon'"),
    ((*SELECT_G, "--seconds", "0"), "--seconds"),
    ((*SELECT_G, "--seconds", "nan"), "--seconds"),
    ((*SELECT_G, "--seed", "-1"), "--seed"),
    ((*SELECT_G, "-j", "0"), "--jobs"),
    ((*SELECT_G, "--out", "list.txt"), "ends in .yaml"),
    ((*SELECT_G, "--out", "note.yaml"), "won't write over 'note.yaml'"),
    ((*SELECT, "t", "-k", "2", *SPANNED_BY), "6 blackbox, 1 multi-objective"),
    ((*TOYS, "--optimizers", "random,optuna-tpe"), "optuna-tpe lacks 8 of 12 runs (on 6 of 6 tasks, first toy/f0)"),
    (
        (*SELECT, "t", "-k", "1", "--type", "multi-objective", "--optimizers", "random,flat"),
        "flat has no runs on any of the 1 multi-objective tasks but skipped ones",
    ),
    ((*TOYS, "--optimizers", "random,broken", "--missing", "drop"), "none of the 6 runs of broken has a result"),
    ((*TOYS, "--optimizers", "random,optuna-cmaes"), "runs on 2 tasks differ in their conditions"),
    ((*VALIDATE, "nothing.yaml"), "no subset file 'nothing.yaml'"),
    ((*VALIDATE, "nothing"), "unknown subset 'nothing'"),
    ((*VALIDATE, "note.yaml"), "is not a subset"),
    ((*VALIDATE, "s.yaml", "--held-out", "random"), "was used for choosing the subset"),
    ((*VALIDATE, "s.yaml", "--held-out", "optuna-tp"), "did you mean 'optuna-tpe'?"),
    ((*VALIDATE, "s.yaml", "--held-out", "optuna-tpe"), "2"),
    ((*VALIDATE, "s.yaml", "--part", "all"), "unknown part 'all'"),
    ((*VALIDATE, "s.yaml", "--sizes", "a,b"), "can't read the sizes 'a,b'"),
    ((*VALIDATE, "s.yaml", "--sizes", "100"), "100"),
    ((*VALIDATE, "s.yaml", "--draws", "0"), "--draws"),
    ((*VALIDATE, "s.yaml", "--threshold", "2"), "--threshold"),
    ((*VALIDATE, "changed.yaml"), "1 of the 8 tasks have changed since the subset was chosen, first bbob/"),
    ((*VALIDATE, "other.yaml"), "1 of the 8 tasks of the subset are not in these results, first bbob/f99/d2/i1"),
    (("subset", "validate", "t", "s.yaml"), "8 of the 8 tasks of the subset are not in these results"),
    (("run", "-o", "random", "-t", "subset:other.yaml"), "unknown task 'bbob/f99/d2/i1'"),
    (("run", "-o", "random", "-t", "subset:s.yaml/tset"), "did you mean 'test'?"),
    (("info", "subset:nothing"), "unknown subset 'nothing'"),
]


@pytest.mark.parametrize(
    ("arguments", "hint"), BAD, ids=lambda value: " ".join(value) if isinstance(value, tuple) else None
)
def test_bad_input(in_process: InProcess, here: Path, files: Path, arguments: tuple[str, ...], hint: str) -> None:
    shutil.copytree(files, here, dirs_exist_ok=True)
    before = sorted(here.rglob("*"))
    done = in_process(*arguments)
    assert done.returncode == 2, done.stderr + done.stdout
    assert hint in done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stdout == ""
    assert sorted(here.rglob("*")) == before, "nothing is written"


def test_without_numba_there_is_a_hint(in_process: InProcess, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    done = in_process(*SELECT, "g", "-k", "2", *SPANNED_BY, "--out", "s.yaml")
    assert done.returncode == 0
    assert as_installed("pip install 'optathlon[subsets]'") in done.stderr


def test_help(in_process: InProcess) -> None:
    both = in_process("subset", "--help").stdout
    assert "select" in both
    assert "validate" in both
    assert "--certify" in in_process(*SELECT, "--help").stdout
    assert "--held-out" in in_process("subset", "validate", "--help").stdout


def test_list_and_info(in_process: InProcess, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert in_process(*SELECT, "g", "-k", "3", *SPANNED_BY, "--dev", "--out", "shipped/small.yaml").returncode == 0
    monkeypatch.setattr("optathlon.subsets.subset._SHIPPED", here / "shipped")
    assert in_process("list", "subsets", "--names").stdout == "small\n"
    listed = in_process("list", "subsets").stdout
    assert listed.split(maxsplit=1) == ["small", "blackbox: 3 dev of 24 tasks, by random, sobol\n"]
    told = in_process("info", "subset:small").stdout
    for words in ("empirical", "8 evaluations", "optathlon subset select g -k 3", *Subset.read("small").tasks):
        assert words in told
    assert in_process("info", "subset:shipped/small.yaml").stdout == told
