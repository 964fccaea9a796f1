"""Completion in shells: what follows, and real shells with the printed scripts."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from optathlon.cli.commands import COMMANDS
from optathlon.cli.completion import print_candidates
from optathlon.registry.plugins import collection_names, optimizer_names

InProcess = Callable[..., SimpleNamespace]


def after(line: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The words that may follow."""
    print_candidates(line)
    return [shown.partition("\t")[0] for shown in capsys.readouterr().out.splitlines()]


def test_commands_options_and_choices(capsys: pytest.CaptureFixture[str]) -> None:
    assert {"run", "list", "completion", "subset"} <= {*after("optathlon ", capsys)}
    assert after("optathlon comp", capsys) == ["compare", "compact", "completion"]
    assert after("optathlon subset sel", capsys) == ["select"]
    assert after("optathlon subset select out --sca", capsys) == ["--scale"]
    assert after("optathlon subset select out --scale ", capsys) == ["auto", "linear", "log"]
    assert after("optathlon subset select out --scale=l", capsys) == ["linear", "log"]
    assert after("optathlon list ", capsys) == ["optimizers", "tasks", "collections", "subsets"]
    assert after("optathlon --ver", capsys) == ["--version"]
    assert after("optathlon info --", capsys) == ["--json", "--plugin", "--help"]


def test_ids_of_optimizers_and_tasks(capsys: pytest.CaptureFixture[str]) -> None:
    known = [name for name in optimizer_names() if name.startswith("smac-")]
    assert after("optathlon run -o random -o smac-", capsys) == known
    assert after("optathlon run --optimizer=smac-", capsys) == known
    assert after("optathlon run -o lhs[x=1,y=2],random,smac-", capsys) == [f"lhs[x=1,y=2],random,{id}" for id in known]
    assert after("optathlon report out -t bbob/*,mfh/h3/g", capsys) == ["bbob/*,mfh/h3/good"]
    assert after("optathlon run -t ", capsys) == [*(f"{name}/" for name in collection_names()), "subset:"]
    assert after("optathlon run -t mfh/", capsys) == ["mfh/h3/", "mfh/h6/"]
    assert after("optathlon info mfh/h3/g", capsys) == ["mfh/h3/good"]
    assert after("optathlon list tasks 'mfh/h", capsys) == ["mfh/h3/", "mfh/h6/"]
    assert after("optathlon run -t subset:blackb", capsys) == [
        f"subset:blackbox{part}" for part in ("", "/dev", "/test")
    ]


@pytest.mark.parametrize(
    "line",
    [
        "optathlon report ",  # a path: the shell knows
        "optathlon run --out ",
        "optathlon nothing ",
        "optathlon run -t no-such/",
        "optathlon run -t 'a\\",
        "optathlon \N{SNOWMAN}",
    ],
)
def test_nothing_follows(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert after(line, capsys) == []


def test_an_empty_line_has_all_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert after("", capsys) == after(" ", capsys) == [*COMMANDS]


def test_completion_loads_no_library(tmp_path: Path) -> None:
    code = (
        "import sys; from optathlon.cli.completion import print_candidates\n"
        "print_candidates('optathlon run -t bbob/f1/d'); print_candidates('optathlon info sm')\n"
        "print({'ConfigSpace', 'numpy', 'pandas', 'pydantic', 'rich'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    lines = done.stdout.splitlines()
    assert {"bbob/f1/d2/", "smac-hpo"} <= {*lines}
    assert lines[-1] == "set()"


def script(shell: str, folder: Path) -> Path:
    path = folder / f"optathlon.{shell}"
    command = folder / "optathlon"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m optathlon "$@"\n')
    command.chmod(0o755)
    done = subprocess.run([command, "completion", shell], capture_output=True, text=True, check=True)
    path.write_text(done.stdout)
    return path


def said(shell: str, text: str, folder: Path) -> str:
    """What a shell says to a text of its language."""
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    environment = {"PATH": f"{folder}:/usr/bin:/bin", "HOME": str(folder), "TERM": "dumb"}
    done = subprocess.run([shell, "-c", text], capture_output=True, text=True, check=True, env=environment)
    assert done.stderr == ""
    return done.stdout


@pytest.mark.processes
def test_bash_replaces_what_is_after_the_last_colon(tmp_path: Path) -> None:
    asked = "COMP_LINE='{0}'; COMP_POINT=${{#COMP_LINE}}; _optathlon optathlon; echo \"${{COMPREPLY[*]}}\"\n"
    lines = ("optathlon run -t subset:blackb", "optathlon info mfh/h", "optathlon report ")
    text = f"source {script('bash', tmp_path)}\n" + "".join(map(asked.format, lines))
    assert said("bash", text, tmp_path).split("\n")[:3] == [
        "blackbox blackbox/dev blackbox/test",
        "mfh/h3/ mfh/h6/",
        "",
    ]


@pytest.mark.processes
def test_fish_has_descriptions_and_files(tmp_path: Path) -> None:
    path = script("fish", tmp_path)
    shown = said(
        "fish", f"source {path}; complete -C 'optathlon subset sel'; complete -C 'optathlon info mfh/h'", tmp_path
    )
    assert [line.partition("\t")[0] for line in shown.splitlines()] == ["select", "mfh/h3/", "mfh/h6/"]
    assert "Choose the k tasks" in shown
    files = said("fish", f"cd {tmp_path}; source {path}; complete -C 'optathlon report opta'", tmp_path)
    assert "optathlon.fish" in files


@pytest.mark.processes
def test_zsh_reads_its_script(tmp_path: Path) -> None:
    path = script("zsh", tmp_path)
    shown = said("zsh", f"autoload -Uz compinit; compinit -D -u; source {path}; echo $_comps[optathlon]", tmp_path)
    assert shown.strip() == "_optathlon"
