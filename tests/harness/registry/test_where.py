from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from roster import CLASSES

from optathlon import Capability
from optathlon.errors import UsageError
from optathlon.optimizers.random import RandomSearch
from optathlon.registry.where import Where


class Searcher(RandomSearch):
    capabilities = frozenset({Capability.CONDITIONS, Capability.MULTI_FIDELITY, Capability.CONSTANT_SPACES})


@pytest.mark.parametrize(
    ("where", "holds"),
    [
        ("conditions", True),
        ("Conditions , multi-fidelity", True),
        ("multi_fidelity,constant-spaces", True),
        ("conditions,categoricals", False),
        ("categoricals or conditions", True),
        ("categoricals or constraints", False),
        ("categoricals or conditions,not asynchronous", True),
        ("not conditions", False),
        ("not conditions or constant spaces", True),
        ("constraints or not asynchronous", True),
    ],
)
def test_all_parts_must_hold_and_of_alternatives_one(where: str, holds: bool) -> None:
    assert Where.parse(where).holds(Searcher) is holds


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("condtions", "did you mean 'conditions'?"),
        ("not multifidelity", "'multi-fidelity'"),
        ("conditions,", "unknown capability ''"),
        ("or", "unknown capability 'or'"),
        (" ", "--where needs a capability"),
    ],
)
def test_unknown_capabilities_are_named_with_what_there_is(where: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        Where.parse(where)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("capability", Capability)
def test_the_command_lists_those_that_declare_it(
    in_process: Callable[..., SimpleNamespace], capability: Capability
) -> None:
    done = in_process("list", "optimizers", "--where", capability, "--names")
    assert done.returncode == 0
    declaring = {name for name, cls in CLASSES.items() if capability in cls.capabilities}
    assert set(done.stdout.split()) == declaring
    others = in_process("list", "optimizers", "--where", f"not {capability}", "--names")
    assert set(others.stdout.split()) == CLASSES.keys() - declaring


def test_where_asks_for_optimizers_only(in_process: Callable[..., SimpleNamespace]) -> None:
    done = in_process("list", "tasks", "--where", "conditions")
    assert done.returncode == 2
    assert "--where" in done.stderr


def test_broken_packages_are_named_beside_the_list(
    in_process: Callable[..., SimpleNamespace], monkeypatch: pytest.MonkeyPatch
) -> None:
    from optathlon.registry import optimizers

    def broken(name: str) -> type:
        if name == "sobol":
            raise UsageError("'sobol' is broken")
        return CLASSES[name]

    monkeypatch.setattr(optimizers, "optimizer_class", broken)
    done = in_process("list", "optimizers", "--where", "conditions", "--names")
    assert "sobol" not in done.stdout.split()
    assert "random" in done.stdout.split()
    assert "left out: 'sobol' is broken" in done.stderr
