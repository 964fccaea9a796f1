"""`--json`: documents that their published schemas allow, and that say what the commands say."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from optathlon import load
from optathlon.cli.json_documents import show_json
from optathlon.facts import Facts
from optathlon.registry.plugins import collection_names, optimizer_names

InProcess = Callable[..., SimpleNamespace]
Documents = Callable[..., Any]
ACCENTED = "caf\N{LATIN SMALL LETTER E WITH ACUTE}"
DOCS = Path(__file__).resolve().parents[3] / "docs"


def strict(schema: Any) -> Any:
    """The schema, which allows no key that it doesn't name: an unknown one has been forgotten in the docs."""
    if isinstance(schema, dict):
        closed = {"additionalProperties": False} if "properties" in schema else {}
        return {key: strict(value) for key, value in schema.items()} | closed
    return list(map(strict, schema)) if isinstance(schema, list) else schema


@pytest.fixture
def documents(in_process: InProcess) -> Documents:
    """What a command prints with `--json`, which its schema allows."""
    jsonschema = pytest.importorskip("jsonschema")

    def read(command: str, *arguments: object) -> Any:
        done = in_process(command, *arguments, "--json")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.isascii()
        document = json.loads(done.stdout, parse_constant=pytest.fail)
        schema = json.loads((DOCS / "schemas" / f"{command}.json").read_text())
        jsonschema.Draft202012Validator.check_schema(schema)
        jsonschema.validate(document, schema)
        jsonschema.validate(document, strict(schema))
        return document

    return read


@pytest.fixture(scope="module")
def grids(tmp_path_factory: pytest.TempPathFactory, command: Callable[..., Any]) -> Path:
    folder = tmp_path_factory.mktemp("grids")
    (folder / "odd.py").write_text(
        "from optathlon import as_task\n\n"
        "@as_task('odd/log', space={'x': (-1.0, 1.0)})\n"
        f"def log(config):\n    raise ValueError({ACCENTED!r})\n"
    )
    grid = ("-o", "random", "-o", "sobol", "-t", "mfh/h3/*", "-t", "odd/log", "--plugin", "odd.py", "--budget", 3)
    for name, seed in (("a", 0), ("b", 1)):
        assert command("run", *grid, "--root-seed", seed, "--out", name, cwd=folder).returncode == 1
    return folder


def test_the_schemas_and_their_page_are_current() -> None:
    done = subprocess.run([sys.executable, DOCS / "schemas.py"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_lists(documents: Documents) -> None:
    optimizers = documents("list", "optimizers", "[rs]*")
    assert [one["id"] for one in optimizers] == [name for name in optimizer_names() if name[0] in "rs"]
    assert optimizers[0]["capabilities"] == sorted(optimizers[0]["capabilities"])
    collections = documents("list", "collections", "m*")
    assert [one["id"] for one in collections] == [name for name in collection_names() if name.startswith("m")]
    tasks = documents("list", "tasks", "mfh/*", "--where", "dims == 3")
    assert [one["id"] for one in tasks] == [f"mfh/h3/{one}" for one in ("good", "moderate", "bad", "terrible")]
    facts = {*Facts.__dataclass_fields__} - {"kind"} | {"id", "kind", "collection", "evaluation"}
    assert {*tasks[0]} == facts, "all that is known"
    subsets = documents("list", "subsets", "blackbox")
    assert [len(part["tasks"]) for part in subsets[0]["parts"]] == [20, 20]
    assert documents("list", "tasks", "no-such/*") == []


def test_broken_packages_are_entries(
    documents: Documents, in_process: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    from optathlon.errors import UsageError

    def fails(name: str) -> None:
        raise UsageError("no good")

    monkeypatch.setattr("optathlon.registry.optimizers.optimizer_class", fails)
    assert documents("list", "optimizers", "random") == [{"id": "random", "kind": "optimizer", "broken": "no good"}]


def test_information(documents: Documents) -> None:
    assert documents("info", "random")["options"] == []
    assert documents("info", "sobol")["documentation"]
    task = documents("info", "mfh/h3/good")
    assert task["problem"]["objectives"][0]["direction"] == "minimize"
    assert task["problem"]["fidelity"] == {"name": "z", "lower": 3, "upper": 100, "levels": []}
    assert len(task["problem"]["space"]["hyperparameters"]) == 3
    assert documents("info", "mfh")["tasks"] == 8
    assert documents("info", "subset:blackbox/dev")["parts"][0]["name"] == "dev"
    carps = documents("info", "carps:bbob/2/12/0")
    assert carps["tasks"] == {"bbob/2/12/0": "bbob/f12/d2/i0"}
    descriptor = documents("info", DOCS / "examples" / "networks.yaml")
    assert [one["kind"] for one in descriptor] == ["task"] * len(descriptor)


def test_status_of_a_folder(documents: Documents, grids: Path) -> None:
    state = documents("status", grids / "a")
    assert state["statuses"] == {"crashed": 2, "ok": 8}
    assert [(one["status"], one["runs"]) for one in state["failures"]] == [("crashed", 2)]
    assert ACCENTED in state["failures"][0]["reason"]
    assert (state["drivers"], state["left"]) == ([], 0)
    assert state["bytes"] == sum(path.stat().st_size for path in (grids / "a").rglob("*") if path.is_file())


def test_comparison_of_folders(documents: Documents, grids: Path, tmp_path: Path) -> None:
    found = documents("compare", grids / "a", grids / "b", "--names", "old,new", "--out", tmp_path / "page")
    assert (found["first"], found["second"]) == ("old", "new")
    assert [one["optimizer"] for one in found["changes"]] == ["random", "sobol"]
    random = found["changes"][0]
    assert random["better"] + random["equal"] + random["worse"] == random["tasks"] == 5
    assert {one["task"] for one in found["tasks"]} == {*load(grids / "a").runs["task"].astype(str)}
    assert Path(found["report"]).is_file()


def test_numbers_that_are_none_are_null(capsys: pytest.CaptureFixture[str]) -> None:
    import numpy as np

    show_json({"a": float("nan"), "b": [float("inf"), np.int64(3), np.float64(0.5)], "c": Path("x"), "d": {1: True}})
    assert json.loads(capsys.readouterr().out) == {"a": None, "b": [None, 3, 0.5], "c": "x", "d": {"1": True}}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("list", "tasks", "--json", "--names"), "leave --names and --count out"),
        (("list", "tasks", "--json", "--count"), "leave --names and --count out"),
        (("info", "randon", "--json"), "did you mean 'random'?"),
        (("status", "no-such", "--json"), "no-such"),
    ],
)
def test_bad_input_is_one_line(in_process: InProcess, arguments: tuple[str, ...], words: str) -> None:
    done = in_process(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


def test_status_is_not_watched_in_json(in_process: InProcess, grids: Path) -> None:
    done = in_process("status", grids / "a", "--json", "--watch")
    assert done.returncode == 2
    assert "leave --watch out" in done.stderr
