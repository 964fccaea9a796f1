"""The commands and the snippets of the pages are ones that Optathlon knows; those of the tutorial do what they say."""

from __future__ import annotations

import ast
import importlib
import os
import re
import shlex
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
import typer
from pages import PAGES, ROOT, blocks, commands
from typer.core import TyperGroup

from optathlon.cli.commands import command as whole_command

SHOWN = [
    pytest.param(page, words, id=f"{page.stem}: {shlex.join(words)}"[:120])
    for page in PAGES
    for words in commands(page)
]
LOOKS = {"list", "info"}
RUN_AS_THEY_STAND = {"tutorial", "gallery"}
INVENTED = re.compile(r"my[-_]\w+|mine\.yaml")
"""Names in commands that stand for what readers have written themselves."""
PLANNED = [
    pytest.param(words, id=f"{page.stem}: {shlex.join(words)}"[:120])
    for page in PAGES
    for words in commands(page)
    if words[0] in {"run", *LOOKS} and page.stem not in RUN_AS_THEY_STAND and not INVENTED.search(" ".join(words))
]
SNIPPETS = [
    pytest.param(code, id=f"{page.stem}-{number}")
    for page in PAGES
    for number, code in enumerate(blocks(page, "python"))
]


@pytest.mark.parametrize(("page", "words"), SHOWN)
def test_the_command_line_knows_what_pages_show(page: Path, words: list[str]) -> None:
    """Every command and option is there, and no argument is missing; nothing is run."""
    command, name = whole_command(), "optathlon"
    while isinstance(command, TyperGroup) and words != ["--help"]:
        context = typer.Context(command, info_name=name)
        found, command, words = command.resolve_command(context, words)
        name = f"{name} {found}"
    if "--help" not in words:
        command.make_context(name, list(words))


@pytest.mark.slow
@pytest.mark.parametrize("words", PLANNED)
def test_ids_and_patterns_of_pages_are_there(words: list[str], command: Any, tmp_path: Path) -> None:
    """What looks only is run as it stands; of runs the plan is made."""
    for name in ("docs", "configs"):
        (tmp_path / name).symlink_to(ROOT / name)
    for file in (ROOT / "docs" / "examples").iterdir():
        (tmp_path / file.name).symlink_to(file)
    done = command(*words, *(["--dry-run"] if words[0] == "run" and "--dry-run" not in words else []), cwd=tmp_path)
    if "optathlon data fetch" in done.stderr or "optathlon env create" in done.stderr:
        pytest.skip(done.stderr.splitlines()[-1])
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("code", SNIPPETS)
def test_snippets_import_names_that_are_there(code: str) -> None:
    for node in ast.walk(ast.parse(whole(code))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("optathlon"):
            module = importlib.import_module(node.module)
            assert all(hasattr(module, alias.name) for alias in node.names), ast.unparse(node)


def whole(code: str) -> str:
    """A snippet that Python can read: pages may show a decorator alone, or a method without its class."""
    code = textwrap.dedent(code.replace("…", "...")).rstrip()
    return f"{code}\ndef function(): ..." if code.splitlines()[-1].startswith("@") else code


@pytest.mark.slow
def test_the_tutorial_does_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its commands, word for word in a shell, and its Python after them."""
    page = ROOT / "docs" / "tutorial.md"
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    script = "".join(blocks(page, "sh"))
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "to do    24" in done.stdout
    assert (tmp_path / "first" / "report" / "index.html").exists()
    assert "no difference can be shown" in done.stdout
    (code,) = blocks(page, "python")
    values: dict[str, Any] = {}
    monkeypatch.chdir(tmp_path)
    exec(code, values)
    assert len(values["best"]) == 12
