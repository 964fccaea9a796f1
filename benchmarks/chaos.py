"""Kill random processes of a hostile grid 20 times, repeat the command, and compare: `python benchmarks/chaos.py`.

Victims are the driver and its workers, by SIGKILL, at random moments. A driver that was killed is started again with
the same command; what lost its worker twice is done by `optathlon retry` in the end. The tables must then be those of a
grid that nobody disturbed, times and machine aside. Beside real tasks the grid has the objectives and the optimizer of
`hostile.py`: every text that they left must be storable and short, and no file damaged. `--kills` and `--seed` choose
another course of events, and `--small` a grid of a minute.
"""

from __future__ import annotations

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
import psutil

from optathlon.results.damage import set_aside_damaged
from optathlon.results.folder import ResultsFolder
from optathlon.results.frames import load
from optathlon.running.environment import pin
from optathlon.text import ERROR_CHARACTERS, clean

GRID = [
    *("-o", "random", "-o", "sobol", "-o", "optuna-tpe", "-o", "smac-hpo", "-o", "smac-mf", "-o", "smac-bb"),
    *("-t", "bbob/f15/d5/i1", "-t", "hpobench/fcnet/naval_propulsion", "-t", "mfh/h3/good", "-t", "sklearn/svm/iris"),
    *("--seeds", "4", "--budget", "20", "-j", "2"),
]
SMALL = ["-o", "random", "-t", "mfh/h3/good", "--seeds", "2", "--budget", "8", "-j", "2"]
HOSTILE = ["-o", "rude", "-t", "hostile/*", "--plugin", str(Path(__file__).with_name("hostile.py").resolve())]
TIMES = ["started", "seconds", "host", "provenance", "attempt", "ask_s", "tell_s", "evaluate_s", "start", "end"]
MEASURED = [*TIMES, "cost", "fit_seconds", "peak_memory", "error"]
"""The error of a trial that was ended says how much memory it took."""


def start(grid: list[str], out: Path) -> subprocess.Popen[bytes]:
    """The grid's command, in the background."""
    command = [sys.executable, "-m", "optathlon", "run", *grid, "--out", str(out)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def victim(driver: subprocess.Popen[bytes], chance: random.Random) -> psutil.Process:
    """The driver, or as often one of its workers."""
    process = psutil.Process(driver.pid)
    workers = process.children()
    return chance.choice(workers) if workers and chance.random() < 0.5 else process


def disturb(grid: list[str], out: Path, kills: int, chance: random.Random) -> int:
    """Kill so many processes of the grid while it goes on; how often the command had to be repeated."""
    driver, repeats = start(grid, out), 0
    for number in range(kills):
        time.sleep(chance.uniform(0.5, 6.0))
        if driver.poll() is not None:
            print(f"the grid has ended after {number} kills")
            break
        chosen = victim(driver, chance)
        chosen.send_signal(signal.SIGKILL)
        journals = len(list((out / "journal").glob("*.jsonl")))
        stored = len(load(out).runs) if (out / "optathlon.json").exists() else 0
        kind = "driver" if chosen.pid == driver.pid else "worker"
        print(f"kill {number + 1:2}: {kind}; {stored} runs stored, {journals} journals", flush=True)
        if kind == "driver":
            driver.wait()
            driver, repeats = start(grid, out), repeats + 1
    driver.wait()
    return repeats


def command(*arguments: object) -> int:
    """The exit code of `optathlon ARGUMENTS`."""
    return subprocess.run([sys.executable, "-m", "optathlon", *map(str, arguments)], check=False).returncode


def tables(out: Path) -> dict[str, pd.DataFrame]:
    """The tables of results without what the clock and the machine measure."""
    results = load(out)
    frames = {"runs": results.runs, "trials": results.trials}
    return {name: frame.drop(columns=MEASURED, errors="ignore") for name, frame in frames.items()}


def check_text(out: Path) -> None:
    """No file is damaged, and all text is clean and short, whatever left it."""
    assert set_aside_damaged(ResultsFolder.open(out)) == []
    results = load(out)
    texts = [*results.trials["error"].dropna(), *results.runs["error"].dropna(), *results.runs["reason"].dropna()]
    assert texts
    for text in (*texts, *results.trials.columns):
        assert clean(text) == text
        assert len(text) <= ERROR_CHARACTERS


def main() -> None:
    """Disturb, complete, compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--small", action="store_true")
    arguments = parser.parse_args()
    grid = [*(SMALL if arguments.small else GRID), *HOSTILE]
    with tempfile.TemporaryDirectory() as scratch:
        disturbed, undisturbed = Path(scratch) / "disturbed", Path(scratch) / "undisturbed"
        began = time.monotonic()
        repeats = disturb(grid, disturbed, arguments.kills, random.Random(arguments.seed))
        command("run", *grid, "--out", disturbed)
        command("retry", disturbed, "--status", "crashed", "-j", 2, *HOSTILE[-2:])
        middle = time.monotonic()
        command("run", *grid, "--out", undisturbed)
        print(
            f"disturbed {middle - began:.0f} s, with {repeats} repeats; undisturbed {time.monotonic() - middle:.0f} s"
        )
        for name, expected in tables(undisturbed).items():
            pd.testing.assert_frame_equal(tables(disturbed)[name], expected)
            print(f"{name}: {len(expected)} rows, all equal")
        check_text(disturbed)


if __name__ == "__main__":
    pin()
    main()
