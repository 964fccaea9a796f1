"""Sources of methods, libraries and collections of tasks, as BibTeX."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files

PACKAGES: Mapping[str, str] = {
    "botorch": "balandat2020",
    "cmaes": "nomura2026",
    "dehb": "awad2021",
    "flaml": "wang2021",
    "google-vizier": "song2022",
    "hebo": "cowenrivers2022",
    "hyperopt": "bergstra2013",
    "matplotlib": "hunter2007",
    "nevergrad": "rapin2018",
    "numpy": "harris2020",
    "optuna": "akiba2019",
    "pandas": "mckinney2010",
    "py-bobyqa": "cartis2019",
    "pygmo": "biscani2020",
    "pymoo": "blank2020",
    "scipy": "virtanen2020",
    "smac": "lindauer2022",
    "syne-tune": "salinas2022",
}
"""What to cite for a library, by the name of its distribution."""

COLLECTIONS: Mapping[str, tuple[str, ...]] = {
    "bbob": ("hansen2009", "hansen2021"),
    "botorch": ("balandat2020",),
    "hpob": ("arango2021",),
    "lcbench": ("zimmer2021",),
    "nevergrad": ("rapin2018",),
    "pbo": ("doerr2020",),
    "pymoo": ("blank2020",),
    "taskset": ("metz2020",),
    "yahpo": ("pfisterer2022",),
}
"""What to cite for a collection of tasks."""

_CITED = re.compile(r"\\cite\{([^}]*)\}")


def cited(text: str) -> list[str]:
    """The keys that a LaTeX text cites, in order, each once."""
    return list(dict.fromkeys(key.strip() for keys in _CITED.findall(text) for key in keys.split(",")))


def package_key(package: str) -> str:
    """The key of a library: that of its paper or, where none is known, its own name."""
    name = _normalised(package)
    return PACKAGES.get(name, name)


def bibtex(keys: Iterable[str], versions: Mapping[str, str]) -> str:
    """The entries of some keys.

    Parameters
    ----------
    keys:
        Of this collection or, as `package_key` gives them, names of libraries.
    versions:
        By distribution: which version was used, for libraries of which no paper is known.
    """
    used = {_normalised(name): version for name, version in versions.items()}
    known = entries()
    return "\n".join(known.get(key) or _software(key, used.get(key, "")) for key in sorted({*keys}))


@cache
def entries() -> dict[str, str]:
    """All entries by key."""
    text = (files(__package__) / "references.bib").read_text(encoding="utf-8")
    found = re.findall(r"^@\w+\{([^,]+),.*?^\}\n", text, flags=re.MULTILINE | re.DOTALL)
    whole = re.findall(r"^@\w+\{[^,]+,.*?^\}\n", text, flags=re.MULTILINE | re.DOTALL)
    return dict(zip(found, whole, strict=True))


def _software(name: str, version: str) -> str:
    note = f"Version {version}, " if version else ""
    return (
        f"@misc{{{name},\n  key = {{{name}}},\n  title = {{{{{name}}}}},\n"
        f"  howpublished = {{Python package}},\n  note = {{{note}https://pypi.org/project/{name}/}}\n}}\n"
    )


def _normalised(package: str) -> str:
    """As package indexes compare names."""
    return re.sub(r"[-_.]+", "-", package).lower()
