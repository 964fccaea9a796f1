"""Search spaces with conditions; ConfigSpace is imported when the first one is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from optathlon.lazy import lazy_module

if TYPE_CHECKING:
    import ConfigSpace as cs  # noqa: N813
else:
    cs = lazy_module("ConfigSpace")


def make_space(*hyperparameters: Any, when: Mapping[str, tuple[str, Sequence[Any]]] = {}) -> cs.ConfigurationSpace:
    """A search space; `when` says which parent's values make a hyperparameter active, by its name."""
    space = cs.ConfigurationSpace()
    space.add(hyperparameters)
    space.add([_condition(space[child], space[parent], values) for child, (parent, values) in when.items()])
    return space


def _condition(child: Any, parent: Any, values: Sequence[Any]) -> Any:
    if len(values) == 1:
        return cs.EqualsCondition(child, parent, values[0])
    return cs.InCondition(child, parent, list(values))


__all__ = ["cs", "make_space"]
