from __future__ import annotations

import json
import sys

import pytest

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
