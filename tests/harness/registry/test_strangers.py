"""Plugins and installed packages that are broken, exit, read the command line, or have modules beside them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from optathlon.errors import UsageError
from optathlon.registry.optimizers import choose_optimizer
from optathlon.registry.plugins import declared, load_plugin, optimizer_names
from optathlon.registry.tasks import make_task
from optathlon.source import sources_of

Command = Callable[..., SimpleNamespace]

BREAKS = {
    "raises": "raise ImportError('no\\nlibgl')",
    "exits": "import sys; sys.exit(0)",
    "base": "raise type('Odd', (BaseException,), {})('odd')",
    "mute": "class Mute(Exception):\n    def __str__(self):\n        raise ValueError\nraise Mute",
    "syntax": "def f(:",
    "nothing": "",
    "number": "Thing = 3",
    "other": "class Thing: pass",
}


@pytest.fixture
def installed(own_plugins: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A package whose entry points are broken in all ways, beside those of Optathlon."""
    site = tmp_path / "site-packages"
    metadata = site / "stranger-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1.0\n")
    lines = []
    for group in ("optimizers", "tasks", "executors", "judges"):
        lines.append(f"[optathlon.{group}]")
        for name, source in BREAKS.items():
            (site / f"stranger_{name}.py").write_text(source)
            lines.append(f"odd-{name} = stranger_{name}:Thing")
        lines.append("odd-absent = stranger_absent:Thing")
    (metadata / "entry_points.txt").write_text("\n".join(lines))
    monkeypatch.syspath_prepend(str(site))
    declared.cache_clear()
    yield
    declared.cache_clear()


ODD = [*(f"odd-{name}" for name in BREAKS), "odd-absent"]


@pytest.mark.usefixtures("installed")
def test_broken_packages_hide_no_others(in_process: Command) -> None:
    for kind, known in (("optimizers", "random"), ("collections", "bbob")):
        done = in_process("list", kind)
        assert done.returncode == 0, done.stderr
        lines = {line.split()[0]: line for line in done.stdout.splitlines()}
        assert "broken" not in lines[known]
        for name in ODD:
            assert "[broken: " in lines[name], name
            assert "'stranger'" in lines[name]
    done = in_process("list", "tasks")
    assert (done.returncode, "mfh/h3/good" in done.stdout) == (0, True)
    assert done.stderr.count("left out") == len(ODD)
    assert in_process("list", "tasks", "mfh/*").stderr == ""
    assert in_process("run", "-o", "random", "-t", "mfh/h3/*", "--dry-run").returncode == 0


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("name", ODD)
def test_what_is_broken_is_refused_in_one_line(in_process: Command, name: str) -> None:
    for arguments in (
        ("run", "-o", name, "-t", "mfh/h3/good"),
        ("run", "-o", "random", "-t", f"{name}/x"),
        ("run", "-o", "random", "-t", "mfh/h3/good", "--executor", name),
        ("info", name),
        ("check", name),
    ):
        done = in_process(*arguments)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), (arguments, done.stderr)
        assert f"'{name}'" in done.stderr
        assert "'stranger'" in done.stderr


COLLECTION = """from optathlon import Collection
class C(Collection):
    def ids(self): pass
    def make(self, id): pass
"""


@pytest.mark.parametrize(
    ("source", "hint"),
    [
        ("raise SystemExit(0)", "exits while it is imported"),
        ("raise SystemExit", "exits while it is imported"),
        ("import sys; sys.exit('bye')", "(bye)"),
        ("exit()", "exits while it is imported"),
        ("import argparse\np = argparse.ArgumentParser()\np.add_argument('--n', required=True)\np.parse_args()", "--n"),
        ("import sys; print('usage', file=sys.stderr); sys.exit(2)", "usage"),
        ("raise GeneratorExit", "GeneratorExit"),
        ("class Odd(BaseException): pass\nraise Odd('x')", "Odd: x"),
        ("class Mute(Exception):\n    def __str__(self): raise ValueError\nraise Mute", "Mute"),
        ("raise ValueError('one\\ntwo')", "ValueError: one two"),
        (f"{COLLECTION}", "collection C"),
        (f"{COLLECTION}    name = description = 'c'\n    def __init__(self): 1 / 0\n", "ZeroDivisionError"),
    ],
)  # fmt: skip
def test_a_plugin_that_can_not_be_imported_is_refused_in_one_line(
    in_process: Command, tmp_path: Path, source: str, hint: str
) -> None:
    (tmp_path / "odd.py").write_text(source)
    for _ in range(2):
        done = in_process("run", "--plugin", tmp_path / "odd.py", "-o", "random", "-t", "mfh/h3/good")
        assert (done.returncode, done.stderr.count("\n"), done.stdout) == (2, 1, ""), done.stderr
        assert hint in done.stderr
        assert "odd.py" in done.stderr


