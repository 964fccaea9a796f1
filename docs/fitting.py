"""The generated table of `docs/which-optimizer.md`: `python docs/fitting.py --write`; it only compares without.

Which optimizers can do a case is asked as a plan asks it, of a small problem of that case. What they take is read from
`benchmarks/optimizer_overhead.json`.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from ConfigSpace import (
    Categorical,
    ConfigurationSpace,
    EqualsCondition,
    Float,
    ForbiddenAndConjunction,
    ForbiddenEqualsClause,
    Integer,
)

from optathlon import Budget, Capability, Constraint, Fidelity, Objective, Optimizer, Problem
from optathlon.registry.capabilities import mismatch
from optathlon.registry.optimizers import optimizer_class
from optathlon.registry.plugins import declared

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "which-optimizer.md"
OVERHEAD = ROOT / "benchmarks" / "optimizer_overhead.json"

QUICK_MS = 100.0
"""Milliseconds of ask and tell at 50 observations, up to which an optimizer counts as quick."""
NAMED = 12
"""Longer lists are numbers only."""

ONE = (Objective("error"),)
TWO = (Objective("error"), Objective("seconds"))
EPOCHS = Fidelity("epochs", 1, 27, kind="int")
SIZE = (Constraint("size"),)


def numbers() -> ConfigurationSpace:
    """Three numbers."""
    space = ConfigurationSpace()
    space.add(Float("rate", (1e-4, 1.0), log=True), Float("decay", (0, 1)), Integer("units", (1, 100)))
    return space


def choices() -> ConfigurationSpace:
    """A choice beside them."""
    space = numbers()
    space.add(Categorical("solver", ["adam", "sgd"]))
    return space


def conditions() -> ConfigurationSpace:
    """And a number that depends on it."""
    space = choices()
    momentum = Float("momentum", (0, 1))
    space.add(momentum)
    space.add(EqualsCondition(momentum, space["solver"], "sgd"))
    return space


def forbidden() -> ConfigurationSpace:
    """Choices of which a combination is forbidden."""
    space = choices()
    space.add(Categorical("loss", ["l1", "l2"]))
    clauses = (ForbiddenEqualsClause(space["solver"], "sgd"), ForbiddenEqualsClause(space["loss"], "l1"))
    space.add(ForbiddenAndConjunction(*clauses))
    return space


def problem(space: ConfigurationSpace, **given: object) -> Problem:
    """A problem of one objective and 50 evaluations, but for what is given."""
    return Problem(space, **{"objectives": ONE, "budget": Budget(50)} | given)  # type: ignore[arg-type]


CASES: dict[str, Problem] = {
    "numbers": problem(numbers()),
    "choices": problem(choices()),
    "conditions": problem(conditions()),
    "forbidden configurations": problem(forbidden()),
    "a fidelity that is used": problem(numbers(), fidelity=EPOCHS),
    "a fidelity that is used, conditions": problem(conditions(), fidelity=EPOCHS),
    "several objectives": problem(numbers(), objectives=TWO),
    "several objectives, choices": problem(choices(), objectives=TWO),
    "several objectives, conditions": problem(conditions(), objectives=TWO),
    "several objectives, a fidelity that is used": problem(numbers(), objectives=TWO, fidelity=EPOCHS),
    "constraints that are learned from": problem(numbers(), constraints=SIZE),
    "constraints that are learned from, choices": problem(choices(), constraints=SIZE),
    "constraints that are learned from, several objectives": problem(numbers(), objectives=TWO, constraints=SIZE),
    "several trials at once": problem(numbers(), n_workers=4),
    "several trials at once, conditions": problem(conditions(), n_workers=4),
}
"""What a task may call for."""


def main() -> int:
    """Compare or write; 1 where a comparison differs."""
    page = PAGE.read_text()
    current = filled(page)
    if "--write" in sys.argv:
        PAGE.write_text(current)
    elif page != current:
        print(f"{PAGE} is not current: run python docs/fitting.py --write")
        return 1
    return 0


def filled(page: str) -> str:
    """The page with its table as it must be now, which stands between `<!-- fitting -->` and `<!-- end -->`."""
    text = "\n".join(table())
    page, found = re.subn(
        r"(?s)(<!-- fitting -->\n).*?(<!-- end -->)", lambda match: f"{match[1]}\n{text}\n\n{match[2]}", page
    )
    assert found == 1, f"{PAGE} has {found} such parts"
    return page


def table() -> Iterator[str]:
    """A line for each case: who can do it, the quick ones and the others."""
    classes = {name: optimizer_class(name) for name in sorted(declared("optathlon.optimizers"))}
    milliseconds = json.loads(OVERHEAD.read_text())["milliseconds"]
    yield f"| the task has | optimizers | up to {QUICK_MS:g} ms per trial | more, or not measured |"
    yield "|---|--:|---|---|"
    for case, one in CASES.items():
        able = [name for name, cls in classes.items() if can_do(cls, one)]
        quick = [name for name in able if (milliseconds.get(name, [None] * 3)[1] or QUICK_MS * 2) <= QUICK_MS]
        slow = [name for name in able if name not in quick]
        yield f"| {case} | {len(able)} | {listed(quick)} | {listed(slow)} |"


def can_do(cls: type[Optimizer], one: Problem) -> bool:
    """Whether an optimizer does the problem, and uses its fidelity and constraints."""
    uses_fidelity = one.fidelity is None or Capability.MULTI_FIDELITY in cls.capabilities
    uses_constraints = not one.constraints or Capability.CONSTRAINTS in cls.capabilities
    return uses_fidelity and uses_constraints and not mismatch(cls, one)


def listed(names: list[str]) -> str:
    """The names, or how many there are."""
    return ", ".join(f"`{name}`" for name in names) if len(names) <= NAMED else f"{len(names)} of them"


if __name__ == "__main__":
    sys.exit(main())
