"""The section “From the archive” says what its results say, and no more."""

from __future__ import annotations

import importlib.util
import re
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
from simulation import BLACKBOX, MULTI_FIDELITY, SimulatedOptimizer, SimulatedTask, simulate

from optathlon.archive.leaderboard.boards import boards
from optathlon.archive.leaderboard.regime import regimes
from optathlon.subsets.subset import Subset

DOCS = Path(__file__).resolve().parents[2] / "docs"
OPTIMIZERS = [SimulatedOptimizer(f"opt-{skill}", skill) for skill in (2, 4, 8, 16)]
RANDOM = SimulatedOptimizer("random", 1.0)


@pytest.fixture(scope="module")
def page() -> ModuleType:
    spec = importlib.util.spec_from_file_location("from_archive", DOCS / "from_archive.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_rows_are_the_boards_and_few_tasks_are_not_advice(page: ModuleType) -> None:
    tasks = [SimulatedTask(f"box/f{i}", BLACKBOX) for i in range(12)]
    tasks += [SimulatedTask(f"levels/f{i}", MULTI_FIDELITY) for i in range(3)]
    results = simulate([RANDOM, *OPTIMIZERS], tasks, seeds=3)
    text = "\n".join(page.section(results))
    cells = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    rows = {case: rest for case, *rest in cells}
    assert {"any", "blackbox"} <= {*rows} and "multi-fidelity" not in rows
    assert "- multi-fidelity: 3 tasks that 5 optimizers share, too little for advice." in text
    (regime,) = regimes(results, seed=0)
    board = next(board for board in boards(regime, {}) if board.title == "blackbox")
    counted, ranked, leaders, alike = rows["blackbox"]
    assert (counted, ranked) == ("12", "5")
    first = board.table.iloc[0]
    assert leaders.startswith(f"`{first.name}` {first.mean_rank:.1f} ({first.low:.1f} to {first.high:.1f})")
    assert alike == f"{4 - board.table['behind_first'].sum()} of the other 4"
    # letters are of neighbours: here the second one differs from the first, and others beyond it do not
    apart = replace(board, table=board.table.assign(group=[*"abbbb"], behind_first=[False, True, False, False, True]))
    assert page.row(apart).endswith("| 2 of the other 4 |")
    assert not any("may be chance" in line for line in page.not_supported([apart], [apart]))
    untested = board.table.assign(group="", behind_first=False)
    assert page.row(replace(board, table=untested)).endswith("| not tested |")
    shares = regime.beats_random.mean()
    assert ("Worse than random search" in text) is bool((shares < 0.3).any())


def test_parts_of_a_subset_check_each_other(page: ModuleType) -> None:
    parts = Subset.read("blackbox").parts
    ids = [task for part in parts.values() for task in [*part.tasks][:4]]
    both = simulate([RANDOM, *OPTIMIZERS], [SimulatedTask(id, BLACKBOX) for id in ids], seeds=3)
    (line,) = [line for line in page.section(both) if line.startswith("- blackbox: ") and "optimizers (p" in line]
    assert re.match(r"- blackbox: [01]\.\d\d over 5 optimizers", line)
    dev = simulate([RANDOM, *OPTIMIZERS], [SimulatedTask(id, BLACKBOX) for id in ids[:4]], seeds=3)
    assert "Kendall" not in "\n".join(page.section(dev)), "one part alone can't be checked"


def test_the_page_has_one_place_for_it(page: ModuleType) -> None:
    current = (DOCS / "which-optimizer.md").read_text("utf-8")
    changed = page.filled(current, "THE SECTION")
    assert "<!-- archive -->\n\nTHE SECTION\n\n<!-- end -->" in changed
    assert page.filled(changed, "THE SECTION") == changed
    with pytest.raises(ValueError, match="0 such parts"):
        page.filled("nothing", "THE SECTION")