def test_a_plugin_sees_a_command_line_of_its_own(own_plugins: None, tmp_path: Path) -> None:
    path = tmp_path / "parses.py"
    path.write_text("import argparse, sys\nargparse.ArgumentParser().parse_args()\nseen = list(sys.argv)\n")
    before = list(sys.argv)
    assert load_plugin(path).seen == [str(path)]
    assert sys.argv == before


def test_what_a_plugin_prints_is_shown_but_not_in_the_output(
    own_plugins: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "loud.py").write_text("print('hello')")
    load_plugin(tmp_path / "loud.py")
    assert capsys.readouterr() == ("", "hello\n")


FAMILY = {
    "plugin.py": "import helper, pack.inner\nimport pack.inner as inner\nfrom pack import other\n"
    "from . import relative\n"
    "from .pack.inner import NUMBER\n"
    "from space.inner import WHO\n"
    "who = (WHO, helper.WHO, pack.inner.NUMBER, inner.NUMBER, other.WHO, relative.WHO, NUMBER)\n"
    "def late():\n    from lazy import WHO\n    return WHO\n",
    "space/inner.py": "WHO = 'space of NAME'\n",
    "helper.py": "from pack.other import WHO as OTHER\nWHO = 'helper of NAME'\n",
    "relative.py": "from .helper import WHO\n",
    "lazy.py": "WHO = 'lazy of NAME'\n",
    "pack/__init__.py": "from helper import *\n",
    "pack/inner.py": "NUMBER = 1\n",
    "pack/other.py": "WHO = 'other of NAME'\n",
}  # fmt: skip


def family(folder: Path) -> Path:
    for file, source in FAMILY.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(source.replace("NAME", folder.name))
    return folder / "plugin.py"


def test_modules_beside_a_plugin_are_those_of_its_own_folder(own_plugins: None, tmp_path: Path) -> None:
    before = set(sys.modules)
    for name in ("one", "two"):
        module: Any = load_plugin(family(tmp_path / name))
        assert module.who == (f"space of {name}", f"helper of {name}", 1, 1, f"other of {name}", f"helper of {name}", 1)
        sources_of(module)
        (tmp_path / name / "lazy.py").write_text("WHO = 'edited'")
        assert module.late() == f"lazy of {name}", "what was hashed is what runs"
    assert not {"helper", "pack", "lazy", "relative"} & (set(sys.modules) - before)


def test_a_plugin_may_be_called_like_the_library_that_it_imports(own_plugins: None, tmp_path: Path) -> None:
    (tmp_path / "yaml.py").write_text("import yaml\nLOAD = yaml.safe_load\n")
    (tmp_path / "json").mkdir()
    (tmp_path / "uses.py").write_text("import json\nDUMPS = json.dumps\n")
    assert load_plugin(tmp_path / "yaml.py").LOAD("[1]") == [1]
    assert load_plugin(tmp_path / "uses.py").DUMPS([1]) == "[1]"
    import yaml

    assert yaml.safe_load("[1]") == [1], "nobody else finds the plugin by that name"


@pytest.mark.parametrize("name", ["my-plugin.py", "2nd.py", "a.b.py", "für.py", "class.py"])
def test_a_plugin_may_have_any_name(own_plugins: None, tmp_path: Path, name: str) -> None:
    (tmp_path / "beside.py").write_text("VALUE = 0.5\n")
    (tmp_path / name).write_text(
        "from beside import VALUE\nfrom optathlon import as_task\n"
        "@as_task('toy/one', space={'x': (0.0, 1.0)})\ndef one(config):\n    return VALUE\n"
    )
    load_plugin(tmp_path / name)
    assert make_task("toy/one").evaluate({"x": 0.1}, fidelity=None, seed=0).values == (0.5,)
    assert len(make_task("toy/one").fingerprint().split(".")) == 3


def test_an_edit_within_a_second_is_seen(forget_plugins: Callable[[], None], tmp_path: Path) -> None:
    """Bytecode of another text with the same size and time would be taken for it."""
    path = tmp_path / "quick.py"
    for number in (1, 2, 3):
        forget_plugins()
        path.write_text(f"number = {number}\n")
        assert load_plugin(path).number == number


def test_a_broken_plugin_leaves_nothing_behind(own_plugins: None, tmp_path: Path) -> None:
    path = tmp_path / "walk.py"
    source = "from optathlon.optimizers.random import RandomSearch\nclass Walk(RandomSearch): pass\n"
    path.write_text(source + "1 / 0")
    with pytest.raises(UsageError, match="ZeroDivisionError"):
        load_plugin(path)
    assert "walk" not in optimizer_names()
    with pytest.raises(UsageError, match="unknown optimizer"):
        choose_optimizer("walk")
