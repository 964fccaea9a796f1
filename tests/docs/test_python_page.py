"""The page of the Python interface: its code runs, and its table has all that an experiment takes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import optathlon
from optathlon import Experiment
from optathlon.registry.code import code_of

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "python.md").read_text()


def test_the_table_has_all_keywords() -> None:
    table = PAGE.partition("## Experiment")[2].partition("## Planning")[0]
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|", table, re.MULTILINE)
    named = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    assert sorted(named) == sorted(Experiment.model_fields)


@pytest.mark.slow
def test_the_code_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pinned_environment: None, own_plugins: None
) -> None:
    monkeypatch.chdir(tmp_path)
    code_of.cache_clear()
    names = {name: getattr(optathlon, name) for name in optathlon.__all__} | {"__name__": "__main__"}
    for block in re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE):
        exec(block, names)
    assert names["plan"].total == 30
    assert names["summary"].statuses == {"ok": 30}
    assert len(names["best"]) == 30
    assert (tmp_path / "line").is_dir()
