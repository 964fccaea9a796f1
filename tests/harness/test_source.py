"""What a decorated function or an optimizer is made of is followed wherever Python itself would look."""

from __future__ import annotations

from pathlib import Path

import pytest

from optathlon.function_task import FunctionTask
from optathlon.registry.code import code_of
from optathlon.registry.plugins import import_plugin

TASK = """
from optathlon import as_task
{}
@as_task("mine/scaled", space={{"x": (0.0, 1.0)}}, probed=False)
def scaled(config):
    return config["x"] * SCALE
"""
OPTIMIZER = """
from importlib import import_module
from optathlon import Optimizer
{}
class Mine(Optimizer):
    capabilities = frozenset()
"""


def plugin(folder: Path, text: str, helper: str = "") -> Path:
    folder.mkdir()
    (folder / "helper.py").write_text(helper)
    (folder / "plugin.py").write_text(text)
    return folder / "plugin.py"


def fingerprint(path: Path) -> str:
    task = import_plugin(path).scaled
    assert isinstance(task, FunctionTask)
    return task.fingerprint()


@pytest.mark.parametrize(
    "statement",
    [
        'if __name__ == "__main__":\n    SCALE = 0\nelse:\n    SCALE = {}',
        'if __name__ != "__main__":\n    SCALE = {}',
        'SCALE = 0\nif "plugin" in __name__:\n    SCALE = {}',
    ],
)
def test_a_statement_that_runs_on_import_counts_whatever_it_asks_of_the_modules_name(
    statement: str, tmp_path: Path
) -> None:
    before, after = (plugin(tmp_path / str(scale), TASK.format(statement.format(scale))) for scale in (1, 2))
    assert fingerprint(before) != fingerprint(after)


def test_what_only_a_program_does_may_change(tmp_path: Path) -> None:
    program = 'SCALE = 1\nif __name__ == "__main__":\n    print({})'
    before, after = (plugin(tmp_path / str(scale), TASK.format(program.format(scale))) for scale in (1, 2))
    assert fingerprint(before) == fingerprint(after)


@pytest.mark.parametrize(
    "statement", ['helper = import_module(".helper", __package__)', 'helper = __import__("helper")']
)
def test_a_module_that_is_imported_by_a_call_is_followed(statement: str, tmp_path: Path) -> None:
    text = OPTIMIZER.format(statement)
    paths = [plugin(tmp_path / str(scale), text, f"SCALE = {scale}") for scale in (1, 2)]
    before, after = (code_of(import_plugin(path).Mine) for path in paths)
    assert before.difference(after) == "its source changed"
