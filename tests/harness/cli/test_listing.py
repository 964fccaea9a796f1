"""`optathlon list` and `info`: filters, counts, columns, and how little they load."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

InProcess = Callable[..., SimpleNamespace]

PLUGIN = '''
from dataclasses import replace

from optathlon import Collection, TaskType, as_task
from optathlon.facts import Evaluation, Facts

FACTS = Facts(
    type=TaskType.BLACKBOX,
    kind=Evaluation.TRAINING,
    domain="tabular data",
    description="A forest is trained on the data set iris, and its error is minimised.",
    floats=2,
    categoricals=1,
    conditional=True,
    noisy=True,
    seconds=0.25,
    recommended=True,
    licence="BSD-3-Clause",
    citation="Breiman (2001)",
)


class Many(Collection):
    """Ids read `many/NUMBER`."""

    name = "many"
    description = "sixty thousand trainings"
    packages = ("json",)

    def ids(self):
        return (f"many/{number}" for number in range(60_000))

    def make(self, id):
        raise KeyError(id)

    def facts(self):
        yield FACTS, [f"many/{number}" for number in range(50_000)]
        table = replace(FACTS, kind=Evaluation.TABLE, type=TaskType.MULTI_FIDELITY, fidelity="epochs", download=True)
        yield table, [f"many/{number}" for number in range(50_000, 60_000)]


class Odd(Collection):
    name = "odd"
    description = "a collection whose facts can't be told"
    packages = ("no_such_package",)
    install = "pip install no-such-package"

    def ids(self):
        return iter(["odd/a"])

    def make(self, id):
        raise KeyError(id)

    def facts(self):
        raise RuntimeError("no facts")
        yield


@as_task("alone/line", space={"x": (0.0, 1.0), "n": (1, 5)})
def line(config, seed):
    """A straight line
    is minimised.

    In more words.
    """
    return config["x"]
'''


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPTATHLON_DATA", str(tmp_path / "no-data"))
    (tmp_path / "toys.py").write_text(PLUGIN)
    return tmp_path


def listed(in_process: InProcess, *arguments: str) -> list[str]:
    done = in_process("list", "tasks", *arguments, "--plugin", "toys.py")
    assert done.returncode == 0, done.stderr
    return list(done.stdout.splitlines())


def test_facts_filter_tasks_without_making_them(in_process: InProcess, here: Path) -> None:
    assert listed(in_process, "many/*", "--where", "kind == table and dims == 3 and collection == 'many'") == [
        f"many/{number}" for number in range(50_000, 60_000)
    ]
    assert listed(in_process, "many/5999?", "--where", "conditional, 'IRIS' in description") == [
        f"many/5999{digit}" for digit in range(10)
    ]
    assert listed(in_process, "alone/*", "--where", "noisy and mixed and not real") == ["alone/line"]
    assert listed(in_process, "mfh/*", "--where", "dims > 3") == [
        f"mfh/h6/{quality}" for quality in ("good", "moderate", "bad", "terrible")
    ]


def test_collections_whose_facts_fail_are_named_beside_the_list(in_process: InProcess, here: Path) -> None:
    done = in_process("list", "tasks", "odd/*", "--where", "dims", "--plugin", "toys.py")
    assert done.returncode == 0
    assert "left out: the facts of 'odd' can't be told: RuntimeError: no facts" in done.stderr
    assert "odd/a" in in_process("list", "tasks", "--plugin", "toys.py").stdout.split()


def test_counts_tell_kinds_apart(in_process: InProcess, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("optathlon.registry.plugins.declared", lambda group: {})
    lines = listed(in_process, "--count")
    rows = {line[:26].strip(): line[26:].split() for line in lines[:6]}
    assert rows[""] == ["functions", "tables", "surrogates", "trainings", "unknown", "all"]
    assert rows["blackbox"] == ["0", "0", "0", "50,000", "1", "50,001"]
    assert rows["multi-fidelity"] == ["0", "10,000", "0", "0", "0", "10,000"]
    assert rows["multi-objective"] == ["0"] * 6
    assert rows["all"] == ["0", "10,000", "0", "50,000", "1", "60,001"]
    counts = {text: number for number, text in (line.split(maxsplit=1) for line in lines[7:])}
    assert counts["mixed: hyperparameters of several kinds"] == "60,001"
    assert counts["conditional"] == "60,000"
    assert counts["noisy"] == "60,001"
    assert counts["constrained"] == "0"
    assert counts["real: values of trainings, not of functions"] == "60,000"
    assert counts["need data to be fetched first"] == "10,000"
    assert counts["recommended and real"] == "60,000"
    assert counts["recommended and real, without data to be fetched"] == "50,000"
    assert next(number for text, number in counts.items() if "not installed" in text) == "0"


def test_counts_add_up_to_the_names(in_process: InProcess, here: Path) -> None:
    for pattern in ("many/*", "pymoo/*", "llm-table/*"):
        assert listed(in_process, pattern, "--count")[5].split()[-1] == f"{len(listed(in_process, pattern)):,}"


def test_tasks_have_columns_on_a_terminal(in_process: InProcess, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    primary, secondary = pty.openpty()
    with os.fdopen(primary, "rb"), os.fdopen(secondary, "w") as terminal:
        monkeypatch.setattr("optathlon.cli.listing.sys.stdout", terminal)
        shown = io.StringIO()
        monkeypatch.setattr("optathlon.cli.listing.show_lines", lambda lines: print(*lines, sep="\n", file=shown))
        in_process("list", "tasks", "many/1234*", "--plugin", "toys.py")
        in_process("list", "tasks", "mfh/h3/good", "--names")
    first, *_, last = shown.getvalue().splitlines()
    words = "blackbox  training  2 floats, 1 categorical  conditional; noisy; recommended; 0.25 s"
    assert re.sub(" {3,}", "  ", first) == f"many/1234  {words}"
    assert last == "mfh/h3/good"


def test_info_of_a_collection(in_process: InProcess, here: Path) -> None:
    told = in_process("info", "many", "--plugin", "toys.py").stdout
    for words in (
        "many  (60,000 tasks listed)",
        "Ids read `many/NUMBER`.",
        "50,000 blackbox, 10,000 multi-fidelity",
        "10,000 tables, 50,000 trainings, 60,000 mixed, 60,000 conditional, 60,000 real",
        "BSD-3-Clause",
        "Breiman (2001)",
        "many/0",
    ):
        assert words in told
    assert "not installed: pip install no-such-package" in in_process("list", "collections").stdout
    assert in_process("info", "manny", "--plugin", "toys.py").stderr.endswith("did you mean 'many'?\n")


def test_info_of_a_task_tells_its_facts(in_process: InProcess, here: Path) -> None:
    told = in_process("info", "alone/line", "--plugin", "toys.py").stdout
    assert "\nA straight line is minimised.\n" in told
    assert "1 float, 1 integer; noisy" in told
    told = in_process("info", "mfh/h3/bad").stdout
    for words in ("Hartmann function in 3 dimensions", "function, synthetic", "Kandasamy", "Apache-2.0", "3 floats"):
        assert words in told


def test_info_of_a_subset_tells_what_its_tasks_are(in_process: InProcess, here: Path) -> None:
    both = in_process("info", "subset:multi-fidelity").stdout
    assert ("\ndev: " in both, "\ntest: " in both) == (True, True)
    dev = in_process("info", "subset:multi-fidelity/dev").stdout
    assert ("\ndev: 10 tasks" in dev, "\ntest: " in dev) == (True, False)
    counts = dict(reversed(pair.split(" ")) for pair in dev.partition("\ndev: ")[2].splitlines()[1].strip().split(", "))
    tasks = [line.strip() for line in dev.splitlines() if line.startswith("  ") and "/" in line and "," not in line]
    assert int(counts["functions"]) == sum(task.startswith("mfh/") for task in tasks)
    assert {"mixed", "conditional", "real"} <= counts.keys()
    assert "unknown part 'def'" in in_process("info", "subset:multi-fidelity/def").stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("tasks", "--where", "dim < 3"), "did you mean 'dims'?"),
        (("tasks", "--count", "--names"), "--count counts tasks"),
        (("optimizers", "--count"), "--count counts tasks"),
        (("optimizers", "--where", "dims < 3"), "unknown capability 'dims'"),
    ],
)
def test_bad_filters_are_one_line(in_process: InProcess, here: Path, arguments: tuple[str, ...], message: str) -> None:
    done = in_process("list", *arguments)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert message in done.stderr


def test_names_are_listed_without_search_spaces(here: Path) -> None:
    code = """
