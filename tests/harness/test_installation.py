"""The command that messages name works where Optathlon is installed: pip itself reads it."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from optathlon.installation import as_installed, requirement_of

EDITABLE = {"dir_info": {"editable": True}}


def origin(url: str, **others: Any) -> str:
    return json.dumps({"url": url, **others})


def test_a_checkout_is_named_by_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "it's my checkout"
    folder.mkdir()
    for others, option in ((EDITABLE, ["-e"]), ({"dir_info": {}}, [])):
        words = shlex.split(requirement_of(origin(folder.as_uri(), **others), "smac,optuna"))
        assert words == [*option, f"{folder}[smac,optuna]"]


@pytest.mark.parametrize(
    ("said", "address"),
    [
        (origin("https://host/optathlon.whl", archive_info={}), "https://host/optathlon.whl"),
        (origin("https://host/it.git", vcs_info={"vcs": "git", "commit_id": "0"}), "git+https://host/it.git"),
    ],
)
def test_an_address_is_named(said: str, address: str) -> None:
    [word] = shlex.split(requirement_of(said, "smac"))
    requirement = Requirement(word)
    assert (requirement.name, requirement.extras, requirement.url) == ("optathlon", {"smac"}, address)


def test_other_commands_stay() -> None:
    assert as_installed("pip install 'cma>=4'") == "pip install 'cma>=4'"
    assert as_installed("optathlon env create hebo") == "optathlon env create hebo"


def test_messages_name_what_pip_takes_here() -> None:
    said = distribution("optathlon").read_text("direct_url.json")
    command = as_installed("pip install 'optathlon[view]' 'other[x]'")
    expected = f"pip install {requirement_of(said, 'view')} 'other[x]'" if said else command
    assert command == expected
    assert "optathlon[view]" in command or "-e " in command or "/" in command


def test_what_runs_without_being_installed_names_the_release(tmp_path: Path) -> None:
    code = "from optathlon.installation import as_installed; print(as_installed(\"pip install 'optathlon[x]'\"))"
    package = tmp_path / "optathlon"
    package.mkdir()
    source = Path(sys.modules[as_installed.__module__].__file__ or "")
    (package / "installation.py").write_text(source.read_text())
    done = subprocess.run([sys.executable, "-S", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "pip install 'optathlon[x]'\n"
