"""Regenerate the tree of symbolic links that shows type checkers the import name `optathlon` (`--check` only compares).

Type checkers don't follow setuptools' `package-dir` in an editable install. Nothing at run time depends on the links.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TREE = ROOT / ".typing" / "optathlon"
FOLDERS = ("optimizers", "tasks", "subsets", "analysis", "archive", "configs")


def wanted() -> dict[str, str]:
    """Link name to target, relative to the tree."""
    harness = [entry.name for entry in (ROOT / "harness").iterdir() if entry.name != "__pycache__"]
    return {name: f"../../harness/{name}" for name in harness} | {name: f"../../{name}" for name in FOLDERS}


def found() -> dict[str, str]:
    """The links that are there."""
    return {entry.name: str(entry.readlink()) for entry in TREE.iterdir()} if TREE.exists() else {}


def main() -> int:
    """Compare or regenerate; 1 where a comparison differs."""
    if "--check" in sys.argv:
        stale = sorted(wanted().items() ^ found().items())
        if stale:
            print(f"stale: {stale}; run python .typing/link.py")
        return bool(stale)
    TREE.mkdir(exist_ok=True)
    for name in found():
        (TREE / name).unlink()
    for name, target in wanted().items():
        (TREE / name).symlink_to(target)
    return 0


if __name__ == "__main__":
    sys.exit(main())
