from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from roster import LISTED

from optathlon import Capability
from optathlon.errors import UsageError


@pytest.mark.parametrize("capability", Capability)
def test_the_command_lists_those_that_declare_it(
    in_process: Callable[..., SimpleNamespace], capability: Capability
) -> None:
    done = in_process("list", "optimizers", "--where", capability, "--names")
    assert done.returncode == 0
    declaring = {name for name, cls in LISTED.items() if capability in cls.capabilities}
    assert set(done.stdout.split()) == declaring
    others = in_process("list", "optimizers", "--where", f"not {capability}", "--names")
    assert set(others.stdout.split()) == LISTED.keys() - declaring


@pytest.mark.parametrize("kind", ["collections", "subsets"])
def test_where_asks_for_optimizers_and_tasks_only(in_process: Callable[..., SimpleNamespace], kind: str) -> None:
    done = in_process("list", kind, "--where", "conditions")
    assert done.returncode == 2
    assert "--where" in done.stderr


def test_broken_packages_are_named_beside_the_list(
    in_process: Callable[..., SimpleNamespace], monkeypatch: pytest.MonkeyPatch
) -> None:
    from optathlon.registry import optimizers

    def broken(name: str) -> type:
        if name == "sobol":
            raise UsageError("'sobol' is broken")
        return LISTED[name]

    monkeypatch.setattr(optimizers, "optimizer_class", broken)
    done = in_process("list", "optimizers", "--where", "conditions", "--names")
    assert "sobol" not in done.stdout.split()
    assert "random" in done.stdout.split()
    assert "left out: 'sobol' is broken" in done.stderr
