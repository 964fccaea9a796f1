"""The section “From the archive” of `docs/which-optimizer.md`: `python docs/from_archive.py --write [RESULTS …]`.

It says what the archive's frames say, or those of results folders: for each case, who leads, with intervals, from whom
the leader can't be told apart, and what is not supported. Without `--write` it prints the section.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd
from scipy.stats import kendalltau

from optathlon.analysis.metrics.columns import READ_COLUMNS
from optathlon.analysis.stats.comparison import by_group
from optathlon.analysis.stats.final_ranks import final_ranks
from optathlon.analysis.stats.focus import mean_effects
from optathlon.analysis.stats.ranking import task_ranks
from optathlon.archive.leaderboard.boards import Board, boards
from optathlon.archive.leaderboard.facts import overhead_of
from optathlon.archive.leaderboard.regime import Regime, regimes
from optathlon.archive.together import together
from optathlon.errors import UsageError
from optathlon.results.frames import Results, load
from optathlon.subsets.subset import Subset, shipped

PAGE = Path(__file__).resolve().parent / "which-optimizer.md"
SHOWN = 5
"""The optimizers of a case that are named."""
ENOUGH_TASKS = 8
"""Over fewer tasks a ranking is not supported: by Wilcoxon's test with Holm's correction hardly anything can differ."""
ENOUGH_OPTIMIZERS = 5
CHANCE = 0.025
"""That a 95 % interval lies on one given side of what is true."""
CASES = {"all": "any", "type": "", "space": "search space: ", "size": ""}
"""What is put before the name of a board, by its facet; boards of other facets are no cases."""


def main(arguments: Sequence[str]) -> int:
    """Print the section, or write it into the page."""
    folders = [argument for argument in arguments if argument != "--write"]
    text = "\n".join(section(results_of(folders)))
    if "--write" in arguments:
        PAGE.write_text(filled(PAGE.read_text("utf-8"), text), "utf-8")
    else:
        print(text)
    return 0


def results_of(folders: Sequence[str]) -> Results:
    """The runs of results folders or, where none is given, all that ship."""
    if folders:
        return together([load(folder, columns=READ_COLUMNS) for folder in folders])
    from optathlon import baselines

    return baselines()


def filled(page: str, text: str) -> str:
    """The page with its section, which stands between `<!-- archive -->` and `<!-- end -->`."""
    block = r"(?s)(<!-- archive -->\n).*?(<!-- end -->)"
    page, found = re.subn(block, lambda match: f"{match[1]}\n{text}\n\n{match[2]}", page)
    if found != 1:
        raise ValueError(f"{PAGE} has {found} such parts")
    return page


def section(results: Results) -> Iterator[str]:
    """The lines of the section."""
    found = regimes(results, seed=0)
    for number, regime in enumerate(found):
        if number:
            yield ""
        yield from of_regime(regime)


def of_regime(regime: Regime) -> Iterator[str]:
    """The lines on runs of one budget: a table of cases, and what is not supported."""
    analysis = regime.analysis
    tasks, optimizers = (analysis.final_losses.index.unique(level) for level in ("task", "optimizer"))
    seeds = int(regime.ran.to_numpy().max())
    yield (
        f"**{regime.title}** (up to {seeds} seeds; {len(optimizers)} optimizers, {len(tasks)} tasks, runs until "
        f"{day(analysis.results.runs)}). In each row the optimizers are ranked on the tasks that all of them ran."
        f"{fewer_seeds(regime.ran)}"
    )
    yield ""
    cases = [board for board in boards(regime, {}) if board.facet in CASES]
    able = [board for board in cases if is_supported(board)]
    if able:
        yield "| case | tasks | ranked | best mean ranks (95 % interval) | first not shown to be better than |"
        yield "|---|--:|--:|---|---|"
        yield from map(row, able)
        yield ""
        yield from against_random(regime)
        yield ""
    yield from cross_check(regime)
    yield from not_supported(cases, able)


def fewer_seeds(ran: pd.DataFrame) -> str:
    """Which optimizers have fewer runs on some task than others; `ran` is how many each has, tasks x optimizers."""
    short = ran.gt(0) & ran.lt(ran.max(axis="columns"), axis="index")
    names = [f"`{name}` on {count} {'task' if count == 1 else 'tasks'}" for name, count in short.sum().items() if count]
    return f" With fewer seeds than others: {', '.join(names)}; no run is left out." if names else ""


def cross_check(regime: Regime) -> Iterator[str]:
    """Whether the order of the optimizers on the dev parts of subsets is that on their test parts, by type of task."""
    types = regime.analysis.results.tasks["type"].astype(str)
    found = []
    for name in sorted({*types} & {*shipped()}):
        parts = {task: part for part, own in Subset.read(name).parts.items() for task in own.tasks}
        group = pd.Series({task: parts[task] for task in types.index[types == name] if task in parts}, dtype=object)
        if group.nunique() == 2 and (line := agreement(regime, name, group)):
            found.append(line)
    if found:
        yield "Do the test parts say the same as the dev parts? Kendall's τ of the mean ranks, 1 for the same order:"
        yield ""
        yield from found
        yield ""


def agreement(regime: Regime, name: str, group: pd.Series) -> str:
    """A line on the agreement of two parts; empty where they share too few optimizers."""
    losses = regime.analysis.losses
    here = losses[losses.index.get_level_values("task").isin(group.index)]
    ranked = [
        task_ranks(final_ranks(part)).iloc[:, -1].groupby(level="optimizer").mean() for part in by_group(here, group)
    ]
    if len(ranked) != 2:
        return ""
    both = pd.concat(ranked, axis="columns", join="inner")
    if len(both) < ENOUGH_OPTIMIZERS:
        return ""
    found = kendalltau(both.iloc[:, 0], both.iloc[:, 1])
    leaders = [f"`{both.iloc[:, place].idxmin()}`" for place in range(2)]
    same = f"the same leader, {leaders[0]}" if leaders[0] == leaders[1] else f"leaders {' and '.join(leaders)}"
    return f"- {name}: {found.statistic:.2f} over {len(both)} optimizers (p = {found.pvalue:.2g}); {same}."


def day(runs: pd.DataFrame) -> str:
    """The day of the last run."""
    started = pd.to_datetime(runs["started"], utc=True).dropna()
    return f"{started.max():%Y-%m-%d}" if len(started) else "an unknown day"


def is_supported(board: Board) -> bool:
    """Whether a board has tasks and optimizers enough to be read as advice."""
    return board.tasks >= ENOUGH_TASKS and board.ranked >= ENOUGH_OPTIMIZERS


def title_of(board: Board) -> str:
    """A case as the page calls it."""
    return "any" if board.facet == "all" else CASES[board.facet] + board.title


def row(board: Board) -> str:
    """A case: its leaders with intervals, and than how many others the first is not shown to be better."""
    ranked = board.table[board.table["place"].notna()]
    leaders = ", ".join(
        f"`{one.Index}` {one.mean_rank:.1f} ({one.low:.1f} to {one.high:.1f})"
        for one in ranked.head(SHOWN).itertuples()
    )
    of = f"{board.tasks} of {board.all_tasks}" if board.tasks < board.all_tasks else f"{board.tasks}"
    return f"| {title_of(board)} | {of} | {board.ranked} | {leaders} | {like_the_first(ranked)} |"


def like_the_first(ranked: pd.DataFrame) -> str:
    """Than how many the first is not shown to be better; “not tested” where nothing could be."""
    if not ranked["group"].iloc[0]:
        return "not tested"
    others = ranked["behind_first"].iloc[1:]
    return f"{(~others.astype(bool)).sum()} of the other {len(others)}"


def against_random(regime: Regime) -> Iterator[str]:
    """How many optimizers are better than random search, each on the tasks that both ran, and which are worse."""
    if not regime.has_random:
        return
    effects = mean_effects(regime.beats_random, seed=0).dropna()
    tasks = regime.beats_random.notna().sum().reindex(effects.index)
    known = effects[tasks >= ENOUGH_TASKS]
    better, worse = known[known["low"] > 0.5], known[known["high"] < 0.5]
    unknown = len(known) - len(better) - len(worse)
    yield (
        f"Of {len(known)} optimizers with {ENOUGH_TASKS} tasks or more beside `random`, {len(better)} beat it more "
        f"often than not by their 95 % interval, {len(worse)} less often than not, and of {unknown} it can't be said. "
        f"Were all of them random search, chance alone would give {CHANCE * len(known):.0f} of each kind."
    )
    quick = [name for name in better.sort_values("estimate", ascending=False).index if overhead_of(name) <= 1.0]
    if quick:
        shown = ", ".join(
            f"`{name}` {better.at[name, 'estimate']:.0%} on {tasks[name]} tasks" for name in quick[:SHOWN]
        )
        yield f"Of those that take at most 1 ms per trial, these beat it most often: {shown}."
    if len(worse):
        names = ", ".join(f"`{name}`" for name in worse.sort_values("estimate").index[:SHOWN])
        yield f"Worse than random search, the worst first: {names}."


def not_supported(cases: Sequence[Board], able: Sequence[Board]) -> Iterator[str]:
    """What the runs don't say."""
    yield "Not supported by these runs:"
    yield ""
    for board in cases:
        if board not in able:
            yield f"- {title_of(board)}: {counted(board)}, too little for advice."
    for board in able:
        ranked = board.table[board.table["place"].notna()]
        if not ranked["group"].iloc[0]:
            yield f"- {title_of(board)}: any difference at all; {board.note[0].lower()}{board.note[1:]}"
        elif not ranked["behind_first"].iloc[1]:
            yield f"- {title_of(board)}: that `{ranked.index[0]}` is better than `{ranked.index[1]}`; it may be chance."
    yield "- That an optimizer which isn't ranked is worse: it could not do some of the tasks, or has not run them yet."


def counted(board: Board) -> str:
    """On how many tasks how many are ranked."""
    tasks = f"{board.tasks} {'task' if board.tasks == 1 else 'tasks'}"
    return f"{tasks} that {board.ranked} optimizers share"


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except UsageError as error:
        sys.exit(str(error))
