"""The names of setups, without reading what they say."""

from __future__ import annotations

from optathlon.data import data_root
from optathlon.llm.smol import FILE, FOLDER

TINY, SMOL = "tiny", "smol"
"""Those that are built in."""


def setup_names() -> list[str]:
    """`tiny`, `smol` where its model has been fetched, and the setups in the data folder."""
    return [TINY, *([SMOL] if (data_root() / FOLDER / FILE).is_file() else []), *own_setups()]


def own_setups() -> list[str]:
    """The setups in the data folder."""
    return sorted(path.stem for path in (data_root() / FOLDER).glob("*.yaml") if path.stem not in (TINY, SMOL))
