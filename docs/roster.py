"""What `docs/optimizers.md` says of optimizers.

All is said by the optimizers' classes: the method by the first line of the docstring, and `capabilities`, `requires`,
`pending`, `reference`, and `packages`, of which the first is the library. Its version is the tested one, of
`constraints.txt`; the time comes from `benchmarks/optimizer_overhead.json`.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from optathlon.optimizer import Capability, Optimizer, Pending
from optathlon.registry.optimizers import optimizer_class
from optathlon.registry.plugins import declared

ROOT = Path(__file__).resolve().parent.parent
OVERHEAD = ROOT / "benchmarks" / "optimizer_overhead.json"

DISTRIBUTIONS = {
    "ax": "ax-platform",
    "bayes_opt": "bayesian-optimization",
    "neps": "neural-pipeline-search",
    "pybobyqa": "Py-BOBYQA",
    "sklearn": "scikit-learn",
    "skopt": "scikit-optimize",
    "vizier": "google-vizier",
}
"""Of packages that are imported by another name than they are installed by."""

SPACES = {
    Capability.CATEGORICALS: "choices",
    Capability.CONDITIONS: "conditions",
    Capability.FORBIDDENS: "forbidden",
}
PENDING = {
    Pending.WAITS: "waits",
    Pending.MODELS: "models",
    Pending.LIES: "assumes",
    Pending.IGNORES: "ignores",
}
LINKS = {
    r"doi:\s*(10\.\d{4,}/[^\s,;]*[^\s,;.])": r"[doi:\1](https://doi.org/\1)",
    r"(?i:arXiv):\s*(\d{4}\.\d{4,5})": r"[arXiv:\1](https://arxiv.org/abs/\1)",
    r"(?<!\()https?://([^\s,;]*[^\s,;./])/?": r"[\1](https://\1)",
}
"""What of a reference becomes a link."""


def parts() -> Mapping[str, str]:
    """What the page says of the optimizers, by the names of its parts."""
    classes = {name: optimizer_class(name) for name in sorted(declared("optathlon.optimizers"))}
    measured = json.loads(OVERHEAD.read_text())
    return {
        "count": count(classes),
        "abilities": "\n".join(abilities(classes, measured["milliseconds"])),
        "measured": f"Measured on {measured['machine']}.",
        "libraries": "\n".join(libraries(classes)).strip(),
    }


def count(classes: dict[str, type[Optimizer]]) -> str:
    """How many there are, of how many libraries, and how many have what is rare."""

    def having(*capabilities: Capability) -> int:
        return sum(any(one in cls.capabilities for one in capabilities) for cls in classes.values())

    return (
        f"{len(classes)} optimizers from {len({library(cls) for cls in classes.values()})} libraries. "
        f"{having(Capability.CATEGORICALS, Capability.CONDITIONS)} of them handle choices or conditions, "
        f"{having(Capability.MULTI_FIDELITY)} use fidelities, {having(Capability.MULTI_OBJECTIVE)} take several "
        f"objectives, and {having(Capability.CONSTRAINTS)} learn from constraints."
    )


def abilities(classes: dict[str, type[Optimizer]], milliseconds: dict[str, list[float | None]]) -> Iterator[str]:
    """The lines of the table of what each optimizer can do."""
    yield f"| id | {' | '.join(SPACES.values())} | fidelities | objectives | constraints | pending | ms per trial |"
    yield "|---|:-:|:-:|:-:|---|:-:|:-:|---|---|"
    for name, cls in classes.items():
        cells = [
            f"`{name}`",
            *("✓" if one in cls.capabilities else "" for one in SPACES),
            fidelities(cls),
            objectives(cls),
            use(cls, Capability.CONSTRAINTS, "✓"),
            PENDING[cls.pending],
            " / ".join(map(shown, milliseconds.get(name, [None] * 3))),
        ]
        yield "|" + "|".join(f" {cell} " if cell else " " for cell in cells) + "|"


def use(cls: type[Optimizer], capability: Capability, used: str) -> str:
    """Whether an optimizer needs what the capability is about, or can use it."""
    if capability in cls.requires:
        return "needs"
    return used if capability in cls.capabilities else ""


def fidelities(cls: type[Optimizer]) -> str:
    """Whether it needs or uses levels, and continues trials."""
    found = use(cls, Capability.MULTI_FIDELITY, "uses")
    return f"{found}, continues" if found and Capability.RESUMABLE in cls.capabilities else found


def objectives(cls: type[Optimizer]) -> str:
    """How many it takes."""
    if Capability.MULTI_OBJECTIVE in cls.requires:
        return "2+"
    return "1+" if Capability.MULTI_OBJECTIVE in cls.capabilities else "1"


def shown(milliseconds: float | None) -> str:
    """A time with two digits that count; a dash where it was not measured."""
    if milliseconds is None:
        return "–"
    return "<0.1" if milliseconds < 0.1 else f"{float(f'{milliseconds:.2g}'):,.10g}"


def libraries(classes: dict[str, type[Optimizer]]) -> Iterator[str]:
    """A heading per library with its tested version, and a line per method."""
    found: dict[str, dict[str, type[Optimizer]]] = {}
    for name, cls in classes.items():
        found.setdefault(library(cls), {})[name] = cls
    for title in sorted(found, key=str.lower):
        installs = sorted({cls.install for cls in found[title].values() if cls.install})
        yield from (f"### {title}", "")
        if versions := sorted({tested(cls) for cls in found[title].values()} - {""}):
            yield from (f"Version {' and '.join(versions)}.", "")
        for name in sorted({own.name for cls in found[title].values() if (own := environment(cls))}):
            yield from (f"In an environment of its own: `optathlon env create {name}`", "")
        for install in installs:
            yield from (f"`{from_here(install)}`", "")
        for name, cls in found[title].items():
            yield f"- `{name}`: {sentence(method(cls))} {sentence(linked(cls.reference))}".rstrip()
        yield ""


def from_here(install: str) -> str:
    """A command that installs an extra, as it is written in a copy of the repository, with the tested versions."""
    return install.replace("pip install 'optathlon[", "pip install -c constraints.txt -e '.[")


def library(cls: type[Optimizer]) -> str:
    """The name that what the method comes from is installed by."""
    if own := environment(cls):
        return str(own.requirements[0]).partition("==")[0]
    package = next(iter(cls.packages), "optathlon")
    name = DISTRIBUTIONS.get(package, package.replace("_", "-"))
    return next((pinned for pinned in pins() if pinned.lower() == name.lower()), name)


def tested(cls: type[Optimizer]) -> str:
    """The version of its library in `constraints.txt`, or in its own environment; empty where it has none."""
    if own := environment(cls):
        return str(own.requirements[0]).partition("==")[2]
    return pins().get(library(cls), "")


def environment(cls: type[Optimizer]) -> Any:
    """The virtual environment of its own that it needs, if any: its name and requirements, the library first."""
    return getattr(cls, "environment", None)


def pins() -> dict[str, str]:
    """The distributions of `constraints.txt`, with their versions."""
    return dict(re.findall(r"^([\w.-]+)==([^\s;]+)", (ROOT / "constraints.txt").read_text(), re.MULTILINE))


def method(cls: type[Optimizer]) -> str:
    """The first line of the docstring."""
    return (inspect.getdoc(cls) or "").partition("\n")[0]


def sentence(text: str) -> str:
    """The text, ended."""
    return text if not text or text.endswith(".") else f"{text}."


def linked(reference: str) -> str:
    """A reference with its DOI, arXiv id or address as a link."""
    for pattern, link in LINKS.items():
        reference, found = re.subn(pattern, link, reference)
        if found:
            break
    return reference