import io, json, re, sys
from contextlib import redirect_stdout
from optathlon.cli import main

sys.argv = ["optathlon", "list", "tasks", "--names", "--plugin", "toys.py"]
shown = io.StringIO()
try:
    with redirect_stdout(shown):
        main()
except SystemExit as end:
    assert not end.code
peak = int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])  # rusage has the parent's
print(json.dumps({"ids": len(shown.getvalue().split()), "modules": list(sys.modules), "kilobytes": peak}))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert found["ids"] > 62_000
    assert {"ConfigSpace", "scipy", "pandas", "torch", "sklearn", "pymoo", "ioh"} & set(found["modules"]) == set()
    assert found["kilobytes"] < 300_000


def test_a_run_takes_tasks_of_which_something_holds(in_process: InProcess, here: Path) -> None:
    run = ("run", "-o", "random", "-t", "mfh/*", "-t", "alone/line", "--plugin", "toys.py", "--dry-run")
    assert "1 optimizers x 4 tasks" in in_process(*run, "--where", "dims > 3").stdout
    assert "1 optimizers x 1 tasks" in in_process(*run, "--where", "mixed").stdout
    (here / "e.yaml").write_text("optimizers: [random]\ntasks: ['mfh/*']\nwhere: dims == 3\n")
    assert "1 optimizers x 4 tasks" in in_process("run", "e.yaml", "--dry-run").stdout
    for where, message in (("dims > 99", "holds for none of the 9 tasks"), ("dim > 3", "did you mean 'dims'?")):
        done = in_process(*run, "--where", where)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert message in done.stderr
