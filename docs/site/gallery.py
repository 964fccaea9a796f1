"""The reports of the gallery: the commands that docs/gallery.md shows are run, and their reports stand below them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from optathlon.running.environment import pinning

ROOT = Path(__file__).resolve().parents[2]
MADE = re.compile(r"^optathlon (report|compare|leaderboard) .*--out (\S+)$", re.MULTILINE)
"""A command that makes a report or a leaderboard, which of them, and its folder."""


def add_reports(page: Path, folder: Path) -> None:
    """Run the blocks of commands of the page in `folder`, and add a link to each report that they make.

    What `folder` has from an earlier build is not run again, as `optathlon run` does only what is missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("configs", "docs"):
        if not (folder / name).exists():
            (folder / name).symlink_to(ROOT / name)
    text = page.read_text("utf-8")
    for block in re.findall(r"```sh\n.*?```", text, re.DOTALL):
        commands = block.removeprefix("```sh\n").removesuffix("```")
        run(commands, folder)
        links = ""
        for command, made in MADE.findall(commands):
            shutil.copytree(folder / made, page.parent / "gallery" / made)
            what = "leaderboard" if command == "leaderboard" else "report"
            links += f"\n[Open the {what}](gallery/{made}/index.html)\n"
        text = text.replace(block, f"{block}\n{links}")
    page.write_text(text, "utf-8")


def run(commands: str, folder: Path) -> None:
    """Run lines of a shell, with the `optathlon` of this environment; an error ends the build."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        cwd=folder,
        env={**os.environ, **pinning(), "PATH": path},
        check=True,
    )
