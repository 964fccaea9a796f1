from __future__ import annotations

import importlib
import json
import sys

import pytest

import optathlon
from optathlon.lazy import lazy_module


def test_a_module_is_imported_when_it_is_first_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "json.tool", raising=False)
    tool = lazy_module("json.tool")
    assert "json.tool" not in sys.modules
    assert callable(tool.main)
    assert tool.main is sys.modules["json.tool"].main
    assert lazy_module("json").dumps is json.dumps


def test_what_it_lacks_is_an_error_as_of_the_module_itself() -> None:
    with pytest.raises(AttributeError, match="module 'json' has no attribute 'nothing'"):
        lazy_module("json").nothing  # noqa: B018
    with pytest.raises(ModuleNotFoundError, match="not_there"):
        lazy_module("not_there").anything  # noqa: B018


@pytest.mark.parametrize("name", ["optathlon", "optathlon.analysis", "optathlon.subsets"])
def test_names_of_a_package_are_shown_before_they_are_loaded(name: str) -> None:
    package = importlib.import_module(name)
    assert {*package.__all__} <= {*dir(package)}
    for one in package.__all__:
        found = getattr(package, one)
        assert vars(package)[one] is found, "the next time it is simply there"
        assert found.__module__.startswith("optathlon.")
    assert {*package.__all__} == {*vars(package)["_HOMES"]}


def test_what_a_package_lacks_is_an_error() -> None:
    with pytest.raises(AttributeError, match="module 'optathlon' has no attribute 'experiment_'"):
        optathlon.experiment_  # noqa: B018


def test_a_lazy_module_shows_its_names() -> None:
    assert dir(lazy_module("json")) == dir(json)
