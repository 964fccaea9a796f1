"""Where results come from: packages, machine, code and the exact command."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from optathlon.redaction import redacted_command
from optathlon.remote.environments import all_made
from optathlon.results.folder import ResultsFolder, write_atomically
from optathlon.running.gpus import ask_gpus
from optathlon.task import short_hash


def record_provenance(folder: ResultsFolder) -> str:
    """Write the provenance of this session into the results folder, and return its id."""
    content = json.dumps(provenance(), indent=1, sort_keys=True)
    id = short_hash(content)
    path = folder.path / "provenance" / f"{id}.json"
    if not path.exists():
        write_atomically(path, lambda file: file.write_text(content + "\n"))
    return id


def provenance() -> dict[str, Any]:
    """Package versions, code version, machine and command, as JSON values."""
    return {
        "command": redacted_command([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "packages": _installed_packages(),
        "environments": {
            one.name: {"python": one.python_version, "packages": dict(one.packages)} for one in all_made()
        },
        "git_commit": _git_version(Path.cwd()),
        "optathlon_commit": _git_version(Path(__file__).parent),
        "python": platform.python_version(),
        "os": platform.platform(),
        "cpu": _cpu(),
        "cpu_count": os.cpu_count(),
        "gpu": ask_gpus("name,driver_version"),
        "environment": _environment(os.environ),
    }


def _installed_packages() -> dict[str, str]:
    """Every installed distribution and its version, read from the names of the metadata folders."""
    found: dict[str, str] = {}
    for entry in map(Path, reversed(sys.path)):
        for folder in entry.glob("*.dist-info"):
            name, _, version = folder.name.removesuffix(".dist-info").partition("-")
            found[name] = version
    return dict(sorted(found.items()))


def _git_version(folder: Path) -> str | None:
    """The commit of the repository around `folder`, with `-dirty` if it has changes; `None` outside of one."""
    return _output(["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"])


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.machine())


def _environment(variables: Mapping[str, str]) -> dict[str, str]:
    """The variables that can change results."""
    names = ("PYTHONHASHSEED", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "CUDA_VISIBLE_DEVICES")
    return {name: variables[name] for name in names if name in variables}


def _output(command: list[str]) -> str | None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
